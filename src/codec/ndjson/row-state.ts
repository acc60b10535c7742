/**
 * Owns: the batch under construction and the row being read into it. A row that turns out to be
 * no JSON, or one too many for the batch, is taken back without a trace: `undo` holds the rare
 * changes that are more than a value (a new column, a promotion).
 * Not its job: bytes (row-reader.ts), lines and limits of rows (decoder.ts).
 * llp/0004
 */
import { LIMITS } from '../../core/limits.ts';
import type { Batch, Column } from '../columns.ts';
import {
  clearNewest,
  finishColumn,
  resizeRows,
  hasValue,
  newBuilder,
  promote,
  rowBits,
} from './builders.ts';
import type { ColumnBuilder, Kind } from './builders.ts';
import { detachColumns, foldName, newKeyTable, rawKey } from './keys.ts';
import type { KeySlot, KeyTable } from './keys.ts';
import {
  MEMBER_BYTES,
  addMember,
  dropMember,
  finishRescued,
  newRescueLog,
  truncateLog,
} from './rescue-log.ts';
import type { RescueLog } from './rescue-log.ts';
import type { Scan } from './scan.ts';

/** Rows a fresh batch has room for: few, because most appends are small. Always a multiple of 8. */
const FIRST_ROWS = 64;
/** The next batch is expected to be like the last one and a little larger. */
const EXPECT_MORE = 1.125;
const RESCUED_BITS = rowBits('json');

/** The kind of column a declared name has from its first value on. */
export type DeclaredKinds = ReadonlyMap<string, Kind>;

export interface RowState extends Scan {
  readonly declared: DeclaredKinds | undefined;
  /** Their folded names. */
  readonly declaredFolded: ReadonlySet<string>;
  readonly keys: KeyTable;
  readonly limitBytes: number;
  /** Rows kept; the row being read has this index. */
  rows: number;
  capacity: number;
  columns: ColumnBuilder[];
  /** Folded names of the columns. */
  folded: Set<string>;
  rescued: RescueLog;
  /** Width of all columns in bits per row, and the bytes of all texts. */
  widthBits: number;
  textBytes: number;
  /** Counts the rows begun, those taken back included. */
  attempt: number;
  /** Of the current row: it held a member, it held a key twice, where its value begins. */
  begun: boolean;
  duplicate: boolean;
  valueAt: number;
  /** What `dropRow` goes back to. */
  membersBefore: number;
  textBytesBefore: number;
  undo: (() => void)[];
  /** The row failed only because the batch has no room for it. */
  full: boolean;
}

export function newRowState(limitBytes: number, declared?: DeclaredKinds): RowState {
  const bytes = new Uint8Array(0);
  return {
    declared,
    declaredFolded: new Set(Array.from(declared?.keys() ?? [], foldName)),
    bytes,
    view: new DataView(bytes.buffer),
    reason: '',
    reasonAt: 0,
    keys: newKeyTable(),
    limitBytes,
    rows: 0,
    capacity: FIRST_ROWS,
    columns: [],
    folded: new Set(),
    rescued: newRescueLog(),
    widthBits: 0,
    textBytes: 0,
    attempt: 0,
    begun: false,
    duplicate: false,
    valueAt: 0,
    membersBefore: 0,
    textBytesBefore: 0,
    undo: [],
    full: false,
  };
}

/** Bytes of a batch of so many rows with the texts read so far: never below `batchBytes`. */
export function bytesOf(state: RowState, rows: number): number {
  const bits = state.widthBits + (state.rescued.count > 0 ? RESCUED_BITS : 0);
  // Each column rounds up at most two bitmaps.
  return Math.ceil(((rows + 1) * bits) / 8) + 2 * (state.columns.length + 1) + state.textBytes;
}

/** Gives up the rows as a batch and begins the next one. */
export function takeBatch(state: RowState): Batch {
  const { rows } = state;
  detachColumns(state.keys);
  const built = state.columns.map((column) => finishColumn(column, rows));
  const columns: Column[] = built.filter((column) => column !== undefined);
  const rescued = finishRescued(state.rescued, rows);
  if (rescued !== undefined) columns.push(rescued);
  state.rows = 0;
  state.capacity = Math.max(FIRST_ROWS, roundUp8(rows * EXPECT_MORE));
  state.columns = [];
  state.folded = new Set();
  state.rescued = newRescueLog();
  state.widthBits = 0;
  state.textBytes = 0;
  return { rows, columns };
}

