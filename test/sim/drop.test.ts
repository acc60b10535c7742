/**
 * `hyp dataset drop`: whole or not at all, whoever is killed or sleeps; what comes after it is another
 * dataset, which the sinks take up unasked. llp/0022
 */
import { expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { DropReport, DropRequest } from '../../src/engine/by-hand/report.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { ROOT, World, dies, everybodyLives, exportedRows, tableRows } from '../support/world.ts';

const DATASET = toDatasetName('events');
const TABLE = `${ROOT}/tables/events`;
/** One place in so many is tried, of both sides in turn. */
const STRIDE = 11;

async function drop(
  world: World,
  more: Omit<DropRequest, 'dataset'> = {},
  open: Parameters<World['open']>[0] = {},
): Promise<DropReport> {
  const engine = await world.open({ leases: everybodyLives, ...open });
  try {
    return await engine.byHand.drop({ dataset: DATASET, ...more });
  } finally {
    await engine.close();
  }
}

/** Four rows, all sent; beside them another dataset, whose frame shares their segment. */
async function delivered(): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 4);
  await engine.append('others', [{ id: 1000 }]);
  await engine.tick();
  await engine.close();
  return world;
}

async function ids(world: World): Promise<number[]> {
  const sent = await exportedRows(world.disk);
  return sent.map(({ id }) => id).sort((a, b) => a - b);
}

interface Seen {
  readonly names: readonly string[];
  readonly rows: readonly number[];
}

/** Everything there is to do is done, and store and destination prove themselves. */
async function settled(world: World): Promise<Seen> {
  await world.settle();
  const engine = await world.open();
  expect((await engine.check()).findings).toEqual([]);
  const { sinks } = await engine.verify({ deep: true });
  expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
  const names = await engine.datasetNames();
  expect((await engine.status()).datasets.map(({ name }) => name)).toEqual(names);
  const rows = await tableRows(engine);
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => BigInt(index + 1)));
  await engine.close();
  return { names, rows: rows.map(({ id }) => id) };
}

test('a dropped dataset is gone, its deliveries and its neighbours stay', async () => {
  const world = await delivered();
  const others = await world.disk.readdir(`${ROOT}/tables/others/data`);
  expect(await drop(world, { dryRun: true })).toMatchObject({ rows: 4n, neverSent: [] });
  expect((await settled(world)).rows).toHaveLength(4);
  expect(await drop(world)).toMatchObject({ rows: 4n, neverSent: [] });
  expect(await world.disk.readdir(`${TABLE}/data`)).toEqual([]);
  expect(await settled(world)).toEqual({ names: ['others'], rows: [] });
  expect(await ids(world)).toEqual([1, 2, 3, 4, 1000]);
  expect(await world.disk.readdir(`${ROOT}/tables/others/data`)).toEqual(others);
  await expect(drop(world)).rejects.toMatchObject({ code: 'E_UNKNOWN_DATASET' });
});

test('rows that come after a drop are a new dataset, which the sink gets from its first row', async () => {
  const world = await delivered();
  const running = await world.open({ leases: everybodyLives });
  // Its frame stays in the writer's segment, and must not come back from there.
  await world.append(running, 1);
  await running.tick();
  const before = (await running.status()).datasets[0]?.lineage;
  await drop(world);
  await world.append(running, 2);
  const report = await running.tick();
  expect(report.failures).toEqual([]);
  expect(report.exported.find(({ dataset }) => dataset === DATASET)).toMatchObject({
    state: 'idle',
    watermark: 2n,
  });
  expect((await running.status()).datasets[0]?.lineage).not.toBe(before);
  await running.close();
  expect(await settled(world)).toEqual({ names: ['events', 'others'], rows: [6, 7] });
  expect(await ids(world)).toEqual([1, 2, 3, 4, 5, 6, 7, 1000]);
  await drop(world);
  expect((await settled(world)).names).toEqual(['others']);
});

test('a drop is refused while a sink lacks rows, also spooled ones, unless they are abandoned', async () => {
  const world = await delivered();
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 3);
  expect(await drop(world, { dryRun: true })).toMatchObject({ rows: 4n, spoolRows: 3n });
  await expect(drop(world)).rejects.toMatchObject({
    code: 'E_REFUSED',
    message: expect.stringContaining('archive never got (4, 7]') as string,
  });
  expect((await tableRows(engine)).length).toBe(7);
  await engine.close();
  const given = await drop(world, { abandon: true });
  expect(given).toMatchObject({ rows: 7n, neverSent: [{ sink: 'archive', after: 4n }] });
  expect(await settled(world)).toEqual({ names: ['others'], rows: [] });
  expect(await ids(world)).toEqual([1, 2, 3, 4, 1000]);
});

