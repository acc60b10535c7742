/**
 * Owns: valid JSON text → JavaScript values with exact integers: a number, or a bigint for an
 * integer beyond ±(2^53 - 1). Duplicate keys: the last wins. For rows handed to programs; rows on
 * their way through hyp are never parsed into objects.
 * llp/0004
 */
import { HypError } from '../core/errors.ts';

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;
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

/** The string that begins here. No pattern: the backtracking of a long one would be memory. */
function stringToken(from: Text): string {
  const { text, at } = from;
  let end = text[at] === '"' ? at : -1;
  for (let slashes = 1; end >= 0 && slashes % 2 === 1;) {
    end = text.indexOf('"', end + 1);
    slashes = 0;
    while (end >= 0 && text[end - 1 - slashes] === '\\') slashes++;
  }
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
    if (take(from, ']')) return items;
    do items.push(value(from));
    while (take(from, ','));
    expect(from, ']');
    return items;
  }
  if (from.text[from.at] === '"') return stringToken(from);
  for (const [word, literal] of LITERALS) {
    if (!from.text.startsWith(word, from.at)) continue;
    from.at += word.length;
    return literal;
  }
  const [text, fraction, exponent] = token(from, NUMBER);
  const number = Number(text);
  return fraction === undefined && exponent === undefined && !Number.isSafeInteger(number)
    ? BigInt(text)
    : number;
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
    value(from);
    found.push({ key, raw: text.slice(start, from.at) });
  });
  end(from);
  return found;
}
