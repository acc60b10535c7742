/**
 * What a sink makes of evidence that does not agree with its own record: progress that is lost,
 * stores and tables that were copied or went back, another process that was faster, a reader that
 * moved objects away. Nothing is sent twice, nothing is taken for sent that was not. llp/0013
 */
import { expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import { toDatasetName, toLineage, toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { createFsSink } from '../../sinks/fs.ts';
import { advance, openProgress, withOpenUnit } from '../../state/progress.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs, systemError } from '../support/intercept-fs.ts';
import { ManualClock, seededRandom } from '../support/random.ts';
import { copyTree, removeTree, sentIds } from '../support/trees.ts';
import { OUT, ROOT, World, configOf, dies, everybodyLives, tableRows } from '../support/world.ts';

const LONG = 240_000;
const EVENTS = toDatasetName('events');
const ARCHIVE = toSinkName('archive');
const leases = everybodyLives;

/** At most `rows` rows a unit, so that a few rows make several. */
function unitsOf(rows: number): Partial<SinkConfig> {
  return { rotate: { rows, bytes: 1e9, intervalMs: 1 } };
}

/** Two exports of three rows, all of the spool trimmed, then the second commit is taken back. */
async function tableThatWentBack(): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases });
  for (let turn = 0; turn < 2; turn++) {
    await world.append(engine, 3);
    await engine.tick();
  }
  await engine.close();
  await engine.tick();
  await world.disk.unlink(`${ROOT}/tables/events/metadata/v2.metadata.json`);
  return world;
}

/** A process exports and dies when the plan is put and before the first part is. */
async function dieBeforeParts(world: World): Promise<void> {
  const process = world.disk.process();
  const fs = interceptFs(process, async (step, run) => {
    if (step.op === 'link' && step.path.endsWith('.part')) process.kill();
    return run();
  });
  await dies(async () => (await world.open({ fs, leases })).tick());
}

async function failuresOf(engine: Engine): Promise<string> {
  const { failures } = await engine.tick();
  return failures.map((failure) => failure.error.message).join('; ');
}

test(
  'a sink that lost its progress takes over what the destination has, whatever its configuration',
  { timeout: LONG },
  async () => {
    const changed = { ...unitsOf(4), partition: 'color={color}' };
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open({ leases });
      await world.append(writer, 3, { color: 'red' });
      await world.append(writer, 2, { color: 'blue' });
      await writer.flush();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      const sinks = [{ ...unitsOf(2), format: 'ndjson.gz' as const }];
      await dies(async () => (await world.open({ fs, sinks, leases })).tick());
      await removeTree(world.disk, `${ROOT}/state/progress`);
      await world.disk.mkdir(`${ROOT}/state/progress`);
      await world.settle([changed]);
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(60);
  },
);

