/**
 * A progress record that is lost or damaged while units are on their way: it is made again from
 * receipts and from the destination, nothing is sent twice and nothing is left out; without evidence
 * the sink waits for a person. llp/0017
 */
import { expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import { toDatasetName, toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { everyStep } from '../support/spool.ts';
import { emptyTree, flipBit, removeTree, sentIds, copyTree } from '../support/trees.ts';
import { OUT, ROOT, World, dies, everybodyLives } from '../support/world.ts';

const LONG = 240_000;
const leases = everybodyLives;
const PROGRESS = `${ROOT}/state/progress`;
const RECEIPTS = `${ROOT}/state/receipts`;
const EVENTS = toDatasetName('events');
const ARCHIVE = toSinkName('archive');

function unitsOf(rows: number): Partial<SinkConfig> {
  return { rotate: { rows, bytes: 1e9, intervalMs: 1 } };
}

/** The newest version of every record of the sink gets a flipped bit. */
async function damageProgress(world: World): Promise<void> {
  const dir = `${PROGRESS}/archive/events`;
  if ((await world.disk.stat(dir)) === undefined) return;
  for (const lineage of await world.disk.readdir(dir)) {
    const versions = (await world.disk.readdir(`${dir}/${lineage}`))
      .map((name) => Number(/^v(\d+)\.json$/.exec(name)?.[1] ?? 0))
      .sort((a, b) => b - a);
    if (versions[0] !== undefined && versions[0] > 0) {
      await flipBit(world.disk, `${dir}/${lineage}/v${versions[0]}.json`);
    }
  }
}

async function loseReceipts(world: World): Promise<void> {
  const dir = `${RECEIPTS}/archive/events`;
  if ((await world.disk.stat(dir)) === undefined) return;
  for (const lineage of await world.disk.readdir(dir)) {
    for (const name of await world.disk.readdir(`${dir}/${lineage}`)) {
      if (name.endsWith('.json')) await world.disk.unlink(`${dir}/${lineage}/${name}`);
    }
  }
}

const LOSSES: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'is lost': (world) => emptyTree(world.disk, PROGRESS),
  'is damaged': damageProgress,
  'is lost with its receipts': async (world) => {
    await loseReceipts(world);
    await emptyTree(world.disk, PROGRESS);
  },
};

async function watermark(engine: Engine): Promise<bigint | undefined> {
  const { sinks } = await engine.status();
  return sinks[0]?.datasets[0]?.watermark;
}

test.each(Object.entries(LOSSES))(
  'progress that %s while an exporter sleeps at any step: another plans from the same start, both go on',
  { timeout: LONG },
  async (_how, lose) => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open({ leases });
      await world.append(writer, 2);
      await writer.tick();
      await world.append(writer, 3);
      await writer.flush();
      const other = await world.open({ sinks: [unitsOf(2)], leases });
      const fs = pauseHere(world.disk.process(), async () => {
        await lose(world);
        await other.tick();
        expect(await watermark(other)).toBe(5n);
      });
      const paused = await world.open({ fs, leases });
      await paused.tick();
      await world.append(writer, 1);
      await world.settle();
      await world.expectWhole();
      expect(await watermark(await world.open({ leases }))).toBe(6n);
    }, 3);
    expect(places.length).toBeGreaterThan(10);
  },
);

test('the watermark does not go back when an exporter that slept over a rebuilt record links its version', async () => {
  const world = new World();
  const writer = await world.open({ leases });
  await world.append(writer, 5);
  await writer.flush();
  const other = await world.open({ leases });
  const process = world.disk.process();
  let links = 0;
  const fs = interceptFs(process, async (step, run) => {
    if (step.op !== 'link' || !/\/progress\/.*\/v\d+\.json$/.test(step.to ?? '')) return run();
    if (++links === 2) {
      await other.tick();
      await world.append(writer, 1);
      await other.tick();
      await emptyTree(world.disk, PROGRESS);
      await other.tick();
      expect(await watermark(other)).toBe(6n);
    }
    const linked = await run();
    if (links === 2) process.kill();
    return linked;
  });
  await dies(async () => (await world.open({ fs, leases })).tick());
  expect(links).toBe(2);
  expect(await watermark(await world.open({ leases }))).toBe(6n);
  await world.settle();
  await world.expectWhole();
});

async function exported(rows: number): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, rows);
  await engine.tick();
  await engine.close();
  return world;
}

test('a sink whose destination was emptied sends nothing until it is back, and then goes on', async () => {
  const world = await exported(3);
  await copyTree(world.disk, OUT, '/home/kept');
  const running = await world.open({ leases });
  await running.tick();
  await emptyTree(world.disk, OUT);
  await world.append(running, 2);
  for (const engine of [running, await world.open({ leases })]) {
    const { failures } = await engine.tick();
    expect(failures).toMatchObject([{ error: { code: 'E_PARKED' } }]);
    expect(failures[0]?.error.message).toContain('not mounted, or was emptied');
    const { sinks } = await engine.status();
    expect(sinks).toMatchObject([{ state: 'parked', datasets: [{ watermark: 3n }] }]);
  }
  expect(await world.disk.readdir(OUT)).toEqual([]);
  await removeTree(world.disk, OUT);
  await copyTree(world.disk, '/home/kept', OUT);
  await running.tick();
  await world.settle();
  await world.expectWhole();
});

