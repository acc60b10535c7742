/**
 * Tables are real: DuckDB reads the data files themselves and finds the rows that went in, through
 * a change of schema, rescued values and every type.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import { openEngine } from '../../src/engine/open.ts';
import type { Engine } from '../../src/engine/api.ts';
import { tempDir } from '../support/tmp.ts';

async function store(): Promise<Engine> {
  const config = defaultConfig(`${await tempDir()}/a store`);
  return openEngine({ root: config.root, config });
}

async function duckdb(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

test('DuckDB reads the data files of a table as they are', async () => {
  const engine = await store();
  await engine.append('events', [
    { id: 1, name: 'ä', ok: true, load: 1.5, tags: ['a', 'b'] },
    { id: 2, big: 2n ** 62n },
  ]);
  await engine.flush();
  await engine.append('events', [{ id: 3, extra: 'later', ok: 'not a boolean' }]);
  await engine.flush();
  const data = `${engine.root}/tables/events/data`;
  const files = (await nodeFs.readdir(data)).map((name) => `'${data}/${name}'`).join(', ');
  const rows = await duckdb(
    `SELECT _hyp_seq, id, name, ok, load, tags, big, extra, _hyp_rescued
     FROM read_parquet([${files}], union_by_name = true) ORDER BY _hyp_seq`,
  );
  expect(rows).toEqual([
    ['1', '1', 'ä', true, 1.5, '["a","b"]', null, null, null],
    ['2', '2', null, null, null, null, String(2n ** 62n), null, null],
    ['3', '3', null, null, null, null, null, 'later', '{"ok":"not a boolean"}'],
  ]);
  await engine.close();
});

test('a query sees exactly the rows of the current snapshots, in every dataset, flushed first', async () => {
  const engine = await store();
  await engine.append('requests', [{ path: '/a', status: 200 }]);
  await engine.append('my-errors', [{ path: '/b' }, { path: '/a' }]);
  const answer = await engine.query(
    'SELECT r.path, r.status, count(*) AS n FROM requests r JOIN "my-errors" e USING (path) GROUP BY ALL',
  );
  expect(answer.columns).toEqual(['path', 'status', 'n']);
  expect(answer.rows).toEqual([['/a', 200n, 1n]]);
  await expect(engine.query('SELECT nonsense')).rejects.toMatchObject({ code: 'E_USAGE' });
  await engine.close();
});
