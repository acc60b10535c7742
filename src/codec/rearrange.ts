/**
 * Owns: batches from batches: joined, picked by row, without some names. New buffers, same values.
 * llp/0004
 */
import { invariant } from '../core/invariant.ts';

import type { Batch, BooleanColumn, Column, TextColumn } from './columns.ts';

const MAX_TEXT_BYTES = 2 ** 31 - 1;
const SHORT_BYTES = 32;

/**
 * The rows of `batches`, in order. All must have the same columns (name and type) by position; field
 * ids are those of the first. E_INTERNAL when they differ or a text column would exceed 2 GiB.
 */
export function concatBatches(batches: readonly Batch[]): Batch {
  const [first, ...others] = batches;
  if (first === undefined) return { rows: 0, columns: [] };
  if (others.length === 0) return first;
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const columns = first.columns.map((column, index) => {
    const parts = batches.map((batch) => {
      const part = batch.columns[index];
      const same = part?.name === column.name && part.type === column.type;
      invariant(same, `batches to join have the same columns: ${column.name}`);
      return { column: part, rows: batch.rows };
    });
    return concatColumn(column, parts, rows);
  });
  const width = first.columns.length;
  invariant(
    others.every((batch) => batch.columns.length === width),
    'batches to join have the same number of columns',
  );
  return { rows, columns };
}

interface Part {
  readonly column: Column;
  readonly rows: number;
}

function concatColumn(like: Column, parts: readonly Part[], rows: number): Column {
  const nullCount = parts.reduce((sum, part) => sum + part.column.nullCount, 0);
  const bits = parts.map((part) => ({ bits: part.column.validity, rows: part.rows }));
  const validity = nullCount === 0 ? undefined : concatBits(bits, rows);
  const base = { name: like.name, fieldId: like.fieldId, validity, nullCount };
  switch (like.type) {
    case 'boolean': {
      const flags = parts.map((part) => ({
        bits: (part.column as BooleanColumn).values,
        rows: part.rows,
      }));
      return { ...base, type: like.type, values: concatBits(flags, rows) };
    }
    case 'long':
    case 'timestamptz':
    case 'date':
      return { ...base, type: like.type, values: concatValues(new BigInt64Array(rows), parts) };
    case 'double':
      return { ...base, type: like.type, values: concatValues(new Float64Array(rows), parts) };
    default:
      return { ...base, type: like.type, ...concatText(parts, rows) };
  }
}

/** Joins bitmaps; undefined stands for all ones. */
function concatBits(
  parts: readonly { readonly bits: Uint8Array | undefined; readonly rows: number }[],
  rows: number,
): Uint8Array {
  const out = new Uint8Array((rows + 7) >> 3);
  let at = 0;
  for (const part of parts) {
    for (let row = 0; row < part.rows; row++, at++) {
      const set = part.bits === undefined || ((part.bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
      if (set) out[at >> 3] = (out[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return out;
}

function concatValues<T extends BigInt64Array | Float64Array>(out: T, parts: readonly Part[]): T {
  let at = 0;
  for (const { column, rows } of parts) {
    (out as { set(from: unknown, at: number): void }).set(column.values.subarray(0, rows), at);
    at += rows;
  }
  return out;
}

function concatText(
  parts: readonly Part[],
  rows: number,
): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  const texts = parts.map((part) => {
    const { offsets, values } = part.column as TextColumn;
    const start = offsets[0] ?? 0;
    const end = offsets[part.rows] ?? start;
    return { offsets, start, bytes: values.subarray(start, end), rows: part.rows };
  });
  const length = texts.reduce((sum, text) => sum + text.bytes.length, 0);
  invariant(length <= MAX_TEXT_BYTES, 'the text of a joined column is below 2 GiB');
  const offsets = new Int32Array(rows + 1);
  const values = new Uint8Array(length);
  let row = 0;
  let at = 0;
  for (const text of texts) {
    for (let i = 1; i <= text.rows; i++) {
      offsets[++row] = at + (text.offsets[i] ?? 0) - text.start;
    }
    values.set(text.bytes, at);
    at += text.bytes.length;
  }
  return { offsets, values };
}

/** The given rows (0-based, in any order, repeats allowed) as a batch of their own. */
export function takeRows(batch: Batch, rows: Int32Array | readonly number[]): Batch {
  const picked = rows instanceof Int32Array ? rows : Int32Array.from(rows);
  return {
    rows: picked.length,
    columns: batch.columns.map((column) => takeColumn(column, picked)),
  };
}

/** The bits of the given rows of a validity bitmap, and how many of them are null. */
export function takeValidity(
  bits: Uint8Array | undefined,
  rows: Int32Array,
): { readonly validity: Uint8Array | undefined; readonly nullCount: number } {
  const taken = bits && takeBits(bits, rows);
  const nullCount = taken === undefined ? 0 : rows.length - taken.count;
  return { nullCount, validity: nullCount === 0 ? undefined : taken?.bits };
}

/** The given rows of one column; see `takeRows`. */
export function takeColumn(column: Column, rows: Int32Array): Column {
  const { name, fieldId } = column;
  const base = { name, fieldId, ...takeValidity(column.validity, rows) };
  switch (column.type) {
    case 'boolean':
      return { ...base, type: column.type, values: takeBits(column.values, rows).bits };
    case 'long':
    case 'timestamptz':
    case 'date': {
      const values = new BigInt64Array(rows.length);
      for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i] ?? 0] ?? 0n;
      return { ...base, type: column.type, values };
    }
    case 'double': {
      const values = new Float64Array(rows.length);
      for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i] ?? 0] ?? 0;
      return { ...base, type: column.type, values };
    }
    default:
      return { ...base, type: column.type, ...takeText(column, rows) };
  }
}

function takeBits(
  bits: Uint8Array,
  rows: Int32Array,
): { readonly bits: Uint8Array; readonly count: number } {
  const out = new Uint8Array((rows.length + 7) >> 3);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    if (((bits[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
    out[i >> 3] = (out[i >> 3] ?? 0) | (1 << (i & 7));
    count++;
  }
  return { bits: out, count };
}

function takeText(
  column: TextColumn,
  rows: Int32Array,
): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  const { offsets: from, values: text } = column;
  const offsets = new Int32Array(rows.length + 1);
  let length = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    length += (from[row + 1] ?? 0) - (from[row] ?? 0);
    invariant(length <= MAX_TEXT_BYTES, 'the text of picked rows is below 2 GiB');
    offsets[i + 1] = length;
  }
  const values = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < rows.length;) {
    // Neighbours are copied at once, short texts without a view: a view takes more than they do.
    const first = rows[i] ?? 0;
    let end = first + 1;
    for (i++; rows[i] === end; i++) end++;
    const to = from[end] ?? 0;
    let byte = from[first] ?? 0;
    if (to - byte <= SHORT_BYTES) while (byte < to) values[at++] = text[byte++] ?? 0;
    else {
      values.set(text.subarray(byte, to), at);
      at += to - byte;
    }
  }
  return { offsets, values };
}
