/**
 * Owns: YAML text to plain values that still know where they stood: line and column of every key
 * and value, `${NAME}` replaced from the environment, and which values came from there.
 * Collects problems, never throws one. Not its job: what a key means (schema.ts).
 * llp/0010
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import { pathText } from './problems.ts';

/** One thing wrong with a configuration. `path` is the key path, dots between; lines count from 1. */
export interface ConfigProblem {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export type Path = readonly (string | number)[];
export type Environment = Readonly<Record<string, string | undefined>>;

interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlTree {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** Key paths whose value holds text from the environment. */
  readonly fromEnv: ReadonlySet<string>;
  /** Where `path` stands (its key or its value), or the nearest thing around it. */
  place(path: Path, what: 'key' | 'value'): Place;
}

/** Aliases can make a small text a huge tree; no honest configuration comes near these. */
const MAX_DEPTH = 32;
const MAX_NODES = 10_000;
/** What a text with a colon and a space is taken for: a second key in one line. */
const COLON_IN_TEXT = 'BLOCK_AS_IMPLICIT_KEY';
const QUOTE_IT = 'a value that has a colon and a space in it is written in quotes';
const VARIABLE = /\$\$\{|\$\{([^}]*)\}?/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One reading of one document: the walk's own memory. */
class Reading {
  readonly problems: ConfigProblem[] = [];
  readonly fromEnv = new Set<string>();
  readonly #keys = new Map<string, Place>();
  readonly #values = new Map<string, Place>();
  readonly #lines: LineCounter;
  readonly #doc: Document.Parsed;
  readonly #env: Environment;
  #nodes = 0;

  constructor(doc: Document.Parsed, lines: LineCounter, env: Environment) {
    this.#doc = doc;
    this.#lines = lines;
    this.#env = env;
  }

  place(path: Path, what: 'key' | 'value'): Place {
    const exact = (what === 'key' ? this.#keys : this.#values).get(pathText(path));
    if (exact !== undefined || path.length === 0) return exact ?? { line: 1, column: 1 };
    return this.place(path.slice(0, -1), 'key');
  }

  complain(path: Path, message: string, what: 'key' | 'value' = 'value'): void {
    this.problems.push({ path: pathText(path), ...this.place(path, what), message });
  }

  at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  read(node: Node | null | undefined, path: Path): unknown {
    if (node?.range) this.#values.set(pathText(path), this.at(node.range[0]));
    if (++this.#nodes > MAX_NODES || path.length > MAX_DEPTH) {
      if (this.#nodes <= MAX_NODES + 1) this.complain(path, 'too deep or too large');
      this.#nodes = MAX_NODES + 1;
      return null;
    }
    if (isAlias(node)) return this.read(node.resolve(this.#doc), path);
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.read(item as Node, [...path, index]));
    }
    if (!isScalar(node)) return null;
    return typeof node.value === 'string' ? this.#substitute(node.value, path) : node.value;
  }

  #readMap(items: readonly { key: unknown; value: unknown }[], path: Path): unknown {
    const entries = items.map(({ key, value }): [string, unknown] => {
      const name = isScalar(key) ? String(key.value) : '?';
      const inner = [...path, name];
      if (isScalar(key) && key.range) this.#keys.set(pathText(inner), this.at(key.range[0]));
      return [name, this.read(value as Node | null, inner)];
    });
    return Object.fromEntries(entries);
  }

  #substitute(text: string, path: Path): string {
    return text.replaceAll(VARIABLE, (whole: string, name: string | undefined) => {
      if (whole === '$${') return '${';
      if (name === undefined || !NAME.test(name) || !whole.endsWith('}')) {
        this.complain(
          path,
          '${…} needs a variable name and a closing brace ($${ for a literal ${)',
        );
        return '';
      }
      const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
      if (value === undefined) {
        this.complain(path, `environment variable ${name} is not set`);
        return '';
      }
      this.fromEnv.add(pathText(path));
      return value;
    });
  }
}

/** Reads one YAML document. When it is not YAML at all, `value` is undefined and problems say why. */
export function readYaml(text: string, env: Environment): YamlTree {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });
  const reading = new Reading(doc, lines, env);
  for (const error of doc.errors) {
    const message = error.code === COLON_IN_TEXT ? `${error.message}; ${QUOTE_IT}` : error.message;
    reading.problems.push({ path: '', ...reading.at(error.pos[0]), message });
  }
  const value = doc.errors.length > 0 ? undefined : reading.read(doc.contents, []);
  return {
    value,
    problems: reading.problems,
    fromEnv: reading.fromEnv,
    place: (path, what) => reading.place(path, what),
  };
}
