/**
 * Owns: JSON with 64-bit integers. JSON.parse rounds above 2^53; Iceberg ids reach 2^63.
 * Integers of 16 and more digits become bigint, and bigints are written as plain digits.
 * Not its job: rows (src/codec/ndjson).
 * llp/0002
 */
import { HypError } from './errors.ts';

export type Json =
  null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

/** A control character never occurs in names we write, so no text can be taken for the mark. */
const MARK = '\u0000int:';
const LONG_INTEGERS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const MARKED = /"\\u0000int:(-?\d+)"/g;

/** E_CORRUPT (with `what`) when the text is not JSON. */
export function parseJson(text: string, what: string): Json {
  const marked = text.replace(LONG_INTEGERS, (token) =>
    token.startsWith('"') ? token : JSON.stringify(MARK + token),
  );
  try {
    return JSON.parse(marked, (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith(MARK)
        ? BigInt(value.slice(MARK.length))
        : value,
    ) as Json;
  } catch (cause) {
    throw new HypError('E_CORRUPT', `not JSON: ${what}`, { cause, hint: 'Run `hyp check`.' });
  }
}

export function stringifyJson(value: Json): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? MARK + item.toString() : item,
  ).replace(MARKED, '$1');
}
