/**
 * Owns: the byte scanner: where a string, a literal or white space ends, and why a line is no JSON.
 * Every region it is given ends with a line feed, which no JSON text holds inside a value, so no
 * loop needs to look at the end of the region. Bytes above 0x7F pass: whether they are UTF-8 is
 * asked for a whole chunk at once (decoder.ts).
 * Not its job: what a value means (row-reader.ts).
 * llp/0004
 */

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

/** A region of whole lines, and the reason why its current line is refused. */
export interface Scan {
  bytes: Uint8Array;
  /** Over the same bytes. */
  view: DataView;
  reason: string;
  reasonAt: number;
}

/** Notes the reason; its result means "this line is no row" to every caller. */
export function fail(scan: Scan, at: number, reason: string): number {
  scan.reason = reason;
  scan.reasonAt = at;
  return -1;
}

/** The first byte at or after `at` that is not JSON white space (a line feed ends the line). */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let byte = bytes[at];
  while (byte === SPACE || byte === TAB || byte === CR) byte = bytes[++at];
  return at;
}

/** Has its high bit set in each byte of `word` that is a quote, a backslash or a control. */
function specials(word: number): number {
  const quote = word ^ 0x22222222;
  const slash = word ^ 0x5c5c5c5c;
  return (
    (((quote - 0x01010101) & ~quote) |
      ((slash - 0x01010101) & ~slash) |
      ((word - 0x20202020) & ~word)) &
    0x80808080
  );
}

/** The first quote, backslash or control character at or after `at`. */
export function skipClean(bytes: Uint8Array, view: DataView, at: number): number {
  const last = bytes.length - 4;
  while (at <= last && specials(view.getInt32(at, true)) === 0) at += 4;
  let byte = bytes[at] ?? 0;
  while (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++at] ?? 0;
  return at;
}

/** True when the bytes `at` … `end` have no quote, backslash or control character. */
export function isClean(view: DataView, at: number, end: number): boolean {
  for (const last = end - 4; at <= last; at += 4) {
    if (specials(view.getInt32(at, true)) !== 0) return false;
  }
  for (; at < end; at++) {
    const byte = view.getUint8(at);
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}

/** Where text is appended: `length` bytes of the view are written. */
export interface CopyTarget {
  readonly view: DataView;
  length: number;
}

/**
 * Appends from `at` up to the first quote, backslash or control character, `end`, or the end of the
 * target, and returns where that is. Four bytes a step: the call of a native copy costs more than
 * most values have text.
 */
export function copyClean(from: DataView, at: number, end: number, into: CopyTarget): number {
  const { view, length } = into;
  const room = view.byteLength - length;
  const stop = end - at < room ? end : at + room;
  const lastWord = stop - 4;
  const shift = length - at;
  while (at <= lastWord) {
    const word = from.getInt32(at, true);
    if (specials(word) !== 0) break;
    view.setInt32(at + shift, word, true);
    at += 4;
  }
  while (at < stop) {
    const byte = from.getUint8(at);
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) break;
    view.setUint8(at + shift, byte);
    at++;
  }
  into.length = at + shift;
  return at;
}

/** 0 … 15, or -1 for a byte that is no hexadecimal digit. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The value of four hexadecimal digits, or negative. */
export function hexUnit(bytes: Uint8Array, at: number): number {
  const high = (hexDigit(bytes[at] ?? 0) << 12) | (hexDigit(bytes[at + 1] ?? 0) << 8);
  return high | (hexDigit(bytes[at + 2] ?? 0) << 4) | hexDigit(bytes[at + 3] ?? 0);
}

/** The byte that `\` + `byte` stands for, 0 for `u`, -1 for no escape. */
export function simpleEscape(byte: number): number {
  switch (byte) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
      return byte;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return LF;
    case 0x72:
      return CR;
    case 0x74:
      return TAB;
    case 0x75:
      return 0;
    default:
      return -1;
  }
}

/** The position after the closing quote of the string whose text begins at `at`, or -1. */
export function skipString(scan: Scan, at: number): number {
  const { bytes, view } = scan;
  for (;;) {
    at = skipClean(bytes, view, at);
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return failInString(scan, at);
    const escaped = simpleEscape(bytes[at + 1] ?? 0);
    if (escaped < 0) return fail(scan, at, 'unknown escape in a string');
    if (escaped > 0) at += 2;
    else if (hexUnit(bytes, at + 2) < 0) return fail(scan, at, 'unknown escape in a string');
    else at += 6;
  }
}

export function failInString(scan: Scan, at: number): number {
  return scan.bytes[at] === LF
    ? fail(scan, at, 'string without an end')
    : fail(scan, at, 'control character in a string');
}

function matches(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if (bytes[at + i] !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** The position after `true`, `false` or `null`, or -1. */
export function skipLiteral(scan: Scan, at: number): number {
  const { bytes } = scan;
  const first = bytes[at];
  if (first === 0x74 && matches(bytes, at, 'true')) return at + 4;
  if (first === 0x6e && matches(bytes, at, 'null')) return at + 4;
  if (first === 0x66 && matches(bytes, at, 'false')) return at + 5;
  return fail(scan, at, 'expected a value');
}
