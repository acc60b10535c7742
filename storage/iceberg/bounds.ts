/**
 * Owns: single-value bytes of column bounds (Iceberg spec, appendix D), as readers prune by them.
 * A wrong bound loses rows silently at every reader: lower ≤ every value ≤ upper, in the order of
 * the type; strings in the order of their UTF-8 bytes, which is the order of their code points.
 * Not its job: finding the smallest and largest value (storage/data).
 * llp/0006
 */
import type { ColumnType } from '../../src/codec/columns.ts';
import { isDecimalType } from '../../src/codec/types.ts';
import { HypError } from '../../src/core/errors.ts';

/**
 * A string is given as its UTF-8 bytes, a timestamptz in microseconds, a date in days, a decimal in
 * units of its last place.
 */
export type BoundValue = boolean | bigint | number | Uint8Array;

/** Strings are cut here; longer bounds would swell manifests and prune no better. */
const STRING_CODE_POINTS = 16;
const BINARY_BYTES = 16;
const MAX_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

/** Bytes that are ≤ `value` and everything above it; undefined for NaN. */
export function lowerBound(type: ColumnType, value: BoundValue): Uint8Array | undefined {
  if (isBinary(type, value)) return Uint8Array.from(value.subarray(0, BINARY_BYTES));
  if (isText(type, value)) return Uint8Array.from(value.subarray(0, prefixLength(value)));
  return exactBound(type, value, -0);
}

/** Bytes that are ≥ `value` and everything below it; undefined when no such bytes are known. */
export function upperBound(type: ColumnType, value: BoundValue): Uint8Array | undefined {
  if (isBinary(type, value)) return raisedBytes(value);
  if (isText(type, value)) {
    const cut = prefixLength(value);
    return cut === value.length ? Uint8Array.from(value) : incremented(value.subarray(0, cut));
  }
  return exactBound(type, value, 0);
}

/** The value of a long or timestamptz bound; E_CORRUPT when it has not 8 bytes. */
export function longFromBound(bytes: Uint8Array): bigint {
  if (bytes.length !== 8) {
    throw new HypError('E_CORRUPT', `a long bound has ${bytes.length} bytes instead of 8`, {
      hint: 'Run `hyp check`.',
    });
  }
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
}

function isText(type: ColumnType, value: BoundValue): value is Uint8Array {
  return (type === 'string' || type === 'json') && value instanceof Uint8Array;
}

function isBinary(type: ColumnType, value: BoundValue): value is Uint8Array {
  return type === 'binary' && value instanceof Uint8Array;
}

/** The value itself, or the least bytes of its cut length or shorter above all that begin so. */
function raisedBytes(value: Uint8Array): Uint8Array | undefined {
  if (value.length <= BINARY_BYTES) return Uint8Array.from(value);
  for (let last = BINARY_BYTES - 1; last >= 0; last--) {
    const byte = value[last] ?? 0xff;
    if (byte === 0xff) continue;
    const raised = value.slice(0, last + 1);
    raised[last] = byte + 1;
    return raised;
  }
  return undefined;
}

/** The shortest two's complement, most significant byte first. */
function decimalBytes(unscaled: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = unscaled; ; rest >>= 8n) {
    bytes.push(Number(rest & 0xffn));
    const sign = (bytes.at(-1) ?? 0) >> 7 === 1 ? -1n : 0n;
    if (rest >> 8n === sign) return Uint8Array.from(bytes.reverse());
  }
}

function exactBound(type: ColumnType, value: BoundValue, zero: number): Uint8Array | undefined {
  if (isDecimalType(type) && typeof value === 'bigint') return decimalBytes(value);
  const bytes = new Uint8Array(type === 'boolean' ? 1 : type === 'date' ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (type === 'boolean' && typeof value === 'boolean') bytes[0] = value ? 1 : 0;
  else if (type === 'double' && typeof value === 'number') {
    if (Number.isNaN(value)) return undefined;
    // -0.0 sorts before +0.0, and 0 === -0 holds both: each bound takes the zero that covers both.
    view.setFloat64(0, value === 0 ? zero : value, true);
  } else if ((type === 'long' || type === 'timestamptz') && typeof value === 'bigint') {
    view.setBigInt64(0, value, true);
  } else if (type === 'date' && typeof value === 'bigint') {
    view.setInt32(0, Number(value), true);
  } else throw new HypError('E_INTERNAL', `a ${typeof value} is no bound of type ${type}`);
  return bytes;
}

/** Bytes of the first 16 code points. */
function prefixLength(utf8: Uint8Array): number {
  let points = 0;
  for (let at = 0; at < utf8.length; at++) {
    const continues = ((utf8[at] ?? 0) & 0xc0) === 0x80;
    if (!continues && ++points > STRING_CODE_POINTS) return at;
  }
  return utf8.length;
}

/** The least text of its length or shorter that is above every text with this prefix. */
function incremented(prefix: Uint8Array): Uint8Array | undefined {
  const points = Array.from(Buffer.from(prefix).toString('utf8'));
  for (let last = points.length - 1; last >= 0; last--) {
    const point = points[last]?.codePointAt(0) ?? MAX_CODE_POINT;
    if (point >= MAX_CODE_POINT) continue;
    const next = point + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : point + 1;
    return new TextEncoder().encode(points.slice(0, last).join('') + String.fromCodePoint(next));
  }
  return undefined;
}
