/**
 * Other programs read tables whose metadata only our encoders made.
 * llp/0006
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/core/json.ts';
import { tableMetadataFormat } from '../../storage/iceberg/metadata-file.ts';
import { tempDir } from '../support/tmp.ts';
import { askPython, pythonMissing, pythonRows } from '../support/pyiceberg.ts';
import { makeTinyTable } from './tiny-table.ts';
import type { Row } from './tiny-table.ts';

const BASE = [
  { name: 'host', type: 'string' },
  { name: 'load', type: 'double' },
  { name: 'ok', type: 'boolean' },
] as const;

const LONG_HOST = 'a-very-long-host-name-beyond-sixteen-\u{10ffff}';

const BATCHES: readonly { readonly wanted: typeof BASE; readonly rows: readonly Row[] }[] = [
  { wanted: BASE, rows: [{ host: 'a', load: 0, ok: true }, { host: LONG_HOST }] },
  { wanted: BASE, rows: [{ host: 'd\u00e9j\u00e0 vu', load: -1.5, ok: false }] },
  { wanted: BASE, rows: [{ host: 'z', load: 1e300 }] },
];

const LATER = {
  wanted: [{ name: 'extra', type: 'json' }],
  rows: [{ host: 'e', extra: '{"a":1}', _hyp_rescued: '{"load":"x"}' }],
} as const;

const TABLE = [...BATCHES, LATER];

interface FileSeen {
  readonly readable_metrics: Readonly<Record<string, unknown>>;
}

const missing = pythonMissing();

describe.skipIf(missing !== undefined)('tables made by our encoders', () => {
  test('PyIceberg reads every row of four commits with a merge and a new column', async () => {
    const { metadataPath } = await makeTinyTable(await tempDir(), TABLE);

    const rows = await pythonRows(metadataPath);

    expect(rows).toMatchObject([
      { _hyp_seq: 1, host: 'a', load: 0, ok: true, extra: null, _hyp_rescued: null },
      { _hyp_seq: 2, host: LONG_HOST, load: null, ok: null },
      { _hyp_seq: 3, host: 'd\u00e9j\u00e0 vu', load: -1.5, ok: false },
      { _hyp_seq: 4, host: 'z', load: 1e300 },
      { _hyp_seq: 5, host: 'e', extra: '{"a":1}', _hyp_rescued: '{"load":"x"}' },
    ]);
    expect(rows).toHaveLength(5);
    expect(rows[0]).toMatchObject({ _hyp_ingested_at: { us: '1760000000000000' } });
  });

  test('PyIceberg prunes by our bounds without losing a row', async () => {
    const { metadataPath } = await makeTinyTable(await tempDir(), TABLE);

    expect(await pythonRows(metadataPath, `host = '${LONG_HOST}'`)).toHaveLength(1);
    expect(await pythonRows(metadataPath, 'load >= 0.0 and load < 1.0')).toHaveLength(1);
    expect(await pythonRows(metadataPath, '_hyp_seq > 3 and _hyp_seq <= 5')).toHaveLength(2);
    expect(await pythonRows(metadataPath, "host > 'zz'")).toHaveLength(0);
  });

  test('PyIceberg sees ids, types and figures as we wrote them', async () => {
    const { metadataPath } = await makeTinyTable(await tempDir(), TABLE);

    expect(await askPython('columns', metadataPath)).toMatchObject([
      ['host', 1, 'string', false, null],
      ['load', 2, 'double', false, null],
      ['ok', 3, 'boolean', false, null],
      ['extra', 7, 'string', false, 'JSON text'],
      ['_hyp_seq', 4, 'long', true, 'Ingest sequence, without holes'],
      ['_hyp_ingested_at', 5, 'timestamptz', true, 'When hyp took the row'],
      ['_hyp_rescued', 6, 'string', false, 'JSON text: values that fit no column, by name'],
    ]);
    const files = (await askPython('files', metadataPath)) as FileSeen[];
    const seqsOf = ({ readable_metrics: metrics }: FileSeen): unknown => metrics['_hyp_seq'];
    expect(files).toHaveLength(4);
    expect(files[0]).toMatchObject({ record_count: 2, split_offsets: [4] });
    expect(files.map(seqsOf)).toMatchObject([
      { lower_bound: 1, upper_bound: 2, value_count: 2, null_value_count: 0 },
      { lower_bound: 3, upper_bound: 3 },
      { lower_bound: 4, upper_bound: 4 },
      { lower_bound: 5, upper_bound: 5 },
    ]);
  });

  test.each(['with space', 'per%20cent', 'semi;colon', 'hash#mark', 'what?', 'd\u00e9j\u00e0'])(
    'PyIceberg reads a table in a directory named "%s"',
    async (name) => {
      const { metadataPath } = await makeTinyTable(`${await tempDir()}/${name}`, BATCHES);
      expect(await pythonRows(metadataPath)).toHaveLength(4);
    },
  );

  test('fastavro reads manifests and lists with all their ids', async () => {
    const dir = await tempDir();
    const { files } = await makeTinyTable(dir, BATCHES);

    for (const file of files) {
      const avro = await askPython('avro', `${dir}/${file}`);
      const text = JSON.stringify(avro);
      expect(avro).toMatchObject({ metadata: { 'format-version': '2' } });
      expect(text).toMatch(/hyp-sha256:[0-9a-f]{64}/);
      expect(text.match(/"field-id":/g)?.length).toBeGreaterThan(15);
    }
  });

  test('metadata that PyIceberg wrote anew is foreign, not damaged', async () => {
    const dir = await tempDir();
    const { metadataPath } = await makeTinyTable(dir, BATCHES);
    const out = `${dir}/metadata/v4.metadata.json`;

    await askPython('rewrite', metadataPath, out);

    const bytes = await readFile(out);
    const rewritten = parseJson(bytes.toString('utf8'), out);
    expect(rewritten).toMatchObject({ properties: { 'hyp.max-seq': '4' } });
    expect(() => tableMetadataFormat.decode(bytes, out)).toThrow(
      expect.objectContaining({ code: 'E_FOREIGN' }),
    );
  });
});
