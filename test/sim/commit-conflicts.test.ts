/**
 * Commits that meet while every writer lives: a flush that is stopped at each of its steps while
 * another process commits the same frames, or rows of another source. llp/0003, llp/0013
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { LOSE_ALL } from '../support/memory-fs.ts';
import { tempDir } from '../support/tmp.ts';
import { World, dies, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;

test('a flush and a keyed append that meet give no seq twice and lose no row', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    const writer = await world.open({ leases });
    await world.append(writer, 3);
    const other = await world.open({ leases });
    const fs = pauseHere(world.disk.process(), async () => {
      const rows = [{ id: 101 }, { id: 102 }];
      for (const { id } of rows) world.begun.add(id);
      await other.append('events', rows, { idempotencyKey: 'once' });
      for (const { id } of rows) world.acknowledged.add(id);
    });
    await (await world.open({ fs, leases })).flush();
    await world.settle();
    await world.expectWhole();
  });
  expect(places.length).toBeGreaterThan(30);
}, 60_000);

test('a flush whose frames another process commits meanwhile finds nothing left to do', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    const writer = await world.open({ leases });
    await world.append(writer, 3);
    const other = await world.open({ leases });
    const fs = pauseHere(world.disk.process(), async () => {
      await other.flush();
    });
    const flushed = await (await world.open({ fs, leases })).flush();
    expect(flushed.filter(({ maxSeq }) => maxSeq !== 3n)).toEqual([]);
    await world.settle();
    await world.expectWhole();
  });
  expect(places.length).toBeGreaterThan(30);
}, 60_000);

test('two backfills of one file that meet have each of its rows once', async () => {
  const path = join(await tempDir(), 'a.ndjson');
  await writeFile(path, '{"id":1}\n{"id":2}\n{"id":3}\n');
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    for (const id of [1, 2, 3]) world.begun.add(id);
    const other = await world.open({ leases });
    const fs = pauseHere(world.disk.process(), async () => {
      await other.backfill('events', [path]);
    });
    await (await world.open({ fs, leases })).backfill('events', [path]);
    for (const id of [1, 2, 3]) world.acknowledged.add(id);
    await world.settle();
    await world.expectWhole();
  });
  expect(places.length).toBeGreaterThan(25);
}, 60_000);

test('a writer is forgotten only once its directory is durably gone (model F4b)', async () => {
  const world = new World();
  const other = await world.open({ leases });
  await world.append(other, 1);
  const writer = await world.open({ leases });
  await world.append(writer, 3);
  await writer.flush();
  await writer.close();
  // Whoever removes the directory dies between the rename and its sync.
  const process = world.disk.process();
  let renamed = 0;
  const fs = interceptFs(process, async (step, run) => {
    const done = await run();
    if (step.op === 'rename' && step.to?.includes('.gone-') === true) {
      renamed += 1;
      process.kill();
    }
    return done;
  });
  await dies(async () => (await world.open({ fs, leases })).tick());
  expect(renamed).toBe(1);
  // Its segment was made before: nothing but the flush syncs the spool's directory. The power fails
  // right behind the commit, before the spool is tidied, which would sync it, too.
  await world.append(other, 1);
  let committed = 0;
  const last = interceptFs(world.disk.process(), async (step, run) => {
    if (committed === 1 && step.op === 'readdir' && step.path.endsWith('/spool')) {
      committed += 1;
      world.disk.crash(LOSE_ALL);
    }
    const done = await run();
    if (step.op === 'link' && step.to?.endsWith('.metadata.json') === true) committed += 1;
    return done;
  });
  await dies(async () => (await world.open({ fs: last, leases })).flush('events'));
  expect(committed).toBe(2);
  await world.settle();
  await world.expectWhole();
});
