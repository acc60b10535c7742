/**
 * Owns: JSON numbers: their grammar, and which of them a 64-bit type holds exactly.
 * A double holds a number when its shortest print is the same decimal: what is not exact is not
 * stored as a number at all (row-reader.ts puts it into `_hyp_rescued` as it was written).
 * llp/0004
 */
import { MINUS, fail } from './scan.ts';
import type { Scan } from './scan.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const PLUS = 0x2b;

/** Decimals of so many significant digits survive a double: DBL_DIG. */
const EXACT_DIGITS = 15;
/** Powers of ten that are doubles themselves. */
const POWERS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
export const MAX_EXACT = 2 ** 53;
const MAX_LONG = 2n ** 63n - 1n;
const MIN_LONG = -(2n ** 63n);
/** Digits of the largest int64. */
const LONG_DIGITS = 19;

function skipDigits(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] ?? 0;
  while (byte >= ZERO && byte <= NINE) byte = bytes[++at] ?? 0;
  return at;
}

/** The position after the number at `at`, or -1. */
export function skipNumber(scan: Scan, at: number): number {
  const { bytes } = scan;
  const first = bytes[at] === MINUS ? at + 1 : at;
  let end = skipDigits(bytes, first);
  if (end === first) return fail(scan, at, 'expected a value');
  if (bytes[first] === ZERO && end > first + 1) return fail(scan, at, 'number with a leading zero');
  if (bytes[end] === DOT) {
    const fraction = end + 1;
    end = skipDigits(bytes, fraction);
    if (end === fraction) return fail(scan, end, 'number without digits after its point');
  }
  if (((bytes[end] ?? 0) | 0x20) === 0x65) {
    const sign = bytes[end + 1];
    const power = sign === PLUS || sign === MINUS ? end + 2 : end + 1;
    end = skipDigits(bytes, power);
    if (end === power) return fail(scan, end, 'number without digits in its exponent');
  }
  return end;
}

/** True when the number has neither point nor exponent. */
export function isInteger(bytes: Uint8Array, at: number, end: number): boolean {
  return skipDigits(bytes, bytes[at] === MINUS ? at + 1 : at) === end;
}

/** The text of ASCII bytes. */
export function asciiText(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
}

/** The value of an integer of at most 15 digits, else NaN. -0 is 0. */
export function shortInteger(bytes: Uint8Array, at: number, end: number): number {
  const negative = bytes[at] === MINUS;
  const first = negative ? at + 1 : at;
  if (end - first > EXACT_DIGITS) return NaN;
  let value = 0;
  for (let i = first; i < end; i++) value = value * 10 + ((bytes[i] ?? 0) - ZERO);
  return negative ? 0 - value : value;
}

/** The value of an integer when an int64 holds it. */
export function longInteger(bytes: Uint8Array, at: number, end: number): bigint | undefined {
  const digits = bytes[at] === MINUS ? end - at - 1 : end - at;
  if (digits > LONG_DIGITS) return undefined;
  const value = BigInt(asciiText(bytes, at, end));
  return value > MAX_LONG || value < MIN_LONG ? undefined : value;
}

/** The double that stands for exactly this decimal, or NaN when none does. -0 is 0. */
export function exactDouble(bytes: Uint8Array, at: number, end: number): number {
  const short = shortDecimal(bytes, at, end);
  if (!Number.isNaN(short)) return short;
  const text = asciiText(bytes, at, end);
  const value = Number(text);
  if (!Number.isFinite(value)) return NaN;
  return sameDecimal(text, String(value)) ? value + 0 : NaN;
}

/** At most 15 digits and a power of ten that is exact: one rounding, and it round-trips. */
function shortDecimal(bytes: Uint8Array, at: number, end: number): number {
  const negative = bytes[at] === MINUS;
  let mantissa = 0;
  let digits = 0;
  let scale = 0;
  let i = negative ? at + 1 : at;
  for (; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === DOT) scale = i;
    else if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + (byte - ZERO);
      if (mantissa > 0 && ++digits > EXACT_DIGITS) return NaN;
    } else break;
  }
  let power = scale === 0 ? 0 : scale + 1 - i;
  if (i < end) {
    if (end - i > 6) return NaN;
    power += Number(asciiText(bytes, i + 1, end));
  }
  if (power > 22 || power < -22) return NaN;
  const value = power < 0 ? mantissa / (POWERS[-power] ?? 1) : mantissa * (POWERS[power] ?? 1);
  return negative ? 0 - value : value;
}

/** True when two JSON numbers are the same decimal value; -0 is 0. */
export function sameDecimal(a: string, b: string): boolean {
  return a === b || normalDecimal(a) === normalDecimal(b);
}

/**
 * One spelling per decimal value: `-123e-4`, no zeros at either end of the digits, `0` for zero.
 * An exponent beyond what a number counts exactly never meets a double that is finite and not 0.
 */
export function normalDecimal(text: string): string {
  const [, sign, whole, fraction, exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return text;
  const digits = whole + (fraction ?? '');
  let first = 0;
  while (digits.charCodeAt(first) === ZERO) first++;
  if (first === digits.length) return '0';
  let last = digits.length;
  while (digits.charCodeAt(last - 1) === ZERO) last--;
  const power = Number(exponent ?? 0) - (fraction?.length ?? 0) + digits.length - last;
  return `${sign ?? ''}${digits.slice(first, last)}e${power}`;
}
