/**
 * A person has chosen: every committed row of both histories is at the destination once, whatever
 * the choice, wherever the dead store stopped, and wherever the command itself was stopped. llp/0017
 */
import { expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { toSinkName } from '../../src/core/ids.ts';
import type { Engine, ResolveChoice } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { everyPause } from '../support/fault-fs.ts';
import { seededRandom } from '../support/random.ts';
import { copyTree, emptyTree, removeTree, sentIds, treeOf } from '../support/trees.ts';
import { OUT, ROOT, World, configOf, dies, everybodyLives } from '../support/world.ts';

const LONG = 240_000;
/** One place in so many: each builds two stores, and all of them take a minute. */
const EVERY = 5;
const leases = everybodyLives;
const ARCHIVE = toSinkName('archive');
const COPY = '/home/copy';
const BY_COLOR: Partial<SinkConfig> = { partition: 'color={color}' };

interface At {
  readonly root?: string;
  readonly seed?: number;
  readonly fs?: DurableFs;
  readonly sinks?: readonly Partial<SinkConfig>[];
}

async function openAt(world: World, at: At = {}): Promise<Engine> {
  const { root = ROOT, seed = 77, fs = world.disk.process(), sinks = [{}] } = at;
  return openEngine({
    root,
    config: { ...configOf(sinks), root },
    fs,
    clock: world.clock,
    random: seededRandom(seed),
    leases,
  });
}

async function exported(
  rows: number,
  sinks: readonly Partial<SinkConfig>[] = [{}],
): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases, sinks });
  await world.append(engine, rows);
  await engine.tick();
  await engine.close();
  await engine.tick();
  return world;
}

async function restore(world: World, from: string): Promise<void> {
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, from, ROOT);
}

async function tickWell(engine: Engine): Promise<void> {
  const { failures, exported: reports } = await engine.tick();
  expect(failures).toEqual([]);
  expect(reports.filter((report) => report.problem !== undefined)).toEqual([]);
}

async function expectParked(engine: Engine): Promise<void> {
  const { exported: reports } = await engine.tick();
  expect(reports.map((report) => report.state)).toContain('parked');
}

/** Both histories lie at the destination: none of it may look like a loss or a double. */
async function expectVerified(engine: Engine): Promise<void> {
  const { sinks } = await engine.verify({ deep: true });
  expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
}

test('restored from a backup: what the destination has of the lost history stays, the rest goes on', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, '/home/kept');
  const engine = await world.open({ leases });
  await world.append(engine, 2);
  await engine.tick();
  await engine.close();
  await restore(world, '/home/kept');
  const restored = await openAt(world);
  await restored.append('events', [{ id: 100 }, { id: 101 }]);
  await expectParked(restored);
  const [resolution] = await restored.resolveSink(ARCHIVE, 'restored');
  expect(resolution).toMatchObject({ sink: 'archive', dataset: 'events', watermark: 3n });
  await tickWell(restored);
  await restored.append('events', [{ id: 102 }]);
  await tickWell(await openAt(world, { seed: 78 }));
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5, 100, 101, 102]);
  expect((await restored.check()).findings).toEqual([]);
  await expectVerified(restored);
});

test.each(['the original', 'the copy'])(
  'copied, both go on into one destination, %s first: every row once, no file of the original touched',
  async (first) => {
    const world = await exported(3);
    await copyTree(world.disk, ROOT, COPY);
    const original = await world.open({ leases });
    const copy = await openAt(world, { root: COPY });
    await original.append('events', [{ id: 4 }, { id: 5 }]);
    await copy.append('events', [{ id: 100 }]);
    const [fast, slow] = first === 'the copy' ? [copy, original] : [original, copy];
    await tickWell(fast);
    const before = await treeOf(world.disk, first === 'the copy' ? COPY : ROOT);
    await expectParked(slow);
    await slow.resolveSink(ARCHIVE, 'copied');
    await tickWell(slow);
    expect(await treeOf(world.disk, first === 'the copy' ? COPY : ROOT)).toEqual(before);
    await original.append('events', [{ id: 6 }]);
    await copy.append('events', [{ id: 101 }]);
    await tickWell(original);
    await tickWell(copy);
    expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5, 6, 100, 101]);
    await expectVerified(slow);
  },
);

