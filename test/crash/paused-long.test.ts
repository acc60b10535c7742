/**
 * Processes that are paused for long: until the writer whose frames they hold is gone and forgotten,
 * until the metadata they were about to read is trimmed. llp/0013
 */
import { expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import type { FsStep } from '../support/intercept-fs.ts';
import { LOSE_ALL } from '../support/memory-fs.ts';
import { World, dies, everybodyLives, tableRows } from '../support/world.ts';

const LONG = 120_000;
const leases = everybodyLives;
/** After so many commits the metadata of the first ones is gone, whatever they began with. */
const COMMITS = 2 * LIMITS.recordVersions + LIMITS.trimEveryCommits + 4;

/** Rows of a writer that has closed itself: its directory goes as soon as they are committed. */
async function closedWriter(world: World, rows: number): Promise<void> {
  const writer = await world.open({ leases });
  await world.append(writer, rows);
  await writer.close();
}

test(
  'frames held through a pause are not stored again when their writer is gone and forgotten (model F4c)',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      await closedWriter(world, 3);
      const other = await world.open({ leases });
      const fs = pauseHere(world.disk.process(), async () => {
        await other.flush();
        await closedWriter(world, 1);
        await other.flush();
      });
      await (await world.open({ fs, leases })).flush();
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(30);
  },
);

test(
  'a writer is forgotten only once its directory is durably gone (model F4b)',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      await closedWriter(world, 3);
      // Its directory is there already: a new one would sync the names in the spool by the way.
      const other = await world.open({ leases });
      await world.append(other, 1);
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(async () => (await world.open({ fs, leases })).flush());
      await world.append(other, 1);
      await other.flush('events');
      world.disk.crash(LOSE_ALL);
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(30);
  },
);

function readsMetadata(step: FsStep): boolean {
  return (step.op === 'readFile' || step.op === 'open') && step.path.includes('/tables/');
}

/** Runs `work` once for each of its reads of a table, with many commits by another process before it. */
async function pausedAtEveryRead(
  work: (world: World, fs: DurableFs) => Promise<void>,
): Promise<number> {
  for (let k = 0; ; k++) {
    const world = new World();
    await closedWriter(world, 2);
    await world.settle();
    await closedWriter(world, 2);
    await world.settle();
    const other = await world.open({ leases });
    let reads = 0;
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      if (readsMetadata(step) && reads++ === k) {
        for (let commit = 0; commit < COMMITS; commit++) {
          await world.append(other, 1);
          await other.flush();
        }
      }
      return run();
    });
    await work(world, fs);
    if (reads <= k) return k;
  }
}

test('a reader whose metadata was trimmed begins again', { timeout: LONG }, async () => {
  const reads = await pausedAtEveryRead(async (world, fs) => {
    const rows = await tableRows(await world.open({ fs, leases }));
    expect(rows.slice(0, 4).map((row) => row.id)).toEqual([1, 2, 3, 4]);
  });
  expect(reads).toBeGreaterThan(5);
});

test('a flush whose metadata was trimmed begins again', { timeout: LONG }, async () => {
  const reads = await pausedAtEveryRead(async (world, fs) => {
    const engine = await world.open({ fs, leases });
    await world.append(engine, 1);
    await engine.flush();
    await world.settle();
    await world.expectWhole();
  });
  expect(reads).toBeGreaterThan(2);
});

test('an export whose metadata was trimmed begins again', { timeout: LONG }, async () => {
  const reads = await pausedAtEveryRead(async (world, fs) => {
    await closedWriter(world, 3);
    await (await world.open({ leases })).flush();
    const engine = await world.open({ fs, leases });
    const { failures, exported } = await engine.tick();
    expect(failures).toEqual([]);
    expect(exported.filter((each) => each.problem !== undefined)).toEqual([]);
    await world.settle();
    await world.expectWhole();
  });
  expect(reads).toBeGreaterThan(4);
});
