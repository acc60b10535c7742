/**
 * Owns: the pages of one column as hyp writes hot files (LZ4_RAW; plain, dictionary and delta), read
 * here instead of in wasm: half of a short export went into compiling the wasm of the general
 * decoder, which also copies all it reads twice. Whatever else a page may be is undefined: the
 * general decoder reads it (parquet-decode).
 * Format: https://github.com/apache/parquet-format
 * Invariant (I12): any bytes give a column, undefined or E_CORRUPT; nothing is read outside.
 * llp/0005
 */
import { isUtf8 } from 'node:buffer';
import type { Column, DictionaryColumn, TextEntries } from './columns.ts';
import { UNPACK_SLACK_BYTES, unpackLz4 } from './lz4.ts';
import {
  READ_SLACK_BYTES,
  corruptPage,
  readDeltas,
  readRuns,
  readVarint,
} from './parquet-encodings.ts';
import type { Bits } from './parquet-encodings.ts';
import { isOptional } from './parquet-element.ts';
import type { FileColumn } from './parquet-footer.ts';
import { I32, THRIFT_STRUCT, eachField, inputOf, readZigZag32, skipValue } from './thrift.ts';
import type { Input } from './thrift.ts';

export const LZ4_RAW = 7;

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const PLAIN = 0;
const DELTA_BINARY_PACKED = 5;
const DICTIONARY = [2, 8];

/** A page holds about 1 MiB, or one value that is larger. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Fields of a PageHeader. */
const PAGE = { type: 1, size: 2, packed: 3, data: 5, dictionary: 7 };

interface PageHead {
  readonly type: number;
  /** Bytes, unpacked and packed. */
  readonly size: number;
  readonly packed: number;
  readonly values: number;
  readonly encoding: number;
}

function readInts(input: Input, ints: Map<number, number>, inside?: number): void {
  eachField(input, (id, type) => {
    if (type === I32) ints.set(inside === undefined ? id : inside * 100 + id, readZigZag32(input));
    else if (type === THRIFT_STRUCT && inside === undefined) readInts(input, ints, id);
    else skipValue(input, type, 0);
  });
}

function readHead(input: Input): PageHead {
  const ints = new Map<number, number>();
  readInts(input, ints);
  const type = ints.get(PAGE.type) ?? -1;
  const of = type === DICTIONARY_PAGE ? PAGE.dictionary : PAGE.data;
  const [size = -1, packed = -1, values = -1] = [PAGE.size, PAGE.packed, of * 100 + 1].map((id) =>
    ints.get(id),
  );
  if (size < 0 || packed < 0) throw corruptPage('a size is missing');
  return { type, size, packed, values, encoding: ints.get(of * 100 + 2) ?? -1 };
}

/** The unpacked content of a page, with room behind it to read packed numbers. */
function unpack(head: PageHead, bytes: Uint8Array): Bits {
  const out = new Uint8Array(head.size + Math.max(READ_SLACK_BYTES, UNPACK_SLACK_BYTES));
  unpackLz4(bytes, out, head.size);
  return { view: new DataView(out.buffer), at: 0, end: head.size };
}

/** A column on its way: values of rows 0 … `rows` so far. */
interface Builder {
  /** Reads `count` values, for the rows of `places` or, without them, `row` and what follows. */
  take(page: Bits, encoding: number, at: ValuePlaces): boolean;
  dictionary(page: Bits, count: number): boolean;
  finish(base: ColumnBase): Column | DictionaryColumn | undefined;
}

interface ValuePlaces {
  readonly row: number;
  readonly count: number;
  /** Row of each value; undefined: one after the other from `row` on. */
  readonly places: Int32Array | undefined;
}

type ColumnBase = Pick<Column, 'name' | 'fieldId' | 'validity' | 'nullCount'>;

function longs(rows: number, type: 'long' | 'timestamptz' | 'double'): Builder {
  const words = new Int32Array(2 * rows);
  let known: Int32Array = new Int32Array(0);
  const put = (from: Int32Array, { row, count, places }: ValuePlaces): void => {
    for (let i = 0; i < count; i++) {
      const to = 2 * (places === undefined ? row + i : (places[i] ?? 0));
      words[to] = from[2 * i] ?? 0;
      words[to + 1] = from[2 * i + 1] ?? 0;
    }
  };
  const plain = (page: Bits, count: number): Int32Array => {
    if (page.end - page.at < 8 * count) throw corruptPage('values are missing');
    const read = new Int32Array(2 * count);
    for (let i = 0; i < read.length; i++) read[i] = page.view.getInt32(page.at + 4 * i, true);
    return read;
  };
  return {
    take: (page, encoding, at) => {
      if (encoding === PLAIN) put(plain(page, at.count), at);
      else if (encoding === DELTA_BINARY_PACKED && type !== 'double') {
        const read = readDeltas(page, at.count);
        if (read === undefined) return false;
        put(read, at);
      } else if (DICTIONARY.includes(encoding)) {
        const codes = readCodes(page, at.count, known.length / 2);
        const read = new Int32Array(2 * at.count);
        for (let i = 0; i < at.count; i++) {
          read[2 * i] = known[2 * (codes[i] ?? 0)] ?? 0;
          read[2 * i + 1] = known[2 * (codes[i] ?? 0) + 1] ?? 0;
        }
        put(read, at);
      } else return false;
      return true;
    },
    dictionary: (page, count) => {
      known = plain(page, count);
      return true;
    },
    finish: (base) =>
      type === 'double'
        ? { ...base, type, values: new Float64Array(words.buffer) }
        : { ...base, type, values: new BigInt64Array(words.buffer) },
  };
}

