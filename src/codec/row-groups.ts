/**
 * Owns: where row groups end. A group is the longest run of rows within both limits, by what the
 * rows hold, so the cuts are the same however the rows were batched, and no group is larger than a
 * reader's memory (I13).
 * llp/0005
 */
import { unobserved } from '../core/events.ts';
import type { Observe } from '../core/events.ts';
import { sliceBatch } from './columns.ts';
import type { Batch, Column, TextColumn } from './columns.ts';
import { joinBatches } from './join.ts';
import { leavesOf } from './nested-types.ts';
import { takeRows } from './rearrange.ts';
import { isNestedType } from './types.ts';

export interface RowGroupLimits {
  readonly rows: number;
  /** Of the values as they are in memory; a single larger row is a group of its own. */
  readonly bytes: number;
}

export interface RowGroupCutter {
  /** Of the rows that wait for their group to be complete. */
  readonly pendingBytes: number;
  /** Takes the next rows; answers the groups they complete, each as slices in row order. */
  add(batch: Batch): Batch[][];
  /** The last, incomplete group; undefined when no row is left. */
  rest(): Batch[] | undefined;
}

function isText(column: Column): column is TextColumn {
  return 'offsets' in column;
}

/** What the rows of a batch are counted by. */
interface Counted {
  readonly texts: readonly TextColumn[];
  /** Leaves of all columns. */
  readonly places: number;
}

function countedBy({ columns }: Batch): Counted {
  const places = columns.reduce((sum, { type }) => sum + leavesOf(type), 0);
  return { texts: columns.filter(isText), places };
}

/**
 * Bytes of rows `from` … `to`: text as long as it is, all other values and positions at 8. A byte of
 * a list or struct may be a value of a leaf (nested-values).
 */
function bytesOf({ texts, places }: Counted, from: number, to: number): number {
  let bytes = places * 8 * (to - from);
  for (const { offsets, type } of texts) {
    const text = (offsets[to] ?? 0) - (offsets[from] ?? 0);
    bytes += isNestedType(type) ? 8 * text : text;
  }
  return bytes;
}

/** Most rows from `from` on, at most `most`, that take at most `bytes`; may be 0. */
function rowsWithin(batch: Batch, from: number, most: number, bytes: number): number {
  const counted = countedBy(batch);
  const fits = (rows: number): boolean => bytesOf(counted, from, from + rows) <= bytes;
  if (fits(most)) return most;
  let low = 0;
  let high = most;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** The rows in memory of their own: a slice keeps all of its batch alive. */
function ownCopy(slice: Batch): Batch {
  return takeRows(
    slice,
    Int32Array.from({ length: slice.rows }, (_, row) => row),
  );
}

/** Slices below it are joined while they wait: each costs its columns' heads, not its rows (I13). */
const SMALL_ROWS = 256;

/** Joins only what is not much smaller than the next, so that each row is copied a few times only. */
function keepSlice(open: Batch[], slice: Batch): void {
  let last = slice;
  for (;;) {
    const before = open.at(-1);
    if (before === undefined || before.rows >= SMALL_ROWS || before.rows > 2 * last.rows) break;
    open.pop();
    last = joinBatches([before, last]);
  }
  open.push(last);
}

/** Cuts a stream of batches into row groups. */
export function cutRowGroups(
  limits: RowGroupLimits,
  observe: Observe = unobserved,
): RowGroupCutter {
  let open: Batch[] = [];
  let rows = 0;
  let bytes = 0;
  const close = (): Batch[] => {
    const closed = open;
    observe({ type: 'buffer', name: 'parquet row group', bytes, limitBytes: limits.bytes });
    open = [];
    rows = bytes = 0;
    return closed;
  };
  return {
    get pendingBytes() {
      return bytes;
    },
    add: (batch) => {
      const closed: Batch[][] = [];
      let from = 0;
      while (from < batch.rows) {
        const most = Math.min(batch.rows - from, limits.rows - rows);
        let taken = rowsWithin(batch, from, most, limits.bytes - bytes);
        if (taken === 0 && rows === 0) taken = 1;
        if (taken > 0) {
          keepSlice(open, sliceBatch(batch, from, from + taken));
          bytes += bytesOf(countedBy(batch), from, from + taken);
          rows += taken;
          from += taken;
        }
        if (taken < most || rows === limits.rows) closed.push(close());
      }
      // What is left of a batch may wait for long, in each of many files.
      const [left] = open;
      if (closed.length > 0 && left !== undefined && left.rows < batch.rows) open = [ownCopy(left)];
      return closed;
    },
    rest: () => (rows === 0 ? undefined : close()),
  };
}
