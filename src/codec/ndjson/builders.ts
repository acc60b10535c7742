/**
 * Owns: the column under construction: Arrow buffers that grow, and a row that can be taken back.
 * Every builder of a batch has room for the same number of rows, so a value is stored without a
 * check of its own; text grows by itself. Buffers of a batch are never written again.
 * Not its job: which type a value has (row-reader.ts).
 * llp/0004
 */
import type { Column, ColumnType } from '../columns.ts';

export type Kind = Extract<ColumnType, 'boolean' | 'long' | 'double' | 'string' | 'json'>;

const NO_BYTES = new Uint8Array(0);
const NO_INTS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

const TWO_32 = 2 ** 32;
/** High word of 2^53. */
const HIGH_2_53 = 2 ** 21;
/** More spare room than this share of the used is given back when a batch is cut. */
const SPARE_SHARE = 0.25;
const FIRST_TEXT_BYTES = 256;

/** All fields always exist: one object shape for all kinds keeps the scanner fast. */
export interface ColumnBuilder {
  readonly name: string;
  kind: Kind;
  /** Validity, bit i of byte i >> 3. */
  valid: Uint8Array;
  /** boolean: values as a bitmap. */
  flags: Uint8Array;
  /** long: low and high word per row, little-endian as the machine. */
  words: Int32Array;
  doubles: Float64Array;
  /** string, json: `ends[row + 1]` is where the text of `row` ends. */
  ends: Int32Array;
  text: Uint8Array;
  /** Over `text`, of which `length` bytes are written. */
  view: DataView;
  length: number;
  /** Bytes the first text makes room for. */
  readonly firstTextBytes: number;
  /** `ends` is filled up to this row, exclusive. */
  filledRows: number;
}

function isText(kind: Kind): boolean {
  return kind === 'string' || kind === 'json';
}

/** `textBytes` is how much text to expect. */
export function newBuilder(
  name: string,
  kind: Kind,
  capacity: number,
  textBytes = 0,
): ColumnBuilder {
  const builder: ColumnBuilder = {
    name,
    kind,
    valid: NO_BYTES,
    flags: NO_BYTES,
    words: NO_INTS,
    doubles: NO_DOUBLES,
    ends: NO_INTS,
    text: NO_BYTES,
    view: NO_VIEW,
    length: 0,
    firstTextBytes: Math.max(FIRST_TEXT_BYTES, textBytes),
    filledRows: 0,
  };
  resizeRows(builder, capacity);
  return builder;
}

/** Bits one row takes in the finished batch, text aside. */
export function rowBits(kind: Kind): number {
  if (kind === 'boolean') return 2;
  return isText(kind) ? 33 : 65;
}

function moved<T extends Uint8Array | Int32Array | Float64Array>(from: T, into: T): T {
  into.set(from.length > into.length ? from.subarray(0, into.length) : from);
  return into;
}

/** Makes room for `capacity` rows (a multiple of 8), not fewer than there are. */
export function resizeRows(builder: ColumnBuilder, capacity: number): void {
  const { kind } = builder;
  builder.valid = moved(builder.valid, new Uint8Array(capacity >> 3));
  if (kind === 'boolean') builder.flags = moved(builder.flags, new Uint8Array(capacity >> 3));
  else if (kind === 'long') builder.words = moved(builder.words, new Int32Array(capacity * 2));
  else if (kind === 'double') builder.doubles = moved(builder.doubles, new Float64Array(capacity));
  else builder.ends = moved(builder.ends, new Int32Array(capacity + 1));
}

/** Makes room for `bytes` more bytes of text. */
export function growText(builder: ColumnBuilder, bytes: number): void {
  const needed = builder.length + bytes;
  if (needed <= builder.text.length) return;
  const size = Math.max(needed, builder.text.length * 2, builder.firstTextBytes);
  builder.text = moved(builder.text, new Uint8Array(size));
  builder.view = new DataView(builder.text.buffer);
}

function markValid(builder: ColumnBuilder, row: number): void {
  const at = row >> 3;
  builder.valid[at] = (builder.valid[at] ?? 0) | (1 << (row & 7));
}

