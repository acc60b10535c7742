/**
 * Owns: batches whose text stands in dictionaries: cut, picked, and made plain. A piece that has
 * fewer rows than the dictionary has entries becomes plain, so that work per entry never exceeds
 * work per row, however small the pieces (I13).
 * Not its job: reading dictionaries (arrow-ipc), using them (content-digest, ndjson/encode).
 * llp/0004
 */
import { invariant } from '../core/invariant.ts';
import { isValid, sliceColumn, sliceValidity } from './columns.ts';
import type { Batch, CodedBatch, Column, DictionaryColumn, TextColumn } from './columns.ts';
import { takeColumn, takeValidity } from './rearrange.ts';

const MAX_TEXT_BYTES = 2 ** 31 - 1;

/** The values of a column in `rows` rows, one after the other. */
function plainText(column: DictionaryColumn, rows: number): TextColumn {
  const { codes, entries, ...base } = column;
  const offsets = new Int32Array(rows + 1);
  let bytes = 0;
  for (let row = 0; row < rows; row++) {
    if (isValid(column, row)) {
      const code = codes[row] ?? 0;
      bytes += (entries.offsets[code + 1] ?? 0) - (entries.offsets[code] ?? 0);
      invariant(bytes <= MAX_TEXT_BYTES, 'the text of a batch is below 2 GiB');
    }
    offsets[row + 1] = bytes;
  }
  const values = new Uint8Array(bytes);
  for (let row = 0; row < rows; row++) {
    if (!isValid(column, row)) continue;
    const code = codes[row] ?? 0;
    const from = entries.offsets[code] ?? 0;
    values.set(entries.values.subarray(from, entries.offsets[code + 1] ?? 0), offsets[row] ?? 0);
  }
  return { ...base, offsets, values };
}

/** The same rows without dictionaries; `column` itself when it has none. */
export function plainColumn(column: Column | DictionaryColumn, rows: number): Column {
  return 'codes' in column ? plainText(column, rows) : column;
}

/** The same rows without dictionaries; `batch` itself when there are none. */
export function plainBatch(batch: CodedBatch): Batch {
  const { rows } = batch;
  return { rows, columns: batch.columns.map((column) => plainColumn(column, rows)) };
}

function compact(column: DictionaryColumn, rows: number): TextColumn | DictionaryColumn {
  return rows < column.entries.count ? plainText(column, rows) : column;
}

/** Rows `from` (inclusive) … `to` (exclusive), sharing buffers where it can. */
export function sliceCoded(batch: CodedBatch, from: number, to: number): CodedBatch {
  if (from === 0 && to === batch.rows) return batch;
  const rows = to - from;
  const columns = batch.columns.map((column) => {
    if (!('codes' in column)) return sliceColumn(column, from, rows);
    const codes = column.codes.subarray(from, to);
    return compact({ ...column, ...sliceValidity(column.validity, from, rows), codes }, rows);
  });
  return { rows, columns };
}

/** The given rows (0-based, in any order, repeats allowed) as a batch of their own. */
export function takeCoded(batch: CodedBatch, rows: Int32Array): CodedBatch {
  const columns = batch.columns.map((column) => {
    if (!('codes' in column)) return takeColumn(column, rows);
    const codes = new Int32Array(rows.length);
    for (let i = 0; i < rows.length; i++) codes[i] = column.codes[rows[i] ?? 0] ?? 0;
    return compact({ ...column, ...takeValidity(column.validity, rows), codes }, rows.length);
  });
  return { rows: rows.length, columns };
}
