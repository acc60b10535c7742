/** What leaves the spool, when, and what a crash in between leaves. llp/0007 */
import { describe, expect, test } from 'vitest';
import { countingFs, everyPause } from '../../support/fault-fs.ts';
import { interceptFs, systemError } from '../../support/intercept-fs.ts';
import { KEEP_ALL, LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';
import { A, B, SPOOL, SpoolStore } from '../../support/spool.ts';

async function filled(count: number) {
  const store = new SpoolStore();
  const memory = new MemoryFs(SPOOL);
  const writer = store.writer(memory, { segmentBytes: 150 });
  for (let i = 0; i < count; i++) await store.append(writer, i % 2 === 0 ? A : B, `row ${i}`);
  return { store, memory, writer, dir: `${SPOOL}/${writer.writerId}` };
}

describe('trim', () => {
  test('removes nothing while one dataset has not committed its part', async () => {
    const { store, memory } = await filled(8);
    await store.flush(memory, A);
    expect(await store.trim(memory)).toEqual({ removedSegments: 0, goneWriters: [] });
  });

  test('leaves the last segment of an open writer, which goes on in it', async () => {
    const { store, memory, writer, dir } = await filled(8);
    await store.flushAll(memory);
    const before = await memory.readdir(dir);
    const { removedSegments, goneWriters } = await store.trim(memory);
    expect(removedSegments).toBe(before.length - 1);
    expect(goneWriters).toEqual([]);
    expect(await memory.readdir(dir)).toEqual(before.slice(-1));
    await store.append(writer, A, 'later');
    expect(await store.settle(memory)).toEqual([]);
  });

  test('removes a writer that closed itself as soon as all is committed, durably', async () => {
    const { store, memory, writer } = await filled(4);
    await writer.close();
    await store.flushAll(memory);
    expect((await store.trim(memory)).goneWriters).toEqual([writer.writerId]);
    expect(await memory.crash(LOSE_ALL).readdir(SPOOL)).not.toContain(writer.writerId);
  });

  test('keeps a tomb of a writer closed by another process, for a week', async () => {
    const { store, memory, writer, dir } = await filled(4);
    await store.closeAll(memory);
    await store.flushAll(memory);
    expect((await store.trim(memory)).goneWriters).toEqual([]);
    expect(await memory.readdir(dir)).toEqual(['end', 'seal', 'tomb']);
    store.weekLater();
    expect((await store.trim(memory)).goneWriters).toEqual([writer.writerId]);
    expect(await memory.readdir(SPOOL)).toEqual([]);
  });

  test('says E_UNKNOWN_OUTCOME to a writer that slept beyond its tomb, and it goes on', async () => {
    const { store, memory } = await filled(0);
    const slow = { ...memory.process() };
    let sleeping: (() => Promise<void>) | undefined;
    const writer = store.writer({
      ...slow,
      readdir: async (path) => {
        await sleeping?.();
        return slow.readdir(path);
      },
    });
    await store.append(writer, A, 'one');
    sleeping = async () => {
      sleeping = undefined;
      await store.closeAll(memory);
      await store.flushAll(memory);
      await store.trim(memory);
      store.weekLater();
      await store.trim(memory);
    };
    expect(await store.append(writer, A, 'two')).toBe('unknown');
    expect(await store.append(writer, A, 'three')).toBe('stored');
    expect(await store.settle(memory)).toEqual([]);
  });

  test('by two processes at once comes to the same', async () => {
    const { store, memory, writer } = await filled(8);
    await writer.close();
    await store.flushAll(memory);
    const [one, two] = await Promise.all([store.trim(memory), store.trim(memory)]);
    expect(new Set([...one.goneWriters, ...two.goneWriters])).toEqual(new Set([writer.writerId]));
    expect(await store.settle(memory)).toEqual([]);
  });

  test('with the process’s reader reads no segment again', async () => {
    const { store, memory } = await filled(40);
    const fs = countingFs(memory);
    const reader = store.reader(fs);
    await reader.pending(() => 0n);
    await store.flushAll(memory);
    fs.reset();
    expect((await store.trim(fs, reader)).removedSegments).toBeGreaterThan(10);
    expect(fs.readPaths()).toEqual([]);
  });
});

test('a power failure during a trim never leaves a gap between segments', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { store, memory } = await filled(12);
    await store.flushAll(memory);
    let left = 2 + (seed % 6);
    const dying = memory.process();
    const fs = interceptFs(dying, async (step, run) => {
      if (step.op === 'unlink' && --left === 0) memory.crash(seededRandom(seed));
      return run();
    });
    await store.trim(fs).catch(() => undefined);
    expect(await store.settle(memory.process())).toEqual([]);
  }
});

test('what another process renamed on its way out is not emptied before the rename is durable', async () => {
  let seed = 0;
  const places = await everyPause(async (pauseHere) => {
    const { store, memory, writer } = await filled(6);
    await writer.close();
    await store.flushAll(memory);
    const burying = memory.process();
    const fs = interceptFs(burying, async (step, run) => {
      const done = await run();
      if (step.op === 'rename') burying.kill();
      return done;
    });
    await store.trim(fs).catch(() => undefined);
    const next = pauseHere(memory.process(), () => {
      memory.crash(seededRandom(seed++));
    });
    await store.trim(next).catch(() => undefined);
    const wrong = await store.settle(memory.process());
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  });
  expect(places.length).toBeGreaterThan(6);
});

test('a writer whose newest segment came to nothing keeps the one before it, and goes in the end', async () => {
  const store = new SpoolStore();
  const memory = new MemoryFs(SPOOL);
  let created = 0;
  const fs = interceptFs(memory.process(), async (step, run) => {
    if (step.op === 'write' && step.path.endsWith('2.seg') && created++ === 0) {
      await store.flushAll(memory);
      await store.trim(memory);
      throw systemError('ENOSPC', 'write', step.path);
    }
    return run();
  });
  const writer = store.writer(fs, { segmentBytes: 150 });
  await store.append(writer, A, 'one'.repeat(30));
  expect(await store.append(writer, A, 'two'.repeat(30))).toBe('not-stored');
  await writer.close();
  expect(await store.settle(memory)).toEqual([]);
});

describe('a crash at every step of a trim', () => {
  for (const [what, power] of [
    ['a kill', KEEP_ALL],
    ['a power failure', LOSE_ALL],
  ] as const) {
    for (const by of ['itself', 'another process'] as const) {
      test(`(${what}, writer closed by ${by}) leaves what the next trim finishes`, async () => {
        const places = await everyPause(async (pauseHere) => {
          const { store, memory, writer } = await filled(6);
          if (by === 'itself') await writer.close();
          else await store.closeAll(memory);
          await store.flushAll(memory);
          const fs = pauseHere(memory.process(), () => {
            memory.crash(power);
          });
          await store.trim(fs).catch(() => undefined);
          store.weekLater();
          await store.trim(fs).catch(() => undefined);
          const wrong = await store.settle(memory.process());
          if (wrong.length > 0) throw new Error(wrong.join('; '));
        });
        expect(places.length).toBeGreaterThan(10);
      });
    }
  }
});
