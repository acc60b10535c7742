/**
 * Owns: the two questions every flow asks. A flow throws when something is not as promised, so it
 * runs the same from a test and from `node dist/smoke/run.js`.
 * llp/0016
 */
import { isDeepStrictEqual } from 'node:util';

/** Throws when `actual` is not deeply `expected`. */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}

/** Throws when `text` does not match `pattern`. */
export function expectMatch(what: string, text: string, pattern: RegExp): void {
  if (pattern.test(text)) return;
  throw new Error(`${what} does not match ${String(pattern)}:\n${text.slice(0, 2_000)}`);
}
