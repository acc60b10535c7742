/**
 * Owns: the columns a dataset declares in hyp.yaml, as types: `ts: timestamptz`,
 * `price: "decimal(9,2)"`, `tags: list<string>`. Every problem has its place.
 * Not its job: whether a table can have them (engine/declared).
 * llp/0021
 */
import { RESERVED_PREFIX } from '../codec/columns.ts';
import { leavesOf, namesIn, readType } from '../codec/nested-types.ts';
import { PLAIN_TYPES } from '../codec/types.ts';
import type { DeclaredType } from '../codec/types.ts';
import { LIMITS } from '../core/limits.ts';
import type { Problems } from './problems.ts';
import type { Path } from './yaml-tree.ts';

export interface DeclaredColumn {
  readonly name: string;
  readonly type: DeclaredType;
}

const EXPECTED = `expected a type: ${PLAIN_TYPES.join(', ')}, "decimal(9,2)", list<string> or "struct<id:long,name:string>"`;
const UNFIT_TEXT = /[\p{Cc}\p{Cs}]/u;
const SHOWN_LENGTH = 60;
const NESTED = /^\s*(?:list|struct)\s*</;

/** The columns in the order of the file; those with a problem, which is added, are left out. */
export function readColumns(
  value: unknown,
  path: Path,
  problems: Problems,
): readonly DeclaredColumn[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.add(path, 'expected a mapping (column: type)');
    return [];
  }
  const columns: DeclaredColumn[] = [];
  const taken = new Map<string, string>();
  let isCut = false;
  for (const [name, text] of Object.entries(value)) {
    const at = [...path, name];
    // The rest of a type whose comma ended its value: that is told already.
    const isRest: boolean = isCut && text === null;
    isCut = isRest || isCutDecimal(text) || isCutNested(text);
    if (isRest) continue;
    const wrong = nameProblem(name, taken);
    taken.set(name.toLowerCase(), name);
    if (wrong !== undefined) problems.add(at, wrong, 'key');
    const read = typeof text === 'string' ? readType(text) : undefined;
    if (read !== undefined && 'type' in read) columns.push({ name, type: read.type });
    else problems.add(at, typeProblem(text, problems.secret(at), read?.problem));
  }
  const count = Math.max(
    taken.size,
    sumOf(columns, ({ type }) => leavesOf(type)),
  );
  if (count > LIMITS.columns) {
    const counted = count > taken.size ? ', each leaf of a list or struct counted' : '';
    const what = `${count} columns are declared${counted}; a table has at most ${LIMITS.columns}`;
    problems.add(path, what, 'key');
  }
  addSharedNames(columns, path, problems);
  return columns;
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

/** A column `user.name` beside a struct `user` with a member `name`: engines know them as one. */
function addSharedNames(columns: readonly DeclaredColumn[], path: Path, problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { name, type } of columns) {
    const names = namesIn(name, type);
    const other = names.flatMap((each) => owners.get(each) ?? [])[0];
    const sameName = other?.toLowerCase() === name.toLowerCase();
    if (other !== undefined && !sameName) {
      problems.add(
        [...path, name],
        `it and ${other} have a part of one name for other engines`,
        'key',
      );
    }
    for (const each of names) owners.set(each, name);
  }
}

function isCutDecimal(value: unknown): boolean {
  return typeof value === 'string' && /^decimal\(\d+$/.test(value);
}

function isCutNested(value: unknown): boolean {
  if (typeof value !== 'string' || !NESTED.test(value)) return false;
  return value.split('<').length > value.split('>').length;
}

function typeProblem(value: unknown, secret: boolean, problem: string | undefined): string {
  if (isCutDecimal(value)) {
    return 'between braces a comma ends the value: write "decimal(9,2)" in quotes';
  }
  if (isCutNested(value)) {
    return 'its last > is missing; between braces a comma ends the value: write "struct<id:long,name:string>" in quotes';
  }
  if (secret || value === null || value === undefined) return EXPECTED;
  if (typeof value === 'object') {
    return 'a list is written list<string>, a struct "struct<id:long,name:string>", each in one text';
  }
  if (problem !== undefined && typeof value === 'string' && NESTED.test(value)) {
    return `not a list or struct as list<string>, "struct<id:long,name:string>": ${problem}`;
  }
  const text = JSON.stringify(value);
  if (text.startsWith('"decimal')) {
    return 'a decimal is written decimal(9,2): 1 to 38 digits, at most as many behind the point';
  }
  return `${EXPECTED}; found ${text.slice(0, SHOWN_LENGTH)}`;
}

/** Why a column cannot have this name. */
function nameProblem(name: string, taken: ReadonlyMap<string, string>): string | undefined {
  const folded = name.toLowerCase();
  const other = taken.get(folded);
  if (other !== undefined) {
    return `differs from ${other} in case only; engines that ignore case could not tell them apart`;
  }
  if (folded.startsWith(RESERVED_PREFIX)) {
    return `names that begin with ${RESERVED_PREFIX} are hyp's own`;
  }
  const fits =
    name !== '' && Buffer.byteLength(name) <= LIMITS.columnNameBytes && !UNFIT_TEXT.test(name);
  return fits ? undefined : `a name has 1 to ${LIMITS.columnNameBytes} bytes of plain text`;
}
