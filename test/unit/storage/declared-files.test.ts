/** Files of declared columns as DuckDB, which shares no code with hyp, reads and writes them. llp/0021 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conform } from '../../../src/codec/conform.ts';
import { encodeNdjson } from '../../../src/codec/ndjson/encode.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { readFooter } from '../../../storage/data/footer.ts';
import { readRowGroup } from '../../../storage/data/read.ts';
import { writeDataFile } from '../../../storage/data/write.ts';
import { sampleBatch, sampleColumn } from '../../support/sample-batch.ts';
import { makeTempDir, removeTempDir } from '../../support/tmp.ts';

const COLUMNS = [
  { name: '_hyp_seq', type: 'long', fieldId: 9 },
  { name: 'day', type: 'date', fieldId: 1 },
  { name: 'small', type: 'decimal(9,2)', fieldId: 2 },
  { name: 'wide', type: 'decimal(38,10)', fieldId: 3 },
  { name: 'raw', type: 'binary', fieldId: 4 },
] as const;

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

describe('a file of declared columns', () => {
  it('has the types and values DuckDB expects', async () => {
    const given = sampleBatch(
      3,
      sampleColumn('_hyp_seq', 'long', [1n, 2n, 3n]),
      sampleColumn('day', 'string', ['2024-02-29', null, '1969-12-31']),
      sampleColumn('small', 'json', ['-12.5', '0', null]),
      sampleColumn('wide', 'json', [null, '-1234567890123456789012345678.0123456789', '1e-10']),
      sampleColumn('raw', 'string', ['AAH/', '', null]),
    );
    const path = `${dir}/ours.parquet`;
    const stats = await writeDataFile(
      nodeFs,
      path,
      COLUMNS,
      [conform(given, COLUMNS).batch],
      'zstd',
    );
    const columns = COLUMNS.map(({ name }) => `${name}::VARCHAR`).join(', ');
    const read = await duckdb.runAndReadAll(`SELECT ${columns} FROM read_parquet('${path}')`);
    expect(read.getRows()).toEqual([
      ['1', '2024-02-29', '-12.50', null, '\\x00\\x01\\xFF'],
      ['2', null, '0.00', '-1234567890123456789012345678.0123456789', ''],
      ['3', '1969-12-31', null, '0.0000000001', null],
    ]);
    const described = await duckdb.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet('${path}')`);
    expect(described.getRows().map((row) => row[1])).toEqual([
      'BIGINT',
      'DATE',
      'DECIMAL(9,2)',
      'DECIMAL(38,10)',
      'BLOB',
    ]);
    expect(stats.lower.get(1)).toBe(-1n);
    expect(stats.upper.get(1)).toBe(19_782n);
    expect(stats.lower.get(2)).toBe(-1250n);
    expect(stats.upper.get(4)).toEqual(Uint8Array.of(0, 1, 255));
  });

  it('of DuckDB is read by us', async () => {
    const path = `${dir}/theirs.parquet`;
    await duckdb.run(`COPY (SELECT 1::BIGINT AS _hyp_seq, DATE '2026-11-21' AS day,
      -1.5::DECIMAL(9,2) AS small, 12.25::DECIMAL(18,4) AS middle, 0.5::DECIMAL(38,10) AS wide,
      '\\x00\\xFF'::BLOB AS raw) TO '${path}' (FORMAT parquet)`);
    const footer = await readFooter(nodeFs, path);
    const batch = await readRowGroup(nodeFs, { path, footer }, 0);
    expect(Buffer.from(encodeNdjson(batch)).toString()).toBe(
      '{"day":"2026-11-21","small":-1.50,"middle":12.2500,"wide":0.5000000000,"raw":"AP8="}\n',
    );
  });
});
