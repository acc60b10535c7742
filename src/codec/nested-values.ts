/**
 * Owns: values of lists and structs: JSON text → the value, exactly or not at all, and the value →
 * its one JSON text. The text has no spaces, members in the order of the type, those that are not
 * there left out.
 *
 * | in the text | in the value |
 * | a list, `[]` too | as many elements, each of the type or null |
 * | a struct, `{}` too | its members; one that is not there is null |
 * | a member that is null, that the type has not, or that is there twice | no value |
 * | a leaf | as convert and convert-declared take it from a column |
 * | lists of more leaves than the text has characters, or than LIMITS.nestedValues | no value |
 *
 * A null member is no value because it would come back as one that is not there. The last line
 * bounds what a text becomes in a data file (I13): `[{},{}]` of a hundred members each.
 * llp/0021
 */
import { LIMITS } from '../core/limits.ts';
import { decimalText } from './decimals.ts';
import { dayText, instantText, parseDay, parseInstant } from './instants.ts';
import { endOfString, setOwn } from './json-value.ts';
import type { LeafShape, ListShape, Shape, StructShape } from './nested-types.ts';
import { sameDecimal } from './ndjson/numbers.ts';
import { decimalOf } from './types.ts';

/**
 * A value of a type: an instant as microseconds, a date as days, a decimal as its text, binary as
 * base64 text, a list as its elements, a struct as its members in the type's order.
 */
export type NestedValue = null | boolean | bigint | number | string | readonly NestedValue[];

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const INTEGER = /^-?\d{1,19}$/;
const SURROGATE = /\p{Surrogate}/u;
const LONG_SHAPE = { precision: 19, scale: 0 };
const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

interface Text {
  readonly text: string;
  at: number;
  /** Leaves of the elements that were read. */
  slots: number;
}

/** The value of the JSON text; undefined when it is not exactly one of the type. */
export function readNested(text: string, shape: Shape): NestedValue | undefined {
  return readAll({ text, at: 0, slots: 0 }, shape);
}

/** The one text of the value that the JSON text says; undefined when no column takes it. */
export function onlyText(text: string, shape: Shape): string | undefined {
  const from = { text, at: 0, slots: 0 };
  const value = readAll(from, shape);
  const written = value === undefined ? undefined : nestedText(value, shape);
  return written !== undefined && from.slots <= written.length ? written : undefined;
}

function readAll(from: Text, shape: Shape): NestedValue | undefined {
  const value = readValue(from, shape);
  skipSpace(from);
  return from.at === from.text.length ? value : undefined;
}

function skipSpace(from: Text): void {
  for (;;) {
    const code = from.text.charCodeAt(from.at);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d && code !== 0x0a) return;
    from.at++;
  }
}

function take(from: Text, character: string): boolean {
  skipSpace(from);
  if (from.text[from.at] !== character) return false;
  from.at++;
  return true;
}

function takeWord(from: Text, word: string): boolean {
  if (!from.text.startsWith(word, from.at)) return false;
  from.at += word.length;
  return true;
}

