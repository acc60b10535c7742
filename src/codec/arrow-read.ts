/**
 * Owns: batches from an Arrow IPC stream: of spool frames, and out of the Parquet codec.
 * Invariant (I12): whatever the bytes are, reading gives whole batches or an error, never a batch
 * that reads outside its buffers. Flipped bits in values are for the checksum around the stream.
 * Not its job: writing streams (arrow-ipc).
 * llp/0005
 */
import { isUtf8 } from 'node:buffer';
import { HypError, isHypError } from '../core/errors.ts';
import { BATCH_MESSAGE, DICTIONARY_MESSAGE, PREFIX_BYTES, SCHEMA_MESSAGE } from './arrow-ipc.ts';
import { streamColumns } from './arrow-schema.ts';
import type { StreamColumn } from './arrow-schema.ts';
import { isValid } from './columns.ts';
import type { Batch, CodedBatch, Column, DictionaryColumn, TextEntries } from './columns.ts';
import { plainBatch } from './dictionary.ts';
import { byteField, longField, rootTable, structsField, tableField } from './flatbuffer.ts';
import type { FlatView } from './flatbuffer.ts';

function corrupt(what: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `not a whole Arrow stream: ${what}`, {
    cause,
    hint: 'Run `hyp check`.',
  });
}

/** Takes the next buffer: at least `bytes` bytes, 8-aligned, checked against the body. */
export type TakeBuffer = (bytes: number) => Uint8Array;

export function bufferTaker(body: Uint8Array, regions: readonly number[]): TakeBuffer {
  let next = 0;
  return (bytes) => {
    const at = regions[next];
    const size = regions[next + 1];
    if (at === undefined || size === undefined) throw corrupt('a buffer is missing');
    next += 2;
    if (size < bytes || at + size > body.length) throw corrupt('a buffer is too short');
    const found = body.subarray(at, at + size);
    return (found.byteOffset & 7) === 0 ? found : new Uint8Array(found);
  };
}

export function readText(
  take: TakeBuffer,
  rows: number,
  isText = true,
): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  // Some writers leave the offsets of an empty column out.
  const bytes = take(rows === 0 ? 0 : 4 * (rows + 1));
  const offsets =
    bytes.length < 4 ? new Int32Array(1) : new Int32Array(bytes.buffer, bytes.byteOffset, rows + 1);
  let last = offsets[0] ?? 0;
  if (last < 0) throw corrupt('a text position is negative');
  for (let row = 1; row <= rows; row++) {
    const next = offsets[row] ?? 0;
    if (next < last) throw corrupt('text positions go back');
    last = next;
  }
  const values = take(last);
  if (isText && !isUtf8(values.subarray(offsets[0] ?? 0, last))) throw corrupt('text is not UTF-8');
  return { offsets, values };
}

type Dictionaries = Map<number, TextEntries>;

/** Where a column stands: its buffers are the next ones to take. */
interface ColumnSource {
  readonly shape: StreamColumn;
  readonly take: TakeBuffer;
  readonly rows: number;
  readonly nullCount: number;
  readonly dictionaries: Dictionaries;
}

/** Text in a dictionary: the codes of all rows, each checked against it. */
function readCodes(source: ColumnSource, validity: Uint8Array | undefined): DictionaryColumn {
  const { shape, rows, nullCount, dictionaries } = source;
  const { name, fieldId, type } = shape;
  if (type !== 'string' && type !== 'json') throw corrupt('a dictionary of no text');
  const entries = dictionaries.get(shape.dictionary ?? -1);
  if (entries === undefined) throw corrupt('a dictionary is missing');
  const { buffer, byteOffset } = source.take(rows * 4);
  const codes = new Int32Array(buffer, byteOffset, rows);
  const column = { name, fieldId, type, nullCount, validity, codes, entries };
  for (let row = 0; row < rows; row++) {
    const known = (codes[row] ?? 0) >>> 0 < entries.count;
    if (!known && isValid(column, row)) throw corrupt('a code outside its dictionary');
  }
  return column;
}

function readColumn(source: ColumnSource): Column | DictionaryColumn {
  const { shape, take, rows, nullCount } = source;
  const bitmap = (rows + 7) >> 3;
  const bits = take(nullCount === 0 ? 0 : bitmap);
  const { name, fieldId, type } = shape;
  const validity = nullCount === 0 ? undefined : bits;
  const base = { name, fieldId, nullCount, validity };
  if (shape.dictionary !== undefined) return readCodes(source, validity);
  switch (type) {
    case 'boolean':
      return { ...base, type: 'boolean', values: take(bitmap) };
    case 'long':
    case 'timestamptz':
    case 'date': {
      const { buffer, byteOffset } = take(rows * 8);
      return { ...base, type, values: new BigInt64Array(buffer, byteOffset, rows) };
    }
    case 'double': {
      const { buffer, byteOffset } = take(rows * 8);
      return { ...base, type: 'double', values: new Float64Array(buffer, byteOffset, rows) };
    }
    default:
      return { ...base, type, ...readText(take, rows, type !== 'binary') };
  }
}

