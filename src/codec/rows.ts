/**
 * Owns: JavaScript objects ↔ rows, for programs that use the library.
 * Objects → NDJSON text follows JSON.stringify (toJSON, undefined and functions left out), but
 * refuses what that would silently change: NaN and infinities, cycles, Map and Set.
 * llp/0004
 */
import { HypError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { RESCUED_COLUMN, isValid } from './columns.ts';
import type { Batch, Column } from './columns.ts';
import { instantText } from './instants.ts';
import { parseJsonValue, parseMembers, setOwn } from './json-value.ts';
import { textForm } from './text-form.ts';
import { shapeOf } from './nested-types.ts';
import { nestedObject, readNested } from './nested-values.ts';
import { isDecimalType, isNestedType } from './types.ts';

/** Rows are gathered to pieces of about this size. */
const PIECE_CHARACTERS = 64 * 1024;
const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** One row being written: what to say when it cannot be, and how large it is. */
interface RowText {
  readonly index: number;
  readonly path: (string | number)[];
  /** The objects around the value: one of them inside it is a cycle. */
  readonly around: Set<object>;
  characters: number;
}

/**
 * NDJSON of `rows`, in pieces of whole lines. bigint is written as digits, Date as its ISO text.
 * Throws E_BAD_ROW (details: row, 0-based, and path) for a row that is no plain object, holds NaN,
 * an infinity, a Map, a Set or itself, or is nested deeper than LIMITS.nestingDepth;
 * E_ROW_TOO_LARGE beyond LIMITS.rowBytes. Pieces given before that stand.
 */
export function* rowsToNdjson(
  rows: Iterable<Readonly<Record<string, unknown>>>,
): Iterable<Uint8Array> {
  let piece = '';
  let index = 0;
  for (const row of rows) {
    piece += `${rowText(row, index++)}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

function rowText(row: unknown, index: number): string {
  const at: RowText = { index, path: [], around: new Set(), characters: 0 };
  const plain = resolved(row, '');
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw badRow(at, 'is not an object');
  }
  const text = valueText(plain, at) ?? '{}';
  if (text.length * 3 > LIMITS.rowBytes && Buffer.byteLength(text) > LIMITS.rowBytes) {
    throw tooLarge(at);
  }
  return text;
}

function badRow({ index, path }: RowText, what: string): HypError {
  const where = path.length === 0 ? '' : ` at ${path.join('.')}`;
  return new HypError('E_BAD_ROW', `row ${index}${where} ${what}`, {
    hint: 'Mend the row and append again.',
    details: { row: index, path: path.join('.') },
  });
}

function tooLarge({ index }: RowText): HypError {
  return new HypError('E_ROW_TOO_LARGE', `row ${index} has more than ${LIMITS.rowBytes} bytes`, {
    hint: 'Split the row, or store its large part elsewhere and keep a reference.',
    details: { row: index, limitBytes: LIMITS.rowBytes },
  });
}

/** What stands for a value: `toJSON` is asked as JSON.stringify asks it. */
function resolved(value: unknown, key: string): unknown {
  const isObject = typeof value === 'object' && value !== null;
  if (!isObject && typeof value !== 'bigint') return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  const given: unknown = typeof toJSON === 'function' ? toJSON.call(value, key) : value;
  const boxed = given instanceof Number || given instanceof String || given instanceof Boolean;
  return boxed ? given.valueOf() : given;
}

/** JSON text of a resolved value; undefined for what JSON has no word for. */
function valueText(value: unknown, row: RowText): string | undefined {
  switch (typeof value) {
    case 'string':
      return counted(row, NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`);
    case 'number':
      if (!Number.isFinite(value)) throw badRow(row, `is ${value}, which JSON cannot say`);
      return counted(row, String(value));
    case 'bigint':
    case 'boolean':
      return counted(row, String(value));
    case 'object':
      return value === null ? counted(row, 'null') : objectText(value, row);
    default:
      return undefined;
  }
}

/** Stops a row that is too large while it is written, not after. */
function counted(row: RowText, text: string): string {
  row.characters += text.length;
  if (row.characters > LIMITS.rowBytes) throw tooLarge(row);
  return text;
}

