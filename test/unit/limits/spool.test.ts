/** The spool at its limits: segments, groups, and how long a mark stays. llp/0001, llp/0007 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { SpoolWriter } from '../../../storage/spool/writer.ts';
import { countingFs } from '../../support/fault-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { A, SPOOL, SpoolStore } from '../../support/spool.ts';

/** A writer with the limits of the product. */
function written() {
  const store = new SpoolStore();
  const fs = countingFs(new MemoryFs(SPOOL));
  const { clock, random } = store;
  const writer = new SpoolWriter({ fs, dir: SPOOL, clock, random });
  return { store, fs, writer };
}

describe('a segment', () => {
  test('takes frames up to LIMITS.segmentBytes; the frame that would not fit begins another', async () => {
    const { store, fs, writer } = written();
    const frame = new Uint8Array(LIMITS.frameBytes).fill(7);
    const fitting = Math.floor(LIMITS.segmentBytes / LIMITS.frameBytes);
    const segments = async (): Promise<string[]> => fs.readdir(`${SPOOL}/${writer.writerId}`);
    for (let n = 0; n < fitting; n++) await writer.append(A, 1, frame);
    expect(await segments()).toHaveLength(1);
    await writer.append(A, 1, frame);
    const names = await segments();
    expect(names).toHaveLength(2);
    const sizes = names.map(
      async (name) => (await fs.stat(`${SPOOL}/${writer.writerId}/${name}`))?.size,
    );
    const [first = 0, second = 0] = await Promise.all(sizes);
    expect(first).toBeLessThanOrEqual(LIMITS.segmentBytes);
    expect(first).toBeGreaterThan(LIMITS.segmentBytes - LIMITS.frameBytes);
    expect(second).toBeLessThan(LIMITS.frameBytes + 1024);
    let frames = 0;
    for await (const { payload } of store.reader(fs).due(A, () => 0n)) {
      expect(payload.length).toBe(LIMITS.frameBytes);
      frames += 1;
    }
    expect(frames).toBe(fitting + 1);
  });
});

describe('appends at once', () => {
  test('share one sync up to LIMITS.groupCommitBytes; what goes beyond has the next', async () => {
    const { fs, writer } = written();
    const tenth = new Uint8Array(LIMITS.groupCommitBytes / 10 - 100).fill(7);
    const syncsOf = async (frames: number): Promise<number> => {
      fs.reset();
      await Promise.all(Array.from({ length: frames }, () => writer.append(A, 1, tenth)));
      return fs.count({ op: ['sync', 'datasync'] });
    };
    // The first group also makes the writer's directory and segment.
    await syncsOf(1);
    expect(await syncsOf(9)).toBe(1);
    expect(await syncsOf(10)).toBe(1);
    expect(await syncsOf(11)).toBe(2);
    expect(await syncsOf(30)).toBe(3);
  });

  test('of one frame larger than a group are a group of their own', async () => {
    const { fs, writer } = written();
    await writer.append(A, 1, Buffer.from('first'));
    fs.reset();
    const large = new Uint8Array(2 * LIMITS.groupCommitBytes).fill(7);
    const small = Buffer.from('small');
    await Promise.all([small, large, small].map((payload) => writer.append(A, 1, payload)));
    expect(fs.count({ op: ['sync', 'datasync'] })).toBe(3);
  });
});

test('the mark of a writer that another process closed stays LIMITS.deadWriterKeepMs', async () => {
  const { store, fs, writer } = written();
  await writer.append(A, 1, Buffer.from('row'));
  store.answers.set('row', 'stored');
  await store.closeAll(fs);
  await store.flushAll(fs);
  const madeMs = store.clock.nowMs();
  const goneAfter = async (ms: number): Promise<boolean> => {
    store.clock.jump(madeMs + ms);
    return (await store.trim(fs)).goneWriters.length > 0;
  };
  expect(await goneAfter(0)).toBe(false);
  expect(await goneAfter(LIMITS.deadWriterKeepMs - 1)).toBe(false);
  expect(await goneAfter(LIMITS.deadWriterKeepMs)).toBe(true);
  expect(store.violations()).toEqual([]);
});
