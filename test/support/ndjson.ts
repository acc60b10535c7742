/**
 * Owns: short ways to decode in tests, and the rule every batch must keep.
 * llp/0004
 */
import { expect } from 'vitest';
import { batchBytes } from '../../src/codec/columns.ts';
import type { Batch } from '../../src/codec/columns.ts';
import { NdjsonDecoder } from '../../src/codec/ndjson/decoder.ts';
import type { DecodedBatch, NdjsonOptions, Reject } from '../../src/codec/ndjson/decoder.ts';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';

/** All batches of a source given in chunks; each is checked. */
export function decodeAll(
  chunks: readonly (Uint8Array | string)[],
  options: NdjsonOptions = {},
): DecodedBatch[] {
  const decoder = new NdjsonDecoder(options);
  const done = chunks.flatMap((chunk) => decoder.decode(Buffer.from(chunk)));
  const last = decoder.finish();
  if (last !== undefined) done.push(last);
  for (const { batch } of done) checkBatch(batch);
  return done;
}

/** The one batch of a small source without rejects. */
export function decodeText(text: string | Uint8Array): Batch {
  const [first, ...others] = decodeAll([text]);
  expect(others).toEqual([]);
  expect(first?.rejects ?? []).toEqual([]);
  return first?.batch ?? { rows: 0, columns: [] };
}

export function rejectsOf(done: readonly DecodedBatch[]): Reject[] {
  return done.flatMap((decoded) => [...decoded.rejects]);
}

export function encodeAll(done: readonly { readonly batch: Batch }[]): string {
  return done.map(({ batch }) => Buffer.from(encodeNdjson(batch)).toString()).join('');
}

/** `name:type` of each column. */
export function shape(batch: Batch): string[] {
  return batch.columns.map((column) => `${column.name}:${column.type}`);
}

/** Lengths, null counts and text positions of every column fit the rows. */
export function checkBatch(batch: Batch): void {
  const bitmap = (batch.rows + 7) >> 3;
  const names = new Set(batch.columns.map((column) => column.name));
  expect(names.size).toBe(batch.columns.length);
  for (const column of batch.columns) {
    let nulls = 0;
    if (column.validity !== undefined) {
      expect(column.validity.length).toBe(bitmap);
      for (let row = 0; row < batch.rows; row++) {
        if (((column.validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0) nulls++;
      }
      expect(nulls).toBeGreaterThan(0);
    }
    expect(column.nullCount).toBe(nulls);
    if (column.type === 'boolean') expect(column.values.length).toBe(bitmap);
    else if ('offsets' in column) {
      expect(column.offsets.length).toBe(batch.rows + 1);
      for (let row = 0; row < batch.rows; row++) {
        expect(column.offsets[row + 1]).toBeGreaterThanOrEqual(column.offsets[row] ?? 0);
      }
      expect(column.offsets[batch.rows]).toBeLessThanOrEqual(column.values.length);
    } else expect(column.values.length).toBe(batch.rows);
  }
  expect(batchBytes(batch)).toBeGreaterThanOrEqual(0);
}