export function hasValue(builder: ColumnBuilder, row: number): boolean {
  return ((builder.valid[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}

export function putBoolean(builder: ColumnBuilder, row: number, value: boolean): void {
  if (value) builder.flags[row >> 3] = (builder.flags[row >> 3] ?? 0) | (1 << (row & 7));
  markValid(builder, row);
}

/** `value` is an integer within ±2^53. */
export function putInteger(builder: ColumnBuilder, row: number, value: number): void {
  builder.words[2 * row] = value;
  builder.words[2 * row + 1] = value === (value | 0) ? value >> 31 : Math.floor(value / TWO_32);
  markValid(builder, row);
}

export function putLong(builder: ColumnBuilder, row: number, value: bigint): void {
  builder.words[2 * row] = Number(BigInt.asIntN(32, value));
  builder.words[2 * row + 1] = Number(value >> 32n);
  markValid(builder, row);
}

export function putDouble(builder: ColumnBuilder, row: number, value: number): void {
  builder.doubles[row] = value;
  markValid(builder, row);
}

/** Begins the text of `row`: append at `length`, then `closeText`, or set `length` back. */
export function openText(builder: ColumnBuilder, row: number): void {
  if (builder.filledRows >= row) return;
  builder.ends.fill(builder.length, builder.filledRows + 1, row + 1);
  builder.filledRows = row;
}

export function closeText(builder: ColumnBuilder, row: number): void {
  builder.ends[row + 1] = builder.length;
  builder.filledRows = row + 1;
  markValid(builder, row);
}

/** Appends bytes `at` … `end` to the text. */
export function appendText(
  builder: ColumnBuilder,
  bytes: Uint8Array,
  at: number,
  end: number,
): void {
  growText(builder, end - at);
  builder.text.set(bytes.subarray(at, end), builder.length);
  builder.length += end - at;
}

/** Takes the value of the newest row back, if it has one; returns the bytes of text given back. */
export function clearNewest(builder: ColumnBuilder, row: number): number {
  if (!hasValue(builder, row)) return 0;
  const bit = 1 << (row & 7);
  builder.valid[row >> 3] = (builder.valid[row >> 3] ?? 0) & ~bit;
  if (builder.kind === 'boolean') {
    builder.flags[row >> 3] = (builder.flags[row >> 3] ?? 0) & ~bit;
  } else if (builder.kind === 'long') builder.words.fill(0, 2 * row, 2 * row + 2);
  else if (builder.kind === 'double') builder.doubles[row] = 0;
  else {
    const before = builder.length;
    builder.length = builder.ends[row] ?? 0;
    builder.filledRows = row;
    return before - builder.length;
  }
  return 0;
}

/**
 * Turns a long builder into a double builder; returns what undoes it before any other row is
 * stored. Values beyond ±2^53 become null and are handed to `misfit`.
 */
export function promote(
  builder: ColumnBuilder,
  rows: number,
  capacity: number,
  misfit: (row: number, value: bigint) => void,
): () => void {
  const { words, valid } = builder;
  const doubles = new Float64Array(capacity);
  const stillValid = valid.slice();
  for (let row = 0; row < rows; row++) {
    const low = (words[2 * row] ?? 0) >>> 0;
    const high = words[2 * row + 1] ?? 0;
    const value = high * TWO_32 + low;
    if (isExact(high, low)) doubles[row] = value;
    else {
      stillValid[row >> 3] = (stillValid[row >> 3] ?? 0) & ~(1 << (row & 7));
      misfit(row, (BigInt(high) << 32n) | BigInt(low));
    }
  }
  Object.assign(builder, { kind: 'double', doubles, valid: stillValid, words: NO_INTS });
  return () => Object.assign(builder, { kind: 'long', doubles: NO_DOUBLES, valid, words });
}

/** True when the int64 of these words is within ±2^53. */
export function isExact(high: number, low: number): boolean {
  return (high < HIGH_2_53 && high >= -HIGH_2_53) || (high === HIGH_2_53 && low === 0);
}

function countValid(valid: Uint8Array, rows: number): number {
  let count = 0;
  for (let i = 0; i < (rows + 7) >> 3; i++) {
    let bits = valid[i] ?? 0;
    bits -= (bits >> 1) & 0x55;
    bits = (bits & 0x33) + ((bits >> 2) & 0x33);
    count += (bits + (bits >> 4)) & 0x0f;
  }
  return count;
}

/** The used part of a buffer; copied when keeping the rest alive would waste memory. */
function used<T extends Uint8Array | Int32Array | Float64Array | BigInt64Array>(
  buffer: T,
  length: number,
): T {
  const spare = buffer.length - length;
  const part = spare > length * SPARE_SHARE ? buffer.slice(0, length) : buffer.subarray(0, length);
  return part as T;
}

/** The column of the first `rows` rows, or undefined when none of them has a value. */
export function finishColumn(builder: ColumnBuilder, rows: number): Column | undefined {
  const { name, kind } = builder;
  const nullCount = rows - countValid(builder.valid, rows);
  if (nullCount === rows) return undefined;
  const bitmapBytes = (rows + 7) >> 3;
  const validity = nullCount === 0 ? undefined : used(builder.valid, bitmapBytes);
  const base = { name, fieldId: undefined, validity, nullCount };
  switch (kind) {
    case 'boolean':
      return { ...base, type: kind, values: used(builder.flags, bitmapBytes) };
    case 'long':
      return {
        ...base,
        type: kind,
        values: used(new BigInt64Array(builder.words.buffer), rows),
      };
    case 'double':
      return { ...base, type: kind, values: used(builder.doubles, rows) };
    case 'string':
    case 'json':
      openText(builder, rows);
      return {
        ...base,
        type: kind,
        offsets: used(builder.ends, rows + 1),
        values: used(builder.text, builder.length),
      };
  }
}
