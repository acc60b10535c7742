/**
 * Owns: JSON text as bytes: names, escaped strings, numbers, instants, appended to one buffer.
 * Not its job: which values make a row (encode.ts, conform.ts).
 * llp/0004
 */
import { BACKSLASH, LF, QUOTE, SPACE, copyClean } from './scan.ts';
import { isExact } from './builders.ts';

/** A growing buffer; `length` bytes of it are written. */
export interface TextOut {
  bytes: Uint8Array;
  view: DataView;
  length: number;
}

const ZERO = 0x30;
const MINUS = 0x2d;
const HEX = Buffer.from('0123456789abcdef', 'latin1');
/** No number takes more: `-2.2250738585072014e-308` has 24. */
export const NUMBER_BYTES = 32;
/** `\u001f` in place of one byte. */
const ESCAPE_BYTES = 6;
const TWO_32 = 2 ** 32;
/** What the writers below may ask room for behind the last byte they write. */
export const SLACK_BYTES = 64;
/** A buffer that doubled would hold a large row twice (I13). */
const GROW_BYTES_MAX = 4 * 1024 * 1024;

export function newTextOut(bytes: number): TextOut {
  const buffer = new Uint8Array(bytes);
  return { bytes: buffer, view: new DataView(buffer.buffer), length: 0 };
}

/** Makes room for `bytes` more. */
export function reserve(out: TextOut, bytes: number): void {
  const needed = out.length + bytes;
  if (needed <= out.bytes.length) return;
  const step = Math.min(out.bytes.length, GROW_BYTES_MAX);
  const grown = new Uint8Array(Math.max(needed + (needed >> 4), out.bytes.length + step));
  grown.set(out.bytes.subarray(0, out.length));
  out.bytes = grown;
  out.view = new DataView(grown.buffer);
}

/** Short bytes that have room. */
export function putBytes(out: TextOut, bytes: Uint8Array): void {
  const { bytes: into, length } = out;
  for (let i = 0; i < bytes.length; i++) into[length + i] = bytes[i] ?? 0;
  out.length = length + bytes.length;
}

/** Raw text of any length. */
export function putRaw(out: TextOut, bytes: Uint8Array, at: number, end: number): void {
  reserve(out, end - at);
  out.bytes.set(bytes.subarray(at, end), out.length);
  out.length += end - at;
}

/** From this on a native copy is faster than words, in spite of the price of its call. */
const NATIVE_COPY_BYTES = 512;

/**
 * Copies the UTF-8 text `at` … `end` of `from` to `place`, which has room, and returns the place
 * behind it. The last word overlaps the one before it, so that nothing outside is touched. Words of
 * eight bytes are doubles, the only ones a view moves as fast; a double may lose bits if it is a NaN,
 * and no UTF-8 is one: it would need 0xff, or 0x7f behind a byte from 0xf0 on.
 */
// eslint-disable-next-line max-params -- once per value: an object would cost as much as the copy
export function putText(
  out: TextOut,
  place: number,
  from: DataView,
  at: number,
  end: number,
): number {
  const { view, bytes } = out;
  const shift = place - at;
  if (end - at >= NATIVE_COPY_BYTES) {
    bytes.set(new Uint8Array(from.buffer, from.byteOffset + at, end - at), place);
  } else if (end - at >= 8) {
    const last = end - 8;
    for (let i = at; i < last; i += 8) view.setFloat64(i + shift, from.getFloat64(i, true), true);
    view.setFloat64(last + shift, from.getFloat64(last, true), true);
  } else if (end - at >= 4) {
    view.setInt32(place, from.getInt32(at, true), true);
    view.setInt32(end - 4 + shift, from.getInt32(end - 4, true), true);
  } else {
    for (let i = at; i < end; i++) bytes[i + shift] = from.getUint8(i);
  }
  return end + shift;
}

/** The UTF-8 bytes `at` … `end` as the inside of a JSON string. */
export function putEscaped(out: TextOut, from: DataView, at: number, end: number): void {
  reserve(out, end - at);
  for (;;) {
    at = copyClean(from, at, end, out);
    if (at === end) return;
    reserve(out, ESCAPE_BYTES + end - at);
    const byte = from.getUint8(at);
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) {
      putEscape(out, byte);
      at++;
    }
  }
}

/** The letter after the backslash, for the bytes that have one. */
const SHORT_ESCAPES = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [LF, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
]);
const ESCAPE_LETTERS = Uint8Array.from({ length: 128 }, (_, byte) => SHORT_ESCAPES.get(byte) ?? 0);

