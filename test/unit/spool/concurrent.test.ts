/** One process looks at a segment from several places at once. llp/0007 */
import { describe, expect, test, vi } from 'vitest';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { A, SPOOL, SpoolStore } from '../../support/spool.ts';

/** While armed, every read of a segment waits until it is let go, in the order they came. */
function holdReads(inner: DurableFs) {
  const waiting: (() => void)[] = [];
  const state = { armed: false };
  const fs: DurableFs = {
    ...forward(inner),
    open: async (path) => {
      const handle = await inner.open(path);
      return {
        path: handle.path,
        size: () => handle.size(),
        read: async (at, length) => {
          const bytes = await handle.read(at, length);
          if (state.armed) await new Promise<void>((resolve) => waiting.push(resolve));
          return bytes;
        },
        sync: () => handle.sync(),
        close: () => handle.close(),
      };
    },
  };
  return { fs, state, waiting };
}

/** The methods of a class, too. */
function forward(inner: DurableFs): DurableFs {
  return {
    readdir: (path) => inner.readdir(path),
    stat: (path) => inner.stat(path),
    readFile: (path) => inner.readFile(path),
    open: (path) => inner.open(path),
    create: (path) => inner.create(path),
    link: (from, to) => inner.link(from, to),
    rename: (from, to) => inner.rename(from, to),
    unlink: (path) => inner.unlink(path),
    mkdir: (path) => inner.mkdir(path),
    rmdir: (path) => inner.rmdir(path),
    syncDir: (path) => inner.syncDir(path),
    freeBytes: (path) => inner.freeBytes(path),
  };
}

describe('two looks at once', () => {
  test('a look that began with more bytes does not take frames for damage after another', async () => {
    const store = new SpoolStore();
    const memory = new MemoryFs(SPOOL);
    const writer = store.writer(memory);
    const { fs, state, waiting } = holdReads(memory);
    const reader = store.reader(fs);
    for (let i = 1; i <= 2; i++) await store.append(writer, A, `row ${i}`);
    await reader.pending(() => 0n);

    // A status request and a flush step: both know the size they saw, the smaller one reads first.
    state.armed = true;
    const looks: Promise<unknown>[] = [];
    for (let i = 3; i <= 4; i++) {
      await store.append(writer, A, `row ${i}`);
      looks.push(reader.pending(() => 0n));
      await vi.waitFor(() => expect(waiting).toHaveLength(looks.length));
    }
    state.armed = false;
    for (const [index, letGo] of waiting.entries()) {
      letGo();
      await looks[index];
    }

    const ordinals: bigint[] = [];
    for await (const frame of reader.due(A, () => 0n)) ordinals.push(frame.ordinal);
    expect(ordinals).toEqual([1n, 2n, 3n, 4n]);
  });
});
