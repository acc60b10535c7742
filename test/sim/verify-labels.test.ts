/**
 * What `hyp verify` says of a destination and a store that do not fit together: files of another
 * history, a record or a table that went back. The defects of single objects: verify.test.ts.
 * llp/0018
 */
import { expect, test } from 'vitest';
import { SEAL_PLACEHOLDER, sealBytes } from '../../src/core/digest.ts';
import type { VerifyLabel } from '../../src/engine/verify/report.ts';
import { flipBit } from '../support/trees.ts';
import { OUT, ROOT, World } from '../support/world.ts';

const UNITS = `${OUT}/events/_hyp/archive`;
type Word = Readonly<Record<number, string>>;

const NO_WORDS: Word = {};

/** `units` units of ten rows; worlds of one seed are alike but for the words of their units. */
async function delivered({ units = 3, rows = 10, words = NO_WORDS, seed = 1 } = {}) {
  const world = new World(seed);
  const sinks = [{ rotate: { rows, bytes: 1 << 20, intervalMs: 0 } }];
  for (let unit = 0; unit < units; unit++) {
    const engine = await world.open({ sinks });
    await world.append(engine, 10, { word: words[unit] ?? 'same' });
    await engine.tick();
    await engine.close();
  }
  return world;
}

/** The plan and the manifest of the unit that starts at `after`. */
async function filesOf(world: World, after: number): Promise<{ plan: string; manifest: string }> {
  const names = await world.disk.readdir(UNITS);
  const start = `-${after.toString().padStart(19, '0')}`;
  const find = (end: string): string =>
    `${UNITS}/${names.find((name) => name.endsWith(`${start}${end}`)) ?? expect.fail(end)}`;
  return { plan: find('.plan.json'), manifest: find('.json') };
}

async function put(world: World, path: string, bytes: Uint8Array): Promise<void> {
  if ((await world.disk.stat(path)) !== undefined) await world.disk.unlink(path);
  const handle = await world.disk.create(path);
  await handle.write(bytes);
  await handle.close();
}

/** Files of `from`, by their own names, at the destination of `world`. */
async function take(world: World, from: World, ...paths: string[]): Promise<void> {
  for (const path of paths) await put(world, path, await from.disk.readFile(path));
}

async function versions(world: World, dir: string): Promise<string[]> {
  const names = await world.disk.readdir(dir);
  const number = (name: string): number => Number(/^v(\d+)\./.exec(name)?.[1] ?? 0);
  const found = names.filter((name) => number(name) > 0).sort((a, b) => number(a) - number(b));
  return found.map((name) => `${dir}/${name}`);
}

interface Misfit {
  readonly plant: (world: World) => Promise<void>;
  /** Every label that is found, the one it is about among them. */
  readonly found: readonly VerifyLabel[];
}

const MISFITS: Partial<Readonly<Record<VerifyLabel, Misfit>>> = {
  'plan-damaged': {
    plant: async (world) => flipBit(world.disk, (await filesOf(world, 10)).plan),
    found: ['plan-damaged'],
  },
  'plan-differs': {
    plant: async (world) => {
      const twin = await delivered({ words: { 1: 'othr' } });
      await take(world, twin, (await filesOf(twin, 10)).plan);
    },
    found: ['plan-differs'],
  },
  'plan-unknown': {
    plant: async (world) => {
      const twin = await delivered({ units: 4 });
      await take(world, twin, (await filesOf(twin, 30)).plan);
    },
    found: ['plan-unknown'],
  },
  'unit-differs': {
    plant: async (world) => {
      const { manifest } = await filesOf(world, 10);
      const text = Buffer.from(await world.disk.readFile(manifest)).toString();
      const file = JSON.parse(text) as { seal: string; unit: { parts: { rows: number }[] } };
      const parts = file.unit.parts.map((part) => ({ ...part, rows: part.rows + 1 }));
      const changed = { ...file, seal: SEAL_PLACEHOLDER, unit: { ...file.unit, parts } };
      await put(world, manifest, sealBytes(Buffer.from(`${JSON.stringify(changed)}\n`)));
    },
    found: ['plan-differs', 'unit-differs', 'receipt-differs'],
  },
  'chain-broken': {
    plant: async (world) => {
      const twin = await delivered({ words: { 0: 'othr' } });
      const { plan, manifest } = await filesOf(twin, 10);
      await take(world, twin, plan, manifest);
    },
    found: ['chain-broken', 'receipt-differs', 'chain-broken'],
  },
  double: {
    plant: async (world) => {
      const twin = await delivered({ rows: 5 });
      const { plan, manifest } = await filesOf(twin, 15);
      await take(world, twin, plan, manifest);
    },
    found: ['double', 'object-missing', 'chain-broken'],
  },
  'record-damaged': {
    plant: async (world) => {
      const dir = `${ROOT}/state/progress/archive/events`;
      const [lineage = ''] = await world.disk.readdir(dir);
      await flipBit(world.disk, (await versions(world, `${dir}/${lineage}`)).at(-1) ?? '');
    },
    found: ['record-damaged'],
  },
  'table-behind': {
    plant: async (world) => {
      const all = await versions(world, `${ROOT}/tables/events/metadata`);
      await world.disk.unlink(all.at(-1) ?? '');
    },
    found: ['table-behind'],
  },
  'unknown-lineage': {
    plant: async (world) => {
      const other = await delivered({ units: 1, seed: 5 });
      const { plan, manifest } = await filesOf(other, 0);
      await take(world, other, plan, manifest);
    },
    found: ['unknown-lineage'],
  },
};

test('nothing is found where all fits', async () => {
  const world = await delivered();
  const [sink] = (await (await world.open()).verify({ deep: true })).sinks;
  expect(sink?.findings).toEqual([]);
  expect(sink?.datasets[0]?.tiles).toMatchObject([{ after: 0n, through: 30n, units: 3 }]);
});

test.each(Object.entries(MISFITS))('%s is found, and told with what to do', async (_, misfit) => {
  const world = await delivered();
  await misfit.plant(world);
  const [sink] = (await (await world.open()).verify()).sinks;
  expect(sink?.findings.map(({ label }) => label)).toEqual(misfit.found);
  for (const { hint, where } of sink?.findings ?? []) {
    expect(hint.length).toBeGreaterThan(10);
    expect(where.length).toBeGreaterThan(5);
  }
});