/** How long the bytes `at` … `end` are inside a JSON string. */
export function escapedBytes(from: DataView, at: number, end: number): number {
  let bytes = end - at;
  for (let i = at; i < end; i++) {
    const byte = from.getUint8(i);
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) {
      bytes += ESCAPE_LETTERS[byte] === 0 ? ESCAPE_BYTES - 1 : 1;
    }
  }
  return bytes;
}

function putEscape(out: TextOut, byte: number): void {
  const { bytes, length } = out;
  const letter = ESCAPE_LETTERS[byte] ?? 0;
  bytes[length] = BACKSLASH;
  if (letter !== 0) {
    bytes[length + 1] = letter;
    out.length = length + 2;
    return;
  }
  bytes[length + 1] = 0x75;
  bytes[length + 2] = ZERO;
  bytes[length + 3] = ZERO;
  bytes[length + 4] = HEX[byte >> 4] ?? ZERO;
  bytes[length + 5] = HEX[byte & 15] ?? ZERO;
  out.length = length + ESCAPE_BYTES;
}

/** An integer of 0 … 2^31-1 at its natural width, or `width` digits with leading zeros. */
export function putDigits(out: TextOut, value: number, width = digitsOf(value)): void {
  let at = out.length + width;
  out.length = at;
  while (at > out.length - width) {
    const rest = (value / 10) | 0;
    out.bytes[--at] = ZERO + value - rest * 10;
    value = rest;
  }
}

function digitsOf(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 10_000) return value < 1_000 ? 3 : 4;
    return 5;
  }
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  if (value < 1_000_000_000) return value < 100_000_000 ? 8 : 9;
  return 10;
}

/** An int64 as its low and high word; NUMBER_BYTES have room. */
export function putLong(out: TextOut, low: number, high: number): void {
  if (high === low >> 31) putInt32(out, low);
  else if (isExact(high, low >>> 0)) putExact(out, high * TWO_32 + (low >>> 0));
  else putAscii(out, ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString());
}

/** `00` … `99` as two bytes in memory. */
const DIGIT_PAIRS = Uint16Array.from(
  { length: 100 },
  (_, value) => ZERO + Math.floor(value / 10) + ((ZERO + (value % 10)) << 8),
);

/** As `putLong`, at `place`; returns the place behind it. */
export function putLongAt(out: TextOut, place: number, low: number, high: number): number {
  if (high !== 0 || low < 0) {
    out.length = place;
    putLong(out, low, high);
    return out.length;
  }
  const { bytes, view } = out;
  const end = place + digitsOf(low);
  let value = low;
  let at = end;
  while (value >= 10) {
    const rest = (value / 100) | 0;
    view.setUint16((at -= 2), DIGIT_PAIRS[value - rest * 100] ?? 0, true);
    value = rest;
  }
  if (at > place) bytes[place] = ZERO + value;
  return end;
}

/** How many bytes `putLong` writes. */
export function longBytes(low: number, high: number): number {
  if (high === low >> 31) {
    if (low === -(2 ** 31)) return 11;
    return low < 0 ? 1 + digitsOf(-low) : digitsOf(low);
  }
  return ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString().length;
}

function putInt32(out: TextOut, value: number): void {
  if (value >= 0) putDigits(out, value);
  else if (value === -(2 ** 31)) putAscii(out, '-2147483648');
  else {
    out.bytes[out.length++] = MINUS;
    putDigits(out, -value);
  }
}

/** An integer within ±2^53. */
function putExact(out: TextOut, value: number): void {
  if (value === (value | 0)) {
    putInt32(out, value | 0);
    return;
  }
  if (value < 0) {
    out.bytes[out.length++] = MINUS;
    value = -value;
  }
  const high = Math.floor(value / 1e9);
  const low = value - high * 1e9;
  if (high === 0) putDigits(out, low | 0);
  else {
    putDigits(out, high);
    putDigits(out, low | 0, 9);
  }
}

/** The shortest decimal that reads back as this double; NUMBER_BYTES have room. */
export function putDouble(out: TextOut, value: number): void {
  if (value === (value | 0)) putInt32(out, value | 0);
  else putAscii(out, String(value));
}

export function putAscii(out: TextOut, text: string): void {
  const { bytes, length } = out;
  for (let i = 0; i < text.length; i++) bytes[length + i] = text.charCodeAt(i);
  out.length = length + text.length;
}
