/**
 * I14 and the cost of a commit, by counting what reaches the disk: a tick with nothing new opens no
 * manifest and no data file, new rows open only what holds them, and 300 commits cost what the
 * first ones cost.
 */
import { expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import { defaultConfig } from '../../src/config/config.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import { toDatasetName, toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { countingFs } from '../support/fault-fs.ts';
import type { CountingFs } from '../support/fault-fs.ts';
import { tempDir } from '../support/tmp.ts';
import { configOf, exportedRows } from '../support/world.ts';

interface Counted {
  readonly fs: CountingFs;
  readonly engine: Engine;
  readonly out: string;
}

async function countedStore(sink: Partial<SinkConfig> | undefined): Promise<Counted> {
  const dir = await tempDir();
  const fs = countingFs(nodeFs);
  const out = `${dir}/out`;
  const config = { ...defaultConfig(`${dir}/store`) };
  const sinks = sink === undefined ? [] : configOf([{ path: out, ...sink }]).sinks;
  const engine = await openEngine({ root: config.root, config: { ...config, sinks }, fs });
  return { fs, engine, out };
}

function* numbered(from: number, count: number): Generator<Record<string, unknown>> {
  for (let id = from; id < from + count; id++) {
    yield { id, text: `row number ${id} of a log that goes on`, even: id % 2 === 0 };
  }
}

const METADATA = /\.avro$|\.parquet$/;

test('a tick with nothing new opens no manifest and no data file, whatever the size of the table', async () => {
  const { fs, engine, out } = await countedStore({});
  const costs: number[] = [];
  for (const rows of [100, 40_000]) {
    await engine.append('events', numbered(1, rows));
    await engine.tick();
    await engine.tick();
    fs.reset();
    const report = await engine.tick();
    expect(report.failures).toEqual([]);
    expect(report.exported.map((each) => each.rows)).toEqual([0]);
    expect(fs.readPaths(METADATA)).toEqual([]);
    expect(fs.steps({ path: new RegExp(`^${out}/`) }).map((step) => step.op)).toEqual([]);
    costs.push(fs.steps().length);
  }
  expect(costs[1]).toBe(costs[0]);
  await engine.close();
});

test('N new rows after M old ones are exported exactly, opening only the files that hold them', async () => {
  const { fs, engine, out } = await countedStore({});
  for (let commit = 0; commit < 5; commit++) {
    await engine.append('events', numbered(commit * 1000, 1000));
    await engine.tick();
  }
  await engine.append('events', numbered(5000, 37));
  await engine.flush();
  fs.reset();
  const report = await engine.tick();
  expect(report.exported.map((each) => each.rows)).toEqual([37]);
  expect(new Set(fs.readPaths(/\.parquet$/)).size).toBe(1);
  const ids = (await exportedRows(nodeFs, out)).map((row) => row.id).sort((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: 5037 }, (_, id) => id));
  await engine.close();
});

test('a unit that begins inside a file reads only the row groups that hold its rows', async () => {
  const sink = { rotate: { rows: 40_000, bytes: 1e9, intervalMs: 0 } };
  const { fs, engine } = await countedStore(sink);
  const path = `${await tempDir()}/rows.ndjson`;
  const lines = [...numbered(1, 60_000)].map((row) => JSON.stringify(row));
  const { writeFile } = await import('node:fs/promises');
  await writeFile(path, `${lines.join('\n')}\n`);
  await engine.backfill('events', [path]);
  const [name, dataset] = [toSinkName('archive'), toDatasetName('events')];
  const readBytes = async (): Promise<number> => {
    fs.reset();
    await engine.exportStep(name, dataset);
    return fs.bytesRead({ path: /\.parquet$/ });
  };
  const first = await readBytes();
  const second = await readBytes();
  const none = await readBytes();
  expect(first).toBeGreaterThan(0);
  expect(second).toBeLessThan(first);
  expect(none).toBe(0);
  await engine.close();
});

test(
  '300 commits of 100 rows: opens, syncs and metadata bytes per commit do not grow',
  { timeout: 120_000 },
  async () => {
    const { fs, engine } = await countedStore(undefined);
    const cost = { opens: [] as number[], syncs: [] as number[], bytes: [] as number[], files: 0 };
    for (let commit = 0; commit < 300; commit++) {
      await engine.append('events', numbered(commit * 100, 100));
      fs.reset();
      await engine.flush();
      cost.opens.push(fs.readPaths().length);
      cost.syncs.push(fs.syncs());
      cost.bytes.push(fs.bytesWritten({ path: /\/metadata\// }));
    }
    const status = await engine.status();
    expect(status.datasets[0]?.maxSeq).toBe(30_000n);
    const early = (values: readonly number[]): number => mean(values.slice(60, 140));
    const late = (values: readonly number[]): number => mean(values.slice(220, 300));
    expect(late(cost.opens)).toBeLessThanOrEqual(early(cost.opens) * 1.1);
    expect(late(cost.syncs)).toBeLessThanOrEqual(early(cost.syncs) * 1.02);
    expect(late(cost.bytes)).toBeLessThanOrEqual(early(cost.bytes) * 1.1);
    const metadata = await nodeFs.readdir(`${engine.root}/tables/events/metadata`);
    expect(metadata.length).toBeLessThan(200);
    await engine.close();
  },
);

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
