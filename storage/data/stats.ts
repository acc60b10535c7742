/**
 * Owns: what a manifest says about a data file, taken from the footer by an independent parser and
 * held against what the rows themselves say. A difference means the encoder lost or changed
 * something: the file must not be committed.
 * Bounds: a text bound may be shorter than the value (64 bytes); then the lower one is a prefix
 * and the upper one a prefix whose end was raised, so that lower <= every value <= upper holds all
 * the same. Where any row group states no bound although it has values, there is none. Of lists and
 * structs only the sizes of their leaves are stated.
 * Not its job: Iceberg's bytes of bounds (storage/iceberg/bounds).
 * llp/0005
 */
import type { FileMetaData, RowGroup } from 'hyparquet';
import { invariant } from '../../src/core/invariant.ts';
import type { ColumnShape } from '../../src/codec/arrow-schema.ts';
import { isTyped } from '../../src/codec/arrow-typed.ts';
import { SEQ_COLUMN, isValid } from '../../src/codec/columns.ts';
import type { Batch, Column, DoubleColumn } from '../../src/codec/columns.ts';
import { isNestedType } from '../../src/codec/types.ts';
import { leafParts, wantedElements } from './nested-elements.ts';
import { addToRange } from './typed-stats.ts';
import type { ValueRange } from './typed-stats.ts';

/** Text as UTF-8 bytes, timestamps as microseconds, dates as days, decimals unscaled. */
export type StatValue = boolean | bigint | number | Uint8Array;

/** Facts about the rows of a file; maps are by field id. */
export interface RowFacts {
  readonly rows: number;
  readonly seqMin: bigint;
  readonly seqMax: bigint;
  /** Nulls and NaN included. */
  readonly valueCounts: ReadonlyMap<number, bigint>;
  readonly nullCounts: ReadonlyMap<number, bigint>;
  /** Of double columns only. */
  readonly nanCounts: ReadonlyMap<number, bigint>;
  readonly lower: ReadonlyMap<number, StatValue>;
  readonly upper: ReadonlyMap<number, StatValue>;
}

export interface FooterFacts extends RowFacts {
  /** Compressed bytes. */
  readonly columnSizes: ReadonlyMap<number, bigint>;
  /** First page of each row group. */
  readonly splitOffsets: readonly bigint[];
}

/** What the batches on their way to the file say, counted without the encoder. */
export interface RowTally {
  add(batch: Batch): void;
  readonly rows: number;
  /** First and last seq; undefined without rows. */
  readonly seq: { readonly min: bigint; readonly max: bigint } | undefined;
  readonly nulls: readonly number[];
  readonly doubles: ReadonlyMap<number, DoubleFacts>;
  /** Of columns of declared types, where they have an order. */
  readonly ranges: ReadonlyMap<number, ValueRange>;
}

interface DoubleFacts {
  nans: number;
  min: number | undefined;
  max: number | undefined;
}

function addDoubles(facts: DoubleFacts, column: DoubleColumn, rows: number): void {
  for (let row = 0; row < rows; row++) {
    if (!isValid(column, row)) continue;
    const value = column.values[row] ?? 0;
    if (Number.isNaN(value)) facts.nans++;
    else {
      if (facts.min === undefined || value < facts.min) facts.min = value;
      if (facts.max === undefined || value > facts.max) facts.max = value;
    }
  }
}

function assertRising(seqs: BigInt64Array, rows: number, before: bigint | undefined): void {
  let last = before;
  for (let row = 0; row < rows; row++) {
    const seq = seqs[row] ?? 0n;
    invariant(last === undefined || seq > last, 'rows of a data file are in seq order');
    last = seq;
  }
}

