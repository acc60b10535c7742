import { describe, expect, it } from 'vitest';
import { SEQ_COLUMN } from '../../../src/codec/columns.ts';
import type { Batch } from '../../../src/codec/columns.ts';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { readFooter } from '../../../storage/data/footer.ts';
import type { DataFooter } from '../../../storage/data/footer.ts';
import { readRowGroup } from '../../../storage/data/read.ts';
import { writeDataFile } from '../../../storage/data/write.ts';
import type { DataFileStats } from '../../../storage/data/write.ts';
import { interceptFs } from '../../support/intercept-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';
import { tempDir } from '../../support/tmp.ts';
import { WIDE_COLUMNS, batchOf, cellsOf, cutAt, wideBatch } from '../../support/wide-rows.ts';
import type { TestColumn } from '../../support/wide-rows.ts';

const PATH = '/t/data/00000.parquet';
const CODECS = ['snappy', 'lz4_raw', 'zstd'] as const;

interface Written {
  readonly fs: MemoryFs;
  readonly stats: DataFileStats;
  readonly footer: DataFooter;
}

async function written(
  batches: readonly Batch[],
  columns: readonly TestColumn[] = WIDE_COLUMNS,
  codec: (typeof CODECS)[number] = 'snappy',
): Promise<Written> {
  const fs = new MemoryFs('/t/data');
  const stats = await writeDataFile(fs, PATH, columns, batches, codec);
  return { fs, stats, footer: await readFooter(fs, PATH, stats.sums) };
}

async function readAll(file: Written): Promise<Batch[]> {
  const { fs, stats, footer } = file;
  const source = { path: PATH, footer, sums: stats.sums };
  return Promise.all(footer.rowGroups.map((_, index) => readRowGroup(fs, source, index)));
}

/** The same bytes under the same path on another disk. */
async function copied(bytes: Uint8Array): Promise<MemoryFs> {
  const fs = new MemoryFs('/t/data');
  const file = await fs.create(PATH);
  await file.write(bytes);
  await file.close();
  return fs;
}