test('a table that was rolled back under its record goes on after the last row both know', async () => {
  const world = await exported(3);
  const engine = await world.open({ leases });
  await copyTree(world.disk, `${ROOT}/tables`, '/home/tables');
  await world.append(engine, 2);
  await engine.tick();
  await engine.close();
  await engine.tick();
  await removeTree(world.disk, `${ROOT}/tables`);
  await copyTree(world.disk, '/home/tables', `${ROOT}/tables`);
  const back = await openAt(world);
  await expectParked(back);
  await back.resolveSink(ARCHIVE, 'restored');
  await back.append('events', [{ id: 100 }]);
  await tickWell(back);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5, 100]);
  await expectVerified(back);
});

/**
 * Rows 4 (red) and 5 (blue) are in the store and in its copy at /home/kept, not exported. The store
 * also gets 6 (red) and exports in two parts; `pauseHere` says where that is stopped.
 */
async function stoppedInAUnit(fs: (world: World) => DurableFs): Promise<World> {
  const world = await exported(3, [BY_COLOR]);
  const writer = await world.open({ leases, sinks: [BY_COLOR] });
  await writer.append('events', [{ id: 4, color: 'red' }]);
  await writer.append('events', [{ id: 5, color: 'blue' }]);
  await writer.flush();
  await writer.close();
  await writer.flush();
  await copyTree(world.disk, ROOT, '/home/kept');
  const second = await world.open({ leases, sinks: [BY_COLOR] });
  await second.append('events', [{ id: 6, color: 'red' }]);
  await second.append('events', [{ id: 7, color: 'green' }]);
  await second.flush();
  await second.close();
  await dies(async () =>
    (await openAt(world, { fs: fs(world), sinks: [BY_COLOR], seed: 50 })).tick(),
  );
  return world;
}

test(
  'restored while the lost store was stopped at any step of a unit: shared rows are there once',
  { timeout: LONG },
  async () => {
    let forks = 0;
    const places = await everyPause(async (pauseHere) => {
      const world = await stoppedInAUnit((each) => {
        const process = each.disk.process();
        return pauseHere(process, () => {
          process.kill();
        });
      });
      await restore(world, '/home/kept');
      const restored = await openAt(world, { sinks: [BY_COLOR] });
      await restored.append('events', [{ id: 100, color: 'blue' }]);
      const { exported: reports } = await restored.tick();
      if (reports[0]?.state === 'parked') {
        forks += 1;
        await restored.resolveSink(ARCHIVE, 'restored');
        await tickWell(restored);
      }
      const sent = await sentIds(world.disk);
      expect(sent.filter((id) => id < 6 || id === 100)).toEqual([1, 2, 3, 4, 5, 100]);
      expect(new Set(sent).size).toBe(sent.length);
      expect(await plansWithoutManifest(world)).toEqual([]);
    }, EVERY);
    expect(places.length).toBeGreaterThan(8);
    expect(forks).toBeGreaterThan(4);
  },
);

async function plansWithoutManifest(world: World): Promise<string[]> {
  const names = await world.disk.readdir(`${OUT}/events/_hyp/archive`);
  return names.filter(
    (name) => name.endsWith('.plan.json') && !names.includes(name.replace('.plan', '')),
  );
}

test(
  'copied while the other store sleeps in the middle of a unit: it finishes, and every row is there once',
  { timeout: LONG },
  async () => {
    let forks = 0;
    const places = await everyPause(async (pauseHere) => {
      let meanwhile: Promise<void> | undefined;
      const world = await stoppedInAUnit((each) =>
        pauseHere(each.disk.process(), () => {
          meanwhile = (async () => {
            const copy = await openAt(each, { root: '/home/kept', sinks: [BY_COLOR] });
            await copy.append('events', [{ id: 100, color: 'blue' }]);
            const { exported: reports } = await copy.tick();
            if (reports[0]?.state === 'parked') {
              forks += 1;
              await copy.resolveSink(ARCHIVE, 'copied');
              await tickWell(copy);
            }
          })();
          return meanwhile;
        }),
      );
      await meanwhile;
      const original = await openAt(world, { sinks: [BY_COLOR], seed: 51 });
      const { exported: reports } = await original.tick();
      if (reports[0]?.state === 'parked') {
        forks += 1;
        await original.resolveSink(ARCHIVE, 'copied');
        await tickWell(original);
      }
      expect(await sentIds(world.disk)).toEqual(
        meanwhile === undefined ? [1, 2, 3, 4, 5, 6, 7] : [1, 2, 3, 4, 5, 6, 7, 100],
      );
    }, EVERY);
    expect(places.length).toBeGreaterThan(8);
    expect(forks).toBeGreaterThan(8);
  },
);

