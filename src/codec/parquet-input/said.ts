/**
 * Owns: what each value of a Parquet leaf is as a JSON value (the table of llp/0019). Exact: what
 * JSON or a column cannot say is rescued with its place or makes its row a reject; nothing is
 * rounded.
 * llp/0019
 */
import { isUtf8 } from 'node:buffer';
import { LIMITS } from '../../core/limits.ts';
import type { Kind } from '../ndjson/builders.ts';
import type { PhysicalValue } from './encoded.ts';
import { dateText, instantText, intervalText, timeText } from './calendar.ts';
import type { LeafType } from './meaning.ts';

/** The row cannot be said; its message is the reason. */
export class BadValue extends Error {}

/** JSON that fits no column of the leaf's kind: kept as it is in `_hyp_rescued`. */
export class Rescued {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/**
 * For a column of its kind: boolean · long: a safe integer or a bigint · double: a finite number ·
 * string: text, or UTF-8 bytes · json: JSON text.
 */
export type Said = boolean | number | bigint | string | Uint8Array | Rescued;

export interface Sayer {
  readonly kind: Kind;
  say(value: PhysicalValue): Said;
}

/** Up to here every decimal is the shortest print of a double. */
const DOUBLE_DIGITS = 15;
const LONG_DIGITS = 18;
const MAX_LONG = 2n ** 63n - 1n;

function bytesOf(value: PhysicalValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new BadValue('a value of another type');
}

function number(value: PhysicalValue): Said {
  const double = Number(value);
  if (Number.isFinite(double)) return double;
  return new Rescued(JSON.stringify(String(double)));
}

/** IEEE 754 with 16 bits. */
function half(value: PhysicalValue): Said {
  const bytes = bytesOf(value);
  const bits = ((bytes[1] ?? 0) << 8) | (bytes[0] ?? 0);
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return number(sign * 2 ** -24 * fraction);
  if (exponent === 0x1f) return number(fraction === 0 ? sign / 0 : NaN);
  return number(sign * 2 ** (exponent - 15) * (1 + fraction / 1024));
}

function unsigned(value: PhysicalValue): Said {
  if (typeof value === 'number') return value >>> 0;
  const whole = BigInt.asUintN(64, BigInt(asNumber(value)));
  return whole > MAX_LONG ? new Rescued(whole.toString()) : whole;
}

function asNumber(value: PhysicalValue): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  throw new BadValue('a value of another type');
}

/** Two's complement, the highest byte first. */
function bigEndian(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`));
}

function unscaled(value: PhysicalValue): bigint {
  return value instanceof Uint8Array ? bigEndian(value) : BigInt(asNumber(value));
}

/** `unscaled` with `scale` digits behind the point. */
export function decimalText(whole: bigint, scale: number): string {
  const sign = whole < 0n ? '-' : '';
  const digits = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function decimal({
  precision,
  scale,
}: {
  readonly precision: number;
  readonly scale: number;
}): Sayer {
  const most = 10n ** BigInt(precision);
  const checked = (value: PhysicalValue): bigint => {
    const whole = unscaled(value);
    if (whole >= most || whole <= -most)
      throw new BadValue(`a decimal of more than ${precision} digits`);
    return whole;
  };
  if (scale === 0 && precision <= LONG_DIGITS) return { kind: 'long', say: checked };
  if (precision <= DOUBLE_DIGITS) {
    return { kind: 'double', say: (value) => Number(decimalText(checked(value), scale)) };
  }
  return { kind: 'string', say: (value) => decimalText(checked(value), scale) };
}

function text(value: PhysicalValue): Said {
  const bytes = bytesOf(value);
  if (!isUtf8(bytes)) throw new BadValue('text that is not UTF-8');
  return bytes;
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** JSON text on one line. */
function json(value: PhysicalValue): Said {
  const bytes = bytesOf(value);
  if (bytes.length > LIMITS.rowBytes) throw tooLarge();
  if (!isUtf8(bytes)) throw new BadValue('JSON that is not UTF-8');
  const written = asText(bytes);
  try {
    JSON.parse(written);
  } catch {
    throw new BadValue('text in a JSON column that is not JSON');
  }
  if (isTooDeep(written)) throw new BadValue(`nested deeper than ${LIMITS.nestingDepth} levels`);
  // In valid JSON these stand between tokens only.
  return written.replaceAll(/[\n\r\t]/g, ' ');
}

function isTooDeep(written: string): boolean {
  let depth = 0;
  let deepest = 0;
  for (const [token] of written.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest > LIMITS.nestingDepth;
}

export function tooLarge(): BadValue {
  return new BadValue(`longer than ${LIMITS.rowBytes} bytes`);
}

function binary(value: PhysicalValue): Said {
  const bytes = bytesOf(value);
  if (bytes.length > LIMITS.rowBytes) throw tooLarge();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function uuid(value: PhysicalValue): Said {
  const hex = Buffer.from(bytesOf(value)).toString('hex');
  return [0, 8, 12, 16, 20].map((at, i, all) => hex.slice(at, all[i + 1])).join('-');
}

const NANOS_PER_DAY = 86_400_000_000_000n;
/** Julian day of 1970-01-01. */
const EPOCH_DAY = 2_440_588n;

function int96(value: PhysicalValue): Said {
  const whole = BigInt(asNumber(value));
  const nanos = BigInt.asIntN(64, whole) + ((whole >> 64n) - EPOCH_DAY) * NANOS_PER_DAY;
  return instantText(nanos, 9, false);
}

/** How the values of a leaf are said. */
export function sayerOf({ meaning }: LeafType): Sayer {
  switch (meaning.is) {
    case 'boolean':
      return { kind: 'boolean', say: (value) => value === true };
    case 'integer':
      return { kind: 'long', say: meaning.unsigned ? unsigned : asNumber };
    case 'number':
      return { kind: 'double', say: number };
    case 'half':
      return { kind: 'double', say: half };
    case 'decimal':
      return decimal(meaning);
    case 'date':
      return { kind: 'string', say: (value) => dateText(Number(asNumber(value))) };
    case 'time': {
      const { digits, utc } = meaning;
      return {
        kind: 'string',
        say: (value) => ofDay(timeText(BigInt(asNumber(value)), digits, utc)),
      };
    }
    case 'instant': {
      const { digits, utc } = meaning;
      return { kind: 'string', say: (value) => instantText(BigInt(asNumber(value)), digits, utc) };
    }
    case 'int96':
      return { kind: 'string', say: int96 };
    case 'text':
      return { kind: 'string', say: text };
    case 'json':
      return { kind: 'json', say: json };
    case 'uuid':
      return { kind: 'string', say: uuid };
    case 'interval':
      return { kind: 'string', say: (value) => intervalText(bytesOf(value)) };
    case 'binary':
      return { kind: 'string', say: binary };
    case 'null':
      return { kind: 'string', say: () => never() };
  }
}

function never(): never {
  throw new BadValue('a value in a column of nulls');
}

function ofDay(said: string | undefined): string {
  if (said === undefined) throw new BadValue('a time outside of the day');
  return said;
}

/** A value as JSON text, inside of others or in `_hyp_rescued`. */
export function jsonText(said: Said, kind: Kind): string {
  if (said instanceof Rescued) return said.json;
  if (said instanceof Uint8Array) {
    if (said.length > LIMITS.rowBytes) throw tooLarge();
    return JSON.stringify(asText(said));
  }
  if (typeof said === 'string') return kind === 'json' ? said : JSON.stringify(said);
  return String(said);
}
