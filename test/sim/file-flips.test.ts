/**
 * Flipped bits in the files of a table (I12): seeded places in data files, manifests, manifest lists
 * and metadata. No wrong row comes out of `cat`, `query` or an export; what stops says which file
 * and what to run; the other dataset goes on. HYP_FLIPS=5000 tries more places. llp/0013
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { defaultConfig } from '../../src/config/config.ts';
import type { MemoryFs } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';
import { tempDir } from '../support/tmp.ts';
import { OUT, ROOT, World, exportedRows } from '../support/world.ts';

const FLIPS = Number(process.env['HYP_FLIPS'] ?? 500);
/** One place in so many is also exported, checked, and asked about by SQL: those cost more. */
const DEAR_EVERY = 50;
const QUERY_FLIPS = Math.ceil(FLIPS / 125);

const KINDS = {
  data: /\/data\/[^/]*\.parquet$/,
  manifest: /\/metadata\/(?!snap-)[^/]*\.avro$/,
  'manifest list': /\/metadata\/snap-[^/]*\.avro$/,
  metadata: /\/metadata\/v\d+\.metadata\.json$/,
} as const;

type Kind = keyof typeof KINDS;

const WORDS = ['alpha', 'bravo', 'charlie', 'delta'];
const rowsFrom = (from: number) =>
  Array.from({ length: 10 }, (_, at) => ({
    id: from + at,
    word: WORDS[at % 4] ?? '',
    share: (from + at) / 7,
    odd: at % 2 === 1,
  }));
const EXPECTED = [...rowsFrom(1), ...rowsFrom(11)];

/** Two commits of `events`, one of `other`. */
async function fill(engine: Engine): Promise<void> {
  for (const from of [1, 11]) {
    await engine.append('events', rowsFrom(from));
    await engine.flush();
  }
  await engine.append('other', [{ id: 1 }]);
  await engine.flush();
  await engine.close();
}

/** Files that readers of the newest version open; `metadata` is the text of that version. */
function pathsOf(kind: Kind, names: readonly string[], metadata: string): string[] {
  const found = names.filter((name) => KINDS[kind].test(name)).sort();
  if (kind === 'metadata') return found.slice(-1);
  if (kind !== 'manifest list') return found;
  const newest = /snap-[^/"]*\.avro/g;
  const last = [...metadata.matchAll(newest)].at(-1)?.[0] ?? '';
  return found.filter((name) => name.endsWith(last));
}

async function below(fs: MemoryFs, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fs.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await fs.stat(path))?.kind === 'directory') found.push(...(await below(fs, path)));
    else found.push(path);
  }
  return found;
}

async function write(fs: MemoryFs, path: string, bytes: Uint8Array): Promise<void> {
  await fs.unlink(path);
  const handle = await fs.create(path);
  await handle.write(bytes);
  await handle.close();
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** The error of damage, or undefined for another history that reads as before. */
function assertNamed(error: unknown, path: string): void {
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

describe('a flipped bit', () => {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    test(`in a ${kind} file lets no wrong row out by cat or export, and check names the file`, async () => {
      const world = new World();
      await fill(await world.open());
      const random = seededRandom(kind.length);
      const names = await below(world.disk, `${ROOT}/tables/events`);
      const [head = ''] = pathsOf('metadata', names, '');
      const text = Buffer.from(await world.disk.readFile(head)).toString('utf8');
      const paths = pathsOf(kind, names, text);
      let noticed = 0;
      for (let round = 0; round < FLIPS; round++) {
        const path = paths[Math.floor(random.fraction() * paths.length)] ?? '';
        const whole = await world.disk.readFile(path);
        const bit = Math.floor(random.fraction() * whole.length * 8);
        await write(world.disk, path, flip(whole, bit));
        const engine = await world.open({ sinks: [] });
        if (await catNotices(engine, path)) noticed++;
        if (round % DEAR_EVERY === 0) {
          await otherGoesOn(engine);
          const { findings } = await engine.check();
          const told = findings.map(({ where, what }) => `${where} ${what}`).join('\n');
          expect(told).toContain(path.slice(path.lastIndexOf('/') + 1));
        }
        await engine.close();
        if (round % DEAR_EVERY === 0) await exports(world, round, path);
        await write(world.disk, path, whole);
      }
      expect(noticed).toBe(FLIPS);
    });
  }

  test('in a list that only older snapshots need is found by check', async () => {
    const world = new World();
    await fill(await world.open());
    const names = await below(world.disk, `${ROOT}/tables/events`);
    const lists = names.filter((name) => KINDS['manifest list'].test(name));
    expect(lists.length).toBeGreaterThan(1);
    for (const path of lists) {
      const whole = await world.disk.readFile(path);
      await write(world.disk, path, flip(whole, 4000));
      const engine = await world.open();
      const { findings } = await engine.check();
      expect(JSON.stringify(findings)).toContain(path.slice(path.lastIndexOf('/') + 1));
      await write(world.disk, path, whole);
    }
  });

  test('in any of them lets no wrong row out by query, and SQL over the other dataset runs', async () => {
    const dir = await tempDir();
    const root = join(dir, 'store');
    await mkdir(root);
    const open = () => openEngine({ root, config: defaultConfig(root) });
    await fill(await open());
    const names = await readdir(join(root, 'tables/events'), { recursive: true });
    const all = names.map((name) => join(root, 'tables/events', name));
    const random = seededRandom(11);
    let refused = 0;
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const [head = ''] = pathsOf('metadata', all, '');
      const paths = pathsOf(kind, all, await readFile(head, 'utf8'));
      for (let round = 0; round < QUERY_FLIPS; round++) {
        const path = paths[Math.floor(random.fraction() * paths.length)] ?? '';
        const whole = new Uint8Array(await readFile(path));
        await writeFile(path, flip(whole, Math.floor(random.fraction() * whole.length * 8)));
        const engine = await open();
        try {
          const sql = 'SELECT id::INT, word, share, odd FROM events ORDER BY _hyp_seq';
          const { rows } = await engine.query(sql);
          expect(rows).toEqual(EXPECTED.map((row) => Object.values(row)));
        } catch (error) {
          assertNamed(error, path);
          refused++;
        }
        const other = await engine.query('SELECT count(*)::INT FROM other');
        expect(other.rows).toEqual([[1]]);
        if (round === 0) {
          const listed = await engine.query('SHOW TABLES');
          expect(listed.rows).toContainEqual(['other']);
        }
        await engine.close();
        await writeFile(path, whole);
      }
    }
    expect(refused).toBe(QUERY_FLIPS * 4);
  });
});
