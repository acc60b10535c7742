/**
 * Owns: question 4 (DESIGN §16): peak memory of a backfill and of an export, by size of the backlog:
 * bounded and flat (I13).
 * llp/0016
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { count, fixed, mebibytes } from './report.ts';
import type { Answer } from './report.ts';
import type { Bench } from './bench.ts';
import { runTask } from './spawn.ts';
import type { TaskResult } from './tasks.ts';

const MIB = 1024 * 1024;
const LIMIT_BYTES = 512 * MIB;
/** Ten times the backlog may cost this much more: garbage that was not yet worth collecting. */
const FLAT_RATIO = 1.25;

interface Peaks {
  readonly bytes: number;
  readonly rows: number;
  readonly backfill: TaskResult;
  readonly ndjson: TaskResult;
  readonly parquet: TaskResult;
}

async function peaks(bench: Bench, megabytes: number): Promise<Peaks> {
  const file = await bench.data.ofBytes(megabytes * 1e6);
  const root = join(bench.dir, `memory-${megabytes}`);
  const backfill = await runTask({ kind: 'backfill', root, files: [file.path] });
  const exportTo = async (format: 'ndjson' | 'parquet'): Promise<TaskResult> => {
    const path = join(bench.dir, `memory-${megabytes}-${format}`);
    await mkdir(path, { recursive: true });
    const result = await runTask({ kind: 'export', root, sink: format, path, format });
    await rm(path, { recursive: true, force: true });
    return result;
  };
  const ndjson = await exportTo('ndjson');
  const parquet = await exportTo('parquet');
  await rm(root, { recursive: true, force: true });
  for (const result of [backfill, ndjson, parquet]) {
    if (result.rows !== file.rows) throw new Error(`${result.rows} of ${file.rows} rows`);
  }
  return { bytes: file.bytes, rows: file.rows, backfill, ndjson, parquet };
}

const WORK = ['backfill', 'ndjson', 'parquet'] as const;

export async function memory(bench: Bench): Promise<Answer> {
  const one = await peaks(bench, bench.memoryMegabytes / 10);
  const ten = await peaks(bench, bench.memoryMegabytes);
  const names = { backfill: 'backfill', ndjson: 'export to NDJSON', parquet: 'export to Parquet' };
  const rows = WORK.flatMap((work) =>
    [one, ten].map((size) => [
      names[work],
      mebibytes(size.bytes),
      count(size.rows),
      mebibytes(size[work].peakBytes),
      fixed(size[work].ms / 1000, 1),
      fixed(size.bytes / 1e3 / size[work].ms, 1),
    ]),
  );
  return {
    question: `peak memory of a process at 1x and 10x of backlog (limit ${mebibytes(LIMIT_BYTES)} MiB)`,
    titles: ['what', 'backlog MiB', 'rows', 'peak MiB', 's', 'MB/s'],
    rows,
    notes: [],
    goals: WORK.flatMap((work) => [
      {
        what: `${names[work]} stays below ${mebibytes(LIMIT_BYTES)} MiB`,
        met: ten[work].peakBytes < LIMIT_BYTES,
      },
      {
        what: `${names[work]} at 10x needs at most ${FLAT_RATIO} of the memory at 1x`,
        met: ten[work].peakBytes <= one[work].peakBytes * FLAT_RATIO,
      },
    ]),
    figures: { one, ten },
  };
}
