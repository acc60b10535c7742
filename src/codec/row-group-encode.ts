/**
 * Owns: rows → the pages of one row group and its struct for the footer. Columns go to wasm in runs,
 * each a file of its own that is cut out of: what the encoder holds per column (a compressor's tables
 * of 100 KiB with zstd) and per byte (up to nine copies) is held for one run, not for a thousand
 * columns (I13). Columns are encoded apart anyway: runs do not show in the bytes.
 * Not its job: where row groups end (row-groups), where they lie in a file (parquet).
 * llp/0005
 */
import { invariant } from '../core/invariant.ts';
import { LIMITS } from '../core/limits.ts';
import { encodeIpcJoined } from './arrow-ipc.ts';
import { encodeTypedIpc, isTyped } from './arrow-typed.ts';
import type { Batch } from './columns.ts';
import { leavesOf } from './nested-types.ts';
import {
  PARQUET_MAGIC,
  TAIL_BYTES,
  joinColumnRuns,
  metadataBytes,
  parseFooter,
  readColumnRun,
} from './parquet-footer.ts';
import type { ColumnRun, FileColumn, ParquetFooter, PlacedRowGroup } from './parquet-footer.ts';
import { writerProperties } from './parquet-properties.ts';
import type { ParquetCodec } from './parquet-properties.ts';
import type { Wasm } from './parquet-wasm.ts';
import { isNestedType } from './types.ts';

/** What the encoder says of a file's columns. */
export type StatedColumns = Pick<ParquetFooter, 'columns' | 'createdBy'>;

export interface EncodedRowGroup {
  readonly placed: PlacedRowGroup;
  /** Its pages; at the start of a file with the magic in front of them. */
  readonly bytes: Uint8Array;
  /** Of the first row group of a file only. */
  readonly stated: StatedColumns | undefined;
}

/** `[from, to)` of the columns that are encoded at once: whole columns, in order. */
function columnRuns(slices: readonly Batch[]): { readonly from: number; readonly to: number }[] {
  const width = slices[0]?.columns.length ?? 0;
  const runs: { from: number; to: number }[] = [];
  let from = 0;
  let bytes = 0;
  let leaves = 0;
  for (let index = 0; index < width; index++) {
    const own = slices.reduce((sum, slice) => sum + columnBytes(slice, index), 0);
    const ownLeaves = leavesOf(slices[0]?.columns[index]?.type ?? '');
    const full = leaves + ownLeaves > LIMITS.encodeColumns || bytes + own > LIMITS.encodeBytes;
    if (index > from && (full || isTypedAt(slices, index) !== isTypedAt(slices, from))) {
      runs.push({ from, to: index });
      from = index;
      bytes = leaves = 0;
    }
    bytes += own;
    leaves += ownLeaves;
  }
  runs.push({ from, to: width });
  return runs;
}

/** Columns of declared types have a stream of their own. */
function isTypedAt([first]: readonly Batch[], index: number): boolean {
  const column = first?.columns[index];
  return column !== undefined && isTyped(column);
}

function columnBytes({ rows, columns }: Batch, index: number): number {
  const column = columns[index];
  if (column === undefined || !('offsets' in column)) return 8 * rows;
  const text = (column.offsets[rows] ?? 0) - (column.offsets[0] ?? 0);
  return isNestedType(column.type) ? 8 * (rows * leavesOf(column.type) + text) : 4 * rows + text;
}

/**
 * What wasm is given, again and again: buffers of megabytes that are dropped stay until the next
 * collection of garbage, and the process keeps the most it ever held (I13).
 */
let scratch = new Uint8Array(0);

function fromScratch(bytes: number): Uint8Array<ArrayBuffer> {
  if (scratch.length < bytes) scratch = new Uint8Array(bytes);
  return scratch.subarray(0, bytes).fill(0);
}

/** Some columns as a whole file of one row group. */
function encodeAlone(wasm: Wasm, slices: readonly Batch[], codec: ParquetCodec): Uint8Array {
  const properties = writerProperties(wasm, slices, codec);
  let table;
  try {
    const encode = isTypedAt(slices, 0) ? encodeTypedIpc : encodeIpcJoined;
    table = wasm.Table.fromIPCStream(encode(slices, fromScratch));
  } catch (error) {
    properties.free();
    throw error;
  }
  // Both handles are consumed by the call, also when it fails.
  return wasm.writeParquet(table, properties);
}

function metadataOf(file: Uint8Array): Uint8Array {
  const end = file.length - TAIL_BYTES;
  return file.subarray(end - metadataBytes(file), end);
}

/** The columns of a file of these rows; there may be none. */
export function statedColumns(wasm: Wasm, batch: Batch, codec: ParquetCodec): StatedColumns {
  const runs = columnRuns([batch]).map(({ from, to }) => {
    const some = { rows: batch.rows, columns: batch.columns.slice(from, to) };
    return parseFooter(metadataOf(encodeAlone(wasm, [some], codec)));
  });
  return { columns: runs.flatMap((run) => run.columns), createdBy: runs[0]?.createdBy };
}

/**
 * The rows of `slices`, which have the same columns; at least one row: some columns after the other,
 * each run a whole file of one row group.
 */
export function encodeRuns(
  wasm: Wasm,
  slices: readonly Batch[],
  codec: ParquetCodec,
): Uint8Array[] {
  return columnRuns(slices).map(({ from, to }) => {
    const some = slices.map((slice) => ({
      rows: slice.rows,
      columns: slice.columns.slice(from, to),
    }));
    return encodeAlone(wasm, some, codec);
  });
}

/**
 * What `encodeRuns` made as one row group of a file. `place`: how many bytes and row groups of the
 * file come before it.
 */
export function placeRuns(
  files: readonly Uint8Array[],
  place: { readonly at: number; readonly ordinal: number },
): EncodedRowGroup {
  const pieces: Uint8Array[] = [];
  const runs: ColumnRun[] = [];
  const columns: FileColumn[] = [];
  let createdBy: StatedColumns['createdBy'];
  let { at } = place;
  for (const file of files) {
    const metadata = metadataOf(file);
    const start = at === 0 ? 0 : PARQUET_MAGIC.length;
    const run = readColumnRun(metadata, at - start);
    invariant(run.start === PARQUET_MAGIC.length, 'pages begin behind the magic');
    runs.push(run);
    pieces.push(file.subarray(start, run.end));
    at += run.end - start;
    if (place.ordinal > 0) continue;
    const stated = parseFooter(metadata);
    columns.push(...stated.columns);
    createdBy ??= stated.createdBy;
  }
  const [only] = pieces;
  return {
    placed: joinColumnRuns(runs, place.ordinal),
    bytes: pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces),
    stated: place.ordinal === 0 ? { columns, createdBy } : undefined,
  };
}
