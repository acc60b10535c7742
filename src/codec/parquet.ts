/**
 * Owns: batches → the bytes of a Parquet file, one row group at a time. Each row group is encoded
 * in wasm apart from the file (row-group-encode); the footer is ours. That bounds memory by one row
 * group (I13), lets us cut by bytes as well as rows, and gives every group one byte range that can
 * be checked alone (I12).
 * Invariant: the same rows, columns and codec give the same bytes, however the rows were batched.
 * Not its job: disk (storage/data/write), reading (parquet-decode).
 * llp/0005
 */
import type { Observe } from '../core/events.ts';
import { invariant } from '../core/invariant.ts';
import { LIMITS } from '../core/limits.ts';
import type { ColumnShape } from './arrow-schema.ts';
import type { Batch, Column } from './columns.ts';
import { PARQUET_MAGIC, buildFooter } from './parquet-footer.ts';
import type { PlacedRowGroup } from './parquet-footer.ts';
import type { ParquetCodec } from './parquet-properties.ts';
import { loadParquetWasm } from './parquet-wasm.ts';
import { OpenRowGroups, here } from './row-group-encoder.ts';
import type { RowGroupEncoder } from './row-group-encoder.ts';
import { placeRuns, statedColumns } from './row-group-encode.ts';
import type { StatedColumns } from './row-group-encode.ts';
import { cutRowGroups } from './row-groups.ts';

export interface ParquetOptions {
  /** In file order; names and field ids are unique. */
  readonly columns: readonly ColumnShape[];
  readonly codec: ParquetCodec;
  /** Default LIMITS.rowGroupRows. */
  readonly rowGroupRows?: number;
  /** Default LIMITS.rowGroupBytes, of values in memory. */
  readonly rowGroupBytes?: number;
  /** Told how large each row group was in memory. */
  readonly observe?: Observe;
  /** Who encodes row groups. Default: this thread, one after the other. */
  readonly encoder?: RowGroupEncoder | undefined;
}

/** The pieces of a file in order, laid end to end they are the file. */
export interface ParquetPiece {
  /** The first row group's piece includes the magic in front of it. */
  readonly kind: 'rowGroup' | 'footer';
  readonly bytes: Uint8Array;
}

/** Takes bytes in order; what it is given may be kept. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

export interface ParquetEncoder {
  /** Takes rows; complete row groups go to the sink before it resolves. */
  write(batch: Batch): Promise<void>;
  /** Sends the last row group and the footer. The encoder is done. */
  finish(): Promise<void>;
  /** Drops what is buffered; nothing more is sent. Idempotent. */
  abandon(): Promise<void>;
  /** Of the rows that were taken and not sent, as they are in memory. */
  readonly pendingBytes: number;
}

function emptyColumn(shape: ColumnShape): Column {
  const base = { name: shape.name, fieldId: shape.fieldId, validity: undefined, nullCount: 0 };
  switch (shape.type) {
    case 'boolean':
      return { ...base, type: 'boolean', values: new Uint8Array(0) };
    case 'double':
      return { ...base, type: 'double', values: new Float64Array(0) };
    case 'long':
    case 'timestamptz':
    case 'date':
      return { ...base, type: shape.type, values: new BigInt64Array(0) };
    default:
      return {
        ...base,
        type: shape.type,
        offsets: new Int32Array(1),
        values: new Uint8Array(0),
      };
  }
}

function assertShapes(batch: Batch, columns: readonly ColumnShape[]): void {
  const same =
    batch.columns.length === columns.length &&
    columns.every(({ name, type, fieldId }, index) => {
      const column = batch.columns[index];
      return column?.name === name && column.type === type && column.fieldId === fieldId;
    });
  invariant(same, 'a batch has the columns of the file it is written to');
}

interface FileBuilder {
  readonly pendingBytes: number;
  /** The row groups that `batch` completes. */
  add(batch: Batch): readonly (readonly Batch[])[];
  rest(): readonly Batch[] | undefined;
  /** The next row group of the file, encoded. */
  place(runs: readonly Uint8Array[]): ParquetPiece;
  footer(): Promise<ParquetPiece>;
}