test(
  'a resolve that is killed at any step is run again, and every row of two sinks is there once',
  { timeout: LONG },
  async () => {
    const sinks = [{}, {}];
    const places = await everyPause(async (pauseHere) => {
      const world = await exported(2, sinks);
      await copyTree(world.disk, ROOT, '/home/kept');
      const engine = await world.open({ leases, sinks });
      await world.append(engine, 1);
      await engine.tick();
      await engine.close();
      await restore(world, '/home/kept');
      const restored = await openAt(world, { sinks });
      await restored.append('events', [{ id: 100 }]);
      await expectParked(restored);
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(async () => {
        const person = await openAt(world, { fs, sinks, seed: 88 });
        await person.resolveSink(ARCHIVE, 'restored');
      });
      const again = await openAt(world, { sinks, seed: 99 });
      const { exported: reports } = await again.tick();
      if (reports.some((report) => report.state === 'parked')) {
        await again.resolveSink(ARCHIVE, 'restored');
      }
      await tickWell(again);
      expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100]);
      expect(await sentIds(world.disk, `${OUT}1`)).toEqual([1, 2, 3, 100]);
    }, EVERY);
    expect(places.length).toBeGreaterThan(12);
  },
);

test(
  'while a person resolves one sink, others that export and append at any step lose and double nothing',
  { timeout: LONG },
  async () => {
    const sinks = [{}, {}];
    const places = await everyPause(async (pauseHere) => {
      const world = await exported(2, sinks);
      await copyTree(world.disk, ROOT, '/home/kept');
      const lost = await world.open({ leases });
      await world.append(lost, 1);
      await lost.tick();
      await lost.close();
      await restore(world, '/home/kept');
      const daemon = await openAt(world, { sinks });
      await daemon.append('events', [{ id: 100 }]);
      await expectParked(daemon);
      const fs = pauseHere(world.disk.process(), async () => {
        await daemon.append('events', [{ id: 101 }]);
        await daemon.tick();
      });
      const person = await openAt(world, { fs, sinks, seed: 88 });
      try {
        await person.resolveSink(ARCHIVE, 'restored');
      } catch (error) {
        expect(error).toMatchObject({ kind: 'conflict' });
        await person.resolveSink(ARCHIVE, 'restored');
      }
      await daemon.append('events', [{ id: 102 }]);
      await tickWell(daemon);
      const paused = (await sentIds(world.disk)).includes(101) ? [101] : [];
      expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100, ...paused, 102]);
      expect(await sentIds(world.disk, `${OUT}1`)).toEqual([1, 2, 100, ...paused, 102]);
    }, EVERY);
    expect(places.length).toBeGreaterThan(12);
  },
);

test.each([
  ['delivered', [4, 5]],
  ['again', [1, 2, 3, 4, 5]],
] as const)('an emptied destination, --%s: then %j are there', async (choice, ids) => {
  const world = await exported(3);
  await emptyTree(world.disk, OUT);
  const engine = await openAt(world);
  await engine.append('events', [{ id: 4 }, { id: 5 }]);
  expect((await engine.tick()).failures).toMatchObject([{ error: { code: 'E_PARKED' } }]);
  await expect(engine.resolveSink(ARCHIVE, 'restored')).rejects.toMatchObject({ code: 'E_USAGE' });
  await engine.resolveSink(ARCHIVE, choice);
  await tickWell(engine);
  await tickWell(await openAt(world, { seed: 79 }));
  expect(await sentIds(world.disk)).toEqual(ids);
});

test.each([
  ['delivered', [1, 2, 3, 4]],
  ['again', [1, 1, 2, 2, 3, 3, 4]],
] as const)('a table with another name, --%s: then %j are there', async (choice, ids) => {
  const world = await exported(3);
  await world.disk.rename(`${ROOT}/tables/events`, `${ROOT}/tables/renamed`);
  const engine = await openAt(world);
  await engine.append('renamed', [{ id: 4 }]);
  await expectParked(engine);
  await engine.resolveSink(ARCHIVE, choice);
  await tickWell(engine);
  expect(await sentIds(world.disk)).toEqual(ids);
});

test('another table under a known name goes on from its first row with --again only', async () => {
  const world = await exported(3);
  await removeTree(world.disk, `${ROOT}/tables/events`);
  const engine = await openAt(world);
  await engine.append('events', [{ id: 100 }]);
  await expectParked(engine);
  for (const choice of ['retry', 'restored', 'delivered'] satisfies ResolveChoice[]) {
    await expect(engine.resolveSink(ARCHIVE, choice)).rejects.toMatchObject({ code: 'E_USAGE' });
  }
  await engine.resolveSink(ARCHIVE, 'again');
  await tickWell(engine);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100]);
  await expect(engine.resolveSink(ARCHIVE, 'again')).rejects.toThrow('nothing to resolve');
});
