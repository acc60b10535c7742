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
import type { Wasm } from './parquet-wasm.ts';
import { encodeRowGroup, statedColumns } from './row-group-encode.ts';
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
      return { ...base, type: shape.type, values: new BigInt64Array(0) };
    case 'string':
    case 'json':
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
  /** Encodes each row group when its piece is asked for. */
  add(batch: Batch): Iterable<ParquetPiece>;
  end(): Iterable<ParquetPiece>;
}

/** Lays row groups end to end and remembers them for the footer. */
function fileBuilder(wasm: Wasm, options: ParquetOptions): FileBuilder {
  const { columns, codec } = options;
  const limits = {
    rows: options.rowGroupRows ?? LIMITS.rowGroupRows,
    bytes: options.rowGroupBytes ?? LIMITS.rowGroupBytes,
  };
  const cutter = cutRowGroups(limits, options.observe);
  const groups: PlacedRowGroup[] = [];
  let schema: StatedColumns | undefined;
  let size = 0;
  const rowGroup = (slices: readonly Batch[]): ParquetPiece => {
    const place = { at: size, ordinal: groups.length };
    const { placed, bytes, stated } = encodeRowGroup(wasm, slices, codec, place);
    schema ??= stated;
    groups.push(placed);
    size += bytes.length;
    return { kind: 'rowGroup', bytes };
  };
  const footer = (): ParquetPiece => {
    const { columns: elements, createdBy } =
      schema ?? statedColumns(wasm, { rows: 0, columns: columns.map(emptyColumn) }, codec);
    const typed = elements.map((column, index) => ({
      ...column,
      type: columns[index]?.type ?? column.type,
    }));
    const bytes = buildFooter({ columns: typed, rowGroups: groups, createdBy });
    return { kind: 'footer', bytes: size > 0 ? bytes : Buffer.concat([PARQUET_MAGIC, bytes]) };
  };
  return {
    get pendingBytes() {
      return cutter.pendingBytes;
    },
    *add(batch) {
      assertShapes(batch, columns);
      for (const slices of cutter.add(batch)) yield rowGroup(slices);
    },
    *end() {
      const rest = cutter.rest();
      if (rest !== undefined) yield rowGroup(rest);
      yield footer();
    },
  };
}

/**
 * The pieces of one Parquet file of all rows of `batches`, which have exactly `options.columns`.
 * Holds at most one row group and one batch. `_hyp_seq` is required, every other column optional;
 * string and json are UTF-8 strings; field ids and statistics are on every column.
 */
export async function* parquetPieces(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  options: ParquetOptions,
): AsyncGenerator<ParquetPiece, void, void> {
  const builder = fileBuilder(await loadParquetWasm(), options);
  for await (const batch of batches) yield* builder.add(batch);
  yield* builder.end();
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
  const open = async (): Promise<FileBuilder> => {
    invariant(!done, 'nothing is written to a finished Parquet encoder');
    builder ??= fileBuilder(await loadParquetWasm(), options);
    return builder;
  };
  const send = async (pieces: Iterable<ParquetPiece>): Promise<void> => {
    for (const piece of pieces) await sink(piece.bytes);
  };
  return {
    write: async (batch) => send((await open()).add(batch)),
    finish: async () => {
      const pieces = (await open()).end();
      done = true;
      await send(pieces);
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

export type { ParquetCodec } from './parquet-properties.ts';
