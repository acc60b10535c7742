/**
 * Owns: a JSON value to its column (llp/0004 has the table of types). What the column cannot hold
 * exactly is rescued as it was written.
 * Works on bytes; a value that fits costs no object and no string.
 * llp/0004
 */
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  copyClean,
  fail,
  failInString,
  hexUnit,
  simpleEscape,
  skipLiteral,
  skipString,
} from './scan.ts';
import type { Scan } from './scan.ts';
import {
  MAX_EXACT,
  exactDouble,
  isInteger,
  longInteger,
  shortInteger,
  skipNumber,
} from './numbers.ts';
import { skipNested } from './nested.ts';
import {
  appendText,
  closeText,
  growText,
  openText,
  putBoolean,
  putDouble,
  putInteger,
  putLong,
} from './builders.ts';
import type { ColumnBuilder } from './builders.ts';
import { declaredColumn, newColumn, promoteColumn, rescue } from './row-state.ts';
import type { RowState } from './row-state.ts';
import type { KeySlot } from './keys.ts';

const ZERO = 0x30;
/** So many digits always fit an int32. */
const INT32_DIGITS = 9;
/** `readText`: an escape of half a surrogate pair, which UTF-8 cannot hold. */
const LONE_SURROGATE = -2;

/** Stores the value at `at` of the current row; the position after it, or -1. */
export function readValue(state: RowState, slot: KeySlot, at: number): number {
  const byte = state.bytes[at] ?? 0;
  if (byte === QUOTE) return readString(state, slot, at);
  if (byte === MINUS || (byte >= ZERO && byte <= 0x39)) return readNumber(state, slot, at);
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return readNested(state, slot, at);
  return readLiteral(state, slot, at);
}

function readString(state: RowState, slot: KeySlot, at: number): number {
  const column = slot.column ?? newColumn(state, slot, 'string');
  if (column?.kind !== 'string') {
    const end = skipString(state, at + 1);
    return end < 0 ? -1 : storeMisfit(state, slot, at, end);
  }
  openText(column, state.rows);
  const before = column.length;
  const end = readText(state, column, at + 1);
  if (end >= 0) {
    closeText(column, state.rows);
    state.textBytes += column.length - before;
    return end;
  }
  column.length = before;
  if (end !== LONE_SURROGATE) return -1;
  const skipped = skipString(state, at + 1);
  return skipped < 0 ? -1 : storeMisfit(state, slot, at, skipped);
}

/** Appends the string whose text begins at `at` to the column, escapes resolved. */
function readText(scan: Scan, column: ColumnBuilder, at: number): number {
  const { bytes, view } = scan;
  for (;;) {
    at = copyClean(view, at, bytes.length, column);
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) {
      at = readEscape(scan, column, at);
      if (at < 0) return at;
    } else if (byte < SPACE) return failInString(scan, at);
    else growText(column, column.text.length - column.length + 1);
  }
}

function readEscape(scan: Scan, column: ColumnBuilder, at: number): number {
  const { bytes } = scan;
  growText(column, 4);
  const simple = simpleEscape(bytes[at + 1] ?? 0);
  if (simple > 0) {
    column.text[column.length++] = simple;
    return at + 2;
  }
  const unit = simple < 0 ? -1 : hexUnit(bytes, at + 2);
  if (unit < 0) return fail(scan, at, 'unknown escape in a string');
  if (unit < 0xd800 || unit > 0xdfff) {
    putCodePoint(column, unit);
    return at + 6;
  }
  if (unit > 0xdbff || bytes[at + 6] !== BACKSLASH || bytes[at + 7] !== 0x75) {
    return LONE_SURROGATE;
  }
  const low = hexUnit(bytes, at + 8);
  if (low < 0xdc00 || low > 0xdfff) return LONE_SURROGATE;
  putCodePoint(column, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
  return at + 12;
}

/** UTF-8; the caller made room for four bytes. */
function putCodePoint(column: ColumnBuilder, code: number): void {
  const { text } = column;
  if (code < 0x80) {
    text[column.length++] = code;
    return;
  }
  if (code < 0x800) text[column.length++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) text[column.length++] = 0xe0 | (code >> 12);
    else {
      text[column.length++] = 0xf0 | (code >> 18);
      text[column.length++] = 0x80 | ((code >> 12) & 0x3f);
    }
    text[column.length++] = 0x80 | ((code >> 6) & 0x3f);
  }
  text[column.length++] = 0x80 | (code & 0x3f);
}