test('a destination that was emptied but for its owner file gets nothing more', async () => {
  const world = await exported(3);
  await emptyTree(world.disk, `${OUT}/events/_hyp/archive`);
  const engine = await world.open({ leases });
  await world.append(engine, 2);
  const { failures } = await engine.tick();
  expect(failures).toMatchObject([{ error: { code: 'E_PARKED' } }]);
  expect(failures[0]?.error.message).toContain('not mounted, or was emptied');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('progress lost beside receipts and an emptied destination parks where the receipts end', async () => {
  const world = await exported(3);
  await emptyTree(world.disk, PROGRESS);
  await emptyTree(world.disk, `${OUT}/events/_hyp/archive`);
  const engine = await world.open({ leases });
  await world.append(engine, 2);
  const { exported: reports } = await engine.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 3n }]);
  expect(reports[0]?.problem).toContain('its receipts reach seq 3');
  expect(reports[0]?.problem).toContain('hyp sink resolve archive --delivered');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('progress and receipts lost before an emptied destination: no evidence, parked', async () => {
  const world = await exported(3);
  await emptyTree(world.disk, PROGRESS);
  await loseReceipts(world);
  await emptyTree(world.disk, `${OUT}/events/_hyp/archive`);
  const engine = await world.open({ leases });
  const { exported: reports } = await engine.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 0n }]);
  expect(reports[0]?.problem).toContain('neither a receipt nor the destination');
  expect(reports[0]?.problem).toContain('hyp sink resolve archive --again');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('progress lost while the destination has other rows of this lineage: contradiction, parked', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, '/home/kept');
  const engine = await world.open({ leases });
  await world.append(engine, 2);
  await engine.tick();
  await engine.close();
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, '/home/kept', ROOT);
  await emptyTree(world.disk, PROGRESS);
  const restored = await world.open({ leases });
  await restored.append('events', [{ id: 100 }, { id: 101 }]);
  const { exported: reports } = await restored.tick();
  expect(reports).toMatchObject([{ state: 'parked', watermark: 3n }]);
  expect(reports[0]?.problem).toContain('other rows');
  expect(reports[0]?.problem).toContain('hyp sink resolve archive --restored');
  expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4, 5]);
});

test('a restored store notices at its first step that the destination is ahead, without a new row', async () => {
  const world = await exported(3);
  await copyTree(world.disk, ROOT, '/home/kept');
  const engine = await world.open({ leases });
  await world.append(engine, 2);
  await engine.tick();
  await engine.close();
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, '/home/kept', ROOT);
  const restored = await world.open({ leases });
  const { report } = await restored.exportStep(ARCHIVE, EVENTS);
  expect(report).toMatchObject({ state: 'parked', watermark: 3n });
  expect(report?.problem).toContain(
    'rolled back: the destination has rows of events through seq 5',
  );
});

test('two first exports at once, one killed behind its intent, are no loss of progress', async () => {
  const places = await everyStep(async (pause) => {
    const world = new World();
    const writer = await world.open({ leases });
    await world.append(writer, 5);
    await writer.flush();
    const other = world.disk.process();
    const dying = interceptFs(other, async (step, run) => {
      const done = await run();
      if (step.op === 'link' && /\/progress\/.*\/v1\.json$/.test(step.to ?? '')) other.kill();
      return done;
    });
    const fs = pause(world.disk.process(), () =>
      dies(async () => (await world.open({ fs: dying, leases })).tick()),
    );
    const report = await (await world.open({ fs, leases })).tick();
    await world.settle();
    await world.expectWhole();
    return report.exported.flatMap(({ problem }) => problem ?? []);
  });
  expect(places).toBeGreaterThan(60);
});

test('one that saw a damaged record and slept does not take the unit of whoever made it again for a fork', async () => {
  const world = await exported(2);
  await damageProgress(world);
  let slept = false;
  let midway: Promise<unknown> | undefined;
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => (wake = resolve));
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (slept || step.op !== 'readdir' || !step.path.includes('/receipts/archive/events/'))
      return run();
    slept = true;
    const writer = await world.open({ leases });
    await world.append(writer, 2);
    await writer.flush();
    await writer.close();
    let tell = (): void => undefined;
    const planned = new Promise<void>((resolve) => (tell = resolve));
    const other = interceptFs(world.disk.process(), async (at, go) => {
      const done = await go();
      if (at.op === 'link' && at.to?.endsWith('.plan.json') === true) {
        tell();
        await awake;
      }
      return done;
    });
    midway = (await world.open({ fs: other, leases })).tick();
    await planned;
    return run();
  });
  const engine = await world.open({ fs, leases });
  const { report } = await engine.exportStep(ARCHIVE, EVENTS);
  expect(slept).toBe(true);
  expect(report).toMatchObject({ problem: undefined });
  wake();
  await midway;
  await world.settle();
  await world.expectWhole();
});
