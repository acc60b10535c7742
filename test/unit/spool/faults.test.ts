/** Disks that fail: every answer an append gives is true afterwards. llp/0007 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { countingFs, faultFs } from '../../support/fault-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { A, B, SPOOL, SpoolStore } from '../../support/spool.ts';

describe('an fdatasync that fails', () => {
  test('once: the group is written again with its ordinals, and the handle never used again', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    const counting = countingFs(
      faultFs(memory, { op: 'datasync', nth: 2, code: 'EIO', when: 'after' }),
    );
    const writer = store.writer(counting);
    await store.append(writer, A, 'one');
    const id = writer.writerId;
    await Promise.all([store.append(writer, A, 'two'), store.append(writer, B, 'three')]);
    await store.append(writer, A, 'four');
    expect(writer.writerId).toBe(id);
    expect(counting.count({ op: 'datasync', path: /1\.seg$/ })).toBe(2);
    expect(counting.count({ op: 'write', path: /1\.seg$/ })).toBe(3);
    expect(await store.settle(memory)).toEqual([]);
    expect(store.answers.get('two')).toBe('stored');
  });

  test('and forgets its bytes: the group survives a power failure all the same', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    const writer = store.writer(memory.process());
    await store.append(writer, A, 'one');
    memory.failSyncs(/\.seg$/);
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
  });

  test('twice: the answer is unknown, the id ends, the next append has another one', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    const writer = store.writer(memory);
    await store.append(writer, A, 'one');
    const id = writer.writerId;
    memory.failSyncs(/\.seg$/, 2);
    expect(await store.append(writer, A, 'two')).toBe('unknown');
    expect(await store.append(writer, A, 'three')).toBe('stored');
    expect(writer.writerId).not.toBe(id);
    expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
  });
});

test('a segment that somebody deleted under its writer makes the answer unknown, not stored', async () => {
  const store = new SpoolStore();
  const memory = new MemoryFs(SPOOL);
  const writer = store.writer(memory);
  await store.append(writer, A, 'one');
  await memory.unlink(`${SPOOL}/${writer.writerId}/00000001.seg`);
  expect(await store.append(writer, A, 'two')).toBe('unknown');
  expect(await store.append(writer, A, 'three')).toBe('stored');
});

describe('a full disk', () => {
  test('answers E_UNAVAILABLE, leaves no trace of each try, and takes rows again later', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    let full = false;
    const disk = {
      ...faultFs(memory),
      create: async (path: string) => {
        const handle = await memory.create(path);
        return {
          ...handle,
          path,
          write: async (bytes: Uint8Array) => {
            if (!full || bytes.length === 64) return handle.write(bytes);
            await handle.write(bytes.subarray(0, bytes.length - 1));
            throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          },
        };
      },
    };
    const writer = store.writer(disk);
    await store.append(writer, A, 'one');
    full = true;
    for (let i = 0; i < 10; i++)
      expect(await store.append(writer, A, `no ${i}`)).toBe('not-stored');
    expect(await memory.readdir(SPOOL)).toHaveLength(1);
    expect(await memory.readdir(`${SPOOL}/${writer.writerId}`)).toHaveLength(1);
    full = false;
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(await store.settle(memory)).toEqual([]);
    expect(store.tableOf(A).rows).toEqual(['one', 'two']);
  });
});

describe('an error at each step that changes the disk', () => {
  for (const code of ['EIO', 'ENOSPC'] as const) {
    for (const sticky of [false, true]) {
      for (const when of ['before', 'half', 'after'] as const) {
        test(`${code}, ${when}${sticky ? ', for good' : ''}: every answer is true`, async () => {
          let nth = 1;
          for (; ; nth++) {
            const store = new SpoolStore();
            const memory = new MemoryFs(SPOOL);
            const op = when === 'half' ? ('write' as const) : undefined;
            const failing = faultFs(memory.process(), { op, nth, code, when, sticky });
            const writer = store.writer(failing, { segmentBytes: 200 });
            await store.append(writer, A, 'one');
            await Promise.all([store.append(writer, A, 'two'), store.append(writer, B, 'three')]);
            await store.append(writer, A, 'four');
            await store.clock.advance(LIMITS.groupCommitMs);
            await store.append(writer, B, 'five');
            await writer.close();
            expect(await store.settle(memory.process()), `step ${nth}`).toEqual([]);
            if (failing.failed.length === 0) break;
          }
          expect(nth).toBeGreaterThan(when === 'half' ? 8 : 18);
        });
      }
    }
  }
});
