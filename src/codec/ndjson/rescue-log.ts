/**
 * Owns: the members of rows that fit no column, until the batch is cut: flat buffers, because
 * every member of every row may be one. They end as the `_hyp_rescued` column: per row the JSON
 * object `{"key":value,…}` of the raw texts.
 * llp/0004
 */
import { RESCUED_COLUMN } from '../columns.ts';
import type { Column } from '../columns.ts';
import { COLON, COMMA, CLOSE_BRACE, OPEN_BRACE } from './scan.ts';
import { closeText, finishColumn, growText, newBuilder, openText } from './builders.ts';

/** Entry i is a member of `rows[i]` (-1: taken back), text up to `ends[i]`. */
export interface RescueLog {
  count: number;
  rows: Int32Array;
  ends: Int32Array;
  text: Uint8Array;
  textLength: number;
  /** The highest row with an entry; an entry for an earlier one makes it unordered. */
  lastRow: number;
  unordered: boolean;
}

/** Bytes an entry takes in the finished column beside its text: comma or braces. */
export const MEMBER_BYTES = 2;

export function newRescueLog(): RescueLog {
  return {
    count: 0,
    rows: new Int32Array(0),
    ends: new Int32Array(0),
    text: new Uint8Array(0),
    textLength: 0,
    lastRow: 0,
    unordered: false,
  };
}

function reserve(log: RescueLog, bytes: number): void {
  if (log.count === log.rows.length) {
    const size = Math.max(16, log.count * 2);
    const rows = new Int32Array(size);
    const ends = new Int32Array(size);
    rows.set(log.rows);
    ends.set(log.ends);
    log.rows = rows;
    log.ends = ends;
  }
  if (log.textLength + bytes > log.text.length) {
    const text = new Uint8Array(Math.max(256, log.text.length * 2, log.textLength + bytes));
    text.set(log.text.subarray(0, log.textLength));
    log.text = text;
  }
}

/** Adds `key:value` (both raw JSON) to `row`; returns the entry. */
export function addMember(log: RescueLog, row: number, key: Uint8Array, value: Uint8Array): number {
  reserve(log, key.length + 1 + value.length);
  const { text } = log;
  text.set(key, log.textLength);
  text[log.textLength + key.length] = COLON;
  text.set(value, log.textLength + key.length + 1);
  log.textLength += key.length + 1 + value.length;
  if (row < log.lastRow) log.unordered = true;
  else log.lastRow = row;
  log.rows[log.count] = row;
  log.ends[log.count] = log.textLength;
  return log.count++;
}

/** A later member with the same key won. */
export function dropMember(log: RescueLog, entry: number): void {
  log.rows[entry] = -1;
}

/** Forgets the entries from `count` on. */
export function truncateLog(log: RescueLog, count: number): void {
  log.count = count;
  log.textLength = count === 0 ? 0 : (log.ends[count - 1] ?? 0);
}

function entryOrder(log: RescueLog): Int32Array {
  const order = Int32Array.from({ length: log.count }, (_, entry) => entry);
  if (!log.unordered) return order;
  return order.sort((a, b) => (log.rows[a] ?? 0) - (log.rows[b] ?? 0) || a - b);
}

/** The `_hyp_rescued` column of the first `rows` rows, or undefined when it would be empty. */
export function finishRescued(log: RescueLog, rows: number): Column | undefined {
  if (log.count === 0) return undefined;
  const builder = newBuilder(RESCUED_COLUMN, 'json', (rows + 8) & ~7);
  growText(builder, log.textLength + log.count * MEMBER_BYTES);
  const { text } = builder;
  let last = -1;
  for (const entry of entryOrder(log)) {
    const row = log.rows[entry] ?? -1;
    if (row < 0) continue;
    if (row !== last) {
      if (last >= 0) {
        text[builder.length++] = CLOSE_BRACE;
        closeText(builder, last);
      }
      openText(builder, row);
      text[builder.length++] = OPEN_BRACE;
      last = row;
    } else text[builder.length++] = COMMA;
    const start = entry === 0 ? 0 : (log.ends[entry - 1] ?? 0);
    const member = log.text.subarray(start, log.ends[entry]);
    text.set(member, builder.length);
    builder.length += member.length;
  }
  if (last < 0) return undefined;
  text[builder.length++] = CLOSE_BRACE;
  closeText(builder, last);
  return finishColumn(builder, rows);
}
