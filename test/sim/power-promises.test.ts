/**
 * What was told of is there when the power fails the moment it was told: backups, drops, relocated and
 * merged tables, rejected lines. All that no sync made durable is lost. llp/0013
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { KEEP_ALL, LOSE_ALL } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';
import { tempDir } from '../support/tmp.ts';
import { copyTree, removeTree } from '../support/trees.ts';
import { ROOT, World, configOf, dies, everybodyLives, tableRows } from '../support/world.ts';

const leases = everybodyLives;
const ELSEWHERE = '/home/elsewhere';

/** A failure before a step loses what one after the step before it loses. */
const BEFORE_EACH = 2;

/** No process has the chance of another. */
let seeds = 100;

function openAt(world: World, root: string, fs?: DurableFs): Promise<Engine> {
  return openEngine({
    root,
    config: { ...configOf([{}]), root },
    fs: fs ?? world.disk.process(),
    clock: world.clock,
    random: seededRandom(++seeds),
    leases,
  });
}

/** Three rows, all sent, nothing in the spool; all of it durable. */
async function delivered(root: string): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 3);
  await engine.tick();
  await engine.close();
  await engine.tick();
  if (root !== ROOT) {
    await copyTree(world.disk, ROOT, root);
    await removeTree(world.disk, ROOT);
  }
  world.disk.crash(KEEP_ALL);
  return world;
}

const DROPPED = { dataset: toDatasetName('events') };
const FOURTH = [[{ id: 4 }], { idempotencyKey: 'four' }] as const;

/** The store at `root` proves itself and has the rows 1 … `rows`. */
async function expectSound(world: World, root: string, rows: number): Promise<void> {
  const engine = await openAt(world, root);
  expect((await engine.check()).findings).toEqual([]);
  const found = await tableRows(engine);
  expect(found.map(({ id }) => id)).toEqual(Array.from({ length: rows }, (_, at) => at + 1));
}

test('a backup is whole', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 3);
  await engine.tick();
  await engine.backup(ELSEWHERE);
  world.disk.crash(LOSE_ALL);
  const restored = await openAt(world, ELSEWHERE);
  const { sinks } = await restored.status();
  expect(sinks).toMatchObject([{ datasets: [{ watermark: 3n, exportedRows: 3n }] }]);
  await expectSound(world, ELSEWHERE, 3);
});

test('a table whose manifests were merged is', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  let merged = 0;
  for (let commit = 1; commit <= 18; commit++) {
    await world.append(engine, 1);
    await engine.flush();
    const names = await world.disk.readdir(`${ROOT}/tables/events/metadata`);
    const manifests = names.filter((name) => new RegExp(`^${commit}-.*\\.avro$`).test(name));
    merged = Math.max(merged, manifests.length);
  }
  world.disk.crash(LOSE_ALL);
  await world.settle();
  await world.expectWhole();
  await expectSound(world, ROOT, 18);
});

test('a table that was moved is, wherever the power failed while it was relocated', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered(ELSEWHERE);
    const fs = pauseHere(world.disk.process(), () => {
      world.disk.crash(LOSE_ALL);
    });
    await dies(async () => {
      const moved = await openAt(world, ELSEWHERE, fs);
      await moved.append('events', ...FOURTH);
    });
    const after = await openAt(world, ELSEWHERE);
    await after.append('events', ...FOURTH);
    await expectSound(world, ELSEWHERE, 4);
  }, BEFORE_EACH);
  expect(places.length).toBeGreaterThan(20);
}, 60_000);

test('a drop is whole or not at all, wherever the power failed, and stays', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered(ROOT);
    const fs = pauseHere(world.disk.process(), () => {
      world.disk.crash(LOSE_ALL);
    });
    await dies(async () => (await world.open({ fs, leases })).byHand.drop(DROPPED));
    const between = await world.open({ leases });
    expect((await between.check()).findings).toEqual([]);
    const rows = await tableRows(between);
    expect([0, 3]).toContain(rows.length);
    if (rows.length > 0) await between.byHand.drop(DROPPED);
    world.disk.crash(LOSE_ALL);
    const after = await world.open({ leases });
    expect(await tableRows(after)).toEqual([]);
    expect((await after.check()).findings).toEqual([]);
    const left = await world.disk.readdir(`${ROOT}/tables/events/data`);
    if (rows.length > 0) expect(left).toEqual([]);
  }, BEFORE_EACH);
  expect(places.length).toBeGreaterThan(10);
}, 60_000);

test.each([
  ['relocated', ELSEWHERE, (engine: Engine) => engine.append('events', ...FOURTH)],
  ['dropped', ROOT, (engine: Engine) => engine.byHand.drop(DROPPED)],
])('the version of a %s table is linked behind the names of its files', async (_, root, work) => {
  let crashes = 0;
  for (let seed = 0; seed < 12; seed++) {
    const world = await delivered(root);
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      const done = await run();
      if (step.op === 'link' && /\/v\d+\.metadata\.json$/.test(step.to ?? '')) {
        world.disk.crash(seededRandom(seed));
        crashes += 1;
      }
      return done;
    });
    await dies(async () => work(await openAt(world, root, fs)));
    expect((await (await openAt(world, root)).check()).findings, `seed ${seed}`).toEqual([]);
  }
  expect(crashes).toBe(12);
});

test('the lines that a backfill rejected are kept as they were', async () => {
  const path = join(await tempDir(), 'a.ndjson');
  await writeFile(path, '{"id":1}\nnot a row\n');
  const world = new World();
  const engine = await world.open({ leases });
  expect(await engine.backfill('events', [path])).toMatchObject({ rows: 1, rejected: 1 });
  world.disk.crash(LOSE_ALL);
  const [name = ''] = await world.disk.readdir(`${ROOT}/rejects`);
  const text = Buffer.from(await world.disk.readFile(`${ROOT}/rejects/${name}`)).toString();
  expect(text).toContain('not a row');
  await expectSound(world, ROOT, 1);
});
