/**
 * Owns: the body of a record batch: the buffers of its columns, joined from slices and copied so
 * that nothing outside the rows comes along. Bits and bytes behind the last row are zero, so the
 * same rows give the same bytes however they were sliced.
 * Not its job: messages around the body (arrow-ipc).
 * llp/0005
 */
import { invariant } from '../core/invariant.ts';
import type { Batch, Column } from './columns.ts';

/** The slices of one column, in row order. */
interface Slices {
  readonly first: Column;
  readonly parts: readonly { readonly column: Column; readonly rows: number }[];
}

export interface BodyPlan {
  readonly rows: number;
  /** length and null count of each column. */
  readonly nodes: readonly number[];
  /** position and length of each buffer in the body. */
  readonly regions: readonly number[];
  /** Multiple of 8. */
  readonly bytes: number;
  readonly columns: readonly Slices[];
}

function textBytes(column: Column, rows: number): number {
  return 'offsets' in column ? (column.offsets[rows] ?? 0) - (column.offsets[0] ?? 0) : 0;
}

/** Sizes of validity, offsets (text only) and values. */
function bufferSizes({ first, parts }: Slices, rows: number, nulls: number): number[] {
  const bitmap = (rows + 7) >> 3;
  const validity = nulls === 0 ? 0 : bitmap;
  if (first.type === 'boolean') return [validity, bitmap];
  if (!('offsets' in first)) return [validity, rows * 8];
  let text = 0;
  for (const part of parts) text += textBytes(part.column, part.rows);
  invariant(text <= 0x7fffffff, 'the text of a record batch fits 32-bit positions');
  return [validity, (rows + 1) * 4, text];
}

/** Plans one record batch of all rows of `batches`, which have the same columns. */
export function planBody(batches: readonly Batch[]): BodyPlan {
  const [head] = batches;
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const nodes: number[] = [];
  const regions: number[] = [];
  const columns: Slices[] = [];
  let bytes = 0;
  head?.columns.forEach((first, index) => {
    let nulls = 0;
    const parts = batches.map((batch) => {
      const column = batch.columns[index];
      invariant(
        column?.type === first.type && column.name === first.name,
        'batches written together have the same columns',
      );
      nulls += column.nullCount;
      return { column, rows: batch.rows };
    });
    nodes.push(rows, nulls);
    for (const size of bufferSizes({ first, parts }, rows, nulls)) {
      regions.push(bytes, size);
      bytes += (size + 7) & ~7;
    }
    columns.push({ first, parts });
  });
  return { rows, nodes, regions, bytes, columns };
}

/** Sets bits `at` … `at + count` of `target` (zero so far) to those of `bits`, or all to 1. */
function putBits(
  target: Uint8Array,
  at: number,
  bits: Uint8Array | undefined,
  count: number,
): void {
  const shift = at & 7;
  let to = at >> 3;
  for (let done = 0; done < count; done += 8, to++) {
    const left = count - done;
    const byte = bits === undefined ? 0xff : (bits[done >> 3] ?? 0);
    const kept = left < 8 ? byte & ((1 << left) - 1) : byte;
    target[to] = (target[to] ?? 0) | ((kept << shift) & 0xff);
    if (shift !== 0 && shift + Math.min(left, 8) > 8) target[to + 1] = kept >> (8 - shift);
  }
}

function writeBitmap(
  target: Uint8Array,
  slices: Slices,
  bitsOf: (column: Column) => Uint8Array | undefined,
): void {
  let at = 0;
  for (const { column, rows } of slices.parts) {
    putBits(target, at, bitsOf(column), rows);
    at += rows;
  }
}

function writeFixed(target: Uint8Array, slices: Slices): void {
  let at = 0;
  for (const { column, rows } of slices.parts) {
    const { buffer, byteOffset } = column.values;
    target.set(new Uint8Array(buffer, byteOffset, rows * 8), at);
    at += rows * 8;
  }
}

function writeText(offsets: Int32Array, values: Uint8Array, slices: Slices): void {
  let row = 0;
  let at = 0;
  for (const { column, rows } of slices.parts) {
    if (!('offsets' in column)) continue;
    const from = column.offsets[0] ?? 0;
    const size = textBytes(column, rows);
    for (let i = 1; i <= rows; i++) offsets[row + i] = (column.offsets[i] ?? 0) - from + at;
    values.set(column.values.subarray(from, from + size), at);
    row += rows;
    at += size;
  }
}

/** Fills `body` (zeroed, 8-aligned, of the planned size). */
export function writeBody(plan: BodyPlan, body: Uint8Array): void {
  let next = 0;
  const region = (): Uint8Array => {
    const at = plan.regions[next] ?? 0;
    const size = plan.regions[next + 1] ?? 0;
    next += 2;
    return body.subarray(at, at + size);
  };
  for (const slices of plan.columns) {
    const validity = region();
    if (validity.length > 0) writeBitmap(validity, slices, (column) => column.validity);
    if (slices.first.type === 'boolean') {
      writeBitmap(region(), slices, (column) =>
        column.type === 'boolean' ? column.values : undefined,
      );
    } else if ('offsets' in slices.first) {
      const offsets = region();
      const words = new Int32Array(offsets.buffer, offsets.byteOffset, offsets.length >> 2);
      writeText(words, region(), slices);
    } else writeFixed(region(), slices);
  }
}
