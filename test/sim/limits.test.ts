/**
 * Limits of the engine, each met: at it, one below, one above. A unit, a commit and an answer are cut
 * before they are too large; a commit that others keep winning is given up without harm. llp/0001
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import type { SinkConfig } from '../../src/config/config.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { toDatasetName, toSeq } from '../../src/core/ids.ts';
import { defined } from '../../src/core/invariant.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { writeDataFile } from '../../storage/data/write.ts';
import { commitAppend } from '../../storage/iceberg/commit.ts';
import type { NewDataFile } from '../../storage/iceberg/commit.ts';
import { currentSchema } from '../../storage/iceberg/metadata.ts';
import { targetsOf } from '../../storage/iceberg/schema.ts';
import { touched } from '../../storage/iceberg/snapshot.ts';
import { tableDir } from '../../storage/layout.ts';
import { Table } from '../../storage/table.ts';
import { countingFs } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { ManualClock, seededRandom } from '../support/random.ts';
import { sampleBatch, sampleColumn } from '../support/sample-batch.ts';
import { tempDir } from '../support/tmp.ts';
import { OUT, ROOT, World, everybodyLives, noLeases } from '../support/world.ts';

const MIB = 1024 * 1024;

async function* ndjson(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('an answer tells one by one', () => {
  test.each([LIMITS.rejectsReported - 1, LIMITS.rejectsReported, LIMITS.rejectsReported + 1])(
    'of %i bad lines at most LIMITS.rejectsReported, and counts all',
    async (bad) => {
      const world = new World();
      const engine = await world.open();
      const lines = `${'no row\n'.repeat(bad)}{"id":1}\n`;
      const { rows, rejects, rejected } = await engine.appendNdjson('events', ndjson(lines));
      expect({ rows, rejected }).toEqual({ rows: 1, rejected: bad });
      expect(rejects.map(({ line }) => line)).toEqual(
        Array.from({ length: Math.min(bad, LIMITS.rejectsReported) }, (_, at) => at + 1),
      );
    },
  );

  test('at most LIMITS.findingsReported findings of a sink, and counts all', async () => {
    const world = new World();
    const engine = await world.open();
    await world.append(engine, 1);
    await engine.tick();
    const verified = async () => {
      const [sink] = (await engine.verify()).sinks;
      return { told: sink?.findings.length, found: sink?.found };
    };
    let foreign = 0;
    const plant = async (until: number) => {
      for (; foreign < until; foreign++) {
        await (await world.disk.create(`${OUT}/events/stray ${foreign}`)).close();
      }
    };
    const most = LIMITS.findingsReported;
    await plant(most - 1);
    expect(await verified()).toEqual({ told: most - 1, found: most - 1 });
    await plant(most);
    expect(await verified()).toEqual({ told: most, found: most });
    await plant(most + 1);
    expect(await verified()).toEqual({ told: most, found: most + 1 });
  });
});

/** `(after, through]` and the number of parts of every unit at the destination, in order. */
async function unitsOf(fs: DurableFs): Promise<{ rows: number; parts: number }[]> {
  const dir = `${OUT}/events/_hyp/archive`;
  const names = (await fs.readdir(dir)).filter((name) => /-\d+\.json$/.test(name));
  const units = names.map(async (name) => {
    const text = Buffer.from(await fs.readFile(`${dir}/${name}`)).toString();
    const { unit } = JSON.parse(text) as { unit: { rows: number; parts: unknown[] } };
    return { rows: unit.rows, parts: unit.parts.length };
  });
  return Promise.all(units);
}

/** The units of these rows, sent in one tick. */
async function unitsFor(
  sink: Partial<SinkConfig>,
  append: (world: World, engine: Engine) => Promise<void>,
) {
  const world = new World();
  const engine = await world.open({ sinks: [sink] });
  await append(world, engine);
  const { failures, exported } = await engine.tick();
  expect([...failures, ...exported.filter(({ problem }) => problem !== undefined)]).toEqual([]);
  return unitsOf(world.disk);
}

/** The table of `events`, as whoever works beside the engine sees it. */
function eventsOf(world: World): Table {
  const dataset = toDatasetName('events');
  return new Table(dataset, tableDir(ROOT, dataset), world.disk, seededRandom(99));
}

