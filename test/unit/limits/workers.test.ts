/** Worker threads and large inputs at their limits. llp/0001, llp/0019, llp/0023 */
import { describe, expect, test } from 'vitest';
import { ColumnStream } from '../../../src/codec/parquet-input/pages.ts';
import { readParquetFooter } from '../../../src/codec/parquet-input/read.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { cutBlocks } from '../../../src/engine/backfill/blocks.ts';
import type { Block } from '../../../src/engine/backfill/blocks.ts';
import { ReadAhead } from '../../../src/engine/backfill/read-ahead.ts';
import { parseLines } from '../../../src/engine/workers/jobs.ts';
import { workerCount } from '../../../src/engine/workers/count.ts';
import { sourceOf } from '../../support/parquet-rows.ts';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
const ignore = (): void => undefined;

async function* once(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Sizes of the blocks that `chunks` are cut into. */
async function blockSizes(...chunks: readonly Uint8Array[]): Promise<number[]> {
  const sizes: number[] = [];
  for await (const block of cutBlocks(once(...chunks), 0, ignore)) {
    if ('parts' in block) sizes.push(block.size);
  }
  return sizes;
}

describe('worker threads', () => {
  const counted = (freeBytes: number, cores = 64): number =>
    workerCount({ asked: undefined, cores, freeBytes }).workers;

  test('are as many as LIMITS.workerBytes fit beside LIMITS.aloneBytes', () => {
    expect(counted(LIMITS.aloneBytes + LIMITS.workerBytes)).toBe(1);
    expect(counted(LIMITS.aloneBytes + LIMITS.workerBytes - 1)).toBe(0);
    expect(counted(LIMITS.aloneBytes - 1)).toBe(0);
    expect(counted(LIMITS.peakBytes, 2)).toBe(1);
  });

  test('never take a command above LIMITS.peakBytes, whatever is free', () => {
    const most = Math.floor((LIMITS.peakBytes - LIMITS.aloneBytes) / LIMITS.workerBytes);
    expect(counted(Number.MAX_SAFE_INTEGER)).toBe(most);
    expect(LIMITS.aloneBytes + most * LIMITS.workerBytes).toBeLessThanOrEqual(LIMITS.peakBytes);
  });

  test('are at most LIMITS.workers when a person asks for them', () => {
    const asked = (workers: number) => () =>
      workerCount({ asked: workers, cores: 2, freeBytes: 0 });
    expect(asked(LIMITS.workers)().workers).toBe(LIMITS.workers);
    expect(asked(LIMITS.workers + 1)).toThrow(code('E_USAGE'));
  });
});

describe('lines of a file', () => {
  test('are cut into blocks once LIMITS.backfillBlockBytes are there', async () => {
    const line = Buffer.from(`{"a":"${'x'.repeat(1015)}"}\n`);
    const lines = LIMITS.backfillBlockBytes / line.length;
    const all = (count: number) => Array.from({ length: count }, () => line);
    expect(await blockSizes(...all(lines - 1))).toEqual([(lines - 1) * line.length]);
    expect(await blockSizes(...all(lines))).toEqual([LIMITS.backfillBlockBytes]);
    expect(await blockSizes(...all(lines + 1))).toEqual([LIMITS.backfillBlockBytes, line.length]);
  });

  test('are read ahead as long as they and their rows fit into LIMITS.backfillAheadBytes', async () => {
    const line = Buffer.from(`{"a":"${'x'.repeat(1015)}"}\n`);
    const block = Buffer.concat(
      Array.from({ length: LIMITS.backfillBlockBytes / line.length }, () => line),
    );
    const count = (2 * LIMITS.backfillAheadBytes) / block.length;
    async function* blocks(): AsyncGenerator<Block> {
      for (let n = 0; n < count; n++) {
        const startByte = n * block.length;
        yield { parts: [block], size: block.length, startByte, last: n === count - 1 };
      }
    }
    const ahead: number[] = [];
    const observe = (event: HypEvent): void => {
      if (event.type === 'buffer' && event.name === 'read ahead') ahead.push(event.bytes);
    };
    const workers = {
      parse: async (job: () => Parameters<typeof parseLines>[0]) => parseLines(job()),
    };
    const reading = new ReadAhead({ workers, trial: false, observe, declared: undefined });
    let rows = 0;
    for await (const { batch } of reading.read(blocks())) rows += batch.rows;
    expect(rows).toBe((count * block.length) / line.length);
    expect(Math.max(...ahead)).toBeLessThanOrEqual(LIMITS.backfillAheadBytes);
    expect(Math.max(...ahead)).toBeGreaterThan(LIMITS.backfillAheadBytes / 2);
  });
});

describe('a Parquet file', () => {
  test('with a footer above LIMITS.parquetFooterBytes is refused before it is read', async () => {
    const claiming = (length: number) => {
      const tail = Buffer.alloc(8, 'PAR1', 'latin1');
      tail.writeUInt32LE(length, 0);
      const read: number[] = [];
      const size = length + 12;
      const source = {
        size,
        read: async (_at: number, bytes: number) => {
          read.push(bytes);
          return bytes === 8 ? tail : Buffer.alloc(bytes);
        },
      };
      return { source, read };
    };
    const large = claiming(LIMITS.parquetFooterBytes + 1);
    await expect(readParquetFooter(large.source)).rejects.toThrow(/is the limit/);
    expect(large.read).toEqual([8]);
    const whole = claiming(LIMITS.parquetFooterBytes);
    await expect(readParquetFooter(whole.source)).rejects.not.toThrow(/is the limit/);
    expect(whole.read).toEqual([8, LIMITS.parquetFooterBytes]);
  });

  test('with pages that take more than LIMITS.parquetHeldBytes is refused before they are', async () => {
    /** What comes of a page that states so many bytes. */
    const read = (size: number) => {
      const page = pageHead(size);
      const place = { start: 0, end: page.length, codec: 0, values: 1 };
      const held = { bytes: 0, limit: LIMITS.parquetHeldBytes };
      const type = { physical: 'bytes', length: 0, meaning: { is: 'text' } } as const;
      const leaf = { type, maxDef: 0, maxRep: 0 };
      return new ColumnStream(sourceOf(page), place, leaf, held).needRow();
    };
    await expect(read(LIMITS.parquetHeldBytes)).rejects.toThrow(/160 is the limit/);
    await expect(read(LIMITS.parquetHeldBytes - 1024)).rejects.toThrow(code('E_CORRUPT'));
  });
});

/** The header of a plain page of one value and `size` bytes, none of which follow. */
function pageHead(size: number): Uint8Array {
  const i32 = 0x15;
  const number: number[] = [];
  let left = 2 * size;
  for (; left >= 128; left = Math.floor(left / 128)) number.push(0x80 | (left % 128));
  number.push(left);
  const page = [i32, 0, i32, ...number, i32, 0];
  const values = [i32, 2, i32, 0, i32, 6, i32, 6, 0];
  return Uint8Array.from([...page, 0x2c, ...values, 0]);
}
