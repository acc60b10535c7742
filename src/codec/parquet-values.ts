/**
 * Owns: the values of a column's pages, gathered page by page into one column of all its rows.
 * Loops over values are functions of the module, not of a builder: V8 drops the fast code of a
 * function when the last builder that holds it is collected, and compiled it again for each file (a
 * fifth of an export).
 * Invariant (I12): any bytes give a column, undefined or E_CORRUPT; nothing is read outside.
 * Not its job: page headers, levels, which pages there are (parquet-pages).
 * llp/0005
 */
import { isUtf8 } from 'node:buffer';
import type { Column, DictionaryColumn, TextEntries } from './columns.ts';
import { corruptPage, readDeltas, readRuns } from './parquet-encodings.ts';
import type { Bits } from './parquet-encodings.ts';
import type { FileColumn } from './parquet-footer.ts';

export const PLAIN = 0;
const DELTA_BINARY_PACKED = 5;
export const DICTIONARY = [2, 8];

/** A column on its way: values of rows 0 … `rows` so far. */
export interface ColumnBuilder {
  /** Reads the values of a page; false when it is of a kind that is not read here. */
  take(page: Bits, encoding: number, at: ValuePlaces): boolean;
  dictionary(page: Bits, count: number): boolean;
  finish(base: ColumnBase): Column | DictionaryColumn | undefined;
}

/** Which rows the values of a page belong to. */
export interface ValuePlaces {
  readonly row: number;
  readonly count: number;
  /** Row of each value; undefined: one after the other from `row` on. */
  readonly places: Int32Array | undefined;
}

type ColumnBase = Pick<Column, 'name' | 'fieldId' | 'validity' | 'nullCount'>;

/** undefined for a type that is not read here. */
export function builderOf(column: FileColumn, rows: number): ColumnBuilder | undefined {
  switch (column.type) {
    case 'boolean':
      return booleans(rows);
    case 'long':
    case 'timestamptz':
    case 'double':
      return longs(rows, column.type);
    case 'string':
    case 'json':
      return texts(rows, column.type);
    default:
      return undefined;
  }
}

/** True when a page has a value for every row: what was read of it is the column. */
function isWhole({ count, places }: ValuePlaces, rows: number): boolean {
  return count === rows && places === undefined;
}

/** Values of eight bytes, as the two words each has in memory. */
function longs(rows: number, type: 'long' | 'timestamptz' | 'double'): ColumnBuilder {
  let words: Int32Array | undefined;
  let known: Int32Array = new Int32Array(0);
  return {
    take: (page, encoding, at) => {
      // Deltas are of whole numbers.
      if (type === 'double' && encoding === DELTA_BINARY_PACKED) return false;
      const read = readWords(page, encoding, { count: at.count, known });
      if (read === undefined) return false;
      if (isWhole(at, rows)) words = read;
      else putWords((words ??= new Int32Array(2 * rows)), read, at);
      return true;
    },
    dictionary: (page, count) => {
      known = plainWords(page, count);
      return true;
    },
    finish: (base) => {
      const { buffer } = words ?? new Int32Array(2 * rows);
      return type === 'double'
        ? { ...base, type, values: new Float64Array(buffer) }
        : { ...base, type, values: new BigInt64Array(buffer) };
    },
  };
}

function readWords(
  page: Bits,
  encoding: number,
  { count, known }: { readonly count: number; readonly known: Int32Array },
): Int32Array | undefined {
  if (encoding === PLAIN) return plainWords(page, count);
  if (encoding === DELTA_BINARY_PACKED) return readDeltas(page, count);
  if (!DICTIONARY.includes(encoding)) return undefined;
  return knownWords(known, readCodes(page, count, known.length / 2));
}

function plainWords({ view, at, end }: Bits, count: number): Int32Array {
  if (end - at < 8 * count) throw corruptPage('values are missing');
  const words = new Int32Array(2 * count);
  new Uint8Array(words.buffer).set(new Uint8Array(view.buffer, view.byteOffset + at, 8 * count));
  return words;
}

function putWords(words: Int32Array, from: Int32Array, { row, count, places }: ValuePlaces): void {
  if (places === undefined) {
    words.set(from, 2 * row);
    return;
  }
  for (let i = 0; i < count; i++) {
    const to = 2 * (places[i] ?? 0);
    words[to] = from[2 * i] ?? 0;
    words[to + 1] = from[2 * i + 1] ?? 0;
  }
}

function knownWords(known: Int32Array, codes: Int32Array): Int32Array {
  const words = new Int32Array(2 * codes.length);
  for (let i = 0; i < codes.length; i++) {
    const from = 2 * (codes[i] ?? 0);
    words[2 * i] = known[from] ?? 0;
    words[2 * i + 1] = known[from + 1] ?? 0;
  }
  return words;
}

