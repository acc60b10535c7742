/**
 * Owns: the columns a dataset declares in hyp.yaml, as types: `ts: timestamptz`,
 * `price: "decimal(9,2)"`. Every problem has its place.
 * Not its job: whether a table can have them (engine/declared).
 * llp/0021
 */
import { RESERVED_PREFIX } from '../codec/columns.ts';
import { PLAIN_TYPES, typeNamed } from '../codec/types.ts';
import type { DeclaredType } from '../codec/types.ts';
import { LIMITS } from '../core/limits.ts';
import type { Problems } from './problems.ts';
import type { Path } from './yaml-tree.ts';

export interface DeclaredColumn {
  readonly name: string;
  readonly type: DeclaredType;
}

const EXPECTED = `expected a type: ${PLAIN_TYPES.join(', ')} or "decimal(9,2)"`;
const UNFIT_TEXT = /[\p{Cc}\p{Cs}]/u;
const SHOWN_LENGTH = 60;

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
  let before: unknown;
  for (const [name, text] of Object.entries(value)) {
    const at = [...path, name];
    // The rest of a decimal whose comma ended its value: that is told already.
    const isRest = text === null && /^\d+\)$/.test(name) && isCutDecimal(before);
    before = text;
    if (isRest) continue;
    const wrong = nameProblem(name, taken);
    taken.set(name.toLowerCase(), name);
    if (wrong !== undefined) problems.add(at, wrong, 'key');
    const type = typeof text === 'string' ? typeNamed(text.trim()) : undefined;
    if (type === undefined) problems.add(at, typeProblem(text, problems.secret(at)));
    else columns.push({ name, type });
  }
  if (taken.size > LIMITS.columns) {
    const what = `${taken.size} columns are declared; a table has at most ${LIMITS.columns}`;
    problems.add(path, what, 'key');
  }
  return columns;
}

function isCutDecimal(value: unknown): boolean {
  return typeof value === 'string' && /^decimal\(\d+$/.test(value);
}

function typeProblem(value: unknown, secret: boolean): string {
  if (isCutDecimal(value)) {
    return 'between braces a comma ends the value: write "decimal(9,2)" in quotes';
  }
  if (secret || value === null || value === undefined) return EXPECTED;
  if (typeof value === 'object' || (typeof value === 'string' && /^(?:list|struct)</.test(value))) {
    return 'lists and structs cannot be declared in this version; they are kept as JSON text';
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
