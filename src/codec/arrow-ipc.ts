/**
 * Owns: batches as an Arrow IPC stream and back: the payload of spool frames and the way into and
 * out of the Parquet codec. Written by hand because the common library takes 75 µs and more for a
 * frame of one row and 85 ms to load.
 * Invariant (I12): whatever the bytes are, decoding gives whole batches or an error, never a batch
 * that reads outside its buffers. Flipped bits in values are for the checksum around the stream.
 * llp/0005
 */
import { isUtf8 } from 'node:buffer';
import { HypError, isHypError } from '../core/errors.ts';
import { planBody, writeBody } from './arrow-body.ts';
import type { BodyPlan } from './arrow-body.ts';
import { columnShapes, schemaTable } from './arrow-schema.ts';
import type { ColumnShape } from './arrow-schema.ts';
import type { Batch, Column } from './columns.ts';
import {
  byteField,
  longField,
  rootTable,
  structsField,
  tableField,
  writeFlatbuffer,
} from './flatbuffer.ts';
import type { FlatField, FlatView } from './flatbuffer.ts';

const METADATA_V5 = 4;
const SCHEMA_MESSAGE = 1;
const BATCH_MESSAGE = 3;
/** Marker and length before each message; the end of the stream is a marker and length 0. */
const PREFIX_BYTES = 8;

function messageBytes(tag: number, header: FlatField, bodyBytes: number): Uint8Array {
  return writeFlatbuffer([
    { is: 'short', value: METADATA_V5 },
    { is: 'byte', value: tag },
    header,
    { is: 'long', value: bodyBytes },
  ]);
}

function batchMessage(plan: BodyPlan): Uint8Array {
  const header: FlatField = {
    is: 'table',
    fields: [
      { is: 'long', value: plan.rows },
      { is: 'structs', longs: plan.nodes, perStruct: 2 },
      { is: 'structs', longs: plan.regions, perStruct: 2 },
    ],
  };
  return messageBytes(BATCH_MESSAGE, header, plan.bytes);
}

/** One stream with a record batch for each group; the slices of a group are joined. */
function encodeGroups(groups: readonly (readonly Batch[])[]): Uint8Array {
  const columns = groups[0]?.[0]?.columns ?? [];
  const schema = messageBytes(SCHEMA_MESSAGE, schemaTable(columns), 0);
  const batches = groups.map((slices) => {
    const plan = planBody(slices);
    return { plan, message: batchMessage(plan) };
  });
  let size = 2 * PREFIX_BYTES + schema.length;
  for (const { plan, message } of batches) size += PREFIX_BYTES + message.length + plan.bytes;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  const put = (message: Uint8Array): void => {
    view.setInt32(at, -1, true);
    view.setInt32(at + 4, message.length, true);
    out.set(message, at + PREFIX_BYTES);
    at += PREFIX_BYTES + message.length;
  };
  put(schema);
  for (const { plan, message } of batches) {
    put(message);
    writeBody(plan, out.subarray(at, at + plan.bytes));
    at += plan.bytes;
  }
  view.setInt32(at, -1, true);
  return out;
}

/**
 * The batches as one Arrow IPC stream, a record batch each; all must have the same columns (at least
 * one batch, or the columns are none): Arrow types bool, int64, double, utf8, timestamp(us, UTC).
 * Columns may share buffers, and text need not begin at 0. Pure; the same batches give the same
 * bytes. Throws nothing on purpose.
 */
export function encodeIpc(batches: readonly Batch[]): Uint8Array {
  return encodeGroups(batches.map((batch) => [batch]));
}

/** As `encodeIpc`, with the rows of all `slices` joined to one record batch. */
export function encodeIpcJoined(slices: readonly Batch[]): Uint8Array {
  return encodeGroups([slices]);
}

function corrupt(what: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `not a whole Arrow stream: ${what}`, {
    cause,
    hint: 'Run `hyp check`.',
  });
}

/** Takes the next buffer: at least `bytes` bytes, 8-aligned, checked against the body. */
type TakeBuffer = (bytes: number) => Uint8Array;

function bufferTaker(body: Uint8Array, regions: readonly number[]): TakeBuffer {
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

function readText(
  take: TakeBuffer,
  rows: number,
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
  if (!isUtf8(values.subarray(offsets[0] ?? 0, last))) throw corrupt('text is not UTF-8');
  return { offsets, values };
}

function readColumn(shape: ColumnShape, take: TakeBuffer, rows: number, nullCount: number): Column {
  const bitmap = (rows + 7) >> 3;
  const bits = take(nullCount === 0 ? 0 : bitmap);
  const { name, fieldId } = shape;
  const base = { name, fieldId, nullCount, validity: nullCount === 0 ? undefined : bits };
  switch (shape.type) {
    case 'boolean':
      return { ...base, type: 'boolean', values: take(bitmap) };
    case 'long':
    case 'timestamptz': {
      const { buffer, byteOffset } = take(rows * 8);
      return { ...base, type: shape.type, values: new BigInt64Array(buffer, byteOffset, rows) };
    }
    case 'double': {
      const { buffer, byteOffset } = take(rows * 8);
      return { ...base, type: 'double', values: new Float64Array(buffer, byteOffset, rows) };
    }
    case 'string':
    case 'json':
      return { ...base, type: shape.type, ...readText(take, rows) };
  }
}

function readBatch(header: FlatView, body: Uint8Array, shapes: readonly ColumnShape[]): Batch {
  if (tableField(header, 3) !== undefined) {
    throw new HypError('E_UNSUPPORTED_FORMAT', 'compressed Arrow data');
  }
  const rows = longField(header, 0, 0);
  if (rows > 0x7fffffff) throw corrupt('too many rows');
  const nodes = structsField(header, 1, 2);
  const take = bufferTaker(body, structsField(header, 2, 2));
  const columns = shapes.map((shape, index) => {
    const nullCount = nodes[2 * index + 1] ?? 0;
    if (nodes[2 * index] !== rows || nullCount > rows) throw corrupt('a column has other rows');
    return readColumn(shape, take, rows, nullCount);
  });
  return { rows, columns };
}

function readStream(bytes: Uint8Array): Batch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const batches: Batch[] = [];
  let shapes: readonly ColumnShape[] | undefined;
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
    const tag = byteField(message, 1, 0);
    if (tag === SCHEMA_MESSAGE && shapes === undefined) shapes = columnShapes(header);
    else if (tag === BATCH_MESSAGE && shapes !== undefined) {
      batches.push(readBatch(header, bytes.subarray(at, at + bodyBytes), shapes));
    } else throw corrupt('an unexpected message');
    at += bodyBytes;
  }
  if (at !== bytes.length || shapes === undefined) throw corrupt('bytes behind its end');
  return batches;
}

/**
 * The batches of an Arrow IPC stream. Their buffers are views of `bytes` (copied once when `bytes`
 * is not 8-aligned), so `bytes` must not change. Throws E_CORRUPT when the bytes are not a whole
 * stream, E_UNSUPPORTED_FORMAT for types, dictionaries or compression that hyp does not write.
 */
export function decodeIpc(bytes: Uint8Array): Batch[] {
  try {
    return readStream((bytes.byteOffset & 7) === 0 ? bytes : new Uint8Array(bytes));
  } catch (error) {
    if (isHypError(error)) throw error;
    throw corrupt('a position outside of it', error);
  }
}
