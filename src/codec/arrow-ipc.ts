/**
 * Owns: batches as an Arrow IPC stream: the payload of spool frames and the way into the Parquet
 * codec. Written by hand because the common library takes 75 µs and more for a frame of one row
 * and 85 ms to load.
 * Not its job: reading streams (arrow-read).
 * llp/0005
 */
import { planBody, writeBody } from './arrow-body.ts';
import type { BodyPlan } from './arrow-body.ts';
import { schemaTable } from './arrow-schema.ts';
import type { ColumnShape } from './arrow-schema.ts';
import type { Batch } from './columns.ts';
import { writeFlatbuffer } from './flatbuffer.ts';
import type { FlatField } from './flatbuffer.ts';

const METADATA_V5 = 4;
export const SCHEMA_MESSAGE = 1;
export const DICTIONARY_MESSAGE = 2;
export const BATCH_MESSAGE = 3;
/** Marker and length before each message; the end of the stream is a marker and length 0. */
export const PREFIX_BYTES = 8;

export function messageBytes(tag: number, header: FlatField, bodyBytes: number): Uint8Array {
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

/** Zeroed bytes, 8-aligned, from the start of their buffer. */
export type Allocate = (bytes: number) => Uint8Array<ArrayBuffer>;

const ownBuffer: Allocate = (bytes) => new Uint8Array(bytes);

/** One stream with a record batch for each group; the slices of a group are joined. */
function encodeGroups(groups: readonly (readonly Batch[])[], allocate = ownBuffer): Uint8Array {
  const columns = groups[0]?.[0]?.columns ?? [];
  const schema = messageBytes(SCHEMA_MESSAGE, schemaTable(columns), 0);
  const batches = groups.map((slices) => {
    const plan = planBody(slices);
    return { plan, message: batchMessage(plan) };
  });
  let size = 2 * PREFIX_BYTES + schema.length;
  for (const { plan, message } of batches) size += PREFIX_BYTES + message.length + plan.bytes;
  const out = allocate(size);
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

/** As `encodeIpc`, with the rows of all `slices` joined to one record batch; bytes of `allocate`. */
export function encodeIpcJoined(slices: readonly Batch[], allocate?: Allocate): Uint8Array {
  return encodeGroups([slices], allocate);
}

/**
 * The first message of a stream of these columns, with its marker and length: what a Parquet footer
 * holds under `ARROW:schema`. Text columns whose place is in `coded` are dictionary-encoded.
 */
export function encodeSchema(
  columns: readonly ColumnShape[],
  coded: ReadonlySet<number>,
): Uint8Array {
  const message = messageBytes(SCHEMA_MESSAGE, schemaTable(columns, coded), 0);
  const out = new Uint8Array(PREFIX_BYTES + message.length);
  const view = new DataView(out.buffer);
  view.setInt32(0, -1, true);
  view.setInt32(4, message.length, true);
  out.set(message, PREFIX_BYTES);
  return out;
}
