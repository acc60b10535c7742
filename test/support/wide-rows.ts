/**
 * Owns: rows of every column type for the tests of codecs and data files: nulls, empty texts,
 * characters of one to four bytes, zeros of both signs, the ends of 64 bits.
 * llp/0005
 */
import { SEQ_COLUMN, isValid, sliceBatch } from '../../src/codec/columns.ts';
import type { Batch, Column, ColumnType } from '../../src/codec/columns.ts';
import { defined } from '../../src/core/invariant.ts';
import { sampleColumn } from './sample-batch.ts';
import { seededRandom } from './random.ts';
import type { SeededRandom } from './random.ts';

export type Cell = string | number | bigint | boolean | null;

export interface TestColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

/** A dot and a quote in names, as users have them; the system columns last, as in a table. */
export const WIDE_COLUMNS: readonly TestColumn[] = [
  { name: 'ok', type: 'boolean', fieldId: 1 },
  { name: 'count', type: 'long', fieldId: 2 },
  { name: 'took.ms', type: 'double', fieldId: 3 },
  { name: 'level', type: 'string', fieldId: 4 },
  { name: 'mess"age', type: 'string', fieldId: 5 },
  { name: 'tags', type: 'json', fieldId: 7 },
  { name: 'at', type: 'timestamptz', fieldId: 8 },
  { name: 'never', type: 'string', fieldId: 9 },
  { name: SEQ_COLUMN, type: 'long', fieldId: 10 },
  { name: '_hyp_ingested_at', type: 'timestamptz', fieldId: 11 },
  { name: '_hyp_rescued', type: 'json', fieldId: 12 },
];

const TEXTS = ['', 'plain', 'größer', '日本語', '🦊 fox', 'tab\there', 'a'.repeat(100), 'x\u0000y'];
const LONGS = [0n, -1n, 7n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, -0, 1.5, -2.25, 1e300, 5e-324, 0.1];

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return defined(items[random.integer(items.length)], 'there is something to pick');
}

function cellOf(column: TestColumn, random: SeededRandom, seq: bigint): Cell {
  if (column.name === SEQ_COLUMN) return seq;
  if (column.name === 'never') return null;
  if (random.integer(5) === 0) return null;
  switch (column.type) {
    case 'boolean':
      return random.integer(2) === 0;
    case 'long':
      return random.integer(3) === 0 ? pick(random, LONGS) : BigInt(random.integer(1_000_000));
    case 'double':
      return random.integer(3) === 0 ? pick(random, DOUBLES) : random.fraction() * 1000;
    case 'timestamptz':
      return 1_700_000_000_000_000n + BigInt(random.integer(1_000_000_000));
    case 'json':
      return JSON.stringify({ n: random.integer(9), t: pick(random, TEXTS) });
    default:
      if (column.name === 'level') return pick(random, ['info', 'warn', 'error']);
      return `${pick(random, TEXTS)}${random.integer(1_000_000).toString(36)}`;
  }
}

/** `rows` rows whose seqs begin at `first`; the same seed gives the same rows. */
export function wideBatch(rows: number, seed = 1, first = 1n): Batch {
  const random = seededRandom(seed);
  const cells = WIDE_COLUMNS.map((): Cell[] => []);
  for (let row = 0; row < rows; row++) {
    WIDE_COLUMNS.forEach((column, index) => {
      cells[index]?.push(cellOf(column, random, first + BigInt(row)));
    });
  }
  return batchOf(WIDE_COLUMNS, cells);
}

/** A batch with these columns from one list of cells each. */
export function batchOf(
  columns: readonly TestColumn[],
  cells: readonly (readonly Cell[])[],
): Batch {
  return {
    rows: cells[0]?.length ?? 0,
    columns: columns.map(({ name, type, fieldId }, index) => ({
      ...sampleColumn(name, type, cells[index] ?? []),
      fieldId,
    })),
  };
}

function cellAt(column: Column, row: number): Cell {
  if (!isValid(column, row)) return null;
  if (column.type === 'boolean') return ((column.values[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
  if ('offsets' in column) {
    const { buffer, byteOffset, byteLength } = column.values;
    return Buffer.from(buffer, byteOffset, byteLength).toString(
      'utf8',
      column.offsets[row],
      column.offsets[row + 1],
    );
  }
  return defined(column.values[row], 'a value for every row');
}

/** The cells of each column by name, for comparing batches however they are stored. */
export function cellsOf(...batches: readonly Batch[]): Record<string, Cell[]> {
  const out: Record<string, Cell[]> = {};
  for (const { rows, columns } of batches) {
    for (const column of columns) {
      const cells = (out[column.name] ??= []);
      for (let row = 0; row < rows; row++) cells.push(cellAt(column, row));
    }
  }
  return out;
}

/** The batch cut at the given rows; cuts at the ends give empty batches. */
export function cutAt(batch: Batch, cuts: readonly number[]): Batch[] {
  const ends = [...cuts].sort((a, b) => a - b);
  return [...ends, batch.rows].map((end, index) => sliceBatch(batch, ends[index - 1] ?? 0, end));
}