/** Rows, null counts and buffers of a record batch, checked so far as they are stated. */
function openBatch(header: FlatView, body: Uint8Array) {
  if (tableField(header, 3) !== undefined) {
    throw new HypError('E_UNSUPPORTED_FORMAT', 'compressed Arrow data');
  }
  const rows = longField(header, 0, 0);
  if (rows > 0x7fffffff) throw corrupt('too many rows');
  const nodes = structsField(header, 1, 2);
  const nullsOf = (index: number): number => {
    const nullCount = nodes[2 * index + 1] ?? 0;
    if (nodes[2 * index] !== rows || nullCount > rows) throw corrupt('a column has other rows');
    return nullCount;
  };
  return { rows, nullsOf, take: bufferTaker(body, structsField(header, 2, 2)) };
}

/** The entries of a dictionary: a record batch of one text column without nulls. */
function readDictionary(
  header: FlatView,
  body: Uint8Array,
): { readonly id: number; readonly entries: TextEntries } {
  const data = tableField(header, 1);
  if (data === undefined) throw corrupt('a dictionary without values');
  if (byteField(header, 2, 0) !== 0) {
    throw new HypError('E_UNSUPPORTED_FORMAT', 'a dictionary that grows');
  }
  const { rows, nullsOf, take } = openBatch(data, body);
  if (nullsOf(0) > 0) throw new HypError('E_UNSUPPORTED_FORMAT', 'a dictionary with nulls');
  take(0);
  return { id: longField(header, 0, 0), entries: { count: rows, ...readText(take, rows) } };
}

function readBatch(
  header: FlatView,
  body: Uint8Array,
  shapes: readonly StreamColumn[],
  dictionaries: Dictionaries,
): CodedBatch {
  const { rows, nullsOf, take } = openBatch(header, body);
  const columns = shapes.map((shape, index) =>
    readColumn({ shape, take, rows, nullCount: nullsOf(index), dictionaries }),
  );
  return { rows, columns };
}

/** A message of a stream with the bytes behind it. */
export interface StreamMessage {
  readonly tag: number;
  readonly header: FlatView;
  readonly body: Uint8Array;
}

/** The messages of `bytes`, which is 8-aligned and one whole stream; E_CORRUPT where it is none. */
export function* streamMessages(bytes: Uint8Array): Generator<StreamMessage, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (;;) {
    if (view.getInt32(at, true) !== -1) throw corrupt('no message where one should be');
    const size = view.getInt32(at + 4, true);
    at += PREFIX_BYTES;
    if (size === 0) break;
    if (size < 0 || at + size > bytes.length) throw corrupt('a message runs past the end');
    const message = rootTable(new DataView(view.buffer, view.byteOffset + at, size));
    const header = tableField(message, 2);
    const bodyBytes = longField(message, 3, 0);
    at += size;
    if (header === undefined) throw corrupt('a message without a header');
    if (at + bodyBytes > bytes.length) throw corrupt('a body runs past the end');
    yield { tag: byteField(message, 1, 0), header, body: bytes.subarray(at, at + bodyBytes) };
    at += bodyBytes;
  }
  if (at !== bytes.length) throw corrupt('bytes behind its end');
}

function readStream(bytes: Uint8Array): CodedBatch[] {
  const batches: CodedBatch[] = [];
  const dictionaries: Dictionaries = new Map();
  let shapes: readonly StreamColumn[] | undefined;
  for (const { tag, header, body } of streamMessages(bytes)) {
    if (tag === SCHEMA_MESSAGE && shapes === undefined) shapes = streamColumns(header);
    else if (tag === DICTIONARY_MESSAGE && shapes !== undefined) {
      const { id, entries } = readDictionary(header, body);
      dictionaries.set(id, entries);
    } else if (tag === BATCH_MESSAGE && shapes !== undefined) {
      batches.push(readBatch(header, body, shapes, dictionaries));
    } else throw corrupt('an unexpected message');
  }
  if (shapes === undefined) throw corrupt('no schema');
  return batches;
}

/**
 * The batches of an Arrow IPC stream, text as it stands there: plain or in dictionaries of int32
 * codes. Their buffers are views of `bytes` (copied once when `bytes` is not 8-aligned), so `bytes`
 * must not change. Throws E_CORRUPT when the bytes are not a whole stream, E_UNSUPPORTED_FORMAT for
 * types, dictionaries or compression that are not ours.
 */
export function decodeCodedIpc(bytes: Uint8Array): CodedBatch[] {
  try {
    return readStream((bytes.byteOffset & 7) === 0 ? bytes : new Uint8Array(bytes));
  } catch (error) {
    if (isHypError(error)) throw error;
    throw corrupt('a position outside of it', error);
  }
}

/** As `decodeCodedIpc`, with all text plain. */
export function decodeIpc(bytes: Uint8Array): Batch[] {
  return decodeCodedIpc(bytes).map(plainBatch);
}
