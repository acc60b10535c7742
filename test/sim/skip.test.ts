/**
 * `hyp sink skip`: declined rows are accounted for on both sides, the chain stays that of all rows,
 * and no row of another range is lost or doubled, whatever stops in between. llp/0022
 */
import { describe, expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { toDatasetName, toSeq, toSinkName } from '../../src/core/ids.ts';
import { skipAction } from '../../src/engine/by-hand/skip.ts';
import type { SkipReport } from '../../src/engine/by-hand/report.ts';
import { everyPause } from '../support/fault-fs.ts';
import { OUT, ROOT, World, dies, everybodyLives, exportedRows } from '../support/world.ts';

const SINK = toSinkName('archive');
/** One place in so many is tried, of both sides in turn. */
const STRIDE = 9;
const DATASET = toDatasetName('events');

async function skip(
  world: World,
  through: number,
  open: Parameters<World['open']>[0] = {},
  dryRun = false,
): Promise<SkipReport> {
  const engine = await world.open(open);
  try {
    const request = { sink: SINK, dataset: DATASET, through: toSeq(through), dryRun };
    return await engine.byHand.skip(request);
  } finally {
    await engine.close();
  }
}

/** Four rows are out, four more are in the table. */
async function behind(): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 4);
  await engine.tick();
  await world.append(engine, 4);
  await engine.flush();
  await engine.close();
  return world;
}

async function ids(world: World): Promise<number[]> {
  return (await exportedRows(world.disk)).map(({ id }) => id).sort((a, b) => a - b);
}

async function proven(world: World) {
  const engine = await world.open();
  const { sinks } = await engine.verify({ deep: true });
  const status = await engine.status();
  const checked = await engine.check();
  await engine.close();
  expect(checked.findings).toEqual([]);
  expect(sinks.flatMap((sink) => sink.findings)).toEqual([]);
  return { verified: sinks[0]?.datasets[0], shown: status.sinks[0]?.datasets[0] };
}

/** Two more rows come, and all that is not declined is out. */
async function goOn(world: World): Promise<void> {
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 2);
  const report = await engine.tick();
  expect(report.failures).toEqual([]);
  expect(report.exported.filter(({ problem }) => problem !== undefined)).toEqual([]);
  await engine.close();
}

test('skipped rows are never sent, and status, verify and the destination say so', async () => {
  const world = await behind();
  const dry = await skip(world, 7, {}, true);
  expect(dry).toMatchObject({ skippedRows: 3n, watermark: 4n });
  expect(await skip(world, 7)).toMatchObject({ from: 4n, watermark: 7n, skippedRows: 3n });
  expect(await skip(world, 7)).toMatchObject({ watermark: 7n, skippedRows: 0n });
  await goOn(world);
  expect(await ids(world)).toEqual([1, 2, 3, 4, 8, 9, 10]);
  const { verified, shown } = await proven(world);
  expect(shown).toMatchObject({ watermark: 10n, exportedRows: 7n, declinedRows: 3n, lagRows: 0n });
  expect(verified?.absent).toMatchObject([{ after: 4n, through: 7n, why: 'skipped', rows: 3n }]);
  expect(verified?.tiles).toMatchObject([{ after: 0n, through: 10n, rows: 7n }]);
});

test('skipping is refused above the last row, while the sink is parked, and for no dataset', async () => {
  const world = await behind();
  await expect(skip(world, 9)).rejects.toMatchObject({ code: 'E_RANGE' });
  const engine = await world.open();
  const request = { sink: SINK, dataset: toDatasetName('other'), through: toSeq(1) };
  await expect(engine.byHand.skip(request)).rejects.toMatchObject({ code: 'E_UNKNOWN_DATASET' });
  await engine.close();
  const parked = { reason: '', hint: '', sinceMs: 0 };
  const at = { watermark: toSeq(4), open: undefined, parked: undefined };
  expect(skipAction({ ...at, parked }, toSeq(7))).toBe('parked');
  expect(skipAction(at, toSeq(4))).toBe('done');
  expect(skipAction(at, toSeq(7))).toBe('begin');
});

test('a paused sink can skip what waits for it, and begins nothing by it', async () => {
  const world = await behind();
  const engine = await world.open();
  await engine.changeSink({ verb: 'pause', sink: SINK });
  await engine.close();
  await skip(world, 6);
  expect(await ids(world)).toEqual([1, 2, 3, 4]);
});