/** The string that begins here. */
function takeString(from: Text): string | undefined {
  const { text, at } = from;
  const end = endOfString(text, at);
  if (end < 0) return undefined;
  from.at = end + 1;
  try {
    const value = JSON.parse(text.slice(at, end + 1)) as string;
    // Half of a pair has no UTF-8.
    return SURROGATE.test(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** The number that begins here, '' for none. */
function takeNumber(from: Text): string {
  const { at } = from;
  NUMBER.lastIndex = at;
  if (!NUMBER.test(from.text)) return '';
  from.at = NUMBER.lastIndex;
  return from.text.slice(at, from.at);
}

/** An integer is one however it is spelled. */
function longOf(number: string): bigint | undefined {
  const text = INTEGER.test(number) ? number : decimalText(number, LONG_SHAPE);
  const value = text === undefined ? undefined : BigInt(text);
  return value === undefined || value > LONG_MAX || value < LONG_MIN ? undefined : value;
}

function readValue(from: Text, shape: Shape): NestedValue | undefined {
  skipSpace(from);
  switch (shape.is) {
    case 'leaf':
      return readLeaf(from, shape);
    case 'list':
      return readList(from, shape);
    case 'struct':
      return readStruct(from, shape);
  }
}

function readList(from: Text, { element }: ListShape): NestedValue | undefined {
  if (!take(from, '[')) return undefined;
  const items: NestedValue[] = [];
  if (take(from, ']')) return items;
  do {
    skipSpace(from);
    const item = takeWord(from, 'null') ? null : readValue(from, element);
    if (item === undefined) return undefined;
    from.slots += element.leaves;
    if (from.slots > LIMITS.nestedValues) return undefined;
    items.push(item);
  } while (take(from, ','));
  return take(from, ']') ? items : undefined;
}

function readStruct(from: Text, { members }: StructShape): NestedValue | undefined {
  if (!take(from, '{')) return undefined;
  const values: NestedValue[] = members.map(() => null);
  if (take(from, '}')) return values;
  do {
    skipSpace(from);
    const name = takeString(from);
    const at = members.findIndex((member) => member.name === name);
    const member = members[at];
    if (member === undefined || values[at] !== null || !take(from, ':')) return undefined;
    const value = readValue(from, member.shape);
    if (value === undefined) return undefined;
    values[at] = value;
  } while (take(from, ','));
  return take(from, '}') ? values : undefined;
}

function readLeaf(from: Text, { type }: LeafShape): NestedValue | undefined {
  switch (type) {
    case 'boolean':
      if (takeWord(from, 'true')) return true;
      return takeWord(from, 'false') ? false : undefined;
    case 'long':
      return longOf(takeNumber(from));
    case 'double': {
      const text = takeNumber(from);
      // A zero with a sign is 0.
      const value = Number(text) + 0;
      return Number.isFinite(value) && sameDecimal(text, String(value)) ? value : undefined;
    }
    case 'string':
      return takeString(from);
    case 'timestamptz':
      return parseInstant(takeString(from) ?? '');
    case 'date':
      return parseDay(takeString(from) ?? '');
    case 'binary': {
      const text = takeString(from);
      const same = text !== undefined && Buffer.from(text, 'base64').toString('base64') === text;
      return same ? text : undefined;
    }
    default: {
      const decimal = decimalOf(type);
      return decimal && decimalText(takeNumber(from), decimal);
    }
  }
}

/** The one text of a value of the type; undefined when a part is none that `readNested` gives. */
export function nestedText(value: NestedValue, shape: Shape): string | undefined {
  if (value === null) return 'null';
  switch (shape.is) {
    case 'leaf':
      return leafText(value, shape);
    case 'list': {
      if (!isParts(value)) return undefined;
      const texts = value.map((item) => nestedText(item, shape.element));
      return texts.includes(undefined) ? undefined : `[${texts.join(',')}]`;
    }
    case 'struct': {
      if (!isParts(value)) return undefined;
      const texts: string[] = [];
      for (const [at, member] of shape.members.entries()) {
        const item = value[at] ?? null;
        if (item === null) continue;
        const text = nestedText(item, member.shape);
        if (text === undefined) return undefined;
        texts.push(`${JSON.stringify(member.name)}:${text}`);
      }
      return `{${texts.join(',')}}`;
    }
  }
}

function isParts(value: NestedValue): value is readonly NestedValue[] {
  return Array.isArray(value);
}

function leafText(value: NestedValue, { type }: LeafShape): string | undefined {
  switch (type) {
    case 'boolean':
    case 'long':
      return String(value);
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
    case 'string':
    case 'binary':
      return JSON.stringify(value);
    case 'timestamptz':
      return quoted(typeof value === 'bigint' ? instantText(value) : undefined);
    case 'date':
      return quoted(typeof value === 'bigint' ? dayText(value) : undefined);
    default:
      return typeof value === 'string' ? value : undefined;
  }
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `"${text}"`;
}

/** The value as a program is given it (batchToRows): integers exact, decimals as text. */
export function nestedObject(value: NestedValue, shape: Shape): unknown {
  if (value === null) return null;
  if (shape.is === 'leaf') return leafObject(value, shape);
  if (!isParts(value)) return undefined;
  if (shape.is === 'list') return value.map((item) => nestedObject(item, shape.element));
  const object: Record<string, unknown> = {};
  for (const [at, member] of shape.members.entries()) {
    const item = value[at] ?? null;
    if (item !== null) setOwn(object, member.name, nestedObject(item, member.shape));
  }
  return object;
}

function leafObject(value: NestedValue, { type }: LeafShape): unknown {
  if (typeof value !== 'bigint') return value;
  if (type === 'timestamptz') return instantText(value);
  if (type === 'date') return dayText(value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