/** Adds `count` files of a row each in one commit, each as a commit of its own would leave it. */
async function addFiles(world: World, count: number): Promise<void> {
  const table = eventsOf(world);
  const base = defined(await table.load(), 'a table');
  const { lastColumnId, hyp } = base.value;
  const schema = currentSchema(base.value);
  const columns = targetsOf(schema).filter(({ name }) => name !== '_hyp_rescued');
  const files: NewDataFile[] = [];
  for (let n = 1; n <= count; n++) {
    const seq = hyp.maxSeq + BigInt(n);
    const cells = columns.map(({ name, type, fieldId }) => {
      const value = name === '_hyp_ingested_at' ? hyp.lastIngestedAtUs : seq;
      return { ...sampleColumn(name, type, [value]), fieldId };
    });
    const path = `${table.dir}/data/${n}.parquet`;
    const batch = sampleBatch(1, ...cells);
    const stats = await writeDataFile(world.disk, path, columns, [batch], 'lz4_raw');
    files.push({ name: `${n}.parquet`, stats });
  }
  const ports = { clock: world.clock, random: seededRandom(7) };
  const committed = await commitAppend(table, ports, {
    base,
    files,
    evolution: { schema, lastColumnId, changed: false },
    moves: [],
    drop: [],
    maxSeq: toSeq(hyp.maxSeq + BigInt(count)),
    ingestedAtUs: hyp.lastIngestedAtUs,
    rescuedRows: 0,
  });
  expect(committed.kind).toBe('committed');
}

describe('a unit', () => {
  test.each([
    [LIMITS.partsPerUnit - 1, [LIMITS.partsPerUnit - 1]],
    [LIMITS.partsPerUnit, [LIMITS.partsPerUnit]],
    [LIMITS.partsPerUnit + 1, [LIMITS.partsPerUnit, 1]],
  ])('of %i partitions is cut at LIMITS.partsPerUnit parts', async (partitions, expected) => {
    const units = await unitsFor({ partition: '{id}' }, (world, engine) =>
      world.append(engine, partitions),
    );
    expect(units.map(({ parts }) => parts)).toEqual(expected);
  });

  test('of several Parquet parts ends with the row group that fills LIMITS.openPartBytes of them', async () => {
    const pad = 'x'.repeat(MIB);
    const unit = async (...commits: number[]) =>
      unitsFor({ format: 'parquet', partition: '{id}' }, async (world, engine) => {
        for (const rows of commits) {
          await world.append(engine, rows, { pad });
          await engine.flush();
        }
      });
    const most = LIMITS.openPartBytes / MIB;
    expect((await unit(8, most - 9, 1)).map(({ rows }) => rows)).toEqual([most]);
    expect((await unit(8, most - 8, 1)).map(({ rows }) => rows)).toEqual([most, 1]);
  });

  test('covers LIMITS.commitsPerUnit commits, and what is beyond is the next one', async () => {
    const world = new World();
    const engine = await world.open();
    await world.append(engine, 1);
    await engine.flush();
    await addFiles(world, LIMITS.commitsPerUnit);
    await engine.tick();
    expect((await unitsOf(world.disk)).map(({ rows }) => rows)).toEqual([LIMITS.commitsPerUnit, 1]);
  });
});

describe('a commit that another process always wins', () => {
  /** A process whose every commit comes second, as often as `lose` is told. */
  async function loser() {
    const world = new World();
    const table = eventsOf(world);
    let left = 0;
    let lost = 0;
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      if (left > 0 && step.op === 'link' && /v\d+\.metadata\.json$/.test(step.to ?? '')) {
        left -= 1;
        lost += 1;
        const head = defined(await table.load(), 'a table');
        await table.record.append(head, touched(head.value, world.clock.nowMs()));
      }
      return run();
    });
    const engine = await world.open({ fs, leases: everybodyLives });
    await world.append(engine, 1);
    await engine.flush();
    const lose = (times: number) => {
      left = times;
      lost = 0;
    };
    return { world, engine, lose, lost: () => lost };
  }

  test('is made at the last of LIMITS.commitAttempts, and given up with E_CONFLICT after it', async () => {
    const { world, engine, lose, lost } = await loser();
    await world.append(engine, 3);
    lose(LIMITS.commitAttempts);
    await expect(engine.flush()).rejects.toMatchObject({ code: 'E_CONFLICT', kind: 'conflict' });
    expect(lost()).toBe(LIMITS.commitAttempts);
    lose(LIMITS.commitAttempts - 1);
    expect(await engine.flush()).toMatchObject([{ rows: 3, maxSeq: 4n }]);
    expect(lost()).toBe(LIMITS.commitAttempts - 1);
    await engine.tick();
    await world.expectWhole();
  });
});

