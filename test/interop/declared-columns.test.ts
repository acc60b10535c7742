/** Every declared type as PyIceberg and DuckDB read it from a table that hyp wrote. llp/0021 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULTS, defaultConfig } from '../../src/config/config.ts';
import type { DeclaredColumn } from '../../src/config/columns.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import { openEngine } from '../../src/engine/open.ts';
import type { Engine } from '../../src/engine/api.ts';
import { duckDbRows } from '../support/duckdb.ts';
import { askPython, pythonMissing, pythonRows } from '../support/pyiceberg.ts';
import { makeTempDir, removeTempDir } from '../support/tmp.ts';

const COLUMNS: readonly DeclaredColumn[] = [
  { name: 'ok', type: 'boolean' },
  { name: 'count', type: 'long' },
  { name: 'ratio', type: 'double' },
  { name: 'text', type: 'string' },
  { name: 'at', type: 'timestamptz' },
  { name: 'day', type: 'date' },
  { name: 'price', type: 'decimal(9,2)' },
  { name: 'wide', type: 'decimal(38,10)' },
  { name: 'raw', type: 'binary' },
  { name: 'tags', type: 'list<string>' },
  { name: 'user', type: 'struct<id:long,name:string,seen:list<timestamptz>>' },
  {
    name: 'items',
    type: 'list<struct<sku:string,price:decimal(18,4),day:date,raw:binary,ok:boolean,w:double>>',
  },
];

const LINES = [
  '{"ok":true,"count":9223372036854775807,"ratio":0.5,"text":"é","at":"2026-11-21T10:00:00.5Z","day":"2024-02-29","price":12.3,"wide":-1234567890123456789012345678.0123456789,"raw":"AAH/","tags":["a",null],"user":{"id":7,"name":"Ann","seen":["1969-12-31T23:59:59.999999Z"]},"items":[{"sku":"x","price":1.25,"day":"1969-12-31","raw":"AA==","ok":false,"w":1e300},{}]}',
  '{"tags":[],"user":{},"items":[null]}',
  '{"text":"none of the others"}',
];

let dir = '';
let engine: Engine;
let metadataPath = '';

describe.skipIf(pythonMissing() !== undefined)('a table of every declared type', () => {
  beforeAll(async () => {
    dir = await makeTempDir();
    const root = join(dir, 'store');
    await mkdir(root);
    const dataset = () => ({ flush: DEFAULTS.flush, columns: COLUMNS });
    engine = await openEngine({ root, config: { ...defaultConfig(root), dataset } });
    // The second commit is one whose file has not all of the columns.
    for (const lines of [LINES.slice(0, 2), LINES.slice(2)]) {
      const input = (async function* () {
        yield Buffer.from(lines.map((line) => `${line}\n`).join(''));
      })();
      expect((await engine.appendNdjson('events', input)).rejected).toBe(0);
      await engine.flush();
    }
    const metadata = `${root}/tables/events/metadata`;
    const hint = Buffer.from(await nodeFs.readFile(`${metadata}/version-hint.text`)).toString();
    metadataPath = `${metadata}/v${hint}.metadata.json`;
  });

  afterAll(async () => {
    await engine.close();
    await removeTempDir(dir);
  });

  test('has the types PyIceberg knows, with an id for every part', async () => {
    const columns = (await askPython('columns', metadataPath)) as unknown[][];
    expect(columns.map(([name, id, type]) => [name, id, type]).slice(0, COLUMNS.length)).toEqual([
      ['ok', 1, 'boolean'],
      ['count', 2, 'long'],
      ['ratio', 3, 'double'],
      ['text', 4, 'string'],
      ['at', 5, 'timestamptz'],
      ['day', 6, 'date'],
      ['price', 7, 'decimal(9, 2)'],
      ['wide', 8, 'decimal(38, 10)'],
      ['raw', 9, 'binary'],
      ['tags', 10, 'list<string>'],
      [
        'user',
        12,
        'struct<13: id: optional long, 14: name: optional string, 15: seen: optional list<timestamptz>>',
      ],
      [
        'items',
        17,
        'list<struct<19: sku: optional string, 20: price: optional decimal(18, 4), 21: day: optional date, 22: raw: optional binary, 23: ok: optional boolean, 24: w: optional double>>',
      ],
    ]);
    expect(await askPython('ids', metadataPath)).toEqual(
      expect.arrayContaining([
        [11, 'tags.element'],
        [16, 'user.seen.element'],
        [18, 'items.element'],
        [24, 'items.element.w'],
        [25, '_hyp_seq'],
      ]),
    );
  });

  test('gives PyIceberg every value, and rows to a filter on any of them', async () => {
    const [first, second, third] = await pythonRows(metadataPath);
    expect(first).toMatchObject({
      ok: true,
      count: { int: '9223372036854775807' },
      ratio: 0.5,
      text: 'é',
      at: { us: '1795255200500000' },
      day: { day: '2024-02-29' },
      price: { decimal: '12.30' },
      wide: { decimal: '-1234567890123456789012345678.0123456789' },
      raw: { base64: 'AAH/' },
      tags: ['a', null],
      user: { id: 7, name: 'Ann', seen: [{ us: '-1' }] },
      items: [
        {
          sku: 'x',
          price: { decimal: '1.2500' },
          day: { day: '1969-12-31' },
          raw: { base64: 'AA==' },
          ok: false,
          w: 1e300,
        },
        { sku: null, price: null, day: null, raw: null, ok: null, w: null },
      ],
    });
    expect(second).toMatchObject({
      tags: [],
      user: { id: null, name: null, seen: null },
      items: [null],
      _hyp_rescued: null,
    });
    expect(third).toMatchObject({
      text: 'none of the others',
      tags: null,
      user: null,
      items: null,
    });
    for (const filter of ['user.id = 7', "day = '2024-02-29'", 'price > 12.29', 'ok = true']) {
      expect(await pythonRows(metadataPath, filter), filter).toHaveLength(1);
    }
    expect(await pythonRows(metadataPath, 'user.id > 7')).toEqual([]);
    expect(await askPython('files', metadataPath)).toHaveLength(2);
  });

  test('gives DuckDB the same, from its data files', async () => {
    const files = `read_parquet('${engine.root}/tables/events/data/**/*.parquet', union_by_name = true)`;
    const described = await duckDbRows(`DESCRIBE SELECT * FROM ${files}`);
    const types = new Map(described.map(([name, type]) => [name, type]));
    expect(COLUMNS.map(({ name }) => types.get(name))).toEqual([
      'BOOLEAN',
      'BIGINT',
      'DOUBLE',
      'VARCHAR',
      'TIMESTAMP WITH TIME ZONE',
      'DATE',
      'DECIMAL(9,2)',
      'DECIMAL(38,10)',
      'BLOB',
      'VARCHAR[]',
      'STRUCT(id BIGINT, "name" VARCHAR, seen TIMESTAMP WITH TIME ZONE[])',
      'STRUCT(sku VARCHAR, price DECIMAL(18,4), "day" DATE, raw BLOB, ok BOOLEAN, w DOUBLE)[]',
    ]);
    const parts = ['tags[1]', 'user.name', 'user.seen[1]', 'items[1].price', 'items[1].raw'];
    const wanted = ['a', 'Ann', '1969-12-31 23:59:59.999999+00', '1.2500', '\\x00'];
    const list = parts.map((part) => `${part}::VARCHAR`).join(', ');
    expect(await duckDbRows(`SELECT ${list} FROM ${files} ORDER BY _hyp_seq LIMIT 1`)).toEqual([
      wanted,
    ]);
  });
});
