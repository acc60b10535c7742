/**
 * Owns: the batch, the form in which rows travel: a columnar group of rows in Arrow buffer layout.
 * Buffers are read-only once a batch exists; slices share them.
 * Not its job: meaning of types in a table (storage/iceberg/schema), bytes (ndjson, parquet, ipc).
 * llp/0004
 */
import type { DecimalType, DeclaredType, NestedType } from './types.ts';

/**
 * `json` is text in a table and raw JSON in a row: nested values and `_hyp_rescued`.
 * `timestamptz` counts microseconds since the epoch, UTC, `date` days. A decimal is the text of its
 * number with all its places, a list or struct JSON text (llp/0021): only Parquet knows more of them.
 */
export type ColumnType = DeclaredType | 'json';

interface ColumnBase {
  readonly name: string;
  /** Iceberg field id; undefined for a batch that has not met a table yet. */
  readonly fieldId: number | undefined;
  /** Arrow validity bitmap (bit i of byte i>>3, LSB first); undefined when no value is null. */
  readonly validity: Uint8Array | undefined;
  readonly nullCount: number;
}

export interface BooleanColumn extends ColumnBase {
  readonly type: 'boolean';
  /** Bitmap, LSB first. */
  readonly values: Uint8Array;
}

export interface LongColumn extends ColumnBase {
  readonly type: 'long' | 'timestamptz' | 'date';
  /** One per row; 0n where null. */
  readonly values: BigInt64Array;
}

export interface DoubleColumn extends ColumnBase {
  readonly type: 'double';
  /** One per row; 0 where null. */
  readonly values: Float64Array;
}

export interface TextColumn extends ColumnBase {
  readonly type: 'string' | 'json' | 'binary' | DecimalType | NestedType;
  /** rows + 1 positions in `values`; the first need not be 0. */
  readonly offsets: Int32Array;
  /** Valid UTF-8, unless it is binary. */
  readonly values: Uint8Array;
}

/** One column of a batch; bit and value positions count from 0 at the batch's first row. */
export type Column = BooleanColumn | LongColumn | DoubleColumn | TextColumn;

/** Text whose values stand once each in `entries`: what is done per value is done once per entry. */
export interface DictionaryColumn extends ColumnBase {
  readonly type: 'string' | 'json';
  /** One per row, its place in `entries`; without meaning where null. */
  readonly codes: Int32Array;
  readonly entries: TextEntries;
}

export interface TextEntries {
  readonly count: number;
  /** count + 1 positions in `values`; the first need not be 0. */
  readonly offsets: Int32Array;
  /** Valid UTF-8. */
  readonly values: Uint8Array;
}

/**
 * Rows in columns of equal length. A batch of a scan has rows in seq order without a hole and the
 * long column `_hyp_seq`; its buffers may be shared with other batches and must not be written.
 */
export interface Batch {
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** A batch whose text may stand in dictionaries, for readers that gain by it (export). */
export interface CodedBatch {
  readonly rows: number;
  readonly columns: readonly (Column | DictionaryColumn)[];
}

/** Columns hyp adds to every table; names that begin with `_hyp_` are reserved. */
export const SEQ_COLUMN = '_hyp_seq';
export const INGESTED_AT_COLUMN = '_hyp_ingested_at';
export const RESCUED_COLUMN = '_hyp_rescued';
export const RESERVED_PREFIX = '_hyp_';

/** True when row `row` holds no value; without bits every row holds one. */
export function isNull(validity: Uint8Array | undefined, row: number): boolean {
  return validity !== undefined && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
}

/** True when row `row` of `column` holds a value. */
export function isValid(column: Pick<ColumnBase, 'validity'>, row: number): boolean {
  return !isNull(column.validity, row);
}

/** The column of that name, or undefined. */
export function columnNamed<C extends { readonly name: string }>(
  batch: { readonly columns: readonly C[] },
  name: string,
): C | undefined {
  return batch.columns.find((column) => column.name === name);
}

/** Bytes of the buffers of `batch` that its rows use (not of what a slice shares but hides). */
export function batchBytes(batch: Batch): number {
  let bytes = 0;
  for (const column of batch.columns) {
    bytes += column.validity === undefined ? 0 : (batch.rows + 7) >> 3;
    if (column.type === 'boolean') bytes += (batch.rows + 7) >> 3;
    else if ('offsets' in column) {
      const { offsets } = column;
      bytes += 4 * (batch.rows + 1) + ((offsets[batch.rows] ?? 0) - (offsets[0] ?? 0));
    } else bytes += 8 * batch.rows;
  }
  return bytes;
}

/** Bits `from` … `from + rows` of a bitmap as a bitmap of its own. */
function sliceBits(bits: Uint8Array, from: number, rows: number): Uint8Array {
  const shift = from & 7;
  const first = from >> 3;
  if (shift === 0) return bits.subarray(first, first + ((rows + 7) >> 3));
  const out = new Uint8Array((rows + 7) >> 3);
  for (let i = 0; i < out.length; i++) {
    const low = (bits[first + i] ?? 0) >> shift;
    const high = (bits[first + i + 1] ?? 0) << (8 - shift);
    out[i] = (low | high) & 0xff;
  }
  return out;
}

function countNulls(validity: Uint8Array | undefined, rows: number): number {
  if (validity === undefined) return 0;
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    if (((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0) nulls++;
  }
  return nulls;
}

/** Rows `from` … `from + rows` of a validity bitmap, and how many of them are null. */
export function sliceValidity(
  bits: Uint8Array | undefined,
  from: number,
  rows: number,
): Pick<ColumnBase, 'validity' | 'nullCount'> {
  const sliced = bits && sliceBits(bits, from, rows);
  const nullCount = countNulls(sliced, rows);
  return { nullCount, validity: nullCount === 0 ? undefined : sliced };
}

/** Rows `from` … `from + rows`, sharing buffers where it can. */
export function sliceColumn(column: Column, from: number, rows: number): Column {
  const { validity, nullCount } = sliceValidity(column.validity, from, rows);
  switch (column.type) {
    case 'boolean':
      return { ...column, validity, nullCount, values: sliceBits(column.values, from, rows) };
    case 'long':
    case 'timestamptz':
    case 'date':
      return { ...column, validity, nullCount, values: column.values.subarray(from, from + rows) };
    case 'double':
      return { ...column, validity, nullCount, values: column.values.subarray(from, from + rows) };
    default:
      return {
        ...column,
        validity,
        nullCount,
        offsets: column.offsets.subarray(from, from + rows + 1),
      };
  }
}

/** Rows `from` (inclusive) … `to` (exclusive), sharing buffers where it can. */
export function sliceBatch(batch: Batch, from: number, to: number): Batch {
  if (from === 0 && to === batch.rows) return batch;
  const rows = to - from;
  return { rows, columns: batch.columns.map((column) => sliceColumn(column, from, rows)) };
}
