import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { Table, writeParquet } from 'parquet-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { readFooter } from '../../../storage/data/footer.ts';
import { readRowGroup } from '../../../storage/data/read.ts';
import { writeDataFile } from '../../../storage/data/write.ts';
import { makeTempDir, removeTempDir } from '../../support/tmp.ts';
import { WIDE_COLUMNS, cellsOf, wideBatch } from '../../support/wide-rows.ts';
import type { Cell } from '../../support/wide-rows.ts';

let dir = '';
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  dir = await makeTempDir();
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
});

afterAll(async () => {
  duckdb.closeSync();
  instance.closeSync();
  await removeTempDir(dir);
});

/** Rows as the text DuckDB prints; times as microseconds so that no zone is in it. */
function expected(cells: Record<string, Cell[]>): (string | null)[][] {
  return WIDE_COLUMNS.map(({ name }) =>
    (cells[name] ?? []).map((cell) => (cell === null ? null : String(cell))),
  );
}

function projection(): string {
  return WIDE_COLUMNS.map(({ name, type }) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    return type === 'timestamptz' ? `epoch_us(${quoted})::VARCHAR` : `${quoted}::VARCHAR`;
  }).join(', ');
}

describe('DuckDB', () => {
  it.each(['snappy', 'lz4_raw', 'zstd'] as const)('reads equal values, %s', async (codec) => {
    const path = `${dir}/ours-${codec}.parquet`;
    const batch = wideBatch(21_000);
    await writeDataFile(nodeFs, path, WIDE_COLUMNS, [batch], codec);
    const sql = `SELECT ${projection()} FROM read_parquet('${path}') ORDER BY "_hyp_seq"`;
    const columns = (await duckdb.runAndReadAll(sql)).getColumns();
    const cells = expected(cellsOf(batch));
    WIDE_COLUMNS.forEach(({ name, type }, index) => {
      const found = columns[index] ?? [];
      if (type === 'double') {
        // Numbers are spelt differently; + 0 because String loses the sign of -0.
        const numbers = (texts: readonly unknown[]): unknown[] =>
          texts.map((text) => (text === null ? null : Number(text) + 0));
        expect(numbers(found)).toEqual(numbers(cells[index] ?? []));
      } else expect(found, name).toEqual(cells[index]);
    });
  });

  it('finds the rows of a seq range by our statistics', async () => {
    const path = `${dir}/range.parquet`;
    await writeDataFile(nodeFs, path, WIDE_COLUMNS, [wideBatch(45_000)], 'snappy');
    const sql = `SELECT count(*)::INTEGER, min("_hyp_seq")::VARCHAR, max("_hyp_seq")::VARCHAR
      FROM read_parquet('${path}') WHERE "_hyp_seq" > 19990 AND "_hyp_seq" <= 40010`;
    expect((await duckdb.runAndReadAll(sql)).getRows()).toEqual([[20_020, '19991', '40010']]);
  });

  it('writes files that we read, without sums and with types from the file', async () => {
    const path = `${dir}/theirs.parquet`;
    await duckdb.run(`COPY (
      SELECT range AS _hyp_seq, 'row ' || range AS t, range % 3 = 0 AS b, range / 4.0::DOUBLE AS d,
        CASE WHEN range % 2 = 0 THEN make_timestamptz(range * 1000) END AS ts
      FROM range(1, 5001)
    ) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048,
      FIELD_IDS {_hyp_seq: 5, t: 1, b: 2, d: 3, ts: 4})`);
    const footer = await readFooter(nodeFs, path);
    expect(footer.rows).toBe(5000);
    expect(footer.rowGroups.map(({ seqMin, seqMax }) => [seqMin, seqMax])).toEqual([
      [1n, 2048n],
      [2049n, 4096n],
      [4097n, 5000n],
    ]);
    const batch = await readRowGroup(nodeFs, { path, footer }, 2);
    expect(batch.columns.map(({ name, type, fieldId }) => [name, type, fieldId])).toEqual([
      ['_hyp_seq', 'long', 5],
      ['t', 'string', 1],
      ['b', 'boolean', 2],
      ['d', 'double', 3],
      ['ts', 'timestamptz', 4],
    ]);
    const cells = cellsOf(batch);
    expect(cells['t']?.[0]).toBe('row 4097');
    expect(cells['b']?.slice(0, 3)).toEqual([false, true, false]);
    expect(cells['d']?.[3]).toBe(1025);
    expect(cells['ts']?.slice(0, 2)).toEqual([null, 4_098_000n]);
  });

  it('writes types we do not have, which are refused by name', async () => {
    for (const type of ['TIME', 'INTEGER', 'INTEGER[]', 'STRUCT(a INTEGER)', 'UUID']) {
      const path = `${dir}/other-${type.length}.parquet`;
      await duckdb.run(`COPY (SELECT NULL::${type} AS odd) TO '${path}' (FORMAT parquet)`);
      await expect(readFooter(nodeFs, path)).rejects.toMatchObject({
        code: 'E_UNSUPPORTED_FORMAT',
        message: expect.stringContaining(path) as unknown,
      });
    }
  });
});

describe('a file with the hints of Arrow in it', () => {
  it('is read by what Parquet says of it', async () => {
    const path = `${dir}/hints.parquet`;
    const table = tableFromArrays({ x: Float64Array.of(1, 2), t: ['a', 'b'] });
    const file = await nodeFs.create(path);
    await file.write(writeParquet(Table.fromIPCStream(tableToIPC(table, 'stream'))));
    await file.close();
    const footer = await readFooter(nodeFs, path);
    const batch = await readRowGroup(nodeFs, { path, footer }, 0);
    expect(cellsOf(batch)).toEqual({ x: [1, 2], t: ['a', 'b'] });
  });
});
