/**
 * Owns: question 2 (DESIGN §16): what exporting a backlog costs, with intents, digests and syncs,
 * against DuckDB copying the same data files to one file of the same format on the same core.
 * llp/0016
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SinkFormat } from '../src/config/config.ts';
import { COLUMNS } from './data.ts';
import { TITLES, measure, ratioOf, ratioText } from './pairs.ts';
import type { Contender } from './pairs.ts';
import { count, mebibytes } from './report.ts';
import type { Answer } from './report.ts';
import type { Bench } from './bench.ts';
import { literal, pinned, runTask } from './spawn.ts';
import { DATASET } from './tasks.ts';

const GOAL = 0.55;

/** Data files of a table that was only appended to: all of them are live. */
async function dataFiles(root: string): Promise<string[]> {
  const dir = join(root, 'tables', DATASET, 'data');
  const names = await readdir(dir);
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(dir, name));
}

function duckContender(
  options: { readonly dir: string; readonly bytes: number; readonly files: readonly string[] },
  format: SinkFormat,
): Contender {
  const list = options.files.map(literal).join(', ');
  const columns = Object.keys(COLUMNS).filter((name) => name !== 'ident' && name !== 'user');
  const from = `SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM read_parquet([${list}], union_by_name = true)`;
  const how = format === 'parquet' ? 'FORMAT parquet, COMPRESSION zstd' : 'FORMAT json';
  return {
    name: `DuckDB COPY to ${format}`,
    bytes: options.bytes,
    run: async () => {
      const writes = join(options.dir, `duckdb.${format}`);
      await rm(writes, { force: true });
      return runTask({
        kind: 'duckdb',
        sql: `COPY (${from}) TO ${literal(writes)} (${how})`,
        writes,
      });
    },
  };
}

function hypContender(
  options: { readonly dir: string; readonly root: string; readonly bytes: number },
  format: 'ndjson' | 'parquet',
): Contender {
  const pathOf = (round: number): string => join(options.dir, `${format}-${round}`);
  return {
    name: `hyp tick to ${format}`,
    bytes: options.bytes,
    run: async (round) => {
      // As the peer does: what the last run wrote makes room for this one, right before it.
      await rm(pathOf(round - 1), { recursive: true, force: true });
      // A sink of its own each time: it has everything before it.
      const path = pathOf(round);
      const sink = `${format}-${round}`;
      await mkdir(path, { recursive: true });
      return runTask({ kind: 'export', root: options.root, sink, path, format });
    },
  };
}

export async function exportBacklog(bench: Bench): Promise<Answer> {
  const file = await bench.data.ofBytes(bench.megabytes * 1e6);
  const root = join(bench.dir, 'backlog');
  await rm(root, { recursive: true, force: true });
  await runTask({ kind: 'backfill', root, files: [file.path] });
  const files = await dataFiles(root);
  const { dir } = bench;
  const own = { dir, root, bytes: file.bytes };
  const theirs = { dir, files, bytes: file.bytes };
  const [duckText, hypText, duckParquet, hypParquet] = await measure(
    [
      duckContender(theirs, 'ndjson'),
      hypContender(own, 'ndjson'),
      duckContender(theirs, 'parquet'),
      hypContender(own, 'parquet'),
    ],
    bench.rounds,
  );
  if (!duckText || !hypText || !duckParquet || !hypParquet) throw new Error('lost');
  for (const each of [duckText, hypText, duckParquet, hypParquet]) {
    const wrong = each.results.find((result) => result.rows !== file.rows);
    if (wrong !== undefined) throw new Error(`${each.name}: ${wrong.rows} of ${file.rows} rows`);
  }
  const text = ratioOf(hypText, duckText);
  const parquet = ratioOf(hypParquet, duckParquet);
  return {
    question: `a backlog to a directory: ${count(file.rows)} rows in ${files.length} data files, ${mebibytes(file.bytes)} MiB as NDJSON, ${pinned ? 'one core' : 'not pinned'}`,
    titles: TITLES,
    rows: [duckText.row, hypText.row, duckParquet.row, hypParquet.row],
    notes: [
      `NDJSON: hyp / DuckDB  ${ratioText(text)}`,
      `Parquet: hyp / DuckDB  ${ratioText(parquet)} (no goal)`,
    ],
    goals: [{ what: `NDJSON at least ${GOAL} of DuckDB on one thread`, met: text.median >= GOAL }],
    figures: {
      rows: file.rows,
      bytes: file.bytes,
      duckText,
      hypText,
      duckParquet,
      hypParquet,
      text,
      parquet,
    },
  };
}