describe('a data file', () => {
  it.each(CODECS)('gives back every row and column of many row groups, %s', async (codec) => {
    const batch = wideBatch(45_000);
    const file = await written(cutAt(batch, [10, 30_000]), WIDE_COLUMNS, codec);
    expect(file.footer.rowGroups.map(({ rows }) => rows)).toEqual([20_000, 20_000, 5_000]);
    const back = await readAll(file);
    expect(cellsOf(...back)).toEqual(cellsOf(batch));
    const shapes = back[0]?.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }));
    expect(shapes).toEqual(WIDE_COLUMNS);
  });

  it('may have one row, and has it on a real disk too', async () => {
    const path = `${await tempDir()}/one.parquet`;
    const batch = wideBatch(1);
    const { sums, fileBytes } = await writeDataFile(nodeFs, path, WIDE_COLUMNS, [batch], 'zstd');
    const footer = await readFooter(nodeFs, path, sums);
    expect((await nodeFs.stat(path))?.size).toBe(fileBytes);
    const back = await readRowGroup(nodeFs, { path, footer, sums }, 0);
    expect(cellsOf(back)).toEqual(cellsOf(batch));
  });

  it('may have no rows', async () => {
    const { stats, footer } = await written([]);
    expect(footer).toMatchObject({ rows: 0, rowGroups: [] });
    expect(stats).toMatchObject({ rows: 0, seqMin: 0n, seqMax: 0n, splitOffsets: [] });
  });

  it('is told about as the rows are', async () => {
    const batch = wideBatch(25_000, 4, 101n);
    const { stats, footer } = await written([batch]);
    const cells = cellsOf(batch);
    expect(stats).toMatchObject({ rows: 25_000, seqMin: 101n, seqMax: 25_100n });
    expect(footer.rowGroups.map(({ seqMin, seqMax }) => [seqMin, seqMax])).toEqual([
      [101n, 20_100n],
      [20_101n, 25_100n],
    ]);
    for (const { name, fieldId } of WIDE_COLUMNS) {
      expect(stats.valueCounts.get(fieldId)).toBe(25_000n);
      const nulls = cells[name]?.filter((cell) => cell === null).length ?? 0;
      expect(stats.nullCounts.get(fieldId)).toBe(BigInt(nulls));
      expect(stats.columnSizes.get(fieldId)).toBeGreaterThan(0n);
    }
    expect(stats.lower.get(2)).toBe(-(2n ** 63n));
    expect(stats.upper.get(2)).toBe(2n ** 63n - 1n);
    expect([stats.lower.get(1), stats.upper.get(1)]).toEqual([false, true]);
    expect(stats.lower.get(4)).toEqual(Uint8Array.from(Buffer.from('error')));
    expect(stats.upper.get(4)).toEqual(Uint8Array.from(Buffer.from('warn')));
    const micros = (cells['at'] ?? []).filter((cell) => typeof cell === 'bigint');
    expect(stats.upper.get(8)).toBe(micros.reduce((a, b) => (a > b ? a : b)));
    expect(stats.lower.has(9)).toBe(false);
    expect(stats.splitOffsets).toEqual([4n, BigInt(footer.rowGroups[0]?.end ?? 0)]);
  });

  it('counts NaN, which is no bound, and gives zero bounds both signs', async () => {
    const columns: readonly TestColumn[] = [
      { name: 'x', type: 'double', fieldId: 1 },
      { name: 'y', type: 'double', fieldId: 2 },
      { name: SEQ_COLUMN, type: 'long', fieldId: 3 },
    ];
    const batch = batchOf(columns, [
      [Number.NaN, 0, null],
      [Number.NaN, null, Number.NaN],
      [1n, 2n, 3n],
    ]);
    const { stats } = await written([batch], columns);
    expect([...stats.nanCounts]).toEqual([
      [1, 1n],
      [2, 2n],
    ]);
    expect(Object.is(stats.lower.get(1), -0)).toBe(true);
    expect(Object.is(stats.upper.get(1), 0)).toBe(true);
    expect(stats.lower.has(2) || stats.upper.has(2)).toBe(false);
  });

  it('is opened once a read and always closed', async () => {
    const { fs, stats } = await written([wideBatch(100)]);
    const counts = new Map<string, number>();
    const counted: DurableFs = interceptFs(fs, (step, run) => {
      counts.set(step.op, (counts.get(step.op) ?? 0) + 1);
      return run();
    });
    const footer = await readFooter(counted, PATH, stats.sums);
    expect(Object.fromEntries(counts)).toEqual({ open: 1, size: 1, read: 1, close: 1 });
    counts.clear();
    await readRowGroup(counted, { path: PATH, footer, sums: stats.sums }, 0);
    expect(Object.fromEntries(counts)).toEqual({ open: 1, read: 1, close: 1 });
    counts.clear();
    await expect(readFooter(counted, PATH, { footer: 'ffffffff', rowGroups: [] })).rejects.toThrow(
      PATH,
    );
    expect(counts.get('close')).toBe(1);
  });

  it('is read a few columns at a time, by field id', async () => {
    const batch = wideBatch(50);
    const { fs, stats, footer } = await written([batch]);
    const source = { path: PATH, footer, sums: stats.sums };
    const back = await readRowGroup(fs, source, 0, { fieldIds: new Set([10, 3, 999]) });
    const cells = cellsOf(batch);
    expect(cellsOf(back)).toEqual({
      'took.ms': cells['took.ms'],
      [SEQ_COLUMN]: cells[SEQ_COLUMN],
    });
    const none = await readRowGroup(fs, source, 0, { fieldIds: new Set() });
    expect(none).toEqual({ rows: 50, columns: [] });
  });

  it('has zeros in the place of nulls when it is read', async () => {
    const { fs, stats, footer } = await written([wideBatch(3000)]);
    const back = await readRowGroup(fs, { path: PATH, footer, sums: stats.sums }, 0);
    for (const column of back.columns) {
      if (column.type !== 'long' && column.type !== 'timestamptz') continue;
      const bits = column.validity;
      column.values.forEach((value, row) => {
        const set = bits === undefined || ((bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
        if (!set) expect(value).toBe(0n);
      });
    }
  });

  it('takes footers larger than one read', async () => {
    const columns = Array.from({ length: 900 }, (_, index): TestColumn => {
      const fieldId = index + 1;
      return index === 0
        ? { name: SEQ_COLUMN, type: 'long', fieldId }
        : { name: `a rather long name of a column ${index}`, type: 'string', fieldId };
    });
    const batch = batchOf(
      columns,
      columns.map((_, index) => [index === 0 ? 1n : `v${index}`]),
    );
    const file = await written([batch], columns);
    const [last] = file.footer.rowGroups.slice(-1);
    expect(file.footer.fileBytes - (last?.end ?? 0)).toBeGreaterThan(64 * 1024);
    expect(cellsOf(...(await readAll(file)))).toEqual(cellsOf(batch));
  });
});

