/**
 * Flipped bits in the files of a table (I12): seeded places in data files, manifests, manifest lists
 * and metadata. No wrong row comes out of `cat`, `query` or an export; what stops says which file
 * and what to run; the other dataset goes on. HYP_FLIPS=5000 tries more places;
 * test/crash/file-flips.test.ts exports and checks each of them. llp/0013
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/open.ts';
import { defaultConfig } from '../../src/config/config.ts';
import { seededRandom } from '../support/random.ts';
import {
  EXPECTED,
  KINDS,
  assertNamed,
  below,
  fill,
  flip,
  flipPlaces,
  pathsOf,
  write,
} from '../support/table-flips.ts';
import type { Kind } from '../support/table-flips.ts';
import { tempDir } from '../support/tmp.ts';
import { ROOT, World } from '../support/world.ts';

const FLIPS = Number(process.env['HYP_FLIPS'] ?? 500);
/** One place in so many is also exported, checked, and asked about by SQL: those cost more. */
const DEAR_EVERY = 50;
const QUERY_FLIPS = Math.ceil(FLIPS / 125);

describe('a flipped bit', () => {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    test(`in a ${kind} file lets no wrong row out by cat or export, and check names the file`, async () => {
      expect(await flipPlaces(kind, FLIPS, DEAR_EVERY)).toBe(FLIPS);
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