/** The short integers of most rows here, all other numbers in `readAnyNumber`. */
function readNumber(state: RowState, slot: KeySlot, at: number): number {
  const { bytes } = state;
  const { column } = slot;
  if (column?.kind !== 'long') return readAnyNumber(state, slot, at);
  const negative = bytes[at] === MINUS;
  const first = negative ? at + 1 : at;
  const stop = first + INT32_DIGITS;
  let value = 0;
  let end = first;
  let digit = (bytes[end] ?? 0) - ZERO;
  while (digit >= 0 && digit <= 9 && end < stop) {
    value = value * 10 + digit;
    digit = (bytes[++end] ?? 0) - ZERO;
  }
  const next = bytes[end];
  const whole = next === COMMA || next === CLOSE_BRACE;
  const leadingZero = bytes[first] === ZERO && end > first + 1;
  if (!whole || end === first || leadingZero) return readAnyNumber(state, slot, at);
  putInteger(column, state.rows, negative ? 0 - value : value);
  return end;
}

function readAnyNumber(state: RowState, slot: KeySlot, at: number): number {
  const end = skipNumber(state, at);
  if (end < 0) return -1;
  const kind = (slot.column ?? declaredColumn(state, slot))?.kind;
  if (kind !== undefined && kind !== 'long' && kind !== 'double') {
    return storeMisfit(state, slot, at, end);
  }
  return isInteger(state.bytes, at, end)
    ? storeInteger(state, slot, at, end)
    : storeDecimal(state, slot, at, end);
}

function storeInteger(state: RowState, slot: KeySlot, at: number, end: number): number {
  const { bytes, rows } = state;
  const short = shortInteger(bytes, at, end);
  const long = Number.isNaN(short) ? longInteger(bytes, at, end) : short;
  if (long === undefined) return storeMisfit(state, slot, at, end);
  const column = slot.column ?? newColumn(state, slot, 'long');
  if (column === undefined) return storeMisfit(state, slot, at, end);
  if (column.kind === 'long') {
    if (typeof long === 'number') putInteger(column, rows, long);
    else putLong(column, rows, long);
    return end;
  }
  if (long > MAX_EXACT || long < -MAX_EXACT) return storeMisfit(state, slot, at, end);
  putDouble(column, rows, Number(long));
  return end;
}

function storeDecimal(state: RowState, slot: KeySlot, at: number, end: number): number {
  const value = exactDouble(state.bytes, at, end);
  if (Number.isNaN(value)) return storeMisfit(state, slot, at, end);
  const column = slot.column ?? newColumn(state, slot, 'double');
  if (column === undefined) return storeMisfit(state, slot, at, end);
  if (column.kind === 'long') {
    if (state.declared?.has(slot.name) === true) return storeMisfit(state, slot, at, end);
    promoteColumn(state, slot, column);
  }
  putDouble(column, state.rows, value);
  return end;
}

function readLiteral(state: RowState, slot: KeySlot, at: number): number {
  const end = skipLiteral(state, at);
  const first = state.bytes[at];
  // null is absent
  if (end < 0 || first === 0x6e) return end;
  const column = slot.column ?? newColumn(state, slot, 'boolean');
  if (column?.kind !== 'boolean') return storeMisfit(state, slot, at, end);
  putBoolean(column, state.rows, first === 0x74);
  return end;
}

function readNested(state: RowState, slot: KeySlot, at: number): number {
  const end = skipNested(state, at);
  if (end < 0) return -1;
  if (slot.column === undefined) newColumn(state, slot, 'json');
  return storeMisfit(state, slot, at, end);
}

/** Keeps a value as its JSON text: in its json column, else in `_hyp_rescued`. */
function storeMisfit(state: RowState, slot: KeySlot, at: number, end: number): number {
  if (state.full) return -1;
  const { column } = slot;
  if (column?.kind !== 'json') {
    rescue(state, slot, at, end);
    return end;
  }
  openText(column, state.rows);
  appendText(column, state.bytes, at, end);
  closeText(column, state.rows);
  state.textBytes += end - at;
  return end;
}
