/**
 * Stores and tables that were moved, copied, restored or rolled back: each is known for what it is,
 * nothing is sent before a person has chosen where one must, and a copy never touches the files of
 * its original. llp/0017
 */
import { expect, test } from 'vitest';
import { locationOf } from '../../storage/iceberg/locations.ts';
import { Table } from '../../storage/table.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { seededRandom } from '../support/random.ts';
import { copyTree, removeTree, sentIds, treeOf } from '../support/trees.ts';
import { ROOT, World, configOf, everybodyLives, tableRows } from '../support/world.ts';

const leases = everybodyLives;
const EVENTS = toDatasetName('events');
const COPY = '/home/copy';

async function openAt(world: World, root: string, seed: number): Promise<Engine> {
  return openEngine({
    root,
    config: { ...configOf([{}]), root },
    fs: world.disk.process(),
    clock: world.clock,
    random: seededRandom(seed),
    leases,
  });
}

async function exported(rows: number): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, rows);
  await engine.tick();
  await engine.close();
  await engine.tick();
  return world;
}

/** Every path the newest version of a table names, its metadata's, lists' and manifests'. */
async function namedPaths(world: World, dir: string): Promise<string[]> {
  const table = new Table(EVENTS, dir, world.disk, seededRandom(1));
  const head = await table.load();
  if (head === undefined) return [];
  const paths = [head.value.location, ...head.value.snapshots.map((each) => each.manifestList)];
  for (const manifest of await table.manifests(head)) {
    paths.push(manifest.path);
    paths.push(...(await table.entries(manifest)).map((entry) => entry.file.path));
  }
  return paths;
}

test('a store that was moved goes on where it was, and its tables name the new place', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, COPY);
  await removeTree(world.disk, ROOT);
  const moved = await openAt(world, COPY, 77);
  await moved.append('events', [{ id: 4 }]);
  const { failures, exported: reports } = await moved.tick();
  expect(failures).toEqual([]);
  expect(reports).toMatchObject([{ state: 'idle', watermark: 4n }]);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4]);
  const place = locationOf(`${COPY}/tables/events`);
  const paths = await namedPaths(world, `${COPY}/tables/events`);
  expect(paths.length).toBeGreaterThan(4);
  expect(paths.filter((path) => !path.startsWith(place))).toEqual([]);
  expect((await moved.check()).findings).toEqual([]);
});

test('a copy that goes first is relocated, and no file of its original is touched', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, COPY);
  const before = await treeOf(world.disk, ROOT);
  const copy = await openAt(world, COPY, 77);
  await copy.append('events', [{ id: 100 }]);
  expect((await copy.tick()).failures).toEqual([]);
  expect(await treeOf(world.disk, ROOT)).toEqual(before);
  const place = locationOf(`${COPY}/tables/events`);
  const paths = await namedPaths(world, `${COPY}/tables/events`);
  expect(paths.filter((path) => !path.startsWith(place))).toEqual([]);
  const original = await world.open({ leases });
  await original.append('events', [{ id: 4 }, { id: 5 }]);
  const { exported: reports } = await original.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 3n }]);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100]);
});

test('a copy that goes second knows that it is one', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, COPY);
  const original = await world.open({ leases });
  await original.append('events', [{ id: 4 }]);
  await original.tick();
  const copy = await openAt(world, COPY, 77);
  await copy.append('events', [{ id: 100 }]);
  const { exported: reports } = await copy.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 3n }]);
  expect(reports[0]?.problem).toContain('copied: ');
  expect(reports[0]?.problem).toContain('hyp sink resolve archive --copied');
});

test('a table that got another name parks; its rows are not sent again under the new one', async () => {
  const world = await exported(3);
  await copyTree(world.disk, `${ROOT}/tables/events`, `${ROOT}/tables/renamed`);
  await removeTree(world.disk, `${ROOT}/tables/events`);
  const engine = await world.open({ leases });
  await engine.append('renamed', [{ id: 4 }]);
  const { exported: reports } = await engine.tick();
  expect(reports).toMatchObject([{ dataset: 'renamed', state: 'parked' }]);
  expect(reports[0]?.problem).toContain('moved: the table renamed was moved');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('a table removed by hand and made again is foreign, and parks', async () => {
  const world = await exported(3);
  await removeTree(world.disk, `${ROOT}/tables/events`);
  const engine = await world.open({ leases });
  await engine.append('events', [{ id: 100 }]);
  await engine.flush();
  expect((await tableRows(engine)).map((row) => row.seq)).toEqual([1n]);
  const { exported: reports } = await engine.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 0n }]);
  expect(reports[0]?.problem).toContain('foreign: ');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});
