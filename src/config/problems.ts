/**
 * Owns: the list of what is wrong with one configuration, and how a schema's complaint becomes a
 * sentence with a place. A value from the environment is never repeated in one.
 * llp/0010
 */
import type { z } from 'zod';
import type { ConfigProblem, Path, YamlTree } from './yaml-tree.ts';

type Issue = z.core.$ZodIssue;
const SHOWN_LENGTH = 60;

export function pathText(path: Path): string {
  return path.join('.');
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    value,
  );
}

function found(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = JSON.stringify(value);
  return `; found ${text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text}`;
}

/** Keys of the (strict) object schema at `path`, for the message of an unknown key. */
function knownKeys(schema: z.ZodType, path: Path): readonly string[] {
  let inner: unknown = schema;
  for (const step of [...path, undefined]) {
    while (typeof inner === 'object' && inner !== null && 'unwrap' in inner) {
      inner = (inner as { unwrap: () => unknown }).unwrap();
    }
    const shape = at(inner, ['shape']);
    if (step === undefined) return Object.keys((shape as object | undefined) ?? {});
    inner = at(shape, [step]);
  }
  return [];
}

export class Problems {
  readonly #tree: YamlTree;
  readonly #list: ConfigProblem[];

  constructor(tree: YamlTree) {
    this.#tree = tree;
    this.#list = [...tree.problems];
  }

  /** In the order of the file. */
  list(): readonly ConfigProblem[] {
    return this.#list.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** True when the value at `path`, or one in it, came from the environment. */
  secret(path: Path): boolean {
    const text = pathText(path);
    return [...this.#tree.fromEnv].some((from) => from === text || from.startsWith(`${text}.`));
  }

  /** A second complaint about one value (an unset variable is no size either) says nothing new. */
  add(path: Path, message: string, what: 'key' | 'value' = 'value'): void {
    const text = pathText(path);
    if (what === 'value' && this.#list.some((problem) => problem.path === text)) return;
    this.#list.push({ path: text, ...this.#tree.place(path, what), message });
  }

  /** `value` as `schema` reads it, or undefined with every complaint added. */
  check<S extends z.ZodType>(schema: S, value: unknown, path: Path): z.output<S> | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.#addIssue(schema, issue, value, path);
    return undefined;
  }

  #addIssue(schema: z.ZodType, issue: Issue, value: unknown, path: Path): void {
    const inner = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    const full = [...path, ...inner];
    if (issue.code === 'unrecognized_keys') {
      const known = `this version knows ${knownKeys(schema, inner).join(', ')}`;
      for (const key of issue.keys) this.add([...full, key], `unknown key; ${known}`, 'key');
      return;
    }
    const shown = this.secret(full) ? '' : found(at(value, inner));
    this.add(full, issue.message + shown);
  }
}