function objectText(value: object, row: RowText): string {
  if (row.around.has(value)) throw badRow(row, 'holds itself');
  if (value instanceof Map || value instanceof Set) {
    throw badRow(row, 'is a Map or a Set, which JSON cannot say');
  }
  if (row.around.size >= LIMITS.nestingDepth) {
    throw badRow(row, `is nested deeper than ${LIMITS.nestingDepth} levels`);
  }
  row.around.add(value);
  const text = Array.isArray(value) ? arrayText(value, row) : membersText(value, row);
  row.around.delete(value);
  return text;
}

function arrayText(items: readonly unknown[], row: RowText): string {
  const texts: string[] = [];
  for (let index = 0; index < items.length; index++) {
    row.path.push(index);
    texts.push(valueText(resolved(items[index], String(index)), row) ?? counted(row, 'null'));
    row.path.pop();
  }
  return `[${texts.join(',')}]`;
}

function membersText(object: object, row: RowText): string {
  let text = '';
  for (const [key, value] of Object.entries(object)) {
    row.path.push(key);
    const member = valueText(resolved(value, key), row);
    if (member !== undefined) {
      const name = NEEDS_ESCAPE.test(key) ? JSON.stringify(key) : `"${key}"`;
      text += `${text === '' ? '' : ','}${counted(row, name)}:${member}`;
    }
    row.path.pop();
  }
  return `{${text}}`;
}

/**
 * The rows of a batch as plain objects, in its order: null values are left out, rescued values stand
 * under their own names, instants are RFC 3339 text in UTC with microseconds, dates `2026-11-21`,
 * binary values base64 text, decimals text with all their digits. Integers are numbers, or bigint
 * beyond ±(2^53 - 1), in nested values too. A nested or rescued number that no double is
 * (`0.1000000000000000055`, `1e400`), or of more than 1,000 digits, is its text. `_hyp_seq` and `_hyp_ingested_at` are there
 * when the batch has them; a row's own key of such a name wins. Pure; throws nothing on purpose.
 */
export function batchToRows(batch: Batch): Record<string, unknown>[] {
  const rows = Array.from({ length: batch.rows }, (): Record<string, unknown> => ({}));
  for (const column of batch.columns) {
    const read = column.name === RESCUED_COLUMN ? undefined : reader(column);
    const text = read === undefined && 'offsets' in column ? textReader(column) : undefined;
    for (const [index, row] of rows.entries()) {
      if (!isValid(column, index)) continue;
      if (read !== undefined) setOwn(row, column.name, read(index));
      else if (text !== undefined) addMembers(row, text(index));
    }
  }
  return rows;
}

function addMembers(row: Record<string, unknown>, text: string): void {
  for (const { key, raw } of parseMembers(text)) setOwn(row, key, parseJsonValue(raw));
}

function textReader(column: Column & { readonly offsets: Int32Array }): (row: number) => string {
  const { offsets } = column;
  const { buffer, byteOffset, length } = column.values;
  const text = Buffer.from(buffer as ArrayBuffer, byteOffset, length);
  return (row) => text.toString('utf8', offsets[row], offsets[row + 1]);
}

function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** How a value of this column is read; the row has one. */
function reader(given: Column): (row: number) => unknown {
  // As text no digit of a decimal is lost.
  if (isDecimalType(given.type) && 'offsets' in given) return textReader(given);
  if (isNestedType(given.type) && 'offsets' in given) {
    const shape = shapeOf(given.type);
    const text = textReader(given);
    return (row) => nestedObject(readNested(text(row), shape) ?? null, shape);
  }
  const column = textForm(given);
  switch (column.type) {
    case 'boolean':
      return (row) => ((column.values[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
    case 'long':
      return (row) => exactInteger(column.values[row] ?? 0n);
    case 'double':
      return (row) => column.values[row] ?? 0;
    case 'timestamptz':
      return (row) =>
        instantText(column.values[row] ?? 0n) ?? exactInteger(column.values[row] ?? 0n);
    case 'string':
      return textReader(column);
    case 'json': {
      const text = textReader(column);
      return (row) => parseJsonValue(text(row));
    }
  }
}