test('a drop killed at any step is whole or not at all, and is finished when it is run again', async () => {
  const outcomes = new Set<number>();
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered();
    const process = world.disk.process();
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(() => drop(world, {}, { fs }));
    const { rows } = await settled(world);
    outcomes.add(rows.length);
    await dies(() => drop(world));
    expect(await world.disk.readdir(`${TABLE}/data`)).toEqual([]);
    expect((await settled(world)).names).toEqual(['others']);
  }, STRIDE);
  expect([...outcomes].sort()).toEqual([0, 4]);
  expect(places.length).toBeGreaterThan(3);
});

test('a drop that slept at any step while rows came drops none of them unsent, or is refused', async () => {
  const ends = new Set<string>();
  await everyPause(async (pauseHere) => {
    const world = await delivered();
    const other = await world.open({ leases: everybodyLives });
    let came = 0;
    const fs = pauseHere(world.disk.process(), async () => {
      came = 2;
      await world.append(other, 2);
      await other.flush();
    });
    const ended = await drop(world, {}, { fs }).then(
      () => 'dropped',
      (error: unknown) => (isHypError(error) ? error.code : String(error)),
    );
    ends.add(ended);
    await other.close();
    await settled(world);
    expect(await ids(world)).toEqual([1, 2, 3, 4, ...[5, 6].slice(0, came), 1000]);
  }, STRIDE);
  expect([...ends].sort()).toEqual(['E_REFUSED', 'dropped']);
});

test.each([
  ['that no sink got, when rows may be abandoned', true],
  ['that were sent, when none may be', false],
])(
  'a drop that slept while another dropped keeps rows of the new dataset %s',
  async (_, abandon) => {
    const ends = new Set<string>();
    const places = await everyPause(async (pauseHere) => {
      const world = await delivered();
      const other = await world.open({ leases: everybodyLives });
      let begun = false;
      let came: number[] = [];
      const fs = pauseHere(world.disk.process(), async () => {
        if (!begun) return;
        await dies(() => drop(world));
        came = [5, 6];
        await world.append(other, 2);
        await (abandon ? other.flush() : other.tick());
      });
      const slow = await world.open({ fs, leases: everybodyLives });
      begun = true;
      const ended = await slow.byHand.drop({ dataset: DATASET, abandon }).then(
        () => 'dropped',
        (error: unknown) => (isHypError(error) ? error.code : String(error)),
      );
      ends.add(ended);
      await slow.close();
      await other.close();
      expect((await settled(world)).rows).toEqual(came);
      expect(await ids(world)).toEqual([1, 2, 3, 4, ...came, 1000]);
    }, STRIDE);
    expect([...ends].sort()).toEqual(['E_UNKNOWN_DATASET', 'dropped']);
    expect(places.length).toBeGreaterThan(2);
  },
);

test('a drop that only removes what an earlier one left drops no rows that come meanwhile', async () => {
  const ends = new Set<string>();
  await everyPause(async (pauseHere) => {
    const world = await delivered();
    const killed = world.disk.process();
    const left = interceptFs(killed, (step, run) => {
      if (step.op === 'unlink' && step.path.startsWith(`${TABLE}/data/`)) killed.kill();
      return run();
    });
    await dies(() => drop(world, {}, { fs: left }));
    const other = await world.open({ leases: everybodyLives });
    let begun = false;
    let came: number[] = [];
    const fs = pauseHere(world.disk.process(), async () => {
      if (!begun) return;
      came = [5, 6];
      await world.append(other, 2);
      await other.flush();
    });
    const slow = await world.open({ fs, leases: everybodyLives });
    begun = true;
    const ended = await slow.byHand.drop({ dataset: DATASET, abandon: true }).then(
      () => 'dropped',
      (error: unknown) => (isHypError(error) ? error.code : String(error)),
    );
    ends.add(ended);
    await slow.close();
    await other.close();
    expect((await settled(world)).rows).toEqual(came);
  }, STRIDE);
  expect([...ends].sort()).toEqual(['E_UNKNOWN_DATASET', 'dropped']);
});

test('a flush and an export that slept at any step while the dataset was dropped mix nothing up', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered();
    const fs = pauseHere(world.disk.process(), async () => {
      await drop(world, { abandon: true });
      const after = await world.open({ leases: everybodyLives });
      await world.append(after, 3);
      await after.flush();
      await after.close();
    });
    const slow = await world.open({ fs, leases: everybodyLives });
    await world.append(slow, 2);
    await slow.tick();
    await slow.close();
    const { rows } = await settled(world);
    const sent = await ids(world);
    expect(new Set(sent).size).toBe(sent.length);
    for (const id of rows) expect(sent).toContain(id);
  }, 31);
  expect(places.length).toBeGreaterThan(4);
});

test('a scan whose dataset is dropped ends with an error, not early', async () => {
  const world = await delivered();
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (step.op === 'open' && step.path.endsWith('.parquet')) await drop(world);
    return run();
  });
  const engine = await world.open({ fs });
  const read = async (): Promise<void> => {
    for await (const batch of engine.scan('events')) expect(batch.rows).toBe(0);
  };
  await expect(read()).rejects.toMatchObject({
    code: 'E_UNKNOWN_DATASET',
    message: expect.stringContaining('dropped') as string,
  });
  await engine.close();
});
