import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';
import { SEQ_COLUMN } from '../../../src/codec/columns.ts';
import type { Batch } from '../../../src/codec/columns.ts';
import { encodeParquet, openParquetEncoder } from '../../../src/codec/parquet.ts';
import type { ParquetOptions } from '../../../src/codec/parquet.ts';
import { WIDE_COLUMNS, batchOf, cellsOf, cutAt, wideBatch } from '../../support/wide-rows.ts';
import type { Cell, TestColumn } from '../../support/wide-rows.ts';

const CODECS = ['snappy', 'lz4_raw', 'zstd'] as const;
/** Microseconds and text as they are stored. */
const RAW = { timestampFromMicroseconds: (micros: bigint) => micros };

async function encode(batches: readonly Batch[], more: Partial<ParquetOptions> = {}) {
  return encodeParquet(batches, { columns: WIDE_COLUMNS, codec: 'snappy', ...more });
}

async function readBack(file: Uint8Array): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({
    file: Uint8Array.from(file).buffer,
    compressors,
    parsers: RAW,
    geoparquet: false,
    utf8: false,
  });
}

function rowsOf(batch: Batch): Record<string, Cell>[] {
  const cells = cellsOf(batch);
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(Object.entries(cells).map(([name, values]) => [name, values[row] ?? null])),
  );
}

/** Zeros of both signs are equal in a value, but not to `toEqual`. */
function unsigned(rows: readonly Record<string, unknown>[]): unknown[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value === 0 ? 0 : (value ?? null)]),
    ),
  );
}

describe('a Parquet file of ours', () => {
  it.each(CODECS)('is read by hyparquet with equal values, %s', async (codec) => {
    const batch = wideBatch(700);
    const file = await encode([batch], { codec, rowGroupRows: 300 });
    expect(unsigned(await readBack(file))).toEqual(unsigned(rowsOf(batch)));
  });

  it('has field ids, statistics and a required seq', async () => {
    const meta = parquetMetadata(await encode([wideBatch(100)]));
    const leaves = meta.schema.slice(1);
    expect(leaves.map(({ name, field_id }) => ({ name, field_id }))).toEqual(
      WIDE_COLUMNS.map(({ name, fieldId }) => ({ name, field_id: fieldId })),
    );
    for (const leaf of leaves) {
      expect(leaf.repetition_type).toBe(leaf.name === SEQ_COLUMN ? 'REQUIRED' : 'OPTIONAL');
    }
    for (const chunk of meta.row_groups[0]?.columns ?? []) {
      expect(chunk.meta_data?.statistics?.null_count).toBeDefined();
    }
  });

  it('is the same bytes however the rows were batched', async () => {
    const batch = wideBatch(1000);
    const whole = await encode([batch], { rowGroupRows: 128 });
    const cut = await encode(cutAt(batch, [0, 1, 2, 9, 127, 128, 129, 500, 1000]), {
      rowGroupRows: 128,
    });
    expect(Buffer.compare(whole, cut)).toBe(0);
    expect(parquetMetadata(whole).row_groups.map((group) => Number(group.num_rows))).toEqual([
      128, 128, 128, 128, 128, 128, 128, 104,
    ]);
  });

  it('cuts row groups by bytes too, and keeps a larger row alone', async () => {
    const columns: readonly TestColumn[] = [
      { name: 't', type: 'string', fieldId: 1 },
      { name: SEQ_COLUMN, type: 'long', fieldId: 2 },
    ];
    const sizes = [10, 10, 10, 5000, 10, 900, 10];
    const batch = batchOf(columns, [
      sizes.map((size) => 'x'.repeat(size)),
      sizes.map((_, row) => BigInt(row + 1)),
    ]);
    const options = { columns, rowGroupBytes: 940 };
    const meta = parquetMetadata(await encode([batch], options));
    expect(meta.row_groups.map((group) => Number(group.num_rows))).toEqual([3, 1, 1, 1, 1]);
    const cut = await encode(cutAt(batch, [1, 4, 6]), options);
    expect(Buffer.compare(cut, await encode([batch], options))).toBe(0);
  });

  it.each([[[]], [[wideBatch(0)]]])('may have no rows', async (batches: Batch[]) => {
    const file = await encode(batches);
    expect(await readBack(file)).toEqual([]);
    expect(parquetMetadata(file).schema).toHaveLength(WIDE_COLUMNS.length + 1);
    expect(Buffer.from(file.subarray(0, 4)).toString()).toBe('PAR1');
  });

  it.each(CODECS)('may have no user columns, %s', async (codec) => {
    const columns: readonly TestColumn[] = [{ name: SEQ_COLUMN, type: 'long', fieldId: 1 }];
    const file = await encode([batchOf(columns, [[5n, 6n]])], { columns, codec });
    expect(await readBack(file)).toEqual([{ [SEQ_COLUMN]: 5n }, { [SEQ_COLUMN]: 6n }]);
  });

  it.each(CODECS)('may have columns of nulls only, %s', async (codec) => {
    const types = ['boolean', 'long', 'double', 'string', 'json', 'timestamptz'] as const;
    const columns = [
      ...types.map((type, index) => ({ name: type, type, fieldId: index + 1 })),
      { name: SEQ_COLUMN, type: 'long', fieldId: 9 } as const,
    ];
    const batch = batchOf(columns, [...types.map(() => [null, null]), [1n, 2n]]);
    const file = await encode([batch], { columns, codec });
    expect(unsigned(await readBack(file))).toEqual(unsigned(rowsOf(batch)));
  });

  it('refuses batches of other columns', async () => {
    const columns = WIDE_COLUMNS.slice(1);
    await expect(encode([wideBatch(1)], { columns })).rejects.toThrow(/columns of the file/);
  });
});

describe('the push encoder', () => {
  it('sends the same bytes, a row group as soon as it is full', async () => {
    const batch = wideBatch(500);
    const sent: Uint8Array[] = [];
    const options = { columns: WIDE_COLUMNS, codec: 'zstd', rowGroupRows: 200 } as const;
    const encoder = openParquetEncoder(options, (bytes) => {
      sent.push(bytes);
      return Promise.resolve();
    });
    const counts: number[] = [];
    for (const part of cutAt(batch, [100, 250, 450])) {
      await encoder.write(part);
      counts.push(sent.length);
    }
    await encoder.finish();
    expect(counts).toEqual([0, 1, 2, 2]);
    expect(Buffer.compare(Buffer.concat(sent), await encodeParquet([batch], options))).toBe(0);
  });

  it('sends nothing after it was abandoned', async () => {
    let sent = 0;
    const encoder = openParquetEncoder({ columns: WIDE_COLUMNS, codec: 'snappy' }, () => {
      sent++;
      return Promise.resolve();
    });
    await encoder.write(wideBatch(10));
    await encoder.abandon();
    await encoder.abandon();
    expect(sent).toBe(0);
    await expect(encoder.write(wideBatch(1))).rejects.toThrow(/finished/);
  });
});