test('a copy of a store that went its own way is parked, its rows are not taken for sent', async () => {
  const world = new World();
  const first = await world.open({ leases });
  await world.append(first, 3);
  await first.tick();
  const root = `${ROOT}-copy`;
  await copyTree(world.disk, ROOT, root);
  await world.append(first, 2);
  await first.tick();
  const copy = await openEngine({
    root,
    config: { ...configOf([{}]), root },
    fs: world.disk.process(),
    clock: world.clock,
    random: seededRandom(4711),
    leases,
  });
  await copy.append('events', [{ id: 100 }, { id: 101 }]);
  const { exported } = await copy.tick();
  expect(exported).toMatchObject([{ state: 'parked', watermark: 3n }]);
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  [0, 'ends at seq 3'],
  [4, 'is another row by now'],
])('a table that went back and got %d rows since parks the sink', async (rows, why) => {
  const world = await tableThatWentBack();
  const engine = await world.open({ leases });
  await engine.append(
    'events',
    Array.from({ length: rows }, (_, at) => ({ id: 100 + at })),
  );
  const { exported } = await engine.tick();
  expect(exported).toMatchObject([{ state: 'parked', watermark: 6n }]);
  expect(exported[0]?.problem).toContain(why);
  expect(exported[0]?.problem).toContain('rolled back');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('parts of an open unit are not made again from other rows', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 3);
  await engine.tick();
  await world.append(engine, 3);
  await dieBeforeParts(world);
  await engine.close();
  await engine.flush();
  await removeTree(world.disk, `${OUT}/.hyp-staging/archive`);
  await world.disk.unlink(`${ROOT}/tables/events/metadata/v2.metadata.json`);
  const second = await world.open({ leases });
  await second.append('events', [{ id: 100 }, { id: 101 }, { id: 102 }]);
  expect(await failuresOf(second)).toContain('are not those of the open unit');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('a table directory that was copied is a dataset of its own, with its own progress', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 3);
  await engine.tick();
  await copyTree(world.disk, `${ROOT}/tables/events`, `${ROOT}/tables/copied`);
  await engine.append('copied', [{ id: 100 }]);
  await world.append(engine, 2);
  const report = await engine.tick();
  expect(report.failures).toEqual([]);
  expect(report.exported).toMatchObject([
    { dataset: 'copied', watermark: 4n },
    { dataset: 'events', watermark: 5n },
  ]);
  expect(await sentIds(world.disk)).toEqual([1, 1, 2, 2, 3, 3, 4, 5, 100]);
});

test('a unit that was delivered is recorded though the rows behind it cannot be read', async () => {
  const world = new World();
  const sinks = [unitsOf(3)];
  const engine = await world.open({ leases, sinks });
  await world.append(engine, 3);
  await engine.flush();
  await world.append(engine, 3);
  await engine.flush();
  let opened = 0;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    // The first file's footer and row group are read; then the disk fails.
    if (step.op === 'open' && step.path.endsWith('.parquet') && ++opened > 2) {
      throw systemError('EIO', 'open', step.path);
    }
    return run();
  });
  const failing = await world.open({ fs, leases, sinks });
  const { exported } = await failing.tick();
  expect(exported).toMatchObject([{ units: 1, watermark: 3n, state: 'retrying' }]);
  await world.settle();
  await world.expectWhole();
});

test('a retry does not wait for a wall clock that went back', async () => {
  const world = new World();
  const writer = await world.open({ leases });
  await world.append(writer, 3);
  await writer.flush();
  const clock = new ManualClock();
  let broken = true;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (broken && step.path.endsWith('.part')) throw systemError('EIO', step.op, step.path);
    return run();
  });
  const config = configOf([unitsOf(3)]);
  const engine = await openEngine({
    root: ROOT,
    config,
    fs,
    clock,
    random: seededRandom(9),
    leases,
  });
  expect((await engine.exportStep(ARCHIVE, EVENTS)).report?.state).toBe('retrying');
  broken = false;
  clock.jump(clock.nowMs() - 24 * 60 * 60_000);
  await clock.advance(600_000);
  expect((await engine.exportStep(ARCHIVE, EVENTS)).report?.units).toBe(1);
});

test.each(['of its own', 'that a dead process left'])(
  'an exporter paused at any step of a unit %s does not put again what a reader has moved on',
  { timeout: LONG },
  async (whose) => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open({ leases });
      await world.append(writer, 5);
      await writer.flush();
      if (whose !== 'of its own') await dieBeforeParts(world);
      const other = await world.open({ leases });
      const moved: number[] = [];
      const fs = pauseHere(world.disk.process(), async () => {
        await other.tick();
        moved.push(...(await sentIds(world.disk)));
        for (const name of await world.disk.readdir(`${OUT}/events`)) {
          if (name.endsWith('.ndjson')) await world.disk.unlink(`${OUT}/events/${name}`);
        }
      });
      await (await world.open({ fs, leases })).tick();
      await world.settle();
      const all = [...moved, ...(await sentIds(world.disk))];
      expect(all).toEqual([1, 2, 3, 4, 5]);
    });
    expect(places.length).toBeGreaterThan(40);
  },
);

