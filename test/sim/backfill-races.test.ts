/**
 * Backfills whose files are replaced, or whose sources others move, between two of their steps: every
 * row of every file is in once. llp/0012
 */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/api.ts';
import type { BackfillReport } from '../../src/engine/backfill/report.ts';
import { runDuckDb } from '../support/duckdb.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { tempDir } from '../support/tmp.ts';
import { World, tableRows } from '../support/world.ts';

const ROWS = 40;
const PAD = 'x'.repeat(15_000);
/** Before the positions are asked, before the file is read for its rows, and between two reads. */
const PLACES = [1, 3, 5];

/** More than a backfill keeps of a file: each look at it is a look at the path. */
function lines(first: number, format: 'ndjson' | 'csv'): string {
  const ids = Array.from({ length: ROWS }, (_, at) => first + at);
  const texts = ids.map((id) => (format === 'csv' ? `${id},${PAD}` : `{"id":${id},"p":"${PAD}"}`));
  return `${texts.join('\n')}\n`;
}

const [A, B] = [1, 1_001];

async function load(engine: Engine, ...files: readonly string[]): Promise<BackfillReport> {
  return engine.backfill('events', files);
}

/** Ids of the rows of files as `lines` made them. */
function idsFrom(...firsts: readonly number[]): number[] {
  return firsts.flatMap((first) => Array.from({ length: ROWS }, (_, at) => first + at));
}

/** Never aborted. A backfill looks at it before it reads, and between two reads. */
function lookedAt(onLook: () => void): AbortSignal {
  const aborted = (): boolean => {
    onLook();
    return false;
  };
  return Object.defineProperty(new AbortController().signal, 'aborted', { get: aborted });
}

interface Replaced {
  /** What is in before. */
  readonly before: (at: (name: string) => string) => readonly string[];
  /** The file that is loaded becomes another one. */
  readonly replace: (at: (name: string) => string) => void;
  /** Ids that must be in, in order, once each. */
  readonly wanted: readonly number[];
}

const CSV = 'id,p\n';
const CASES: readonly (readonly [string, string, Replaced])[] = [
  [
    'rotated away',
    'app.ndjson',
    {
      before: (at) => {
        writeFileSync(at('app.ndjson'), lines(A, 'ndjson'));
        return [];
      },
      replace: (at) => {
        renameSync(at('app.ndjson'), at('old.ndjson'));
        writeFileSync(at('app.ndjson'), lines(B, 'ndjson'));
      },
      wanted: idsFrom(A, B),
    },
  ],
  [
    'written over with a file that is in, of the same first line,',
    'app.csv',
    {
      before: (at) => {
        writeFileSync(at('b.csv'), CSV + lines(B, 'csv'));
        writeFileSync(at('app.csv'), CSV + lines(A, 'csv'));
        return ['b.csv'];
      },
      replace: (at) => {
        writeFileSync(at('app.csv'), CSV + lines(B, 'csv'));
        writeFileSync(at('old.csv'), CSV + lines(A, 'csv'));
      },
      wanted: idsFrom(A, B),
    },
  ],
  [
    'written over with a file that is in, of the same beginning as one that is in, too,',
    'app.csv',
    {
      before: (at) => {
        const begin = `${CSV}0,of both\n`;
        writeFileSync(at('b.csv'), begin + lines(B, 'csv'));
        writeFileSync(at('begin.csv'), begin);
        writeFileSync(at('app.csv'), begin + lines(A, 'csv'));
        return ['b.csv', 'begin.csv'];
      },
      replace: (at) => {
        const begin = `${CSV}0,of both\n`;
        writeFileSync(at('app.csv'), begin + lines(B, 'csv'));
        writeFileSync(at('old.csv'), begin + lines(A, 'csv'));
      },
      wanted: [0, 0, ...idsFrom(A, B)],
    },
  ],
];

test.each(CASES)(
  'a file %s while it is loaded is in once, and so is the other',
  async (_, name, on) => {
    for (const nth of PLACES) {
      const dir = await tempDir();
      const at = (file: string): string => join(dir, file);
      const world = new World();
      const engine = await world.open({ sinks: [] });
      for (const file of on.before(at)) await load(engine, at(file));
      let steps = 0;
      const step = (): void => {
        if (++steps === nth) on.replace(at);
      };
      const fs = interceptFs(world.disk.process(), ({ op, path }, run) => {
        if (op === 'readdir' && path.includes('/tables/events')) step();
        return run();
      });
      const slow = await world.open({ sinks: [], fs });
      await slow.backfill('events', [at(name)], { signal: lookedAt(step) });
      expect(steps).toBeGreaterThanOrEqual(nth);
      await load(engine, at(name), at(name.replace('app', 'old')));
      const texts = (await tableRows(engine)).map(({ id }) => String(id));
      const ids = texts.map(Number).sort((a, b) => a - b);
      expect(ids, `replaced at step ${nth}`).toEqual(on.wanted);
    }
  },
);

test.each([
  ['of its own', 300_000],
  ['shared with other files', 100_000],
])(
  'a file that is loaded again is in once more when another process ends it, its last commit %s',
  async (_, bytes) => {
    const path = join(await tempDir(), 'app.ndjson');
    const row = (id: number, pad: number): string => `{"id":${id},"p":"${'x'.repeat(pad)}"}\n`;
    const world = new World();
    const other = await world.open({ sinks: [] });
    writeFileSync(path, row(1, 8_380_000));
    await load(other, path);
    // Four of these are a commit.
    for (const id of [2, 3, 4]) appendFileSync(path, row(id, 8_380_000));
    appendFileSync(path, row(5, bytes));
    let versions = 0;
    const fs = interceptFs(world.disk.process(), async ({ op, to }, run) => {
      const isVersion = op === 'link' && to?.includes('/events/metadata/v') === true;
      if (isVersion && ++versions === 2) await load(other, path);
      return run();
    });
    const again = await world.open({ sinks: [], fs });
    const report = await again.backfill('events', [path], { again: true });
    expect(report.files).toMatchObject([{ outcome: 'added' }]);
    expect((await tableRows(other)).map(({ id }) => id)).toEqual([1, 1, 2, 3, 4, 5]);
    expect((await load(other, path)).files).toMatchObject([{ outcome: 'unchanged' }]);
  },
);

test('a Parquet file that is loaded again is in once more when another process ends it', async () => {
  const path = join(await tempDir(), 'app.parquet');
  // A commit holds about sixty of them.
  const select = "select i as id, repeat('x', 600000) as p from range(1, 66) t(i)";
  await runDuckDb(`copy (${select}) to '${path}' (format parquet)`);
  const world = new World();
  const other = await world.open({ sinks: [] });
  let versions = 0;
  const fs = interceptFs(world.disk.process(), async ({ op, to }, run) => {
    const isVersion = op === 'link' && to?.includes('/events/metadata/v') === true;
    if (isVersion && ++versions === 2) await load(other, path);
    return run();
  });
  const again = await world.open({ sinks: [], fs });
  await again.backfill('events', [path], { again: true });
  expect(versions).toBeGreaterThanOrEqual(2);
  const ids = (await tableRows(other)).map(({ id }) => id);
  expect(ids).toEqual(Array.from({ length: 65 }, (_, at) => at + 1));
});
