/**
 * `hyp backup` beside whatever works on the store: what it holds is a store, whole and consistent,
 * and goes on exactly once after it was restored. llp/0017
 */
import { expect, test } from 'vitest';
import { toSinkName } from '../../src/core/ids.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { seededRandom } from '../support/random.ts';
import { copyTree, removeTree, sentIds } from '../support/trees.ts';
import { ROOT, World, configOf, dies, everybodyLives, tableRows } from '../support/world.ts';

const LONG = 240_000;
const leases = everybodyLives;
const ARCHIVE = toSinkName('archive');
const BACKUP = '/home/backup';

async function openAt(world: World, root: string, fs?: DurableFs): Promise<Engine> {
  return openEngine({
    root,
    config: { ...configOf([{}]), root },
    fs: fs ?? world.disk.process(),
    clock: world.clock,
    random: seededRandom(root.length * 100),
    leases,
    mustExist: true,
  });
}

/** The store is lost; its backup takes its place. */
async function restore(world: World): Promise<Engine> {
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, BACKUP, ROOT);
  return openAt(world, ROOT);
}

test('a backup has every row that was in the spool, and none in its own', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 3);
  const report = await engine.backup(BACKUP);
  expect(report).toMatchObject({ dir: BACKUP, datasets: [{ dataset: 'events', maxSeq: 3n }] });
  expect(await world.disk.readdir(`${BACKUP}/spool`)).toEqual([]);
  const backup = await openAt(world, BACKUP);
  expect((await tableRows(backup)).map((row) => row.id)).toEqual([1, 2, 3]);
  expect((await backup.check()).findings).toEqual([]);
});

test(
  'a backup made while others append and export, at any of its steps, goes on exactly once when it is restored',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open({ leases });
      await world.append(writer, 2);
      await writer.tick();
      await world.append(writer, 2);
      const fs = pauseHere(world.disk.process(), async () => {
        await world.append(writer, 1);
        await writer.tick();
      });
      await (await openAt(world, ROOT, fs)).backup(BACKUP);
      await writer.tick();
      const restored = await restore(world);
      expect((await restored.check()).findings).toEqual([]);
      const held = (await tableRows(restored)).map((row) => row.id);
      expect(held.slice(0, 4)).toEqual([1, 2, 3, 4]);
      await restored.append('events', [{ id: 100 }]);
      const { exported: reports, failures } = await restored.tick();
      expect(failures).toEqual([]);
      if (reports[0]?.state === 'parked') {
        await restored.resolveSink(ARCHIVE, 'restored');
        await restored.tick();
      }
      const sent = await sentIds(world.disk);
      expect(new Set(sent).size).toBe(sent.length);
      expect(sent).toEqual(expect.arrayContaining([...world.acknowledged, 100]));
    }, 7);
    expect(places.length).toBeGreaterThan(8);
  },
);

test('a backup that is killed before its end is not taken for a store', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    const writer = await world.open({ leases });
    await world.append(writer, 2);
    await writer.flush();
    const process = world.disk.process();
    const done = { ended: false };
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(async () => {
      await (await openAt(world, ROOT, fs)).backup(BACKUP);
      done.ended = true;
    });
    const there = (await world.disk.stat(`${BACKUP}/store.json`)) !== undefined;
    if (done.ended) expect(there).toBe(true);
    if (there) return;
    if ((await world.disk.stat(BACKUP)) === undefined) return;
    await expect(openAt(world, BACKUP)).rejects.toMatchObject({
      code: expect.stringMatching(/E_NOT_A_STORE|E_CORRUPT/) as unknown,
    });
  }, 5);
  expect(places.length).toBeGreaterThan(8);
});

test('a backup is made in a new or empty directory, outside the store', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 1);
  await expect(engine.backup(`${ROOT}/backup`)).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(engine.backup('/nowhere/backup')).rejects.toMatchObject({ code: 'E_USAGE' });
  await engine.backup(BACKUP);
  await expect(engine.backup(BACKUP)).rejects.toThrow('is not empty');
});

test('a backup beside a resolve that gives a table a new lineage is refused, and made again it goes on', async () => {
  const world = new World();
  const first = await world.open({ leases });
  await world.append(first, 2);
  await first.tick();
  await first.close();
  await copyTree(world.disk, ROOT, '/home/kept');
  const lost = await world.open({ leases });
  await world.append(lost, 1);
  await lost.tick();
  await lost.close();
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, '/home/kept', ROOT);
  const person = await world.open({ leases });
  await person.append('events', [{ id: 100 }]);
  await person.tick();
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (step.op === 'mkdir' && step.path === `${BACKUP}/tables/events`) {
      await person.resolveSink(ARCHIVE, 'restored');
      await person.tick();
    }
    return run();
  });
  const conflict = { code: 'E_CONFLICT' };
  await expect((await openAt(world, ROOT, fs)).backup(BACKUP)).rejects.toMatchObject(conflict);
  expect(await world.disk.stat(`${BACKUP}/store.json`)).toBeUndefined();
  await removeTree(world.disk, BACKUP);
  await person.backup(BACKUP);
  const restored = await restore(world);
  await restored.append('events', [{ id: 101 }]);
  const { exported: reports } = await restored.tick();
  expect(reports).toMatchObject([{ problem: undefined }]);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100, 101]);
});
