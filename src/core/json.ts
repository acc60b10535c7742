/**
 * Owns: JSON with 64-bit integers. JSON.parse rounds above 2^53; Iceberg ids reach 2^63.
 * Integers of 16 and more digits become bigint, and bigints are written as plain digits.
 * Not its job: rows (src/codec/ndjson).
 * llp/0002
 */
import { HypError } from './errors.ts';

export type Json =
  null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Integers pass JSON as strings that begin with INT. A string of the caller's that begins with a
 * NUL passes as one that begins with TEXT, so neither is ever taken for the other.
 */
const NUL = '\u0000';
const INT = `${NUL}int:`;
const TEXT = `${NUL}text:`;

/** Whole tokens, so that digits inside a string or behind a decimal point are never looked at. */
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;

function markToken(token: string, colon: string | undefined): string {
  if (LONG_INTEGER.test(token)) return JSON.stringify(INT + token);
  const startsWithNul = colon === undefined && token.startsWith('"\\u0000');
  return startsWithNul ? `"\\u0000text:${token.slice('"\\u0000'.length)}` : token;
}

function unmarkToken(token: string, colon: string | undefined): string {
  if (colon !== undefined) return token;
  if (token.startsWith('"\\u0000int:')) return token.slice('"\\u0000int:'.length, -1);
  return token.replace(/^"\\u0000text:/, '"\\u0000');
}

function unmarkValue(value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(NUL)) return value;
  return value.startsWith(INT) ? BigInt(value.slice(INT.length)) : NUL + value.slice(TEXT.length);
}

function markValue(value: unknown): unknown {
  if (typeof value === 'bigint') return INT + value.toString();
  return typeof value === 'string' && value.startsWith(NUL) ? TEXT + value.slice(1) : value;
}

/** E_CORRUPT (with `what`) when the text is not JSON. */
export function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text.replace(TOKENS, markToken), (_key, value: unknown) =>
      unmarkValue(value),
    ) as Json;
  } catch (cause) {
    throw new HypError('E_CORRUPT', `not JSON: ${what}`, { cause, hint: 'Run `hyp check`.' });
  }
}

export function stringifyJson(value: Json): string {
  return JSON.stringify(value, (_key, item: unknown) => markValue(item)).replace(
    TOKENS,
    unmarkToken,
  );
}
