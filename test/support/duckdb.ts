/**
 * Owns: DuckDB on its own, for tests of what other programs write and what they read.
 * llp/0013
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from './tmp.ts';

/** Runs statements in a database of its own. */
export async function runDuckDb(...statements: readonly string[]): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'UTC'");
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The rows of `select` in a database of its own. */
export async function duckDbRows(select: string): Promise<unknown[][]> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'UTC'");
    return (await connection.runAndReadAll(select)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The bytes of a Parquet file with the rows of `select`. */
export async function duckDbParquet(select: string, options = ''): Promise<Uint8Array> {
  const dir = await tempDir();
  const file = join(dir, 'file.parquet');
  await runDuckDb(`copy (${select}) to '${file}' (format parquet${options})`);
  const bytes = await readFile(file);
  await rm(file);
  return bytes;
}