function booleans(rows: number): Builder {
  const values = new Uint8Array((rows + 7) >> 3);
  return {
    take: (page, encoding, { row, count, places }) => {
      if (encoding !== PLAIN) return false;
      if ((page.end - page.at) * 8 < count) throw corruptPage('values are missing');
      for (let i = 0; i < count; i++) {
        const bit = (page.view.getUint8(page.at + (i >> 3)) >> (i & 7)) & 1;
        const to = places === undefined ? row + i : (places[i] ?? 0);
        values[to >> 3] = (values[to >> 3] ?? 0) | (bit << (to & 7));
      }
      return true;
    },
    dictionary: () => false,
    finish: (base) => ({ ...base, type: 'boolean', values }),
  };
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

/** Text of one kind of pages: all plain, or all in the dictionary. */
function texts(rows: number, type: 'string' | 'json'): Builder {
  let entries: TextEntries | undefined;
  let codes: Int32Array | undefined;
  const plain: { readonly texts: TextEntries; readonly at: ValuePlaces }[] = [];
  return {
    take: (page, encoding, at) => {
      if (encoding === PLAIN) {
        plain.push({ texts: plainTexts(page, at.count), at });
        return codes === undefined;
      }
      if (!DICTIONARY.includes(encoding) || plain.length > 0 || entries === undefined) return false;
      codes ??= new Int32Array(rows);
      const read = readCodes(page, at.count, entries.count);
      for (let i = 0; i < at.count; i++) {
        codes[at.places === undefined ? at.row + i : (at.places[i] ?? 0)] = read[i] ?? 0;
      }
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

/** The texts of all pages as one column; a row without a text has an empty one. */
function joinTexts(
  pages: readonly { readonly texts: TextEntries; readonly at: ValuePlaces }[],
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

function builderOf(column: FileColumn, rows: number): Builder {
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
  }
}

/** Where the values of a page belong: the rows that are not null, marked in `validity`. */
function readPlaces(
  page: Bits,
  { row, count }: { readonly row: number; readonly count: number },
  validity: Uint8Array,
): ValuePlaces {
  if (page.end - page.at < 4) throw corruptPage('levels are missing');
  const size = page.view.getUint32(page.at, true);
  page.at += 4;
  const end = page.at + size;
  if (end > page.end) throw corruptPage('levels run past it');
  const levels = { view: page.view, at: page.at, end };
  page.at = end;
  if (isOneRun({ ...levels }, count)) {
    setBits(validity, row, count);
    return { row, count, places: undefined };
  }
  const valid = new Int32Array(count);
  readRuns(levels, 1, valid, 0, count);
  const places = new Int32Array(count);
  let found = 0;
  for (let i = 0; i < count; i++) {
    if (valid[i] === 0) continue;
    const to = row + i;
    validity[to >> 3] = (validity[to >> 3] ?? 0) | (1 << (to & 7));
    places[found++] = to;
  }
  return { row, count: found, places: found === count ? undefined : places.subarray(0, found) };
}

/** True when all levels are one run of ones: no value of the page is null. */
function isOneRun(levels: Bits, count: number): boolean {
  const head = readVarint(levels);
  return head % 2 === 0 && head / 2 >= count && levels.view.getUint8(levels.at) === 1;
}

function setBits(bits: Uint8Array, from: number, count: number): void {
  const end = from + count;
  let at = from;
  for (; at < end && (at & 7) !== 0; at++) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  const whole = (end - at) >> 3;
  if (whole > 0) bits.fill(0xff, at >> 3, (at >> 3) + whole);
  for (at += 8 * Math.max(0, whole); at < end; at++) {
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  }
}

/**
 * The column `column` of a row group of `rows` rows from `pages`, all of its pages; text that stands
 * in a dictionary stays in one. undefined when a page is of a kind that is not read here.
 */
export function readColumnPages(
  column: FileColumn,
  pages: Uint8Array,
  rows: number,
): Column | DictionaryColumn | undefined {
  try {
    return readAll(column, pages, rows);
  } catch (error) {
    // A position outside of a page.
    if (error instanceof RangeError) throw corruptPage(error.message);
    throw error;
  }
}

function readAll(
  column: FileColumn,
  pages: Uint8Array,
  rows: number,
): Column | DictionaryColumn | undefined {
  const optional = isOptional(column);
  const builder = builderOf(column, rows);
  const validity = new Uint8Array((rows + 7) >> 3);
  const input = inputOf(pages);
  let row = 0;
  let values = 0;
  while (input.at < pages.length) {
    const head = readHead(input);
    if (head.packed > pages.length - input.at) throw corruptPage('it is cut off');
    if (head.size > PAGE_BYTES_MAX) return undefined;
    const page = unpack(head, pages.subarray(input.at, input.at + head.packed));
    input.at += head.packed;
    if (head.type === DICTIONARY_PAGE) {
      if (head.encoding !== PLAIN && !DICTIONARY.includes(head.encoding)) return undefined;
      if (!builder.dictionary(page, head.values)) return undefined;
      continue;
    }
    if (head.type !== DATA_PAGE) return undefined;
    if (head.values < 0 || head.values > rows - row) throw corruptPage('too many values');
    const all = { row, count: head.values };
    const at = optional ? readPlaces(page, all, validity) : { ...all, places: undefined };
    if (!builder.take(page, head.encoding, at)) return undefined;
    row += head.values;
    values += at.count;
  }
  if (row !== rows) throw corruptPage('values are missing');
  const nullCount = rows - values;
  const { name, fieldId } = column;
  return builder.finish({
    name,
    fieldId,
    nullCount,
    validity: nullCount === 0 ? undefined : validity,
  });
}
