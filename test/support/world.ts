/**
 * Owns: a small world for protocol tests: one disk in memory that forgets what was not synced, any
 * number of processes on it, a destination beside the store, and an account of what was appended.
 * Rows are read back from the destination by other code than hyp's own readers.
 * llp/0013
 */
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { batchToRows } from '../../src/codec/rows.ts';
import { columnNamed } from '../../src/codec/columns.ts';
import { DEFAULTS, defaultConfig } from '../../src/config/config.ts';
import type { HypConfig, SinkConfig } from '../../src/config/config.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import type { Leases } from '../../state/lease.ts';
import { countRows } from './counted.ts';
import { MemoryFs } from './memory-fs.ts';
import { seededRandom } from './random.ts';

export const ROOT = '/home/store';
export const OUT = '/out';

/** Everybody's lease is always stolen: nothing may depend on one (I11). */
export const noLeases: Leases = {
  acquire: () => Promise.resolve(undefined),
  isHeld: () => Promise.resolve(false),
  holder: () => Promise.resolve(undefined),
  forget: () => Promise.resolve(),
};

/** Leases that keep writers of other processes from being taken for dead. */
export const everybodyLives: Leases = { ...noLeases, isHeld: () => Promise.resolve(true) };

/** Time that passes a little with every look at it; sleeping is a turn of the event loop. */
export class SteppingClock implements Clock {
  #ms = Date.parse('2026-11-21T12:00:00Z');

  #leapMs = 0;

