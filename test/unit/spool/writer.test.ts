/** Appends, groups, segments and the end of a writer, on a disk that works. llp/0007 */
import { describe, expect, test } from 'vitest';
import { HypError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { Frame } from '../../../storage/spool/reader.ts';
import { countingFs } from '../../support/fault-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { A, B, SPOOL, SpoolStore } from '../../support/spool.ts';

async function allOf(frames: AsyncIterable<Frame>): Promise<string[]> {
  const texts: string[] = [];
  for await (const frame of frames) {
    texts.push(`${frame.ordinal} ${Buffer.from(frame.payload).toString()}`);
  }
  return texts;
}

describe('an append', () => {
  test('is still there after the power failed the moment it resolved', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    await store.append(store.writer(memory.process()), A, 'one');
    expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
    expect(store.tableOf(A).rows).toEqual(['one']);
  });

  test('alone on a new writer costs four syncs, and one more each time after that', async () => {
    const store = new SpoolStore();
    const fs = countingFs(new MemoryFs(SPOOL));
    const writer = store.writer(fs);
    await store.append(writer, A, 'one');
    expect(fs.syncs()).toBe(4);
    fs.reset();
    await store.append(writer, A, 'two');
    expect(fs.syncs()).toBe(1);
    expect(fs.count({ op: 'datasync' })).toBe(1);
  });

  test('shares its sync with all that came while the one before was synced', async () => {
    const store = new SpoolStore();
    const fs = countingFs(new MemoryFs(SPOOL));
    const writer = store.writer(fs);
    await store.append(writer, A, 'first');
    fs.reset();
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.append(writer, A, `r${i}`)));
    expect(fs.count({ op: 'datasync' })).toBeLessThanOrEqual(2);
    expect(fs.count({ op: 'write' })).toBeLessThanOrEqual(2);
  });

  test('keeps its place in the order of calls, over all datasets', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs, { groupCommitBytes: 200 });
    const names = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? B : A));
    await Promise.all(names.map((name, i) => store.append(writer, name, `r${i}`)));
    const found = await allOf(store.reader(fs).due(A, () => 0n));
    const expected = names.flatMap((name, i) => (name === A ? [`${i + 1} r${i}`] : []));
    expect(found).toEqual(expected);
  });

  test('of more than a frame may hold is refused and leaves the writer as it was', async () => {
    const store = new SpoolStore();
    const writer = store.writer(new MemoryFs(SPOOL));
    const tooMuch = new Uint8Array(LIMITS.frameBytes + 1);
    await expect(writer.append(A, 1, tooMuch)).rejects.toMatchObject({ code: 'E_ROW_TOO_LARGE' });
    expect(writer.writerId).toBeUndefined();
    expect(await store.append(writer, A, 'small')).toBe('stored');
  });

  test('of exactly a frame comes back whole', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs);
    const most = new Uint8Array(LIMITS.frameBytes).fill(7);
    await writer.append(A, 1, most);
    for await (const frame of store.reader(fs).due(A, () => 0n)) {
      expect(Buffer.compare(frame.payload, most)).toBe(0);
    }
  });
});

describe('a writer', () => {
  test('begins a new segment before one grows beyond its limit', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs, { segmentBytes: 300 });
    for (let i = 0; i < 12; i++) await store.append(writer, A, `row ${i} ${'x'.repeat(60)}`);
    const names = await fs.readdir(`${SPOOL}/${writer.writerId}`);
    expect(names).toHaveLength(6);
    for (const name of names) {
      const stat = await fs.stat(`${SPOOL}/${writer.writerId}/${name}`);
      expect(stat?.size).toBeLessThanOrEqual(300);
    }
    expect(await store.settle(fs)).toEqual([]);
  });

  test('puts a mark behind a group that stays the last one', async () => {
    const store = new SpoolStore();
    const fs = countingFs(new MemoryFs(SPOOL));
    const writer = store.writer(fs);
    await store.append(writer, A, 'one');
    fs.reset();
    await store.clock.advance(LIMITS.groupCommitMs);
    expect(fs.steps().map((step) => step.op)).toEqual(['write']);
    await store.append(writer, A, 'two');
    expect(await allOf(store.reader(fs).due(A, () => 0n))).toEqual(['1 one', '2 two']);
  });

  test('that is closed has a seal and an end, and refuses appends', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs);
    await store.append(writer, A, 'one');
    await Promise.all([writer.close(), writer.close()]);
    expect(await store.reader(fs).writers()).toEqual([
      { id: writer.writerId, sealed: true, ended: true },
    ]);
    await expect(writer.append(A, 1, Buffer.from('two'))).rejects.toThrow(HypError);
  });

  test('stores what was appended before it was closed', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs);
    const appends = ['one', 'two', 'three'].map((text) => store.append(writer, A, text));
    await writer.close();
    expect(await Promise.all(appends)).toEqual(['stored', 'stored', 'stored']);
    expect(await store.settle(fs)).toEqual([]);
  });

  test('that never appended anything leaves nothing behind', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    await store.writer(fs).close();
    expect(await fs.readdir(SPOOL)).toEqual([]);
  });

  test('of two processes never shares a directory with another', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writers = [store.writer(fs), store.writer(fs), store.writer(fs)];
    await Promise.all(writers.map((writer, i) => store.append(writer, A, `row ${i}`)));
    expect(new Set(writers.map((writer) => writer.writerId)).size).toBe(3);
    expect(await store.settle(fs)).toEqual([]);
  });
});