test('an exporter that wakes up after an upgrade finished its unit does not park the sink', async () => {
  const world = new World();
  const writer = await world.open({ leases });
  await world.append(writer, 3);
  await writer.flush();
  const random = seededRandom(12);
  /** Another version of hyp makes other bytes of the same rows, finishes the unit and goes on. */
  const upgraded = async (): Promise<void> => {
    const { disk } = world;
    const [lineage = ''] = await disk.readdir(`${ROOT}/state/progress/archive/events`);
    const key = { sink: ARCHIVE, dataset: EVENTS, lineage: toLineage(lineage) };
    const record = await openProgress(disk, `${ROOT}/state`, key, random);
    const base = await record.load();
    const open = base?.value.open;
    if (base === undefined || open === undefined) throw new Error('no unit is open');
    const unit = { ...open, encoder: { ...open.encoder, version: open.encoder.version + 1 } };
    const planned = await record.append(base, withOpenUnit(base.value, unit));
    if (planned.kind !== 'linked') throw new Error('the other version was not first');
    await createFsSink({ name: ARCHIVE, path: OUT, fs: disk, random }).complete(unit);
    await record.append(planned.head, advance(planned.head.value, undefined));
  };
  let paused = false;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (!paused && step.op === 'readFile' && /_hyp\/archive\/.*\d\.json$/.test(step.path)) {
      // The second look for the manifest comes after the last part.
      paused = (await sentIds(world.disk)).length === 3;
      if (paused) await upgraded();
    }
    return run();
  });
  const { exported } = await (await world.open({ fs, leases })).tick();
  expect(paused).toBe(true);
  expect(exported).toMatchObject([{ state: 'idle', watermark: 3n, problem: undefined }]);
  await world.append(writer, 2);
  await world.settle();
  await world.expectWhole();
});

test('an exporter takes over a plan that reaches beyond the table as it saw it before a pause', async () => {
  const world = new World();
  const writer = await world.open({ leases });
  await world.append(writer, 3);
  await writer.flush();
  /** Progress is lost, rows come, another process plans all of them and dies. */
  const meanwhile = async (): Promise<void> => {
    await removeTree(world.disk, `${ROOT}/state/progress/archive`);
    await world.append(writer, 2);
    await writer.flush();
    await dieBeforeParts(world);
  };
  let paused = false;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (!paused && step.op === 'link' && step.to?.endsWith('.plan.json') === true) {
      paused = true;
      await meanwhile();
    }
    return run();
  });
  const { exported } = await (await world.open({ fs, leases })).tick();
  expect(paused).toBe(true);
  expect(exported).toMatchObject([{ watermark: 5n, problem: undefined }]);
  await world.settle();
  await world.expectWhole();
});

test('one damaged table keeps no other from being flushed and exported', async () => {
  const world = new World();
  const engine = await world.open({ leases });
  await engine.append('damaged', [{ id: 100 }]);
  await engine.flush();
  await engine.append('damaged', [{ id: 101 }]);
  await world.append(engine, 2);
  const newest = `${ROOT}/tables/damaged/metadata/v1.metadata.json`;
  const bytes = await world.disk.readFile(newest);
  await world.disk.unlink(newest);
  const file = await world.disk.create(newest);
  await file.write(bytes.subarray(0, bytes.length - 50));
  await file.close();
  const second = await world.open({ leases });
  expect(await failuresOf(second)).toContain('damaged table metadata');
  expect(await sentIds(world.disk)).toEqual([1, 2]);
  await world.append(engine, 2);
  await expect(second.flush()).rejects.toMatchObject({ code: 'E_CORRUPT' });
  expect((await tableRows(second)).map((row) => row.id)).toEqual([1, 2, 3, 4]);
});
