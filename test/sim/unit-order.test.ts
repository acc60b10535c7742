/**
 * The order in which the steps of a unit become durable (I7, I8). Every crash between two of them has
 * a second witness that saves the day, so that no crash alone would show two steps changed about.
 * llp/0008, llp/0013
 */
import { expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import { toDatasetName, toLineage, toSinkName } from '../../src/core/ids.ts';
import type { Unit } from '../../src/core/unit.ts';
import { addDigests, digestFromHex, digestHex } from '../../src/codec/content-digest.ts';
import { decodeUnitFile, encodeUnitFile } from '../../sinks/blob/unit-manifest.ts';
import { openProgress, withOpenUnit } from '../../state/progress.ts';
import type { ProgressRecord } from '../../state/progress.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import type { FsStep } from '../support/intercept-fs.ts';
import { seededRandom } from '../support/random.ts';
import { emptyTree, removeTree, sentIds } from '../support/trees.ts';
import { OUT, ROOT, World, dies, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;
const BY_COLOR: Partial<SinkConfig> = { partition: 'color={color}' };
const PLANS = `${OUT}/events/_hyp/archive`;

/** What a step is to a unit; names a process makes sure of although they were durable are left out. */
const STEPS: readonly (readonly [string, FsStep['op'], RegExp])[] = [
  ['record linked', 'link', /\/progress\/.*\/v\d+\.json$/],
  ['record durable', 'syncDir', /\/progress\/archive\/events\/[^/]+$/],
  ['plan linked', 'link', /_hyp\/archive\/.*\.plan\.json$/],
  ['manifest linked', 'link', /_hyp\/archive\/[^.]*\.json$/],
  ['plan or manifest durable', 'syncDir', /_hyp\/archive$/],
  ['marked', 'mkdir', /\/receipts\/.*\/1$/],
  ['part linked', 'link', /\.ndjson$/],
  ['part durable', 'syncDir', /\/color=[a-z]+$/],
];

function nameOf(step: FsStep): string[] {
  const path = step.to ?? step.path;
  return STEPS.filter(([, op, at]) => op === step.op && at.test(path)).map(([name]) => name);
}

/** A store with rows in its table, and the first unit of it under way with `fs` around its disk. */
async function worldWithRows(): Promise<World> {
  const world = new World();
  const writer = await world.open({ leases });
  await world.append(writer, 2, { color: 'red' });
  await world.append(writer, 1, { color: 'blue' });
  await writer.flush();
  return world;
}

test('intent, plan, mark, parts, manifest and watermark are durable one after the other', async () => {
  const world = await worldWithRows();
  const steps: string[] = [];
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    const done = await run();
    steps.push(...nameOf(step));
    return done;
  });
  const engine = await world.open({ fs, sinks: [BY_COLOR], leases });
  const { exported } = await engine.tick();
  expect(exported).toMatchObject([{ units: 1, rows: 3 }]);
  expect(steps.slice(steps.indexOf('record linked'))).toEqual([
    'record linked',
    'record durable',
    'plan linked',
    'plan or manifest durable',
    'marked',
    'part linked',
    'part durable',
    'part linked',
    'part durable',
    'manifest linked',
    'plan or manifest durable',
    'record linked',
    'record durable',
  ]);
});

/** A unit of two more rows has its plan at the destination, and its exporter died then. */
async function planned(): Promise<World> {
  const world = await worldWithRows();
  const engine = await world.open({ leases });
  await engine.tick();
  await world.append(engine, 2);
  await engine.flush();
  const process = world.disk.process();
  const fs = interceptFs(process, async (step, run) => {
    if (step.op === 'link' && step.path.endsWith('.part')) process.kill();
    return run();
  });
  await dies(async () => (await world.open({ fs, leases })).tick());
  return world;
}

/** Puts another plan where the newest one is. */
async function replan({ disk }: World, change: (unit: Unit) => Unit): Promise<void> {
  const name = (await disk.readdir(PLANS)).filter((each) => each.endsWith('.plan.json')).at(-1);
  const path = `${PLANS}/${name ?? ''}`;
  const unit = decodeUnitFile('plan', await disk.readFile(path), path);
  await disk.unlink(path);
  const handle = await disk.create(path);
  await handle.write(encodeUnitFile('plan', change(unit)));
  await handle.close();
}

/** The same rows, but after others than ours. */
function afterOtherRows(unit: Unit): Unit {
  const chainBefore = 'a'.repeat(32);
  const chain = addDigests(digestFromHex(chainBefore), digestFromHex(unit.contentDigest));
  return { ...unit, chainBefore, chain: digestHex(chain) };
}

test.each([
  ['with its record', false, 'another history'],
  ['whose record is lost', true, 'other rows'],
])(
  'a plan of the same rows after other rows parks a sink %s: chains are compared',
  async (_, lost, why) => {
    const world = await planned();
    await replan(world, afterOtherRows);
    if (lost) await emptyTree(world.disk, `${ROOT}/state/progress`);
    const { exported, failures } = await (await world.open({ leases })).tick();
    expect(failures).toEqual([]);
    expect(exported).toMatchObject([{ state: 'parked', watermark: 3n }]);
    expect(exported[0]?.problem).toContain(why);
    expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
  },
);

async function recordOf({ disk }: World): Promise<ProgressRecord> {
  const [lineage = ''] = await disk.readdir(`${ROOT}/state/progress/archive/events`);
  const dataset = toDatasetName('events');
  const key = { sink: toSinkName('archive'), dataset, lineage: toLineage(lineage) };
  return openProgress(disk, `${ROOT}/state`, key, seededRandom(5));
}

test('other bytes for the rows of an open unit are in the record before they are sent (I8)', async () => {
  const world = await planned();
  // As an older version of hyp would have encoded them.
  const older = (unit: Unit): Unit => ({
    ...unit,
    parts: unit.parts.map((part) => ({ ...part, bytes: part.bytes + 1, sha256: 'b'.repeat(64) })),
  });
  await replan(world, older);
  const record = await recordOf(world);
  const base = await record.load();
  if (base?.value.open === undefined) throw new Error('no unit is open');
  await record.append(base, withOpenUnit(base.value, older(base.value.open)));
  await removeTree(world.disk, `${OUT}/.hyp-staging/archive`);
  const recorded: unknown[] = [];
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (step.op === 'link' && step.path.endsWith('.part')) {
      const open = (await (await recordOf(world)).load())?.value.open;
      recorded.push(open?.parts.map(({ sha256 }) => step.path.includes(sha256)));
    }
    return run();
  });
  const { exported } = await (await world.open({ fs, leases })).tick();
  expect(recorded).toEqual([[true]]);
  expect(exported).toMatchObject([{ watermark: 5n, problem: undefined }]);
  await world.expectWhole();
});
