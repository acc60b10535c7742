/**
 * The spool against its table of answers (test/support/spool.ts): several writers, closers, flushers
 * and trimmers, failing syncs, kills and power failures, in any order. llp/0007, I3, I11
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closeWriter } from '../../storage/spool/close.ts';
import type { SpoolReader } from '../../storage/spool/reader.ts';
import type { SpoolWriter } from '../../storage/spool/writer.ts';
import { interceptFs } from '../support/intercept-fs.ts';
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
  failingSyncs = 0;

  constructor() {
    this.processes = Array.from({ length: WRITERS }, () => this.born());
  }

  born(): Process {
    const fs = this.memory.process();
    // Only the writer's own syncs fail: the kernel tells each open file of a failed write-back.
    const failing = interceptFs(fs, async (step, run) => {
      if (step.op === 'datasync' && fs.alive && this.failingSyncs > 0) {
        this.failingSyncs--;
        this.memory.failSyncs(/\.seg$/);
      }
      return run();
    });
    const limits = { segmentBytes: 400, groupCommitBytes: 200 };
    return { fs, writer: this.store.writer(failing, limits), reader: this.store.reader(fs) };
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

const turns = integer.map(
  (count): Command =>
    (world) =>
      world.turns(count % 300),
);

const flush = fc.tuple(integer, fc.boolean()).map(([at, which]): Command => async (world) => {
  const { fs, reader } = world.process(at);
  const pause = () => world.turns(at % 40);
  world.start(world.store.flush(fs, which ? A : B, reader, pause));
  return Promise.resolve();
});

const close = fc.tuple(integer, integer).map(([at, which]): Command => async (world) => {
  const { fs, reader } = world.process(at);
  const writers = await reader.writers();
  const victim = writers[which % Math.max(1, writers.length)];
  const place = { fs, dir: SPOOL, random: world.store.random };
  if (victim !== undefined) world.start(closeWriter(place, victim.id));
});

const trimming = integer.map((at): Command => async (world) => {
  const { fs, reader } = world.process(at);
  if (at % 3 === 0) world.store.weekLater();
  world.start(world.store.trim(fs, reader));
  return Promise.resolve();
});

const kill = integer.map((at): Command => async (world) => {
  world.restart(at);
  return Promise.resolve();
});

const powerFailure = integer.map((seed): Command => async (world) => {
  world.memory.crash(seededRandom(seed));
  for (let at = 0; at < WRITERS; at++) world.restart(at);
  return Promise.resolve();
});

const failingSync = integer.map((times): Command => async (world) => {
  world.failingSyncs = 1 + (times % 3);
  return Promise.resolve();
});

const command = fc.oneof(
  { weight: 6, arbitrary: append },
  { weight: 8, arbitrary: turns },
  { weight: 4, arbitrary: flush },
  { weight: 2, arbitrary: close },
  { weight: 2, arbitrary: trimming },
  { weight: 1, arbitrary: kill },
  { weight: 1, arbitrary: powerFailure },
);

/** How often each answer was given, over all runs: a suite that stores nothing proves nothing. */
const given = new Map<string, number>();

async function run(steps: readonly Command[]): Promise<string[]> {
  const world = new World();
  for (const step of steps) await step(world);
  world.failingSyncs = 0;
  for (const { writer } of world.processes) world.start(writer.close());
  await Promise.all(world.running);
  for (const answer of world.store.answers.values()) {
    given.set(answer, (given.get(answer) ?? 0) + 1);
  }
  return world.store.settle(world.memory.process());
}

test('whatever happens, every append ends as it was answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (steps) => {
      expect(await run(steps)).toEqual([]);
    }),
    { numRuns: 200, endOnFailure: true },
  );
  expect(given.get('stored')).toBeGreaterThan(3000);
});

test('also when syncs fail and the disk forgets what they were to keep', async () => {
  const step = fc.oneof({ weight: 2, arbitrary: failingSync }, { weight: 20, arbitrary: command });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      // A writer whose end names a frame that no disk ever kept is not tidied away: it might live.
      const wrong = (await run(steps)).filter((what) => !what.startsWith('left in the spool'));
      expect(wrong).toEqual([]);
    }),
    { numRuns: 200, endOnFailure: true },
  );
  for (const answer of ['stored', 'unknown', 'not-stored']) {
    expect(given.get(answer), answer).toBeGreaterThan(100);
  }
});
