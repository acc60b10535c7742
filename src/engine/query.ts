/**
 * Owns: SQL over the tables by DuckDB, which is loaded when first used and optional. Each dataset
 * is a view over the exact data files of its current snapshot, read only.
 * llp/0008
 */
import type * as DuckDbModule from '@duckdb/node-api';
import { HypError } from '../core/errors.ts';
import type { DatasetName } from '../core/ids.ts';
import { currentSchema } from '../../storage/iceberg/metadata.ts';
import type { Field } from '../../storage/iceberg/schema.ts';
import type { QueryResult } from './api.ts';
import type { EngineContext } from './context.ts';

type DuckDb = typeof DuckDbModule;

/** Runs `sql` with a view for each of `datasets`. E_UNAVAILABLE without DuckDB, E_USAGE for bad SQL. */
export async function query(
  context: EngineContext,
  datasets: readonly DatasetName[],
  sql: string,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    for (const dataset of datasets) await connection.run(await viewOf(context, dataset));
    const reader = await runReader(connection, sql);
    return { columns: reader.columnNames(), rows: reader.getRows().map((row) => row.map(plain)) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Integers of any size stay numbers; what JSON has no word for becomes DuckDB's text. */
function plain(value: DuckDbModule.DuckDBValue): unknown {
  return value === null || typeof value !== 'object' ? value : value.toString();
}

type Connection = Awaited<ReturnType<InstanceType<DuckDb['DuckDBInstance']>['connect']>>;

async function runReader(
  connection: Connection,
  sql: string,
): Promise<Awaited<ReturnType<Connection['runAndReadAll']>>> {
  try {
    return await connection.runAndReadAll(sql);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HypError('E_USAGE', `the query failed: ${reason}`, {
      cause,
      hint: 'Each dataset is a view of that name; quote names with a dash: "my-dataset".',
    });
  }
}

async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    throw new HypError('E_UNAVAILABLE', 'DuckDB is not installed', {
      cause,
      hint: 'Run `npm install @duckdb/node-api`, or read the table directory with any Iceberg reader.',
    });
  }
}

async function viewOf(context: EngineContext, dataset: DatasetName): Promise<string> {
  const table = context.table(dataset);
  const head = await table.load();
  const fields = head === undefined ? [] : currentSchema(head.value).fields;
  const paths: string[] = [];
  if (head !== undefined) {
    for (const manifest of await table.manifests(head)) {
      for (const file of await table.liveFiles(head, manifest)) paths.push(file.path);
    }
  }
  const name = identifier(dataset);
  const typed = fields.map((field) => `NULL::${duckType(field)} AS ${identifier(field.name)}`);
  const empty = `SELECT ${typed.length === 0 ? 'NULL AS _hyp_seq' : typed.join(', ')} LIMIT 0`;
  if (paths.length === 0) return `CREATE VIEW ${name} AS ${empty}`;
  const list = paths.map(literal).join(', ');
  // Columns a file has no value for are not in it; the empty first member states them all.
  const files = `SELECT * FROM read_parquet([${list}], union_by_name = true)`;
  return `CREATE VIEW ${name} AS (${empty}) UNION ALL BY NAME ${files}`;
}

function duckType(field: Field): string {
  const types = {
    boolean: 'BOOLEAN',
    long: 'BIGINT',
    double: 'DOUBLE',
    string: 'VARCHAR',
    timestamptz: 'TIMESTAMPTZ',
  };
  return types[field.type];
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
