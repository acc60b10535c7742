/**
 * Owns: bits flipped in the files of a table (I12): no wrong row comes out of a scan or an export, what
 * stops names the file and what to run, and the other dataset goes on.
 * llp/0013
 */
import { expect } from 'vitest';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { count } from './counted.ts';
import type { MemoryFs } from './memory-fs.ts';
import { seededRandom } from './random.ts';
import { OUT, ROOT, World, exportedRows } from './world.ts';

export const KINDS = {
  data: /\/data\/[^/]*\.parquet$/,
  manifest: /\/metadata\/(?!snap-)[^/]*\.avro$/,
  'manifest list': /\/metadata\/snap-[^/]*\.avro$/,
  metadata: /\/metadata\/v\d+\.metadata\.json$/,
} as const;

export type Kind = keyof typeof KINDS;

const WORDS = ['alpha', 'bravo', 'charlie', 'delta'];
const rowsFrom = (from: number) =>
  Array.from({ length: 10 }, (_, at) => ({
    id: from + at,
    word: WORDS[at % 4] ?? '',
    share: (from + at) / 7,
    odd: at % 2 === 1,
  }));
export const EXPECTED = [...rowsFrom(1), ...rowsFrom(11)];

/** Two commits of `events`, one of `other`. */
export async function fill(engine: Engine): Promise<void> {
  for (const from of [1, 11]) {
    await engine.append('events', rowsFrom(from));
    await engine.flush();
  }
  await engine.append('other', [{ id: 1 }]);
  await engine.flush();
  await engine.close();
}

/** Files that readers of the newest version open; `metadata` is the text of that version. */
export function pathsOf(kind: Kind, names: readonly string[], metadata: string): string[] {
  const found = names.filter((name) => KINDS[kind].test(name)).sort();
  if (kind === 'metadata') return found.slice(-1);
  if (kind !== 'manifest list') return found;
  const newest = /snap-[^/"]*\.avro/g;
  const last = [...metadata.matchAll(newest)].at(-1)?.[0] ?? '';
  return found.filter((name) => name.endsWith(last));
}

export async function below(fs: MemoryFs, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fs.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await fs.stat(path))?.kind === 'directory') found.push(...(await below(fs, path)));
    else found.push(path);
  }
  return found;
}

export async function write(fs: MemoryFs, path: string, bytes: Uint8Array): Promise<void> {
  await fs.unlink(path);
  const handle = await fs.create(path);
  await handle.write(bytes);
  await handle.close();
}

export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** The error of damage, or undefined for another history that reads as before. */
export function assertNamed(error: unknown, path: string): void {
  if (!isHypError(error)) throw error;
  expect(['E_CORRUPT', 'E_FOREIGN', 'E_UNSUPPORTED_FORMAT']).toContain(error.code);
  expect(error.message).toContain(path.slice(path.lastIndexOf('/') + 1));
  expect(error.hint).toMatch(/hyp check|restore/);
}

/** True when the flip was noticed; every row that came out before is right. */
async function catNotices(engine: Engine, path: string): Promise<boolean> {
  const rows: unknown[] = [];
  try {
    for await (const batch of engine.scan('events')) {
      const lines = Buffer.from(encodeNdjson(batch)).toString('utf8').trim().split('\n');
      rows.push(...lines.map((line) => JSON.parse(line) as unknown));
    }
  } catch (error) {
    assertNamed(error, path);
    expect(rows).toEqual(EXPECTED.slice(0, rows.length));
    return true;
  }
  expect(rows).toEqual(EXPECTED);
  return false;
}

async function otherGoesOn(engine: Engine): Promise<void> {
  let rows = 0;
  for await (const batch of engine.scan('other')) rows += batch.rows;
  expect(rows).toBe(1);
}

/** Exports to a new destination: right rows or none of `events`, and all of `other`. */
async function exports(world: World, round: number, path: string): Promise<void> {
  const engine = await world.open({
    sinks: [{ name: toSinkName(`s${round}`), path: `${OUT}${round}` }],
  });
  const { failures } = await engine.tick();
  await engine.close();
  for (const { what, error } of failures) {
    expect(what).toContain('events');
    assertNamed(error, path);
  }
  const sent = (await exportedRows(world.disk, `${OUT}${round}`)).map((row) => ({ ...row }));
  const own = sent.filter((row) => 'word' in row);
  expect(sent.length - own.length, 'rows of the other dataset').toBe(1);
  expect(own).toEqual(failures.length > 0 ? [] : EXPECTED);
}

/**
 * Flips a bit at `places` seeded places of files of `kind`; each is read by `cat`, one in `dearEvery`
 * is exported and checked, too. Answers how many were noticed: all of them must be.
 */
export async function flipPlaces(kind: Kind, places: number, dearEvery: number): Promise<number> {
  const world = new World();
  await fill(await world.open());
  const random = seededRandom(kind.length);
  const names = await below(world.disk, `${ROOT}/tables/events`);
  const [head = ''] = pathsOf('metadata', names, '');
  const text = Buffer.from(await world.disk.readFile(head)).toString('utf8');
  const paths = pathsOf(kind, names, text);
  let noticed = 0;
  for (let round = 0; round < places; round++) {
    const path = paths[Math.floor(random.fraction() * paths.length)] ?? '';
    const whole = await world.disk.readFile(path);
    const bit = Math.floor(random.fraction() * whole.length * 8);
    count('bit flips', 1);
    await write(world.disk, path, flip(whole, bit));
    const engine = await world.open({ sinks: [] });
    if (await catNotices(engine, path)) noticed++;
    if (round % dearEvery === 0) await checkNames(engine, path);
    await engine.close();
    if (round % dearEvery === 0) await exports(world, round, path);
    await write(world.disk, path, whole);
  }
  return noticed;
}

/** The other dataset is read as before, and `hyp check` names the file. */
async function checkNames(engine: Engine, path: string): Promise<void> {
  await otherGoesOn(engine);
  const { findings } = await engine.check();
  const told = findings.map(({ where, what }) => `${where} ${what}`).join('\n');
  expect(told).toContain(path.slice(path.lastIndexOf('/') + 1));
}
