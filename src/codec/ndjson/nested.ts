/**
 * Owns: the check that a nested value is JSON. It is kept as the text it was, so nothing is built.
 * Without recursion: depth costs a byte, and beyond LIMITS.nestingDepth the line is refused.
 * llp/0004
 */
import { LIMITS } from '../../core/limits.ts';
import {
  COLON,
  COMMA,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  fail,
  skipLiteral,
  skipSpace,
  skipString,
} from './scan.ts';
import { skipNumber } from './numbers.ts';
import type { Scan } from './scan.ts';

/** The open brackets around the value being read; the row's own brace is the first level. */
const open = new Uint8Array(LIMITS.nestingDepth + 1);

/**
 * The position after the nested value whose bracket is at `at`, or -1. `around` counts the levels
 * around it: the row, as a rule.
 */
export function skipNested(scan: Scan, at: number, around = 1): number {
  const { bytes } = scan;
  let depth = around;
  for (;;) {
    const byte = bytes[at] ?? 0;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth >= LIMITS.nestingDepth) {
        return fail(scan, at, `nested deeper than ${LIMITS.nestingDepth} levels`);
      }
      open[depth++] = byte;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== byte + 2) {
        if (byte === OPEN_BRACE) at = skipKey(scan, at);
        if (at < 0) return -1;
        continue;
      }
      depth--;
      at++;
    } else at = skipScalar(scan, byte, at);
    if (at < 0) return -1;
    for (;;) {
      if (depth === around) return at;
      const bracket = open[depth - 1] ?? 0;
      at = skipSpace(bytes, at);
      const next = bytes[at];
      if (next === COMMA) {
        at = skipSpace(bytes, at + 1);
        if (bracket === OPEN_BRACE) at = skipKey(scan, at);
        break;
      }
      // Both closing brackets are two after their opening one.
      if (next !== bracket + 2) return fail(scan, at, 'expected a comma or a closing bracket');
      depth--;
      at++;
    }
    if (at < 0) return -1;
  }
}

function skipScalar(scan: Scan, byte: number, at: number): number {
  if (byte === QUOTE) return skipString(scan, at + 1);
  if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) return skipNumber(scan, at);
  return skipLiteral(scan, at);
}

/** The position of the value behind the key at `at`, or -1. */
function skipKey(scan: Scan, at: number): number {
  const { bytes } = scan;
  if (bytes[at] !== QUOTE) return fail(scan, at, 'expected a key');
  const end = skipString(scan, at + 1);
  if (end < 0) return -1;
  const colon = skipSpace(bytes, end);
  if (bytes[colon] !== COLON) return fail(scan, colon, 'expected a colon');
  return skipSpace(bytes, colon + 1);
}
