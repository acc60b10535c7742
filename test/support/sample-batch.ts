/**
 * Owns: batches for tests, from plain values by column.
 * llp/0013
 */
import type { Batch, Column, ColumnType } from '../../src/codec/columns.ts';

type Value = string | number | bigint | boolean | null;

/** A column of `type` with `values`; times are ISO texts or microseconds. */
export function sampleColumn(name: string, type: ColumnType, values: readonly Value[]): Column {
  const rows = values.length;
  const nullCount = values.filter((value) => value === null).length;
  const validity = nullCount === 0 ? undefined : bitmap(values.map((value) => value !== null));
  const base = { name, fieldId: undefined, validity, nullCount };
  switch (type) {
    case 'boolean':
      return { ...base, type, values: bitmap(values.map((value) => value === true)) };
    case 'long':
    case 'timestamptz':
    case 'date':
      return { ...base, type, values: BigInt64Array.from(values, toLong) };
    case 'double':
      return { ...base, type, values: Float64Array.from(values, (value) => Number(value ?? 0)) };
    default: {
      const texts = values.map((value) => Buffer.from(String(value ?? '')));
      const offsets = new Int32Array(rows + 1);
      for (const [row, text] of texts.entries())
        offsets[row + 1] = (offsets[row] ?? 0) + text.length;
      return { ...base, type, offsets, values: Buffer.concat(texts) };
    }
  }
}

/** The columns as one batch; all have the same number of rows. */
export function sampleBatch(rows: number, ...columns: readonly Column[]): Batch {
  return { rows, columns };
}

function toLong(value: Value): bigint {
  if (typeof value === 'string') return BigInt(Date.parse(value)) * 1000n;
  return BigInt(value ?? 0);
}

function bitmap(bits: readonly boolean[]): Uint8Array {
  const out = new Uint8Array((bits.length + 7) >> 3);
  for (const [row, bit] of bits.entries()) {
    if (bit) out[row >> 3] = (out[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return out;
}
