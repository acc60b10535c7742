/**
 * `hyp sink replay` over real deliveries: what is gone is back under its own name, nothing else is
 * touched, and `hyp verify --deep` finds nothing afterwards, whatever stops in between. llp/0022
 */
import { describe, expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import { toDatasetName, toSeq, toSinkName } from '../../src/core/ids.ts';
import type { ReplayReport } from '../../src/engine/by-hand/report.ts';
import { everyPause } from '../support/fault-fs.ts';
import { OUT, ROOT, World, dies, exportedRows, objectKeys } from '../support/world.ts';

const SINK = toSinkName('archive');
const DATASET = toDatasetName('events');
const UNITS = `${OUT}/events/_hyp/archive`;

function sinksOf(format: SinkConfig['format'], rows = 4): readonly Partial<SinkConfig>[] {
  return [{ format, partition: '{half}', rotate: { rows, bytes: 1 << 20, intervalMs: 0 } }];
}

/** Three units of four rows, two objects each. */
async function delivered(format: SinkConfig['format'] = 'ndjson'): Promise<World> {
  const world = new World();
  const engine = await world.open({ sinks: sinksOf(format) });
  for (let unit = 0; unit < 3; unit++) {
    await world.append(engine, 2, { half: 'a' });
    await world.append(engine, 2, { half: 'b' });
    await engine.tick();
  }
  await engine.close();
  return world;
}

interface Range {
  readonly after: number;
  readonly through: number;
  readonly dryRun?: boolean;
}

async function replay(
  world: World,
  { after, through, dryRun }: Range,
  open: Parameters<World['open']>[0] = {},
): Promise<ReplayReport> {
  const engine = await world.open(open);
  const range = { after: toSeq(after), through: toSeq(through) };
  try {
    return await engine.byHand.replay({ sink: SINK, dataset: DATASET, ...range, dryRun });
  } finally {
    await engine.close();
  }
}

async function findings(world: World, sinks?: readonly Partial<SinkConfig>[]): Promise<string[]> {
  const engine = await world.open(sinks === undefined ? {} : { sinks });
  const report = await engine.verify({ deep: true });
  await engine.close();
  return report.sinks.flatMap((sink) => sink.findings.map(({ label }) => label));
}

async function unitFiles(world: World): Promise<string[]> {
  return (await world.disk.readdir(UNITS)).map((name) => `${UNITS}/${name}`);
}

async function contents(world: World): Promise<Map<string, string>> {
  const paths = [...(await objectKeys(world.disk)).map((key) => `${OUT}/${key}`)];
  const found = new Map<string, string>();
  for (const path of [...paths, ...(await unitFiles(world))]) {
    found.set(path, Buffer.from(await world.disk.readFile(path)).toString('base64'));
  }
  return found;
}

async function write(world: World, path: string, text: string): Promise<void> {
  const handle = await world.disk.create(path);
  await handle.write(Buffer.from(text));
  await handle.sync();
  await handle.close();
}

/** Rows (4, 8] as a name says them. */
const SECOND = `-${'4'.padStart(19, '0')}-${'8'.padStart(19, '0')}-`;

async function removeSecond(world: World): Promise<string[]> {
  const lost = (await objectKeys(world.disk)).filter((key) => key.includes(SECOND));
  for (const key of lost) await world.disk.unlink(`${OUT}/${key}`);
  return lost;
}

describe('lost objects', () => {
  for (const format of ['ndjson', 'ndjson.gz', 'parquet'] as const) {
    test(`of ${format} come back under their names with their bytes, and no others`, async () => {
      const world = await delivered(format);
      const before = await contents(world);
      expect(await removeSecond(world)).toHaveLength(2);
      const dry = await replay(world, { after: 5, through: 6, dryRun: true });
      expect(dry).toMatchObject({ units: 1, sent: { objects: 2, rows: 4 }, found: 0 });
      expect((await contents(world)).size).toBe(before.size - 2);
      // The configuration of today does not matter: the unit was cut and encoded by that of its day.
      const report = await replay(world, { after: 5, through: 6 });
      expect(report).toMatchObject({ units: 1, sent: { objects: 2, rows: 4 }, found: 0 });
      expect(report.there.objects).toBe(0);
      expect(await contents(world)).toEqual(before);
      expect(await findings(world)).toEqual([]);
      const again = await replay(world, { after: 0, through: 12 });
      expect(again).toMatchObject({ units: 3, sent: { objects: 0 }, there: { objects: 6 } });
      await world.expectWhole();
    });
  }

  test('come back with their plan and manifest when only receipts tell of them', async () => {
    const world = await delivered();
    const before = await contents(world);
    for (const path of before.keys()) await world.disk.unlink(path);
    const report = await replay(world, { after: 0, through: 12 });
    expect(report).toMatchObject({ units: 3, unitFiles: 6, sent: { objects: 6 }, found: 0 });
    expect(await contents(world)).toEqual(before);
    expect(await findings(world)).toEqual([]);
    await world.expectWhole();
  });

  test('whose plan alone is gone get it back', async () => {
    const world = await delivered();
    const before = await contents(world);
    for (const path of await unitFiles(world)) {
      if (path.endsWith('.plan.json')) await world.disk.unlink(path);
    }
    expect(await replay(world, { after: 0, through: 12 })).toMatchObject({ unitFiles: 3 });
    expect(await contents(world)).toEqual(before);
  });

  test('are named, and nothing is written, where something else has their name', async () => {
    const world = await delivered();
    const [first = '', second = ''] = await removeSecond(world);
    await write(world, `${OUT}/${first}`, 'somebody else\n');
    const report = await replay(world, { after: 4, through: 8 });
    expect(report).toMatchObject({ sent: { objects: 1 }, found: 1 });
    expect(report.problems[0]).toMatchObject({ label: 'differs', where: `${OUT}/${first}` });
    const kept = Buffer.from(await world.disk.readFile(`${OUT}/${first}`)).toString();
    expect(kept).toBe('somebody else\n');
    expect(await objectKeys(world.disk)).toContain(second);
  });

  test('of which no plan, manifest or receipt tells are named as a range', async () => {
    const world = await delivered();
    for (const path of await unitFiles(world)) await world.disk.unlink(path);
    await removeTree(world, `${ROOT}/state/receipts/archive/events`);
    const report = await replay(world, { after: 0, through: 12 });
    expect(report.problems.map(({ label }) => label)).toContain('unknown');
    expect(report.sent.objects).toBe(0);
  });
});

async function removeTree(world: World, dir: string): Promise<void> {
  for (const name of await world.disk.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await world.disk.stat(path))?.kind === 'directory') await removeTree(world, path);
    else await world.disk.unlink(path);
  }
  const progress = `${ROOT}/state/progress/archive/events`;
  const [lineage = ''] = await world.disk.readdir(progress);
  const versions = (await world.disk.readdir(`${progress}/${lineage}`)).sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  for (const name of versions.slice(0, -1))
    await world.disk.unlink(`${progress}/${lineage}/${name}`);
}