test('small files share a commit, LIMITS.backfillFilesPerCommit of them', async () => {
  const dir = await tempDir();
  await mkdir(`${dir}/logs`);
  const files = Array.from(
    { length: LIMITS.backfillFilesPerCommit + 1 },
    (_, n) => `${dir}/logs/${n}`,
  );
  for (const [n, file] of files.entries()) await writeFile(file, `{"id":${n}}\n`);
  const world = new World();
  const engine = await world.open();
  const commitsOf = async (dataset: string, count: number) => {
    const { rows } = await engine.backfill(dataset, files.slice(0, count));
    const { datasets } = await engine.status();
    const commits = datasets.find(({ name }) => name === dataset)?.snapshots;
    return { rows, commits };
  };
  const most = LIMITS.backfillFilesPerCommit;
  expect(await commitsOf('most', most)).toEqual({ rows: most, commits: 1 });
  expect(await commitsOf('more', most + 1)).toEqual({ rows: most + 1, commits: 2 });
});

describe('an appending process looks at the disk again', () => {
  async function looking() {
    const disk = new World().disk;
    const clock = new ManualClock();
    const fs = countingFs(disk);
    const config = { ...defaultConfig(ROOT), disk: { minFreeBytes: 1 }, sinks: [] };
    const random = seededRandom(1);
    const engine = await openEngine({ root: ROOT, config, fs, clock, random, leases: noLeases });
    const looksOf = async (bytes: number) => {
      fs.reset();
      await engine.append('events', [{ pad: 'x'.repeat(bytes) }]);
      return fs.count({ op: 'freeBytes' });
    };
    return { clock, looksOf };
  }

  test('after LIMITS.roomLookMs, not before', async () => {
    const { clock, looksOf } = await looking();
    expect(await looksOf(10)).toBe(1);
    expect(await looksOf(10)).toBe(0);
    await clock.advance(LIMITS.roomLookMs);
    expect(await looksOf(10)).toBe(0);
    await clock.advance(1);
    expect(await looksOf(10)).toBe(1);
  });

  test('after LIMITS.roomLookBytes of its own, not before', async () => {
    const { looksOf } = await looking();
    const tenth = LIMITS.roomLookBytes / 10;
    const looks: number[] = [];
    for (let n = 0; n < 25; n++) looks.push(await looksOf(tenth));
    const at = looks.flatMap((count, n) => (count > 0 ? [n] : []));
    expect(at).toEqual([0, 10, 20]);
  });
});

describe('the key of an append', () => {
  /** Rows in the table after the key of `ageMs` ago is used again, behind the sweep of that moment. */
  async function rowsAfter(ageMs: number): Promise<bigint | undefined> {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const fs = new World().disk;
    const random = seededRandom(1);
    const config = { ...defaultConfig(ROOT), disk: { minFreeBytes: 0 } };
    const engine = await openEngine({ root: ROOT, config, fs, clock, random, leases: noLeases });
    const use = (key: string) => engine.append('events', [{ key }], { idempotencyKey: key });
    const startMs = clock.nowMs();
    await use('old');
    // A clock that jumps by more than a day is not believed.
    for (let half = 1; half < 14; half++) {
      clock.jump(startMs + (half * LIMITS.appendKeyKeepMs) / 14);
      await use(`half day ${half}`);
    }
    clock.jump(startMs + ageMs);
    await use('a week');
    await use('old');
    return (await engine.status()).datasets[0]?.rows;
  }

  test('is remembered for LIMITS.appendKeyKeepMs and not a moment longer than its day', async () => {
    expect(await rowsAfter(LIMITS.appendKeyKeepMs)).toBe(15n);
    expect(await rowsAfter(LIMITS.appendKeyKeepMs + 1)).toBe(16n);
  });
});
