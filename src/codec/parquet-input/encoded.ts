/**
 * Owns: the values of one page as they are encoded, read by their number without an object for each:
 * plain, dictionary, delta (three kinds), byte stream split, runs.
 * Format: https://github.com/apache/parquet-format/blob/master/Encodings.md
 * Invariant (I12): any bytes give values or E_CORRUPT; nothing is read outside of the page.
 * llp/0019
 */
import { corruptPage, readDeltas, readRuns } from '../parquet-encodings.ts';
import type { Bits } from '../parquet-encodings.ts';
import type { LeafType, Physical } from './meaning.ts';
import { readWideDeltas } from './wide-deltas.ts';

/** int32, float, double: number · int64, int96: bigint · bytes and fixed: a view of the page. */
export type PhysicalValue = boolean | number | bigint | Uint8Array;

export interface Values {
  /** Of what it holds beside the page. */
  readonly bytes: number;
  at(index: number): PhysicalValue;
}

const ENCODING = {
  plain: 0,
  plainDictionary: 2,
  runs: 3,
  delta: 5,
  deltaLength: 6,
  deltaBytes: 7,
  dictionary: 8,
  split: 9,
};

const WIDTH: Readonly<Partial<Record<Physical, number>>> = {
  int32: 4,
  int64: 8,
  int96: 12,
  float: 4,
  double: 8,
};

type FixedReader = (view: DataView, at: number) => PhysicalValue;

function readInt96(view: DataView, at: number): bigint {
  // Nanoseconds of the day, then the Julian day: as one number the day stands above.
  return (BigInt(view.getInt32(at + 8, true)) << 64n) | view.getBigUint64(at, true);
}

const READERS: Readonly<Partial<Record<Physical, FixedReader>>> = {
  int32: (view, at) => view.getInt32(at, true),
  int64: (view, at) => view.getBigInt64(at, true),
  int96: readInt96,
  float: (view, at) => view.getFloat32(at, true),
  double: (view, at) => view.getFloat64(at, true),
};

function need(page: Bits, bytes: number): void {
  if (bytes > page.end - page.at) throw corruptPage('values are missing');
}

function bytesOf({ view }: Bits): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function plain(page: Bits, { physical, length }: LeafType, count: number): Values {
  if (physical === 'bytes') return plainTexts(page, count);
  const from = page.at;
  const { view } = page;
  if (physical === 'boolean') {
    need(page, (count + 7) >> 3);
    return { bytes: 0, at: (i) => ((view.getUint8(from + (i >> 3)) >> (i & 7)) & 1) === 1 };
  }
  const reader = READERS[physical];
  const width = WIDTH[physical] ?? length;
  need(page, count * width);
  if (reader !== undefined) return { bytes: 0, at: (i) => reader(view, from + i * width) };
  const all = bytesOf(page);
  return { bytes: 0, at: (i) => all.subarray(from + i * width, from + (i + 1) * width) };
}

/** Text `i` is from `starts[i]` to `ends[i]`. */
function slices(all: Uint8Array, starts: Int32Array, ends: Int32Array): Values {
  return {
    bytes: starts.byteLength + ends.byteLength,
    at: (i) => all.subarray(starts[i] ?? 0, ends[i] ?? 0),
  };
}

function plainTexts(page: Bits, count: number): Values {
  need(page, 4 * count);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let { at } = page;
  for (let i = 0; i < count; i++) {
    if (at + 4 > page.end) throw corruptPage('texts are missing');
    const length = page.view.getUint32(at, true);
    at += 4;
    if (length > page.end - at) throw corruptPage('a text runs past it');
    starts[i] = at;
    at += length;
    ends[i] = at;
  }
  return slices(bytesOf(page), starts, ends);
}

function coded(page: Bits, count: number, dictionary: Dictionary | undefined): Values {
  if (dictionary === undefined) throw corruptPage('codes without a dictionary');
  const codes = new Int32Array(count);
  if (count > 0) {
    need(page, 1);
    const width = page.view.getUint8(page.at++);
    if (width > 32) throw corruptPage('codes of more than 32 bits');
    readRuns(page, width, codes, 0, count);
  }
  for (const code of codes) {
    if (code >>> 0 >= dictionary.count) throw corruptPage('a code outside its dictionary');
  }
  const { values } = dictionary;
  return { bytes: codes.byteLength, at: (i) => values.at(codes[i] ?? 0) };
}

/** Each number as its two words in memory; `page.at` is behind them afterwards. */
function deltaWords(page: Bits, count: number): Int32Array {
  const from = page.at;
  const words = readDeltas(page, count);
  if (words !== undefined) return words;
  page.at = from;
  return readWideDeltas(page, count);
}

