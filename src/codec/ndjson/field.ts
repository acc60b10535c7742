/**
 * Owns: one value of a column as JSON text.
 * llp/0004
 */
import { RESCUED_COLUMN } from '../columns.ts';
import type { Column } from '../columns.ts';
import { CLOSE_BRACE, OPEN_BRACE, QUOTE, skipSpace } from './scan.ts';
import { putAscii, putBytes, putDouble, putEscaped, putLong, putRaw, reserve } from './text-out.ts';
import type { TextOut } from './text-out.ts';
import { instantText } from '../instants.ts';
import { textForm } from '../text-form.ts';

/** How one column is written; all fields always exist, for the speed of the row loop. */
export interface Field {
  readonly kind: 'boolean' | 'long' | 'double' | 'string' | 'json' | 'timestamptz' | 'members';
  /** `"name":` */
  readonly prefix: Uint8Array;
  readonly valid: Uint8Array | undefined;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly ends: Int32Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
const NO_INTS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
const TRUE = Buffer.from('true', 'latin1');
const FALSE = Buffer.from('false', 'latin1');

export function fieldOf(given: Column): Field {
  const column = textForm(given);
  const field = {
    kind: column.name === RESCUED_COLUMN ? ('members' as const) : column.type,
    prefix: Buffer.from(`${JSON.stringify(column.name)}:`),
    valid: column.validity,
    bytes: NO_BYTES,
    view: NO_VIEW,
    ends: NO_INTS,
    words: NO_INTS,
    doubles: NO_DOUBLES,
  };
  switch (column.type) {
    case 'boolean':
      return { ...field, bytes: column.values };
    case 'double':
      return { ...field, doubles: column.values };
    case 'long':
    case 'timestamptz': {
      const { buffer, byteOffset, length } = column.values;
      return { ...field, words: new Int32Array(buffer, byteOffset, 2 * length) };
    }
    case 'string':
    case 'json': {
      const { buffer, byteOffset, length } = column.values;
      const bytes = new Uint8Array(buffer, byteOffset, length);
      const view = new DataView(buffer, byteOffset, length);
      return { ...field, bytes, view, ends: column.offsets };
    }
  }
}

/** True when the field has a value in `row`. */
export function isSet(field: Field, row: number): boolean {
  const { valid } = field;
  return valid === undefined || ((valid[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}

/** The JSON text of the value, which there is; NUMBER_BYTES have room, one byte has afterwards. */
export function putValue(out: TextOut, field: Field, row: number): void {
  const { kind } = field;
  if (kind === 'string') {
    out.bytes[out.length++] = QUOTE;
    putEscaped(out, field.view, field.ends[row] ?? 0, field.ends[row + 1] ?? 0);
    reserve(out, 2);
    out.bytes[out.length++] = QUOTE;
  } else if (kind === 'long') {
    putLong(out, field.words[2 * row] ?? 0, field.words[2 * row + 1] ?? 0);
  } else if (kind === 'double') putDouble(out, field.doubles[row] ?? 0);
  else if (kind === 'boolean') {
    const set = ((field.bytes[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
    putBytes(out, set ? TRUE : FALSE);
  } else if (kind === 'timestamptz') {
    putInstant(out, field.words[2 * row] ?? 0, field.words[2 * row + 1] ?? 0);
  } else {
    putRaw(out, field.bytes, field.ends[row] ?? 0, field.ends[row + 1] ?? 0);
    reserve(out, 1);
  }
}

/** A quoted instant, or the plain number of microseconds when no calendar reaches it. */
function putInstant(out: TextOut, low: number, high: number): void {
  const text = instantText((BigInt(high) << 32n) | BigInt(low >>> 0));
  if (text === undefined) putLong(out, low, high);
  else putAscii(out, `"${text}"`);
}

/** Where the members of the JSON object in `at` … `end` stand, without its braces. */
export function membersOf(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly start: number; readonly end: number } {
  if (bytes[at] !== OPEN_BRACE || bytes[end - 1] !== CLOSE_BRACE) return { start: at, end: at };
  const start = skipSpace(bytes, at + 1);
  return start >= end - 1 ? { start, end: start } : { start, end: end - 1 };
}