function roundUp8(rows: number): number {
  return 8 * Math.ceil(rows / 8);
}

function resize(state: RowState, capacity: number): void {
  state.capacity = capacity;
  for (const column of state.columns) resizeRows(column, capacity);
}

export function beginRow(state: RowState): void {
  if (state.rows === state.capacity) resize(state, 2 * state.capacity);
  state.attempt++;
  state.begun = false;
  state.duplicate = false;
  state.full = false;
  state.membersBefore = state.rescued.count;
  state.textBytesBefore = state.textBytes;
  if (state.undo.length > 0) state.undo = [];
}

/** Takes the current row back. */
export function dropRow(state: RowState): void {
  if (!state.begun) return;
  for (const column of state.columns) clearNewest(column, state.rows);
  for (let step = state.undo.pop(); step !== undefined; step = state.undo.pop()) step();
  truncateLog(state.rescued, state.membersBefore);
  state.textBytes = state.textBytesBefore;
}

/** Of a key that stands twice in a row the last value wins: forgets the one there is. */
export function forgetValue(state: RowState, slot: KeySlot): void {
  state.duplicate = true;
  const { column } = slot;
  if (column !== undefined && hasValue(column, state.rows)) {
    state.textBytes -= clearNewest(column, state.rows);
  }
  if (slot.rescued >= 0) dropMember(state.rescued, slot.rescued);
}

/** The column of a key that is declared, which no value of it decides; undefined for any other. */
export function declaredColumn(state: RowState, slot: KeySlot): ColumnBuilder | undefined {
  const kind = state.declared?.get(slot.name);
  return kind && newColumn(state, slot, kind);
}

/**
 * The first value of a key decides its column's type, unless it is declared. undefined when the key
 * can have no column (then its values are rescued) or when the batch has no room for one more (then
 * `full` is set).
 */
export function newColumn(
  state: RowState,
  slot: KeySlot,
  inferred: Kind,
): ColumnBuilder | undefined {
  if (slot.unfit || slot.barred) return undefined;
  const kind = state.declared?.get(slot.name) ?? inferred;
  const folded = foldName(slot.name);
  if (!isFree(state, slot.name, folded)) {
    slot.barred = true;
    state.undo.push(() => (slot.barred = false));
    return undefined;
  }
  const bits = rowBits(kind);
  state.widthBits += bits;
  if (state.rows > 0 && bytesOf(state, state.rows + 1) > state.limitBytes) {
    state.widthBits -= bits;
    state.full = true;
    return undefined;
  }
  // More columns than expected: room for the expected rows would be too much.
  if (state.capacity * state.widthBits > 16 * state.limitBytes) {
    resize(state, Math.max(FIRST_ROWS, roundUp8(2 * state.rows)));
  }
  const column = newBuilder(slot.name, kind, state.capacity, slot.textBytes * EXPECT_MORE);
  slot.column = column;
  state.columns.push(column);
  state.folded.add(folded);
  state.undo.push(() => {
    slot.column = undefined;
    state.columns.pop();
    state.folded.delete(folded);
    state.widthBits -= bits;
  });
  return column;
}

/** Declared columns have their names and their room, whatever comes before them. */
function isFree(state: RowState, name: string, folded: string): boolean {
  const { columns, declared } = state;
  if (state.folded.has(folded)) return false;
  if (declared === undefined) return columns.length < LIMITS.columns;
  if (declared.has(name)) return true;
  if (state.declaredFolded.has(folded)) return false;
  if (columns.length + declared.size < LIMITS.columns) return true;
  const others = columns.filter((column) => !declared.has(column.name)).length;
  return others + declared.size < LIMITS.columns;
}

/** Turns the long column of a key into a double column. */
export function promoteColumn(state: RowState, slot: KeySlot, column: ColumnBuilder): void {
  const undo = promote(column, state.rows, state.capacity, (row, value) => {
    addToLog(state, row, slot, Buffer.from(value.toString()));
  });
  state.undo.push(undo);
}

/** Keeps `value` (raw JSON) of the current row in `_hyp_rescued`. */
export function rescue(state: RowState, slot: KeySlot, at: number, end: number): void {
  slot.rescued = addToLog(state, state.rows, slot, state.bytes.subarray(at, end));
}

function addToLog(state: RowState, row: number, slot: KeySlot, value: Uint8Array): number {
  const key = rawKey(state.keys, slot);
  state.textBytes += key.length + value.length + 1 + MEMBER_BYTES;
  return addMember(state.rescued, row, key, value);
}
