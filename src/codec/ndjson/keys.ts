/**
 * Owns: the keys a decoder has met: which column each one fills, and which key came after which.
 * Rows of one source mostly have the same keys in the same order, so the next key is guessed and
 * compared as bytes; a wrong guess costs one map lookup and corrects itself.
 * Bounds: keys without a column are forgotten beyond MAX_KEYS or MAX_KEY_BYTES, between rows.
 * Not its job: values.
 * llp/0004
 */
import { LIMITS } from '../../core/limits.ts';
import { RESERVED_PREFIX } from '../columns.ts';
import type { ColumnBuilder } from './builders.ts';

export interface KeySlot {
  /** Where its raw text stands in `KeyTable.bytes`, quotes included; length -1 matches nothing. */
  readonly start: number;
  readonly length: number;
  readonly name: string;
  /** No table column can have this name: its values are rescued. */
  readonly unfit: boolean;
  /** The name collides with a column of this batch, or there are too many columns. */
  barred: boolean;
  column: ColumnBuilder | undefined;
  /** Bytes of text its column had in the batch before this one. */
  textBytes: number;
  /** The row attempt that held this key last: a second time is a duplicate. */
  attempt: number;
  /** Its entry in the rescue log, when `attempt` is the current one; -1 for none. */
  rescued: number;
  /** The key that followed last time. */
  next: KeySlot | undefined;
}

export interface KeyTable {
  bytes: Uint8Array;
  length: number;
  readonly slots: Map<string, KeySlot>;
  /** Stands before the first key of a row. */
  readonly head: KeySlot;
}

const MAX_KEYS = 4 * LIMITS.columns;
/** More than the names of all columns, each byte written as an escape and with its quotes. */
const MAX_KEY_BYTES = 2 * LIMITS.columns * (6 * LIMITS.columnNameBytes + 2);
// Control characters, and halves of surrogate pairs that stand alone.
const UNFIT_TEXT = /[\p{Cc}\p{Cs}]/u;

function newSlot(start: number, length: number, name: string, unfit: boolean): KeySlot {
  return {
    start,
    length,
    name,
    unfit,
    barred: false,
    column: undefined,
    textBytes: 0,
    attempt: 0,
    rescued: -1,
    next: undefined,
  };
}

/** Matches no key: the guess where there is none. */
export const NO_SLOT = newSlot(0, -1, '', true);

export function newKeyTable(): KeyTable {
  const head = newSlot(0, -1, '', true);
  return { bytes: new Uint8Array(256), length: 0, slots: new Map(), head };
}

/** Names that no table column may have: reserved, empty, too long, or not plain text. */
export function isUnfitName(name: string): boolean {
  return (
    name === '' ||
    foldName(name).startsWith(RESERVED_PREFIX) ||
    Buffer.byteLength(name) > LIMITS.columnNameBytes ||
    UNFIT_TEXT.test(name)
  );
}

/** Two names that some engine would take for one. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

/** The text of a raw key (quotes included) that is valid JSON. */
function keyName(raw: Uint8Array): string {
  const text = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString();
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}

/** The slot of a key given as valid raw JSON, quotes included; made when it is new. */
export function slotOf(table: KeyTable, raw: Uint8Array): KeySlot {
  const name = keyName(raw);
  const known = table.slots.get(name);
  if (known !== undefined) return known;
  if (table.length + raw.length > table.bytes.length) {
    const bytes = new Uint8Array(Math.max(table.bytes.length * 2, table.length + raw.length));
    bytes.set(table.bytes.subarray(0, table.length));
    table.bytes = bytes;
  }
  table.bytes.set(raw, table.length);
  const slot = newSlot(table.length, raw.length, name, isUnfitName(name));
  table.length += raw.length;
  table.slots.set(name, slot);
  return slot;
}

/** The raw key of a slot, quotes included. */
export function rawKey(table: KeyTable, slot: KeySlot): Uint8Array {
  return table.bytes.subarray(slot.start, slot.start + slot.length);
}

/** Call when a batch begins: no key has a column any more. */
export function detachColumns(table: KeyTable): void {
  for (const slot of table.slots.values()) {
    slot.textBytes = slot.column?.length ?? 0;
    slot.column = undefined;
    slot.barred = false;
  }
}

/** True when the table should be rebuilt before the next row. */
export function hasTooManyKeys(table: KeyTable): boolean {
  return table.slots.size > MAX_KEYS || table.length > MAX_KEY_BYTES;
}

/** Forgets the keys without a column, and what follows what. */
export function forgetKeys(table: KeyTable): void {
  const kept = [...table.slots.values()].filter((slot) => slot.column !== undefined);
  const bytes = table.bytes;
  table.slots.clear();
  table.length = 0;
  table.head.next = undefined;
  table.bytes = new Uint8Array(256);
  for (const old of kept) {
    const slot = slotOf(table, bytes.subarray(old.start, old.start + old.length));
    slot.column = old.column;
  }
}