/** Counts rows, nulls and doubles, and asserts that `_hyp_seq` rises from row to row. */
export function tallyRows(columns: readonly ColumnShape[]): RowTally {
  const nulls = columns.map(() => 0);
  const doubles = new Map<number, DoubleFacts>();
  const ranges = new Map<number, ValueRange>();
  let rows = 0;
  let seq: { min: bigint; max: bigint } | undefined;
  const addColumn = (column: Column, index: number, count: number): void => {
    nulls[index] = (nulls[index] ?? 0) + column.nullCount;
    if (column.type === 'double') {
      const facts = doubles.get(index) ?? { nans: 0, min: undefined, max: undefined };
      doubles.set(index, facts);
      addDoubles(facts, column, count);
    } else if (isTyped(column)) {
      const range = ranges.get(index) ?? { min: undefined, max: undefined };
      ranges.set(index, range);
      addToRange(range, column, count);
    } else if (column.name === SEQ_COLUMN && column.type === 'long') {
      invariant(column.nullCount === 0, 'every row of a data file has a seq');
      assertRising(column.values, count, seq?.max);
      const last = column.values[count - 1] ?? 0n;
      seq = { min: seq?.min ?? column.values[0] ?? 0n, max: last };
    }
  };
  return {
    add: (batch) => {
      if (batch.rows === 0) return;
      rows += batch.rows;
      batch.columns.forEach((column, index) => {
        addColumn(column, index, batch.rows);
      });
    },
    get rows() {
      return rows;
    },
    get seq() {
      return seq;
    },
    nulls,
    doubles,
    ranges,
  };
}

/** Microseconds and bytes as they are; the parser's defaults round and decode. */
const raw = (value: unknown): unknown => value;
const RAW = { timestampFromMicroseconds: raw, stringFromBytes: raw };

function asStat(value: unknown): StatValue | undefined {
  // A copy, because the parser's bytes would keep the whole footer alive.
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return value;
  return undefined;
}

function below(a: StatValue, b: StatValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) < 0;
  return a < b;
}

interface ChunkFacts {
  readonly values: bigint;
  readonly nulls: bigint;
  readonly size: bigint;
  readonly min: StatValue | undefined;
  readonly max: StatValue | undefined;
}

function chunkFacts(group: RowGroup, index: number): ChunkFacts {
  const meta = group.columns[index]?.meta_data;
  invariant(meta !== undefined, 'a row group has every column');
  const { statistics } = meta;
  invariant(statistics?.null_count !== undefined, 'a column has statistics');
  return {
    values: meta.num_values,
    nulls: statistics.null_count,
    size: meta.total_compressed_size,
    min: asStat(statistics.min_value),
    max: asStat(statistics.max_value),
  };
}

/** The extreme of all row groups, or undefined when one with values states none. */
function extreme(
  chunks: readonly ChunkFacts[],
  pick: (chunk: ChunkFacts) => StatValue | undefined,
  wins: (a: StatValue, b: StatValue) => boolean,
): StatValue | undefined {
  let best: StatValue | undefined;
  for (const chunk of chunks) {
    if (chunk.nulls === chunk.values) continue;
    const value = pick(chunk);
    if (value === undefined) return undefined;
    if (best === undefined || wins(value, best)) best = value;
  }
  return best;
}

function chunkBounds(chunks: readonly ChunkFacts[]): readonly (StatValue | undefined)[] {
  return [
    extreme(chunks, (chunk) => chunk.min, below),
    extreme(
      chunks,
      (chunk) => chunk.max,
      (a, b) => below(b, a),
    ),
  ];
}

/** Zero bounds carry the sign that makes them hold for both zeros. */
function doubleBounds(facts: DoubleFacts | undefined): readonly (number | undefined)[] {
  if (facts?.min === undefined || facts.max === undefined) return [undefined, undefined];
  return [facts.min === 0 ? -0 : facts.min, facts.max === 0 ? 0 : facts.max];
}

function sum(chunks: readonly ChunkFacts[], pick: (chunk: ChunkFacts) => bigint): bigint {
  return chunks.reduce((total, chunk) => total + pick(chunk), 0n);
}

