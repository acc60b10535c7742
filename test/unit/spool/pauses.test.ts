/**
 * A paused writer, closer or flusher at every step, while the others go on. "That process is dead"
 * is never true here. The named traces are those of the model of the protocol. llp/0007
 */
import { describe, expect, test } from 'vitest';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { faultFs } from '../../support/fault-fs.ts';
import { interceptFs } from '../../support/intercept-fs.ts';
import type { FsStep } from '../../support/intercept-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { A, B, SPOOL, SpoolStore, everyStep } from '../../support/spool.ts';

/** Runs `action` once, at the n-th step that matches. */
function once(
  inner: DurableFs,
  at: { readonly step: (step: FsStep) => boolean; readonly nth?: number },
  action: () => Promise<void>,
): DurableFs {
  let left = at.nth ?? 1;
  return interceptFs(inner, async (step, run) => {
    if (at.step(step) && --left === 0) await action();
    return run();
  });
}

/** A disk that takes the first half of the n-th write, lets `action` run, and takes the rest. */
function halfWay(inner: DurableFs, nth: number, action: () => Promise<void>): DurableFs {
  let left = nth;
  const create = async (path: string) => {
    const handle = await inner.create(path);
    const write = async (bytes: Uint8Array) => {
      if (--left !== 0) return handle.write(bytes);
      await handle.write(bytes.subarray(0, bytes.length >> 1));
      await action();
      await handle.write(bytes.subarray(bytes.length >> 1));
    };
    return {
      path: handle.path,
      write,
      sync: () => handle.sync(),
      datasync: () => handle.datasync(),
      close: () => handle.close(),
    };
  };
  return { ...interceptFs(inner, (_step, run) => run()), create };
}

