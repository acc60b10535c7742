/**
 * Owns: valid JSON text → JavaScript values with exact numbers: a number, a bigint for an integer
 * beyond ±(2^53 - 1), and the text where neither says it: more digits than a double has, or than a
 * bigint is made of in good time. Duplicate keys: the last wins. For rows handed to programs; rows
 * on their way through hyp are never parsed into objects.
 * llp/0004
 */
import { HypError } from '../core/errors.ts';
import { sameDecimal } from './ndjson/numbers.ts';

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;
/** A bigint takes time with the square of its digits; nobody counts with more of them. */
const BIGINT_DIGITS = 1_000;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

interface Text {
  readonly text: string;
  at: number;
}

function broken(from: Text): HypError {
  return new HypError('E_CORRUPT', `not JSON at character ${from.at}: ${from.text.slice(0, 80)}`, {
    hint: 'Run `hyp check`.',
  });
}

function token(from: Text, pattern: RegExp): RegExpExecArray {
  pattern.lastIndex = from.at;
  const match = pattern.exec(from.text);
  if (match === null) throw broken(from);
  from.at = pattern.lastIndex;
  return match;
}

/**
 * Where the string that begins at `at` ends: its last quote; -1 when none begins there, or has no end.
 * No pattern: the backtracking of a long one would be memory.
 */
export function endOfString(text: string, at: number): number {
  let end = text[at] === '"' ? at : -1;
  for (let slashes = 1; end >= 0 && slashes % 2 === 1;) {
    end = text.indexOf('"', end + 1);
    slashes = 0;
    while (end >= 0 && text[end - 1 - slashes] === '\\') slashes++;
  }
  return end;
}

function stringToken(from: Text): string {
  const { text, at } = from;
  const end = endOfString(text, at);
  if (end < 0) throw broken(from);
  from.at = end + 1;
  return JSON.parse(text.slice(at, end + 1)) as string;
}

function take(from: Text, character: string): boolean {
  token(from, SPACE);
  if (from.text[from.at] !== character) return false;
  from.at++;
  return true;
}

function expect(from: Text, character: string): void {
  if (!take(from, character)) throw broken(from);
}

/** Sets an own property, whatever its name (`__proto__` is a plain key in JSON). */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else {
    const property = { value, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, key, property);
  }
}

/** The number as JavaScript says it, or its text when only that is exact. */
function exactNumber([text, fraction, exponent]: readonly string[]): number | bigint | string {
  const written = text ?? '';
  const number = Number(written);
  if (fraction !== undefined || exponent !== undefined) {
    return sameDecimal(written, String(number)) ? number : written;
  }
  if (Number.isSafeInteger(number)) return number;
  const digits = written.length - (number < 0 ? 1 : 0);
  return digits > BIGINT_DIGITS ? written : BigInt(written);
}

/** The word that begins here. */
function literal(from: Text): readonly [string, unknown] | undefined {
  const found = LITERALS.find(([word]) => from.text.startsWith(word, from.at));
  if (found !== undefined) from.at += found[0].length;
  return found;
}

/** Depth is bounded by the decoder (LIMITS.nestingDepth), so recursion is. */
function value(from: Text): unknown {
  if (take(from, '{')) {
    const object: Record<string, unknown> = {};
    members(from, (key) => {
      setOwn(object, key, value(from));
    });
    return object;
  }
  if (take(from, '[')) {
    const items: unknown[] = [];
    elements(from, () => items.push(value(from)));
    return items;
  }
  if (from.text[from.at] === '"') return stringToken(from);
  const word = literal(from);
  return word === undefined ? exactNumber(token(from, NUMBER)) : word[1];
}

/** As `value`, for whoever needs its text only: no object, no number is made. */
function skip(from: Text): void {
  const inside = (): void => {
    skip(from);
  };
  if (take(from, '{')) members(from, inside);
  else if (take(from, '[')) elements(from, inside);
  else if (from.text[from.at] === '"') stringToken(from);
  else if (literal(from) === undefined) token(from, NUMBER);
}

function elements(from: Text, element: () => void): void {
  if (take(from, ']')) return;
  do element();
  while (take(from, ','));
  expect(from, ']');
}

function members(from: Text, member: (key: string) => void): void {
  if (take(from, '}')) return;
  do {
    token(from, SPACE);
    const key = stringToken(from);
    expect(from, ':');
    member(key);
  } while (take(from, ','));
  expect(from, '}');
}

function end(from: Text): void {
  token(from, SPACE);
  if (from.at !== from.text.length) throw broken(from);
}

/** The value of one JSON text; E_CORRUPT when it is none. */
export function parseJsonValue(text: string): unknown {
  const from = { text, at: 0 };
  const result = value(from);
  end(from);
  return result;
}

/** The members of a JSON object with their raw value texts; E_CORRUPT when it is none. */
export function parseMembers(text: string): { readonly key: string; readonly raw: string }[] {
  const from = { text, at: 0 };
  const found: { key: string; raw: string }[] = [];
  expect(from, '{');
  members(from, (key) => {
    token(from, SPACE);
    const start = from.at;
    skip(from);
    found.push({ key, raw: text.slice(start, from.at) });
  });
  end(from);
  return found;
}
