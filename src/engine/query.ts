/**
 * Owns: SQL over the tables by DuckDB, which is loaded when first used and optional. Each dataset
 * that a query names is a view over the exact data files of its current snapshot, read only.
 * Invariant I12: DuckDB knows nothing of hyp's sums, so every file is proven before it gets it: a
 * damaged one ends the query, and only those that name its dataset.
 * llp/0008
 */
import type * as DuckDbModule from '@duckdb/node-api';
import { isMissing } from '../core/durable-fs.ts';
import { HypError, isHypError } from '../core/errors.ts';
import type { DatasetName } from '../core/ids.ts';
import { setOwn } from '../codec/json-value.ts';
import { shapeOf } from '../codec/nested-types.ts';
import type { Shape } from '../codec/nested-types.ts';
import { isDecimalType } from '../codec/types.ts';
import { currentSchema } from '../../storage/iceberg/metadata.ts';
import { proveFile } from '../../storage/data/read.ts';
import type { LiveFile, Table } from '../../storage/table.ts';
import type { QueryResult } from './api.ts';
import type { EngineContext } from './context.ts';

type DuckDb = typeof DuckDbModule;

export interface QueryScope {
  /** Every dataset of the store. */
  readonly datasets: readonly DatasetName[];
  /** Commits what is spooled for one. */
  flush(dataset: DatasetName): Promise<unknown>;
}

/**
 * Runs `sql` with a view for each dataset it names, flushed and proven before. E_UNAVAILABLE without
 * DuckDB, E_USAGE for bad SQL, E_CORRUPT for a damaged dataset that it names.
 */
export async function query(
  context: EngineContext,
  scope: QueryScope,
  sql: string,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const named = namedIn(connection, scope.datasets, sql);
    for (const dataset of named ?? scope.datasets) {
      try {
        await scope.flush(dataset);
        await connection.run(await viewOf(context, dataset));
      } catch (error) {
        // A query that names none may still list them: a damaged one is then not among them.
        if (named !== undefined || !isHypError(error)) throw error;
      }
    }
    const reader = await runReader(connection, sql);
    return { columns: reader.columnNames(), rows: reader.getRows().map((row) => row.map(plain)) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Datasets that `sql` names; undefined when it names none, or cannot be read. */
function namedIn(
  connection: Connection,
  datasets: readonly DatasetName[],
  sql: string,
): readonly DatasetName[] | undefined {
  let names: readonly string[];
  try {
    names = connection.getTableNames(sql, false);
  } catch {
    // Running it says what is wrong with it.
    return undefined;
  }
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const named = datasets.filter((dataset) => wanted.has(dataset));
  return named.length === 0 ? undefined : named;
}

/** Integers of any size stay numbers; what JSON has no word for becomes DuckDB's text. */
function plain(value: DuckDbModule.DuckDBValue): unknown {
  if (value === null || typeof value !== 'object') return value;
  if ('items' in value) return value.items.map(plain);
  if (!('entries' in value) || Array.isArray(value.entries)) return value.toString();
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value.entries)) setOwn(members, name, plain(member));
  return members;
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
      for (const file of await table.liveFiles(head, manifest)) {
        await prove(table, file);
        paths.push(file.path);
      }
    }
  }
  const name = identifier(dataset);
  const typed = fields.map(
    (field) => `NULL::${duckType(shapeOf(field.type))} AS ${identifier(field.name)}`,
  );
  const empty = `SELECT ${typed.length === 0 ? 'NULL AS _hyp_seq' : typed.join(', ')} LIMIT 0`;
  if (paths.length === 0) return `CREATE VIEW ${name} AS ${empty}`;
  const list = paths.map(literal).join(', ');
  // Columns a file has no value for are not in it; the empty first member states them all.
  const files = `SELECT * FROM read_parquet([${list}], union_by_name = true)`;
  return `CREATE VIEW ${name} AS (${empty}) UNION ALL BY NAME ${files}`;
}

async function prove(table: Table, file: LiveFile): Promise<void> {
  try {
    await proveFile(table.fs, file.path, file.sums);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new HypError('E_CORRUPT', `a data file of ${table.dataset} is gone: ${file.path}`, {
      cause,
      hint: 'Run `hyp check`; restore the file from a backup. Other datasets go on.',
    });
  }
}

const DUCK_TYPES = {
  boolean: 'BOOLEAN',
  long: 'BIGINT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  timestamptz: 'TIMESTAMPTZ',
  date: 'DATE',
  binary: 'BLOB',
} as const;

function duckType(shape: Shape): string {
  switch (shape.is) {
    case 'leaf':
      return isDecimalType(shape.type) ? shape.type : DUCK_TYPES[shape.type];
    case 'list':
      return `${duckType(shape.element)}[]`;
    case 'struct': {
      const members = shape.members.map(
        ({ name, shape: inner }) => `${identifier(name)} ${duckType(inner)}`,
      );
      return `STRUCT(${members.join(', ')})`;
    }
  }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