describe('a skip that is stopped', () => {
  test('by a kill at any step is all or nothing, and any process finishes it', async () => {
    const outcomes = new Set<string>();
    const places = await everyPause(async (pauseHere) => {
      const world = await behind();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(() => skip(world, 7, { fs }));
      await goOn(world);
      const sent = await ids(world);
      outcomes.add(sent.join());
      const { shown } = await proven(world);
      expect(shown?.exportedRows).toBe(BigInt(sent.length));
      expect(shown?.declinedRows).toBe(10n - BigInt(sent.length));
    }, STRIDE);
    expect([...outcomes].sort()).toEqual(['1,2,3,4,5,6,7,8,9,10', '1,2,3,4,8,9,10']);
    expect(places.length).toBeGreaterThan(10);
  });

  test('by sleep at any step while another exports is refused or was first; no row is twice', async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = await behind();
      const other = await world.open({ leases: everybodyLives });
      let rows = 10n;
      const fs = pauseHere(world.disk.process(), async () => {
        rows = 12n;
        await other.tick();
        await world.append(other, 2);
        await other.tick();
      });
      await skip(world, 7, { fs });
      await goOn(world);
      const sent = await ids(world);
      expect(new Set(sent).size).toBe(sent.length);
      const { shown } = await proven(world);
      expect(shown?.declinedRows).toBe(rows - BigInt(sent.length));
      expect(shown?.watermark).toBe(rows);
    }, STRIDE);
    expect(places.length).toBeGreaterThan(10);
  });
});

test('a skip that slept while the dataset was dropped skips no row that came after', async () => {
  const ends = new Set<string>();
  const places = await everyPause(async (pauseHere) => {
    const world = await behind();
    const other = await world.open({ leases: everybodyLives });
    let begun = false;
    let came: number[] = [];
    const fs = pauseHere(world.disk.process(), async () => {
      if (!begun) return;
      await other.byHand.drop({ dataset: DATASET, abandon: true });
      came = [9, 10, 11, 12, 13, 14, 15, 16];
      await world.append(other, 8);
      await other.flush();
    });
    const slow = await world.open({ fs });
    begun = true;
    const request = { sink: SINK, dataset: DATASET, through: toSeq(7) };
    const ended = await slow.byHand.skip(request).then(
      () => 'skipped',
      (error: unknown) => (isHypError(error) ? error.code : String(error)),
    );
    ends.add(ended);
    await slow.close();
    await other.close();
    await world.settle();
    expect((await ids(world)).filter((id) => id > 8)).toEqual(came);
  }, 3 * STRIDE);
  expect([...ends].sort()).toEqual(['E_RANGE', 'skipped']);
  expect(places.length).toBeGreaterThan(3);
});

test('an exporter that slept at any step while its rows were skipped sends all of them or none', async () => {
  const outcomes = new Set<number>();
  await everyPause(async (pauseHere) => {
    const world = await behind();
    const fs = pauseHere(world.disk.process(), async () => {
      await skip(world, 8);
    });
    const exporter = await world.open({ fs, leases: everybodyLives });
    await exporter.tick();
    await exporter.close();
    await goOn(world);
    const sent = await ids(world);
    outcomes.add(sent.length);
    expect(new Set(sent).size).toBe(sent.length);
    await proven(world);
  }, STRIDE);
  expect([...outcomes].sort((a, b) => a - b)).toEqual([6, 10]);
});

test('a lost record is made again with what was skipped, from receipts or from the destination', async () => {
  for (const lost of ['progress', 'both'] as const) {
    const world = await behind();
    await skip(world, 7);
    await goOn(world);
    await removeFiles(world, `${ROOT}/state/progress/archive/events`);
    if (lost === 'both') await removeFiles(world, `${ROOT}/state/receipts/archive/events`);
    await goOn(world);
    expect(await ids(world)).toEqual([1, 2, 3, 4, 8, 9, 10, 11, 12]);
    const { shown } = await proven(world);
    expect(shown).toMatchObject({ exportedRows: 9n, declinedRows: 3n, watermark: 12n });
  }
});

async function removeFiles(world: World, dir: string): Promise<void> {
  for (const name of await world.disk.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await world.disk.stat(path))?.kind === 'directory') await removeFiles(world, path);
    else await world.disk.unlink(path);
  }
}

test('a table that went back behind skipped rows is still found out', async () => {
  const world = await behind();
  const metadata = `${ROOT}/tables/events/metadata`;
  const before = await world.disk.readdir(metadata);
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 3);
  await engine.flush();
  await engine.close();
  await skip(world, 11);
  for (const name of await world.disk.readdir(metadata)) {
    if (!before.includes(name)) await world.disk.unlink(`${metadata}/${name}`);
  }
  const again = await world.open({ leases: everybodyLives });
  await again.append('events', [{ id: 90 }, { id: 91 }, { id: 92 }, { id: 93 }]);
  const report = await again.tick();
  expect(report.exported[0]).toMatchObject({ state: 'parked', watermark: 11n });
  expect(report.exported[0]?.problem).toContain('another row');
  await again.close();
  expect(await world.disk.stat(`${OUT}/events`)).toBeDefined();
});