/** Something one side waits for and the other gives. */
function signal() {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

function setUp() {
  const memory = new MemoryFs(SPOOL);
  const store = new SpoolStore();
  const others = memory.process();
  const closeAndFlush = async () => {
    await store.closeAll(others);
    await store.flushAll(others);
    await store.trim(others);
  };
  return { memory, store, others, closeAndFlush };
}

const isGroupWrite = (step: FsStep) => step.op === 'write' && step.bytes !== 64;
const isLook = (step: FsStep) => step.op === 'readdir' && step.path !== SPOOL;

describe('the model’s trace', () => {
  test('S2: a writer taken for dead while it was paused before a write loses no row', async () => {
    const { memory, store, others, closeAndFlush } = setUp();
    const fs = once(memory, { step: isGroupWrite, nth: 2 }, closeAndFlush);
    const writer = store.writer(fs);
    await store.append(writer, A, 'one');
    const first = writer.writerId;
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(writer.writerId).not.toBe(first);
    expect(await store.settle(others)).toEqual([]);
  });

  test('S2b: half a frame of a paused writer is left alone by its closer', async () => {
    const { memory, store, others, closeAndFlush } = setUp();
    const writer = store.writer(halfWay(memory, 3, closeAndFlush));
    await store.append(writer, A, 'one');
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(await store.settle(others)).toEqual([]);
  });

  test('S3: a frame flushed out of a poisoned segment is not flushed again', async () => {
    const { memory, store, others } = setUp();
    const failing = faultFs(memory, { op: 'datasync', nth: 2, code: 'EIO', when: 'after' });
    const created = (step: FsStep) => step.op === 'create' && step.path.endsWith('2.seg');
    const writer = store.writer(once(failing, { step: created }, () => store.flush(others, A)));
    await store.append(writer, A, 'one');
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(store.tableOf(A).rows).toEqual(['one', 'two']);
    expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
  });

  test('S3b: the ordinal of a frame that could not be written again is never used again', async () => {
    const { memory, store, others } = setUp();
    const failing = faultFs(
      memory,
      { op: 'datasync', nth: 1, code: 'EIO', when: 'after' },
      { op: 'datasync', nth: 2, code: 'EIO', when: 'after' },
    );
    const second = { step: (step: FsStep) => step.op === 'datasync', nth: 2 };
    const writer = store.writer(once(failing, second, () => store.flush(others, A)));
    expect(await store.append(writer, A, 'one')).toBe('unknown');
    expect(store.tableOf(A).rows).toEqual(['one']);
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(await store.settle(others)).toEqual([]);
    expect(store.tableOf(A).rows).toEqual(['one', 'two']);
  });

  test('S4: a writer paused between its fdatasync and its look finds its end', async () => {
    const { memory, store, others, closeAndFlush } = setUp();
    const writer = store.writer(once(memory, { step: isLook, nth: 2 }, closeAndFlush));
    await store.append(writer, A, 'one');
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(store.tableOf(A).rows).toEqual(['one', 'two']);
    expect(await store.settle(others)).toEqual([]);
  });

  test('S4 with a power failure: the end a writer moved on by is durable', async () => {
    const { memory, store, others } = setUp();
    const closing = { step: isGroupWrite, nth: 2 };
    const writer = store.writer(once(memory, closing, () => store.closeAll(others)));
    await store.append(writer, A, 'one');
    expect(await store.append(writer, A, 'two')).toBe('stored');
    expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
  });
});

test('a writer that is sealed before its first segment and ends itself is not taken for finished', async () => {
  const { memory, store, others } = setUp();
  // One closer dies between seal and end; a trimmer has listed the writer when it had no segment.
  const isEnd = (step: FsStep) => step.op === 'link' && step.to?.endsWith('/end') === true;
  const sealed = signal();
  const dying = once(memory, { step: isEnd }, () => {
    sealed.give();
    return new Promise<never>(() => undefined);
  });
  const listed = signal();
  const written = signal();
  let looks = 0;
  const trimming = interceptFs(memory, async (step, run) => {
    const done = await run();
    // The first look finds the writers, the second is what the trimmer goes by.
    if (!isLook(step) || ++looks !== 2) return done;
    listed.give();
    await written.given;
    return done;
  });
  let trimmed: Promise<unknown> = Promise.resolve();
  const created = { step: (step: FsStep) => step.op === 'create' && step.path.endsWith('.seg') };
  const writing = once(memory, created, async () => {
    void store.closeAll(dying);
    await sealed.given;
    trimmed = store.trim(trimming);
    await listed.given;
  });
  expect(await store.append(store.writer(writing), A, 'one')).toBe('stored');
  written.give();
  await trimmed;
  expect(await store.settle(others)).toEqual([]);
});

test('the end is never a frame that came after the closer’s sync and fell with the power', async () => {
  const { memory, store } = setUp();
  const written = signal();
  const writing = interceptFs(memory, async (step, run) => {
    if (step.op === 'datasync' && store.answers.has('two')) {
      written.give();
      return new Promise<never>(() => undefined);
    }
    return run();
  });
  const writer = store.writer(writing);
  await store.append(writer, A, 'one');
  const closing = interceptFs(memory, async (step, run) => {
    const done = await run();
    if (step.op === 'sync' && step.path.endsWith('.seg')) {
      void store.append(writer, A, 'two');
      await written.given;
    }
    return done;
  });
  await store.closeAll(closing);
  expect(await store.settle(memory.crash(LOSE_ALL).process())).toEqual([]);
});

/** A disk whose cache dropped what a failed sync did not write: zeros from `from` on in `file`. */
function evicted(inner: DurableFs, file: RegExp, from: number): DurableFs {
  const open = async (path: string) => {
    const handle = await inner.open(path);
    const read = async (offset: number, length: number) => {
      const bytes = (await handle.read(offset, length)).slice();
      return file.test(path) ? bytes.fill(0, Math.max(0, from - offset)) : bytes;
    };
    return {
      path,
      read,
      size: () => handle.size(),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  };
  return { ...interceptFs(inner, (_step, run) => run()), open };
}

test('a frame flushed from a segment whose sync failed is not stored again under a new id', async () => {
  const { memory, store, others } = setUp();
  const failing = faultFs(memory, { op: 'datasync', nth: 2, code: 'EIO', when: 'after' });
  let size = 0;
  const created = (step: FsStep) => step.op === 'create' && step.path.endsWith('2.seg');
  const fs = once(failing, { step: created }, async () => {
    await store.flush(others, A);
    await store.closeAll(evicted(others, /1\.seg$/, size));
  });
  const writer = store.writer(fs);
  await store.append(writer, A, 'one');
  size = (await memory.stat(`${SPOOL}/${writer.writerId}/00000001.seg`))?.size ?? 0;
  expect(await store.append(writer, A, 'two')).toBe('unknown');
  expect(store.tableOf(A).rows).toEqual(['one', 'two']);
  expect(await store.append(writer, A, 'three')).toBe('stored');
  expect(await store.settle(others)).toEqual([]);
});

describe('a flusher that looked before the seal', () => {
  test('does not commit a frame the closer left beyond the end', async () => {
    const { memory, store, others } = setUp();
    // The closer stops the writer at frame 1 while frame 2 is still unwritten; the flusher, which
    // found no seal, reads only now.
    const flusherLooked = signal();
    const closerEnded = signal();
    const frameWritten = signal();
    const paused = once(memory, { step: (step) => step.op === 'open' }, async () => {
      flusherLooked.give();
      await frameWritten.given;
    });
    const writing = interceptFs(memory, async (step, run) => {
      if (step.op === 'write' && step.bytes !== 64 && store.answers.has('two')) {
        await closerEnded.given;
        await run();
        frameWritten.give();
        await flushing;
        return undefined as Awaited<ReturnType<typeof run>>;
      }
      return run();
    });
    const writer = store.writer(writing);
    await store.append(writer, A, 'one');
    const reader = store.reader(paused);
    const flushing = store.flush(paused, A, reader);
    await flusherLooked.given;
    const second = store.append(writer, A, 'two');
    await store.closeAll(others);
    closerEnded.give();
    expect(await second).toBe('stored');
    await flushing;
    expect(await store.settle(others)).toEqual([]);
  });
});

type Store = ReturnType<typeof setUp>;

/** What the others may do meanwhile; each is tried at every step of the paused process. */
const MEANWHILE: Readonly<Record<string, (world: Store) => Promise<void>>> = {
  close: ({ store, others }) => store.closeAll(others),
  'flush and trim': async ({ store, others }) => {
    await store.flushAll(others);
    await store.trim(others);
  },
  'close, flush and trim': ({ closeAndFlush }) => closeAndFlush(),
  'close, flush, trim and bury': async ({ store, others, closeAndFlush }) => {
    await closeAndFlush();
    store.weekLater();
    await store.trim(others);
  },
};

const DISKS: Readonly<Record<string, (fs: DurableFs) => DurableFs>> = {
  'a good disk': (fs) => fs,
  'a disk whose sync fails once': (fs) =>
    faultFs(fs, { op: 'datasync', nth: 2, code: 'EIO', when: 'after' }),
  'a disk whose sync fails twice': (fs) =>
    faultFs(
      fs,
      { op: 'datasync', nth: 2, code: 'EIO', when: 'after' },
      { op: 'datasync', nth: 3, code: 'EIO', when: 'after' },
    ),
};

describe('a writer paused at each of its steps', () => {
  for (const [disk, spoil] of Object.entries(DISKS)) {
    for (const [name, action] of Object.entries(MEANWHILE)) {
      test(`on ${disk} while others ${name}: every append ends as it was answered`, async () => {
        const places = await everyStep(async (pause) => {
          const world = setUp();
          const { store, memory, others } = world;
          const fs = pause(spoil(memory.process()), () => action(world));
          const writer = store.writer(fs, { segmentBytes: 200 });
          await store.append(writer, A, 'one');
          await Promise.all([store.append(writer, A, 'two'), store.append(writer, B, 'three')]);
          await store.append(writer, A, 'four');
          await writer.close();
          return store.settle(others);
        });
        expect(places).toBeGreaterThan(25);
      });
    }
  }
});

describe('a closer, flusher and trimmer paused at each of its steps', () => {
  const steps: Readonly<Record<string, (world: Store, fs: DurableFs) => Promise<void>>> = {
    flushes: ({ store }, fs) => store.flushAll(fs),
    'closes, flushes and trims': async ({ store }, fs) => {
      await store.closeAll(fs);
      await store.flushAll(fs);
      await store.trim(fs);
      store.weekLater();
      await store.trim(fs);
    },
  };
  const meanwhile: Readonly<Record<string, (world: Store) => Promise<void>>> = {
    ...MEANWHILE,
    nothing: async () => Promise.resolve(),
  };
  for (const [name, run] of Object.entries(steps)) {
    for (const [other, action] of Object.entries(meanwhile)) {
      test(`that ${name} while the writer appends and others ${other}`, async () => {
        const places = await everyStep(async (pause) => {
          const world = setUp();
          const { store, memory, others } = world;
          const writer = store.writer(memory.process(), { segmentBytes: 200 });
          await store.append(writer, A, 'one');
          await Promise.all([store.append(writer, A, 'two'), store.append(writer, B, 'three')]);
          const fs = pause(memory.process(), async () => {
            await store.append(writer, A, 'four');
            await action(world);
            await store.append(writer, B, 'five');
          });
          try {
            await run(world, fs);
          } catch (error) {
            if (!isHypError(error, 'E_CONFLICT')) throw error;
          }
          await store.append(writer, A, 'six');
          await writer.close();
          return store.settle(others);
        });
        expect(places).toBeGreaterThan(8);
      });
    }
  }
});