/** Lays row groups end to end and remembers them for the footer. */
function fileBuilder(options: ParquetOptions): FileBuilder {
  const { columns, codec } = options;
  const limits = {
    rows: options.rowGroupRows ?? LIMITS.rowGroupRows,
    bytes: options.rowGroupBytes ?? LIMITS.rowGroupBytes,
  };
  const cutter = cutRowGroups(limits, options.observe);
  const groups: PlacedRowGroup[] = [];
  let schema: StatedColumns | undefined;
  let size = 0;
  return {
    get pendingBytes() {
      return cutter.pendingBytes;
    },
    add: (batch) => {
      assertShapes(batch, columns);
      return cutter.add(batch);
    },
    rest: () => cutter.rest(),
    place: (runs) => {
      const { placed, bytes, stated } = placeRuns(runs, { at: size, ordinal: groups.length });
      schema ??= stated;
      groups.push(placed);
      size += bytes.length;
      return { kind: 'rowGroup', bytes };
    },
    footer: async () => {
      const empty = { rows: 0, columns: columns.map(emptyColumn) };
      const { columns: elements, createdBy } =
        schema ?? statedColumns(await loadParquetWasm(), empty, codec);
      const typed = elements.map((column, index) => ({
        ...column,
        type: columns[index]?.type ?? column.type,
      }));
      const bytes = buildFooter({ columns: typed, rowGroups: groups, createdBy });
      return { kind: 'footer', bytes: size > 0 ? bytes : Buffer.concat([PARQUET_MAGIC, bytes]) };
    },
  };
}

/**
 * The pieces of one Parquet file of all rows of `batches`, which have exactly `options.columns`.
 * Holds at most one batch and one row group, or those its encoder works on. `_hyp_seq` is required,
 * every other column optional; string and json are UTF-8 strings; field ids and statistics are on
 * every column.
 */
export async function* parquetPieces(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  options: ParquetOptions,
): AsyncGenerator<ParquetPiece, void, void> {
  const builder = fileBuilder(options);
  const open = new OpenRowGroups(options.encoder ?? here, options.codec);
  for await (const batch of batches) {
    for (const slices of builder.add(batch)) {
      for await (const runs of open.add(slices)) yield builder.place(runs);
    }
  }
  const last = builder.rest();
  if (last !== undefined) for await (const runs of open.add(last)) yield builder.place(runs);
  for await (const runs of open.rest()) yield builder.place(runs);
  yield await builder.footer();
}

/** As `parquetPieces`, in one buffer: for small files. */
export async function encodeParquet(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  options: ParquetOptions,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const { bytes } of parquetPieces(batches, options)) pieces.push(bytes);
  const file = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}

/** As `parquetPieces`, pushed to `sink`. One call at a time; after an error only `abandon`. */
export function openParquetEncoder(options: ParquetOptions, sink: ByteSink): ParquetEncoder {
  let builder: FileBuilder | undefined;
  let done = false;
  const open = (): FileBuilder => {
    invariant(!done, 'nothing is written to a finished Parquet encoder');
    builder ??= fileBuilder(options);
    return builder;
  };
  const { encoder = here, codec } = options;
  const send = async (to: FileBuilder, slices: readonly Batch[]): Promise<void> => {
    await sink(to.place(await encoder.encode(slices, codec)).bytes);
  };
  return {
    write: async (batch) => {
      const to = open();
      for (const slices of to.add(batch)) await send(to, slices);
    },
    finish: async () => {
      const to = open();
      done = true;
      const rest = to.rest();
      if (rest !== undefined) await send(to, rest);
      await sink((await to.footer()).bytes);
    },
    abandon: () => {
      done = true;
      builder = undefined;
      return Promise.resolve();
    },
    get pendingBytes() {
      return builder?.pendingBytes ?? 0;
    },
  };
}

export type { RowGroupEncoder } from './row-group-encoder.ts';
export type { ParquetCodec } from './parquet-properties.ts';