  nowMs(): number {
    return (this.#ms += 1) + this.#leapMs;
  }

  /** Sets the wall clock; the monotonic one does not notice. */
  leap(ms: number): void {
    this.#leapMs += ms;
  }

  monotonicMs(): number {
    return (this.#ms += 1);
  }

  async sleep(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs what a process does until it is killed or the power fails: how it ends does not matter. */
export async function dies(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch {
    return;
  }
}

export interface Row {
  readonly id: number;
  readonly [key: string]: unknown;
}

export class World {
  readonly disk: MemoryFs;
  readonly clock = new SteppingClock();
  /** Ids of rows whose append resolved. */
  readonly acknowledged = new Set<number>();
  /** Ids of rows whose append was begun. */
  readonly begun = new Set<number>();
  #seed: number;
  #nextId = 1;

  /** `more`: destinations besides the first, as directories that are there. */
  constructor(seed = 1, ...more: readonly string[]) {
    this.disk = new MemoryFs('/home', OUT, ...more);
    this.#seed = seed * 1000;
  }

  /** A process of its own on the disk, or on a wrapped view of it. */
  async open(
    options: {
      fs?: DurableFs;
      sinks?: readonly Partial<SinkConfig>[];
      leases?: Leases;
      config?: Partial<HypConfig>;
    } = {},
  ): Promise<Engine> {
    return openEngine({
      root: ROOT,
      config: { ...configOf(options.sinks ?? [{}]), ...options.config },
      fs: options.fs ?? this.disk.process(),
      clock: this.clock,
      random: seededRandom(this.#seed++),
      leases: options.leases ?? noLeases,
    });
  }

  /** Appends `count` new rows in one call and keeps account of them. */
  async append(engine: Engine, count: number, more: object = {}): Promise<void> {
    const rows = Array.from({ length: count }, (): Row => ({ id: this.#nextId++, ...more }));
    for (const row of rows) this.begun.add(row.id);
    await engine.append('events', rows);
    for (const row of rows) this.acknowledged.add(row.id);
  }

  /** A fresh process that does everything there is to do, and closes. */
  async settle(sinks?: readonly Partial<SinkConfig>[]): Promise<void> {
    const engine = await this.open(sinks === undefined ? {} : { sinks });
    const report = await engine.tick();
    expect(report.failures).toEqual([]);
    expect(report.exported.filter((each) => each.problem !== undefined)).toEqual([]);
    await engine.close();
  }

  /** Rows that somebody outside has written down for good, and that must be in at the end. */
  rowsToCome(count: number): readonly Row[] {
    const rows = Array.from({ length: count }, (): Row => ({ id: this.#nextId++, part: 'log' }));
    for (const { id } of rows) {
      this.begun.add(id);
      this.acknowledged.add(id);
    }
    return rows;
  }

  /**
   * The promise of hyp: seqs are 1 … n without a hole, every acknowledged row is in the table and
   * at each destination exactly once, and nothing else is. Whole units tell of all of it, as those
   * who read manifests only see it. The store proves itself, too.
   */
  async expectWhole(sinks: readonly Partial<SinkConfig>[] = [{}]): Promise<void> {
    const engine = await this.open({ sinks });
    const table = await tableRows(engine);
    expect(table.map((row) => row.seq)).toEqual(table.map((_, index) => BigInt(index + 1)));
    const ids = table.map((row) => row.id);
    expectOnce(ids, this);
    for (const { name, path } of configOf(sinks).sinks) {
      const sent = (await exportedRows(this.disk, path)).map((row) => row.id);
      expect([...sent].sort((a, b) => a - b)).toEqual([...ids].sort((a, b) => a - b));
      expect(await unitFaults(this.disk, { name, path }, ids.length)).toEqual([]);
    }
    expect((await engine.check()).findings).toEqual([]);
    await engine.close();
  }
}

function expectOnce(ids: readonly number[], world: World): void {
  const present = new Set(ids);
  const lost = [...world.acknowledged].filter((id) => !present.has(id));
  countRows(ids.length, lost.length, ids.length - present.size);
  expect(present.size, 'no row twice').toBe(ids.length);
  expect(lost, 'no row lost').toEqual([]);
  expect(
    ids.filter((id) => !world.begun.has(id)),
    'no row invented',
  ).toEqual([]);
}

export function configOf(sinks: readonly Partial<SinkConfig>[]): HypConfig {
  const { format, rotate, retry } = DEFAULTS;
  return {
    ...defaultConfig(ROOT),
    // Without a ballast: its steps would be enumerated in every test of pauses.
    disk: { minFreeBytes: 0 },
    sinks: sinks.map((sink, index) => ({
      name: toSinkName(`archive${index === 0 ? '' : index}`),
      type: 'fs',
      path: `${OUT}${index === 0 ? '' : index}`,
      prefix: '',
      format,
      partition: '',
      rotate,
      datasets: undefined,
      retry,
      ...sink,
    })),
  };
}

/** All rows of `events` in seq order; none before its first commit. */
export async function tableRows(engine: Engine): Promise<{ id: number; seq: bigint }[]> {
  const rows: { id: number; seq: bigint }[] = [];
  try {
    for await (const batch of engine.scan('events')) {
      const seqs = columnNamed(batch, '_hyp_seq');
      if (seqs?.type !== 'long') throw new Error('rows without seq');
      for (const [index, row] of batchToRows(batch).entries()) {
        rows.push({ id: row['id'] as number, seq: seqs.values[index] ?? 0n });
      }
    }
  } catch (error) {
    if (!isHypError(error, 'E_UNKNOWN_DATASET')) throw error;
  }
  return rows;
}

/** Names of the objects at a destination, without hyp's own files. */
export async function objectKeys(fs: DurableFs, dir = OUT): Promise<string[]> {
  const keys: string[] = [];
  const walk = async (path: string): Promise<void> => {
    for (const name of await fs.readdir(path)) {
      if (name.startsWith('_hyp') || name.startsWith('.')) continue;
      const child = `${path}/${name}`;
      if ((await fs.stat(child))?.kind === 'directory') await walk(child);
      else keys.push(child.slice(dir.length + 1));
    }
  };
  await walk(dir);
  return keys.sort();
}

/** What is wrong with the units of `events`: each has its manifest, they tile, they own all objects. */
async function unitFaults(
  fs: DurableFs,
  { name: sink, path }: Pick<SinkConfig, 'name' | 'path'>,
  rows: number,
): Promise<string[]> {
  if (rows === 0) return [];
  const dir = `${path}/events/_hyp/${sink}`;
  const names = await fs.readdir(dir);
  const faults: string[] = [];
  const owned: string[] = [];
  let reached = 0n;
  for (const name of names) {
    if (name.endsWith('.plan.json')) {
      if (!names.includes(name.replace('.plan', ''))) faults.push(`${name} was not completed`);
      continue;
    }
    const { unit } = JSON.parse(Buffer.from(await fs.readFile(`${dir}/${name}`)).toString()) as {
      unit: { after: string; through: string; parts: { key: string }[] };
    };
    if (BigInt(unit.after) !== reached) faults.push(`${name} does not follow ${reached}`);
    reached = BigInt(unit.through);
    owned.push(...unit.parts.map((part) => part.key));
  }
  if (reached !== BigInt(rows)) faults.push(`manifests reach ${reached} of ${rows}`);
  const there = (await objectKeys(fs, path)).filter((key) => key.startsWith('events/'));
  faults.push(...there.filter((key) => !owned.includes(key)).map((key) => `${key} is nobody's`));
  return faults;
}

/** Every row at a destination, with repeats, whatever the format of its object. */
export async function exportedRows(fs: DurableFs, dir = OUT): Promise<Row[]> {
  const rows: Row[] = [];
  for (const key of await objectKeys(fs, dir)) {
    rows.push(...(await rowsOf(key, await fs.readFile(`${dir}/${key}`))));
  }
  return rows;
}

async function rowsOf(key: string, bytes: Uint8Array): Promise<Row[]> {
  if (key.endsWith('.parquet')) {
    const file = new Uint8Array(bytes).buffer;
    const objects = await parquetReadObjects({ file, compressors });
    return objects.map((row) => ({ ...row, id: Number(row['id']) }));
  }
  const text = Buffer.from(key.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row);
}
