/**
 * The spool against its table of answers (test/support/spool.ts): several writers, closers, flushers
 * and trimmers, failing syncs, kills and power failures, in any order. llp/0007, I3, I11
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closeWriter } from '../../storage/spool/close.ts';
import type { SpoolReader } from '../../storage/spool/reader.ts';
import type { SpoolWriter } from '../../storage/spool/writer.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import type { ProcessFs } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';
import { A, B, SPOOL, SpoolStore } from '../support/spool.ts';

const WRITERS = 2;

interface Process {
  fs: ProcessFs;
  writer: SpoolWriter;
  reader: SpoolReader;
}

class World {
  readonly memory = new MemoryFs(SPOOL);
  readonly store = new SpoolStore();
  processes: Process[] = [];
  running: Promise<unknown>[] = [];
  appends = 0;

  constructor() {
    this.processes = Array.from({ length: WRITERS }, () => this.born());
  }

  born(): Process {
    const fs = this.memory.process();
    const limits = { segmentBytes: 400, groupCommitBytes: 200 };
    return { fs, writer: this.store.writer(fs, limits), reader: this.store.reader(fs) };
  }

  process(at: number): Process {
    const found = this.processes[at % WRITERS];
    if (found === undefined) throw new Error('no such process');
    return found;
  }

  /** Starts without waiting; what a dead process leaves undone is its own affair. */
  start(work: Promise<unknown>): void {
    this.running.push(work.catch(() => undefined));
  }

  /** Lets what was started go on for a while. */
  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
  }

  /** What a killed process was asked is answered by nobody: its appends stay open questions. */
  restart(at: number): void {
    const old = this.process(at);
    old.fs.kill();
    this.processes[at % WRITERS] = this.born();
  }
}

type Command = (world: World) => Promise<void>;
const integer = fc.nat({ max: 1000 });

const append = fc
  .tuple(integer, integer, fc.integer({ min: 1, max: 6 }))
  .map(([at, size, count]): Command => async (world) => {
    for (let i = 0; i < count; i++) {
      const text = `${world.appends++} ${'x'.repeat((size * (i + 1)) % 700)}`;
      const { writer } = world.process(at);
      world.start(world.store.append(writer, world.appends % 2 === 0 ? A : B, text));
    }
    return Promise.resolve();
  });

const commands: readonly fc.Arbitrary<Command>[] = [
  append,
  append,
  integer.map(
    (count): Command =>
      (world) =>
        world.turns(count % 60),
  ),
  fc.tuple(integer, fc.boolean()).map(([at, which]): Command => async (world) => {
    const { fs, reader } = world.process(at);
    const pause = () => world.turns(at % 40);
    world.start(world.store.flush(fs, which ? A : B, reader, pause));
    return Promise.resolve();
  }),
  fc.tuple(integer, integer).map(([at, which]): Command => async (world) => {
    const { fs, reader } = world.process(at);
    const writers = await reader.writers();
    const victim = writers[which % Math.max(1, writers.length)];
    const place = { fs, dir: SPOOL, random: world.store.random };
    if (victim !== undefined) world.start(closeWriter(place, victim.id));
  }),
  integer.map((at): Command => async (world) => {
    const { fs, reader } = world.process(at);
    if (at % 3 === 0) world.store.weekLater();
    world.start(world.store.trim(fs, reader));
    return Promise.resolve();
  }),
  integer.map((at): Command => async (world) => {
    world.restart(at);
    return Promise.resolve();
  }),
  integer.map((seed): Command => async (world) => {
    world.memory.crash(seededRandom(seed));
    for (let at = 0; at < WRITERS; at++) world.restart(at);
    return Promise.resolve();
  }),
];

/** Only writers' own syncs fail: the kernel tells each open file of a failed write-back once. */
const failingSync = integer.map((times): Command => async (world) => {
  const path = `${world.process(times).writer.writerId}/`;
  world.memory.failSyncs(new RegExp(path), 1 + (times % 2));
  return Promise.resolve();
});

async function run(steps: readonly Command[]): Promise<string[]> {
  const world = new World();
  for (const step of steps) await step(world);
  for (const { writer } of world.processes) world.start(writer.close());
  await Promise.all(world.running);
  world.memory.failSyncs(/./, 0);
  return world.store.settle(world.memory.process());
}

test('whatever happens, every append ends as it was answered', async () => {
  let appended = 0;
  const step = fc.oneof(...commands);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      expect(await run(steps)).toEqual([]);
      appended += steps.length;
    }),
    { numRuns: 300 },
  );
  expect(appended).toBeGreaterThan(3000);
});

test('also when syncs fail and the disk forgets what they were to keep', async () => {
  const step = fc.oneof(append, failingSync, ...commands.filter((_, at) => at !== 3 && at !== 4));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      expect(await run(steps)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