function booleans(rows: number): ColumnBuilder {
  const values = new Uint8Array((rows + 7) >> 3);
  return {
    take: (page, encoding, at) => {
      if (encoding === PLAIN) putBooleans(values, page, at);
      return encoding === PLAIN;
    },
    dictionary: () => false,
    finish: (base) => ({ ...base, type: 'boolean', values }),
  };
}

function putBooleans(values: Uint8Array, page: Bits, { row, count, places }: ValuePlaces): void {
  if ((page.end - page.at) * 8 < count) throw corruptPage('values are missing');
  for (let i = 0; i < count; i++) {
    const bit = (page.view.getUint8(page.at + (i >> 3)) >> (i & 7)) & 1;
    const to = places === undefined ? row + i : (places[i] ?? 0);
    values[to >> 3] = (values[to >> 3] ?? 0) | (bit << (to & 7));
  }
}

/** Text of one kind of pages: all plain, or all in the dictionary. */
function texts(rows: number, type: 'string' | 'json'): ColumnBuilder {
  let entries: TextEntries | undefined;
  let codes: Int32Array | undefined;
  const plain: PlainPage[] = [];
  return {
    take: (page, encoding, at) => {
      if (encoding === PLAIN) {
        plain.push({ texts: plainTexts(page, at.count), at });
        return codes === undefined;
      }
      if (!DICTIONARY.includes(encoding) || plain.length > 0 || entries === undefined) return false;
      const read = readCodes(page, at.count, entries.count);
      if (isWhole(at, rows)) codes = read;
      else putCodes((codes ??= new Int32Array(rows)), read, at);
      return true;
    },
    dictionary: (page, count) => {
      entries = plainTexts(page, count);
      return true;
    },
    finish: (base) => {
      if (codes !== undefined && entries !== undefined) return { ...base, type, codes, entries };
      return { ...base, type, ...joinTexts(plain, rows) };
    },
  };
}

function putCodes(codes: Int32Array, from: Int32Array, { row, count, places }: ValuePlaces): void {
  if (places === undefined) codes.set(from, row);
  else for (let i = 0; i < count; i++) codes[places[i] ?? 0] = from[i] ?? 0;
}

interface PlainPage {
  readonly texts: TextEntries;
  readonly at: ValuePlaces;
}

/** Texts with their lengths in front of them, as positions and bytes without gaps. */
function plainTexts(page: Bits, count: number): TextEntries {
  const { view, end } = page;
  const offsets = new Int32Array(count + 1);
  const values = new Uint8Array(Math.max(0, end - page.at - 4 * count));
  const from = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let at = page.at;
  let to = 0;
  for (let i = 0; i < count; i++) {
    if (at + 4 > end) throw corruptPage('texts are missing');
    const length = view.getUint32(at, true);
    at += 4;
    if (length > end - at || length > values.length - to) throw corruptPage('a text runs past it');
    if (length > 64) values.set(from.subarray(at, at + length), to);
    else for (let byte = 0; byte < length; byte++) values[to + byte] = from[at + byte] ?? 0;
    at += length;
    to += length;
    offsets[i + 1] = to;
  }
  if (!isUtf8(values.subarray(0, to))) throw corruptPage('text is not UTF-8');
  return { count, offsets, values: values.subarray(0, to) };
}

/** The texts of all pages as one column; a row without a text has an empty one. */
function joinTexts(
  pages: readonly PlainPage[],
  rows: number,
): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  const [first] = pages;
  const whole = first !== undefined && pages.length === 1 && first.at.count === rows;
  if (whole) return { offsets: first.texts.offsets, values: first.texts.values };
  const offsets = new Int32Array(rows + 1);
  const values = Buffer.concat(pages.map((page) => page.texts.values));
  let end = 0;
  let row = 0;
  for (const { texts: read, at } of pages) {
    for (let i = 0; i < at.count; i++) {
      const to = at.places === undefined ? at.row + i : (at.places[i] ?? 0);
      for (; row < to; row++) offsets[row + 1] = end;
      end += (read.offsets[i + 1] ?? 0) - (read.offsets[i] ?? 0);
      offsets[to + 1] = end;
      row = to + 1;
    }
  }
  for (; row < rows; row++) offsets[row + 1] = end;
  return { offsets, values: new Uint8Array(values.buffer, values.byteOffset, values.length) };
}

function readCodes(page: Bits, count: number, known: number): Int32Array {
  const codes = new Int32Array(count);
  if (count === 0) return codes;
  if (page.at >= page.end) throw corruptPage('codes are missing');
  const width = page.view.getUint8(page.at++);
  if (width > 32) throw corruptPage('codes of more than 32 bits');
  readRuns(page, width, codes, 0, count);
  for (let i = 0; i < count; i++) {
    if ((codes[i] ?? 0) >>> 0 >= known) throw corruptPage('a code outside its dictionary');
  }
  return codes;
}
