/**
 * Owns: question 1 (DESIGN §16): what ingest costs, from NDJSON to rows durable in a committed table,
 * against DuckDB writing Parquet from the same file on the same core. Equal types on both sides;
 * DuckDB's file is synced, as hyp's are.
 * llp/0016
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { COLUMNS } from './data.ts';
import type { DataFile } from './data.ts';
import { TITLES, measure, ratioOf, ratioText } from './pairs.ts';
import type { Contender } from './pairs.ts';
import { count, mebibytes } from './report.ts';
import type { Answer } from './report.ts';
import type { Bench } from './bench.ts';
import { literal, pinned, runTask } from './spawn.ts';

const GOAL = 0.35;

/** `read_json` of a file with the types hyp gives its columns: nothing is guessed. */
function readJson(file: DataFile): string {
  const columns = Object.entries(COLUMNS).map(([name, type]) => `${name}: ${literal(type)}`);
  return `read_json(${literal(file.path)}, format = 'newline_delimited', columns = {${columns.join(', ')}})`;
}

function contenders(dir: string, file: DataFile): readonly Contender[] {
  const fresh = async (name: string): Promise<string> => {
    const path = join(dir, name);
    await rm(path, { recursive: true, force: true });
    return path;
  };
  const { bytes } = file;
  return [
    {
      name: 'DuckDB COPY to Parquet, zstd',
      bytes,
      run: async () => {
        const writes = await fresh('duckdb.parquet');
        const to = `${literal(writes)} (FORMAT parquet, COMPRESSION zstd)`;
        return runTask({
          kind: 'duckdb',
          sql: `COPY (SELECT * FROM ${readJson(file)}) TO ${to}`,
          writes,
        });
      },
    },
    {
      name: 'hyp backfill',
      bytes,
      run: async () =>
        runTask({ kind: 'backfill', root: await fresh('backfilled'), files: [file.path] }),
    },
    {
      name: 'hyp append, then flush',
      bytes,
      run: async () => runTask({ kind: 'append', root: await fresh('appended'), file: file.path }),
    },
  ];
}

export async function ingest(bench: Bench): Promise<Answer> {
  const file = await bench.data.ofBytes(bench.megabytes * 1e6);
  const [duck, backfill, append] = await measure(contenders(bench.dir, file), bench.rounds);
  if (duck === undefined || backfill === undefined || append === undefined) throw new Error('lost');
  for (const each of [duck, backfill, append]) {
    const wrong = each.results.find((result) => result.rows !== file.rows);
    if (wrong !== undefined) throw new Error(`${each.name}: ${wrong.rows} of ${file.rows} rows`);
  }
  const direct = ratioOf(backfill, duck);
  const spooled = ratioOf(append, duck);
  return {
    question: `NDJSON to a durable, committed table: ${count(file.rows)} rows, ${mebibytes(file.bytes)} MiB, ${pinned ? 'one core' : 'not pinned'}`,
    titles: TITLES,
    rows: [duck.row, backfill.row, append.row],
    notes: [
      `backfill / DuckDB  ${ratioText(direct)}`,
      `append + flush / DuckDB  ${ratioText(spooled)}`,
    ],
    goals: [
      { what: `backfill at least ${GOAL} of DuckDB on one thread`, met: direct.median >= GOAL },
    ],
    figures: { rows: file.rows, bytes: file.bytes, duck, backfill, append, direct, spooled },
  };
}
