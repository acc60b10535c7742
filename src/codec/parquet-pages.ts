/**
 * Owns: the pages of one column as hyp writes hot files (LZ4_RAW; plain, dictionary and delta), read
 * here instead of in wasm: half of a short export went into compiling the wasm of the general
 * decoder, which also copies all it reads twice. Whatever else a page may be is undefined: the
 * general decoder reads it (parquet-decode).
 * Format: https://github.com/apache/parquet-format
 * Invariant (I12): any bytes give a column, undefined or E_CORRUPT; nothing is read outside.
 * llp/0005
 */
import type { Column, DictionaryColumn } from './columns.ts';
import { UNPACK_SLACK_BYTES, unpackLz4 } from './lz4.ts';
import { READ_SLACK_BYTES, corruptPage, readRuns, readVarint } from './parquet-encodings.ts';
import type { Bits } from './parquet-encodings.ts';
import { isOptional } from './parquet-element.ts';
import type { FileColumn } from './parquet-footer.ts';
import { DICTIONARY, PLAIN, builderOf } from './parquet-values.ts';
import type { ValuePlaces } from './parquet-values.ts';
import { I32, THRIFT_STRUCT, eachField, inputOf, readZigZag32, skipValue } from './thrift.ts';
import type { Input } from './thrift.ts';

export const LZ4_RAW = 7;

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

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

/**
 * What the last page was unpacked into, for the next one: a buffer for each would have the garbage
 * collected every few pages. Nothing of a page is kept once its values are read.
 */
let spare = new Uint8Array(0);
/** One for a page of another kind is not kept. */
const SPARE_BYTES_MAX = 4 * 1024 * 1024;

/** The unpacked content of a page, with room behind it to read packed numbers; good until the next. */
function unpack(head: PageHead, bytes: Uint8Array): Bits {
  const size = head.size + Math.max(READ_SLACK_BYTES, UNPACK_SLACK_BYTES);
  const out = spare.length >= size ? spare : new Uint8Array(size);
  if (size <= SPARE_BYTES_MAX) spare = out;
  unpackLz4(bytes, out, head.size);
  return { view: new DataView(out.buffer), at: 0, end: head.size };
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
  if (builder === undefined) return undefined;
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