function deltas(page: Bits, physical: Physical, count: number): Values {
  const words = deltaWords(page, count);
  const bytes = words.byteLength;
  // Steps of 32-bit numbers wrap around: the low word is the number.
  if (physical === 'int32') return { bytes, at: (i) => words[2 * i] ?? 0 };
  if (physical !== 'int64') throw corruptPage('deltas of what is no number');
  const longs = new BigInt64Array(words.buffer);
  return { bytes, at: (i) => longs[i] ?? 0n };
}

function lengths(page: Bits, count: number): Int32Array {
  const words = deltaWords(page, count);
  return Int32Array.from({ length: count }, (_, i) => {
    const length = words[2 * i] ?? 0;
    if (length < 0 || (words[2 * i + 1] ?? 0) !== 0) throw corruptPage('a length out of range');
    return length;
  });
}

function deltaLengthTexts(page: Bits, count: number): Values {
  const ends = lengths(page, count);
  const starts = new Int32Array(count);
  let { at } = page;
  for (let i = 0; i < count; i++) {
    starts[i] = at;
    at += ends[i] ?? 0;
    if (at > page.end) throw corruptPage('a text runs past it');
    ends[i] = at;
  }
  return slices(bytesOf(page), starts, ends);
}

/** Each text begins as the one before it does: they are made whole, within `limitBytes`. */
function deltaTexts(page: Bits, count: number, limitBytes: number): Values {
  const prefixes = lengths(page, count);
  const tails = lengths(page, count);
  const size = prefixes.reduce((sum, length, i) => sum + length + (tails[i] ?? 0), 0);
  if (size > limitBytes) throw corruptPage(`its texts take ${size} bytes`);
  need(
    page,
    tails.reduce((sum, length) => sum + length, 0),
  );
  const all = new Uint8Array(size);
  const from = bytesOf(page);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let { at } = page;
  let to = 0;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const prefix = prefixes[i] ?? 0;
    const tail = tails[i] ?? 0;
    if (prefix > to - before) throw corruptPage('a text that begins as none does');
    starts[i] = to;
    all.copyWithin(to, before, before + prefix);
    all.set(from.subarray(at, at + tail), to + prefix);
    before = to;
    at += tail;
    to += prefix + tail;
    ends[i] = to;
  }
  const values = slices(all, starts, ends);
  return { ...values, bytes: values.bytes + size };
}

/** The first byte of every value, then the second of every value, and so on. */
function split(page: Bits, { physical, length }: LeafType, count: number): Values {
  const width = WIDTH[physical] ?? length;
  need(page, count * width);
  const all = new Uint8Array(count * width);
  for (let byte = 0; byte < width; byte++) {
    for (let i = 0; i < count; i++) {
      all[i * width + byte] = page.view.getUint8(page.at + byte * count + i);
    }
  }
  const whole = { view: new DataView(all.buffer), at: 0, end: all.length };
  return {
    ...plain(whole, { physical, length, meaning: { is: 'binary' } }, count),
    bytes: all.length,
  };
}

/** Their size stands before them, in pages of both kinds. */
function booleanRuns(page: Bits, count: number): Values {
  need(page, 4);
  page.at += 4;
  const flags = new Int32Array(count);
  readRuns(page, 1, flags, 0, count);
  return { bytes: flags.byteLength, at: (i) => flags[i] === 1 };
}

export interface Dictionary {
  readonly count: number;
  readonly values: Values;
}

export interface EncodedPage {
  /** From its first value on. */
  readonly page: Bits;
  readonly type: LeafType;
  readonly encoding: number;
  /** Values that are not null. */
  readonly count: number;
  readonly dictionary: Dictionary | undefined;
  /** What values that are made anew may take. */
  readonly limitBytes: number;
}

export function readDictionary(page: Bits, type: LeafType, count: number): Dictionary {
  if (type.physical === 'boolean') throw corruptPage('a dictionary of booleans');
  return { count, values: plain(page, type, count) };
}

/** The values of a page. E_CORRUPT when they are not there or of an encoding nobody uses so. */
export function readValues(encoded: EncodedPage): Values {
  const { page, type, encoding, count, dictionary, limitBytes } = encoded;
  switch (encoding) {
    case ENCODING.plain:
      return plain(page, type, count);
    case ENCODING.plainDictionary:
    case ENCODING.dictionary:
      return coded(page, count, dictionary);
    case ENCODING.runs:
      if (type.physical !== 'boolean') break;
      return booleanRuns(page, count);
    case ENCODING.delta:
      return deltas(page, type.physical, count);
    case ENCODING.deltaLength:
      if (type.physical !== 'bytes') break;
      return deltaLengthTexts(page, count);
    case ENCODING.deltaBytes:
      if (type.physical !== 'bytes' && type.physical !== 'fixed') break;
      return deltaTexts(page, count, limitBytes);
    case ENCODING.split:
      if (type.physical === 'bytes' || type.physical === 'boolean') break;
      return split(page, type, count);
  }
  throw corruptPage(`values in encoding ${encoding}`);
}