describe('writing a data file', () => {
  it('syncs the file before it resolves', async () => {
    const steps: string[] = [];
    const fs = interceptFs(new MemoryFs('/t/data'), (step, run) => {
      if (step.op !== 'write') steps.push(step.op);
      return run();
    });
    await writeDataFile(fs, PATH, WIDE_COLUMNS, [wideBatch(10)], 'snappy');
    expect(steps).toEqual(['create', 'sync', 'close']);
  });

  it('leaves no file when the rows cannot be read to their end', async () => {
    const fs = new MemoryFs('/t/data');
    async function* broken(): AsyncGenerator<Batch> {
      yield wideBatch(25_000);
      await Promise.resolve();
      throw new Error('source went away');
    }
    const writing = writeDataFile(fs, PATH, WIDE_COLUMNS, broken(), 'snappy');
    await expect(writing).rejects.toThrow('source went away');
    expect(await fs.readdir('/t/data')).toEqual([]);
  });

  it('refuses rows that are not in seq order, across batches too', async () => {
    const fs = new MemoryFs('/t/data');
    const twice = [wideBatch(10, 1, 1n), wideBatch(10, 1, 10n)];
    const writing = writeDataFile(fs, PATH, WIDE_COLUMNS, twice, 'snappy');
    await expect(writing).rejects.toMatchObject({ code: 'E_INTERNAL' });
    expect(await fs.readdir('/t/data')).toEqual([]);
  });

  it('refuses a batch that miscounts its nulls', async () => {
    const batch = wideBatch(10);
    const columns = batch.columns.map((column) =>
      column.name === 'never' ? { ...column, nullCount: 9 } : column,
    );
    const writing = writeDataFile(
      new MemoryFs('/t/data'),
      PATH,
      WIDE_COLUMNS,
      [{ rows: 10, columns }],
      'snappy',
    );
    await expect(writing).rejects.toThrow(/nulls/);
  });
});

describe('a damaged data file', () => {
  it.each(CODECS)('is caught in every row group and the footer, %s', async (codec) => {
    const { fs, stats, footer } = await written([wideBatch(21_000)], WIDE_COLUMNS, codec);
    const bytes = await fs.readFile(PATH);
    const random = seededRandom(9);
    const source = { path: PATH, footer, sums: stats.sums };
    for (let round = 0; round < 100; round++) {
      const index = round % footer.rowGroups.length;
      const { start = 0, end = 0 } = footer.rowGroups[index] ?? {};
      const at = start + random.integer(end - start);
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8));
      const reading = readRowGroup(await copied(changed), source, index);
      await expect(reading, `byte ${at}`).rejects.toMatchObject({
        code: 'E_CORRUPT',
        message: `row group ${index} is not what was written: ${PATH}`,
        hint: expect.stringContaining('hyp check') as unknown,
      });
    }
  });

  it('has every byte under a sum', async () => {
    const { fs, stats, footer } = await written([wideBatch(45_000)]);
    const bytes = await fs.readFile(PATH);
    let end = 0;
    for (const group of footer.rowGroups) {
      expect(group.start).toBe(end);
      end = group.end;
    }
    for (let at = end; at < bytes.length; at += 37) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const reading = readFooter(await copied(changed), PATH, stats.sums);
      await expect(reading).rejects.toMatchObject({ code: 'E_CORRUPT' });
    }
  });

  it('is E_CORRUPT when it is cut off anywhere', async () => {
    const { fs, stats, footer } = await written([wideBatch(40)]);
    const bytes = await fs.readFile(PATH);
    const source = { path: PATH, footer, sums: stats.sums };
    for (const size of [0, 3, 11, 12, 100, bytes.length - 1]) {
      const short = await copied(bytes.subarray(0, size));
      await expect(readFooter(short, PATH, stats.sums)).rejects.toMatchObject({
        code: 'E_CORRUPT',
      });
      await expect(readFooter(short, PATH)).rejects.toMatchObject({ code: 'E_CORRUPT' });
      if (size < (footer.rowGroups[0]?.end ?? 0)) {
        await expect(readRowGroup(short, source, 0)).rejects.toMatchObject({ code: 'E_CORRUPT' });
      }
    }
  });

  it('never crashes the reader of an unproven footer', async () => {
    const { fs } = await written([wideBatch(40)]);
    const bytes = await fs.readFile(PATH);
    const random = seededRandom(11);
    for (let round = 0; round < 500; round++) {
      const changed = Uint8Array.from(bytes);
      const at = bytes.length - 1 - random.integer(2500);
      changed[at] = random.integer(256);
      const reading = readFooter(await copied(changed), PATH);
      const outcome = await reading.then(
        () => 'read',
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(['read', 'E_CORRUPT', 'E_UNSUPPORTED_FORMAT']).toContain(outcome);
    }
  });

  it('is the error of the file system when it is gone', async () => {
    const { stats, footer } = await written([wideBatch(4)]);
    const empty = new MemoryFs('/t/data');
    await expect(readFooter(empty, PATH, stats.sums)).rejects.toMatchObject({ code: 'ENOENT' });
    const source = { path: PATH, footer, sums: stats.sums };
    await expect(readRowGroup(empty, source, 0)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