test('a range that was not delivered is refused, and so is one without rows', async () => {
  const world = await delivered();
  const refused = (after: number, through: number) =>
    expect(replay(world, { after, through })).rejects.toMatchObject({ code: 'E_RANGE' });
  await refused(0, 13);
  await refused(4, 4);
  const engine = await world.open({ sinks: [] });
  const range = { after: toSeq(0), through: toSeq(1) };
  const ask = engine.byHand.replay({ sink: SINK, dataset: DATASET, ...range });
  await expect(ask).rejects.toMatchObject({ code: 'E_USAGE' });
  await engine.close();
});

test('a replay killed at any step is finished by the next, and the watermark never moves', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered();
    const before = await contents(world);
    for (const path of before.keys())
      if (/\/[0-9a-f]{12}-0{18}4[-.]/.test(path)) await world.disk.unlink(path);
    const process = world.disk.process();
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(() => replay(world, { after: 4, through: 8 }, { fs }));
    await replay(world, { after: 4, through: 8 });
    expect(await contents(world)).toEqual(before);
    await world.expectWhole();
  }, 9);
  expect(places.length).toBeGreaterThan(8);
});

test('a replay that slept at any step while another was made, and rows went on, doubles nothing', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await delivered();
    await removeSecond(world);
    const fs = pauseHere(world.disk.process(), async () => {
      await replay(world, { after: 4, through: 8 });
      const engine = await world.open({ sinks: sinksOf('ndjson') });
      await world.append(engine, 4, { half: 'a' });
      await engine.tick();
      await engine.close();
    });
    const report = await replay(world, { after: 4, through: 8 }, { fs });
    expect(report.found).toBe(0);
    await world.settle();
    await world.expectWhole();
    const rows = await exportedRows(world.disk);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  }, 9);
  expect(places.length).toBeGreaterThan(8);
});
