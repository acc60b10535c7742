/**
 * Owns: `hyp query`: SQL by DuckDB over the flushed tables, as a table or as one JSON object a row.
 * llp/0010
 */
import type { Command } from 'commander';
import type { Json } from '../../core/json.ts';
import type { QueryResult } from '../../engine/api.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { jsonLine, plural, table } from '../print.ts';
import type { Run, Task } from '../run.ts';

/** Values of DuckDB as JSON: what JSON has no form for becomes text. */
function jsonOf(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value;
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

function cellOf(value: unknown): string {
  const json = jsonOf(value);
  if (json === null) return '';
  return typeof json === 'string' ? json : jsonLine(json).trimEnd();
}

function resultText(result: QueryResult): string {
  const columns = result.columns.map((title, index) => {
    const numeric = result.rows.every(([...row]) => /^-?[\d.]*$/.test(cellOf(row[index])));
    return { title, align: numeric ? 'right' : 'left' } as const;
  });
  return table(
    columns,
    result.rows.map((row) => row.map(cellOf)),
  );
}

async function query(task: Task, sql: string): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const result = await engine.query(sql);
  if (!task.json) {
    await task.world.stdout.write(resultText(result));
    task.note(`(${plural(result.rows.length, 'row')})`);
    return EXIT.ok;
  }
  for (const row of result.rows) {
    const entries = result.columns.map((name, index) => [name, jsonOf(row[index])] as const);
    await task.world.stdout.write(jsonLine(Object.fromEntries(entries)));
  }
  return EXIT.ok;
}

const PAGE = manual({
  about: `
Each dataset is a view of its name; names with a dash need double quotes. With --json one object per
row and line. Every file is proven before DuckDB reads it.`,
  writes: 'a flush of the datasets the query names; the query itself can change nothing.',
  exits: [
    [2, 'the SQL is wrong, or names no dataset'],
    [69, 'DuckDB (@duckdb/node-api, an optional dependency) is not installed'],
  ],
  examples: [
    "hyp query 'SELECT count(*) FROM requests'",
    "hyp query 'SELECT path, avg(ms) FROM requests GROUP BY path' --json",
  ],
});

export function addQuery(program: Command, run: Run): void {
  program
    .command('query')
    .description('flush, then run SQL over the datasets (needs @duckdb/node-api)')
    .argument('<sql>', 'one statement of DuckDB')
    .addHelpText('after', PAGE)
    .action((sql: string, _options: object, command: Command) =>
      run(command, (task) => query(task, sql)),
    );
}
