/** Batches and row groups at their limits: cut before they are filled. llp/0001, llp/0004, llp/0005 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../../src/codec/columns.ts';
import { NdjsonDecoder } from '../../../src/codec/ndjson/decoder.ts';
import type { DecodedBatch } from '../../../src/codec/ndjson/decoder.ts';
import { openParquetEncoder } from '../../../src/codec/parquet.ts';
import { loadParquetWasm } from '../../../src/codec/parquet-wasm.ts';
import { encodeRuns } from '../../../src/codec/row-group-encode.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { sampleBatch, sampleColumn } from '../../support/sample-batch.ts';

const MIB = 1024 * 1024;

/** Rows of each batch of what `pieces` hold, with the limits of the product. */
function batchesOf(pieces: Iterable<string>): DecodedBatch[] {
  const decoder = new NdjsonDecoder();
  const batches: DecodedBatch[] = [];
  for (const piece of pieces) batches.push(...decoder.decode(Buffer.from(piece)));
  const last = decoder.finish();
  return last === undefined ? batches : [...batches, last];
}

const rowsOf = (batches: readonly DecodedBatch[]): number[] =>
  batches.map(({ batch }) => batch.rows);

describe('a batch', () => {
  test.each([
    [LIMITS.batchRows - 1, [LIMITS.batchRows - 1]],
    [LIMITS.batchRows, [LIMITS.batchRows]],
    [LIMITS.batchRows + 1, [LIMITS.batchRows, 1]],
  ])('of %i rows is cut after LIMITS.batchRows', (rows, expected) => {
    expect(rowsOf(batchesOf(['{}\n'.repeat(rows)]))).toEqual(expected);
  });

  test('is cut before the row that would make it larger than LIMITS.batchBytes', () => {
    const text = (bytes: number): string => `{"a":"${'x'.repeat(bytes)}"}\n`;
    const line = text(4 * MIB);
    const largest: number[] = [];
    const observe = (event: HypEvent): void => {
      if (event.type === 'buffer' && event.name === 'ndjson batch') largest.push(event.bytes);
    };
    const decoder = new NdjsonDecoder({ observe });
    const lines = LIMITS.batchBytes / (4 * MIB);
    const batches: DecodedBatch[] = [];
    // Seven rows and one a little smaller fit; of eight whole ones the last does not.
    for (let n = 1; n < lines; n++) batches.push(...decoder.decode(Buffer.from(line)));
    batches.push(...decoder.decode(Buffer.from(text(4 * MIB - 4096))));
    expect(batches).toEqual([]);
    for (let n = 0; n < lines; n++) batches.push(...decoder.decode(Buffer.from(line)));
    expect(rowsOf(batches)).toEqual([lines, lines - 1]);
    expect(decoder.finish()?.batch.rows).toBe(1);
    expect(Math.max(...largest)).toBeLessThanOrEqual(LIMITS.batchBytes);
    expect(Math.max(...largest)).toBeGreaterThan(LIMITS.batchBytes - 8192);
  });
});

/** Seqs 1 … `rows`, and `text` in a column of each row. */
function seqsAnd(rows: number, text: string): Batch {
  const seqs = Array.from({ length: rows }, (_, row) => BigInt(row + 1));
  const texts = Array.from({ length: rows }, () => text);
  const columns = [sampleColumn('_hyp_seq', 'long', seqs), sampleColumn('a', 'string', texts)];
  return sampleBatch(rows, ...columns.map((column, at) => ({ ...column, fieldId: at + 1 })));
}

/** How large the row groups of a file are in memory, and what is written before it ends. */
async function rowGroupsOf(batch: Batch) {
  const sizes: number[] = [];
  const observe = (event: HypEvent): void => {
    if (event.type === 'buffer' && event.name === 'parquet row group') sizes.push(event.bytes);
  };
  const columns = batch.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }));
  const encoder = openParquetEncoder({ columns, codec: 'lz4_raw', observe }, () =>
    Promise.resolve(),
  );
  await encoder.write(batch);
  const waiting = encoder.pendingBytes;
  await encoder.finish();
  return { sizes, waiting };
}

describe('a row group', () => {
  test('is cut at LIMITS.rowGroupRows', async () => {
    const ofRow = 2 * 8 + 1;
    const rows = LIMITS.rowGroupRows;
    expect((await rowGroupsOf(seqsAnd(rows - 1, 'x'))).waiting).toBe((rows - 1) * ofRow);
    expect(await rowGroupsOf(seqsAnd(rows, 'x'))).toEqual({ sizes: [rows * ofRow], waiting: 0 });
    expect(await rowGroupsOf(seqsAnd(rows + 1, 'x'))).toEqual({
      sizes: [rows * ofRow, ofRow],
      waiting: ofRow,
    });
  });

  test('holds LIMITS.rowGroupBytes and not a byte more, one larger row apart', async () => {
    const half = LIMITS.rowGroupBytes / 2;
    const full = seqsAnd(3, 'x'.repeat(half - 16));
    expect((await rowGroupsOf(full)).sizes).toEqual([LIMITS.rowGroupBytes, half]);
    const over = seqsAnd(2, 'x'.repeat(half - 15));
    expect((await rowGroupsOf(over)).sizes).toEqual([half + 1, half + 1]);
    const huge = seqsAnd(2, 'x'.repeat(LIMITS.rowGroupBytes));
    expect((await rowGroupsOf(huge)).sizes).toEqual(Array(2).fill(LIMITS.rowGroupBytes + 16));
  });
});

/** How often the encoder is called for one row group of these text columns, one row each. */
async function encodes(texts: readonly string[]): Promise<number> {
  const wasm = await loadParquetWasm();
  let calls = 0;
  const counted: typeof wasm = {
    ...wasm,
    writeParquet: (table, properties) => {
      calls += 1;
      return wasm.writeParquet(table, properties);
    },
  };
  const columns = texts.map((text, at) => ({
    ...sampleColumn(`c${at}`, 'string', [text]),
    fieldId: at + 1,
  }));
  encodeRuns(counted, [sampleBatch(1, ...columns)], 'lz4_raw');
  return calls;
}

describe('columns of a row group are encoded together', () => {
  test('up to LIMITS.encodeColumns', async () => {
    const columns = (count: number): string[] => Array.from({ length: count }, () => 'x');
    expect(await encodes(columns(LIMITS.encodeColumns))).toBe(1);
    expect(await encodes(columns(LIMITS.encodeColumns + 1))).toBe(2);
    expect(await encodes(columns(3 * LIMITS.encodeColumns))).toBe(3);
  });

  test('up to LIMITS.encodeBytes, a larger one alone', async () => {
    const half = 'x'.repeat(LIMITS.encodeBytes / 2 - 4);
    expect(await encodes([half, half])).toBe(1);
    expect(await encodes([half, `${half}x`])).toBe(2);
    expect(await encodes(['x', `${half}${half}xxxxx`, 'x'])).toBe(3);
  });
});