/** Bytes of a leaf in a list or struct, which has at least a place for every row. */
function leafSize(chunks: readonly ChunkFacts[], rows: bigint): bigint {
  invariant(sum(chunks, (chunk) => chunk.values) >= rows, 'a place for every row');
  return sum(chunks, (chunk) => chunk.size);
}

function splitOffset(group: RowGroup): bigint {
  const meta = group.columns[0]?.meta_data;
  invariant(meta !== undefined, 'a row group has columns');
  return meta.dictionary_page_offset ?? meta.data_page_offset;
}

function assertSchema(meta: FileMetaData, columns: readonly ColumnShape[]): void {
  const wanted = columns.flatMap((column) => wantedElements(column));
  const found = meta.schema.slice(1);
  const same =
    found.length === wanted.length &&
    wanted.every(({ name, fieldId, repetition }, index) => {
      const element = found[index];
      return (
        element?.name === name &&
        element.field_id === fieldId &&
        element.repetition_type === repetition
      );
    });
  invariant(same, 'the footer has the columns and field ids that were written');
}

/** Reads the footer (metadata and tail) that was just written and holds it against the rows. */
export async function footerFacts(
  footer: Uint8Array,
  columns: readonly ColumnShape[],
  tally: RowTally,
): Promise<FooterFacts> {
  // Loaded by whoever writes: those who only read start sooner without it.
  const { parquetMetadata } = await import('hyparquet');
  const meta = parquetMetadata(footer, { parsers: RAW, geoparquet: false });
  assertSchema(meta, columns);
  invariant(meta.num_rows === BigInt(tally.rows), 'the footer has the rows that were written');
  const facts = {
    columnSizes: new Map<number, bigint>(),
    valueCounts: new Map<number, bigint>(),
    nullCounts: new Map<number, bigint>(),
    nanCounts: new Map<number, bigint>(),
    lower: new Map<number, StatValue>(),
    upper: new Map<number, StatValue>(),
  };
  let leaf = 0;
  columns.forEach(({ name, type, fieldId }, index) => {
    invariant(fieldId !== undefined, `column ${name} of a data file has a field id`);
    const chunksAt = (at: number): readonly ChunkFacts[] =>
      meta.row_groups.map((group) => chunkFacts(group, at));
    if (isNestedType(type)) {
      const parts = leafParts(type).map((part) => [fieldId + part, chunksAt(leaf++)] as const);
      for (const [id, chunks] of parts) facts.columnSizes.set(id, leafSize(chunks, meta.num_rows));
      return;
    }
    const chunks = chunksAt(leaf++);
    const nulls = sum(chunks, (chunk) => chunk.nulls);
    invariant(sum(chunks, (chunk) => chunk.values) === meta.num_rows, 'a value for every row');
    invariant(nulls === BigInt(tally.nulls[index] ?? 0), `as many nulls as written: ${name}`);
    facts.columnSizes.set(
      fieldId,
      sum(chunks, (chunk) => chunk.size),
    );
    facts.valueCounts.set(fieldId, meta.num_rows);
    facts.nullCounts.set(fieldId, nulls);
    const doubles = tally.doubles.get(index);
    if (type === 'double') facts.nanCounts.set(fieldId, BigInt(doubles?.nans ?? 0));
    const range = tally.ranges.get(index);
    const exact = range === undefined ? undefined : [range.min, range.max];
    const [lower, upper] =
      type === 'double' ? doubleBounds(doubles) : (exact ?? chunkBounds(chunks));
    if (lower !== undefined) facts.lower.set(fieldId, lower);
    if (upper !== undefined) facts.upper.set(fieldId, upper);
    if (name === SEQ_COLUMN) {
      invariant(lower === tally.seq?.min && upper === tally.seq?.max, 'the footer has our seqs');
    }
  });
  return {
    ...facts,
    rows: tally.rows,
    seqMin: tally.seq?.min ?? 0n,
    seqMax: tally.seq?.max ?? 0n,
    splitOffsets: meta.row_groups.map(splitOffset),
  };
}
