/** Declared lists and structs from append to table, query and export, and flipped bits in them. llp/0021 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columnNamed } from '../../src/codec/columns.ts';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { batchToRows } from '../../src/codec/rows.ts';
import { DEFAULTS, defaultConfig } from '../../src/config/config.ts';
import type { DeclaredColumn } from '../../src/config/columns.ts';
import { openEngine } from '../../src/engine/open.ts';
import type { Engine } from '../../src/engine/api.ts';
import { duckDbRows, runDuckDb } from '../support/duckdb.ts';
import { exactRow, exactRows } from '../support/exact-json.ts';
import { seededRandom } from '../support/random.ts';
import { assertNamed, below, flip, write } from '../support/table-flips.ts';
import { tempDir } from '../support/tmp.ts';
import { OUT, ROOT, World, objectKeys } from '../support/world.ts';

const COLUMNS: readonly DeclaredColumn[] = [
  { name: 'tags', type: 'list<string>' },
  { name: 'user', type: 'struct<id:long,name:string,born:date>' },
  { name: 'items', type: 'list<struct<sku:string,price:decimal(9,2),at:timestamptz>>' },
];

const declaring = (columns: readonly DeclaredColumn[]) => ({
  dataset: () => ({ flush: DEFAULTS.flush, columns }),
});

const FITTING = [
  '{"id":1,"tags":["a","b c","é\\"\\n"],"user":{"name":"Ann","id":9007199254740993},"items":[{"sku":"x","price":12.3,"at":"2026-11-21T10:00:00+02:00"},{}]}',
  '{"id":2,"tags":[],"user":{},"items":[]}',
  '{"id":3,"tags":[null,"c"],"items":[null,{"price":-0.05}]}',
  '{"id":4}',
];
const RESCUED = [
  '{"id":5,"tags":["a",1],"user":{"id":1,"role":"admin"},"items":[{"price":1.005}]}',
  '{"id":6,"tags":"a","user":{"id":1,"name":null},"items":{"sku":"x"}}',
  '{"id":7,"tags":["\\ud800"],"user":{"id":1.5},"items":[{"sku":"x","sku":"y"}]}',
];
const LINES = [...FITTING, ...RESCUED];

async function appendLines(engine: Engine, lines: readonly string[]): Promise<void> {
  const input = (async function* () {
    yield Buffer.from(lines.map((line) => `${line}\n`).join(''));
  })();
  expect((await engine.appendNdjson('events', input)).rejected).toBe(0);
}

async function exportedText(world: World, dir: string): Promise<string> {
  const texts: string[] = [];
  for (const key of await objectKeys(world.disk, dir)) {
    texts.push(Buffer.from(await world.disk.readFile(`${dir}/${key}`)).toString());
  }
  return texts.join('');
}

/** An instant comes back in UTC, a decimal with all its places. */
const sent = (line: string): string =>
  exactRow(line.replace('2026-11-21T10:00:00+02:00', '2026-11-21T08:00:00.000000Z'));

describe('declared lists and structs', () => {
  it('hold what has their shape and give it back, and the rest as it was', async () => {
    const world = new World();
    const engine = await world.open({
      config: declaring(COLUMNS),
      sinks: [{}, { format: 'parquet' }],
    });
    await appendLines(engine, LINES);
    expect((await engine.tick()).failures).toEqual([]);
    const batches = [];
    for await (const batch of engine.scan('events')) batches.push(batch);
    const [batch] = batches;
    if (batch === undefined) throw new Error('no rows');
    const valuesOf = (name: string) => batch.rows - (columnNamed(batch, name)?.nullCount ?? 0);
    for (const { name, type } of COLUMNS) expect(columnNamed(batch, name)?.type).toBe(type);
    expect(COLUMNS.map(({ name }) => valuesOf(name))).toEqual([3, 2, 3]);
    expect(batchToRows(batch)[0]).toMatchObject({
      tags: ['a', 'b c', 'é"\n'],
      user: { id: 9007199254740993n, name: 'Ann' },
      items: [{ sku: 'x', price: '12.30', at: '2026-11-21T08:00:00.000000Z' }, {}],
    });
    expect(exactRows(await exportedText(world, OUT))).toEqual(LINES.map(sent));
    expect((await engine.check()).findings).toEqual([]);
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
    await engine.close();
  });

  it('are lists and structs to DuckDB, in data files, query and exported Parquet', async () => {
    const root = join(await tempDir(), 'store');
    const out = join(await tempDir(), 'out');
    await Promise.all([root, out].map((dir) => mkdir(dir)));
    const plain = defaultConfig(root);
    const config = { ...plain, ...declaring(COLUMNS) };
    const engine = await openEngine({ root, config });
    await appendLines(engine, LINES);
    await engine.flush();
    const sql = `SELECT tags[1] AS tag, len(tags)::INT AS tags, user.name AS name,
      user.id::VARCHAR AS id, items[1].price::VARCHAR AS price, len(items)::INT AS items`;
    const wanted = [
      ['a', 3, 'Ann', '9007199254740993', '12.30', 2],
      [null, 0, null, null, null, 0],
      [null, 2, null, null, null, 2],
      [null, null, null, null, null, null],
    ];
    const files = await duckDbRows(
      `${sql} FROM read_parquet('${root}/tables/events/data/**/*.parquet') ORDER BY _hyp_seq LIMIT 4`,
    );
    expect(files).toEqual(wanted);
    const asked = await engine.query(`${sql} FROM events ORDER BY _hyp_seq LIMIT 4`);
    expect(asked.rows).toEqual(wanted);
    const whole = await engine.query('SELECT tags, user FROM events ORDER BY _hyp_seq LIMIT 2');
    expect(whole.rows).toEqual([
      [['a', 'b c', 'é"\n'], { id: 9007199254740993n, name: 'Ann', born: null }],
      [[], { id: null, name: null, born: null }],
    ]);
    await engine.close();
  });

  it('are added to a table with rows, and a table that has them takes no other type for them', async () => {
    const world = new World();
    const before = await world.open();
    await before.append('events', [{ id: 1, geo: { lat: 1 } }]);
    await before.tick();
    await before.close();
    const engine = await world.open({ config: declaring(COLUMNS) });
    await engine.append('events', [{ id: 2, user: { id: 5 } }]);
    expect((await engine.tick()).failures).toEqual([]);
    await engine.close();
    for (const [name, type, was] of [
      ['geo', 'struct<lat:long>', 'string (JSON text)'],
      ['user', 'struct<id:long,name:string>', 'struct<id:long,name:string,born:date>'],
      [
        'user',
        'struct<id:long,name:string,born:timestamptz>',
        'struct<id:long,name:string,born:date>',
      ],
      ['tags', 'list<long>', 'list<string>'],
    ] as const) {
      const other = await world.open({ config: declaring([{ name, type }]) });
      await expect(other.append('events', [{ id: 3 }])).rejects.toMatchObject({
        code: 'E_CONFIG',
        message: expect.stringContaining(
          `column ${name} is ${was} in the table and declared ${type}`,
        ) as unknown,
      });
      await other.close();
    }
    const after = await world.open();
    await after.append('events', [{ id: 4, user: { name: 'x' }, 'user.name': 'y' }]);
    expect((await after.tick()).failures).toEqual([]);
    expect(exactRows(await exportedText(world, OUT))).toEqual(
      [
        '{"id":1,"geo":{"lat":1}}',
        '{"id":2,"user":{"id":5}}',
        '{"id":4,"user":{"name":"x"},"user.name":"y"}',
      ].map(exactRow),
    );
    expect((await after.check()).findings).toEqual([]);
    await after.close();
  });

  it('take lists and structs of Parquet files, whose null members are not there', async () => {
    const dir = await tempDir();
    const root = join(dir, 'store');
    await mkdir(root);
    const file = join(dir, 'in.parquet');
    const rows = `select ['a', null] as tags, {'id': 1::BIGINT, 'name': null} as user,
      [{'sku': null, 'price': 1.5::DECIMAL(9,2)}] as items, {'x': null} as other`;
    await runDuckDb(`copy (${rows}) to '${file}' (format parquet)`);
    const config = { ...defaultConfig(root), ...declaring(COLUMNS) };
    const engine = await openEngine({ root, config });
    expect(await engine.backfill('events', [file])).toMatchObject({ rows: 1 });
    const lines: string[] = [];
    for await (const batch of engine.scan('events')) {
      expect(columnNamed(batch, 'user')?.nullCount).toBe(0);
      lines.push(Buffer.from(encodeNdjson(batch)).toString().trim());
    }
    expect(lines).toEqual([
      '{"tags":["a",null],"user":{"id":1},"items":[{"price":1.50}],"other":{"x":null}}',
    ]);
    await engine.close();
  });

  it('let no wrong row out when a bit of their file is flipped', async () => {
    const world = new World();
    const filling = await world.open({ config: declaring(COLUMNS) });
    await appendLines(filling, LINES);
    await filling.flush();
    await filling.close();
    const [path = ''] = (await below(world.disk, `${ROOT}/tables/events`)).filter((name) =>
      name.endsWith('.parquet'),
    );
    const whole = await world.disk.readFile(path);
    const random = seededRandom(4);
    for (let round = 0; round < 150; round++) {
      const bit = Math.floor(random.fraction() * whole.length * 8);
      await write(world.disk, path, flip(whole, bit));
      const engine = await world.open();
      let error: unknown;
      try {
        for await (const batch of engine.scan('events')) encodeNdjson(batch);
      } catch (caught) {
        error = caught;
      }
      expect(error, `bit ${bit} of ${path}`).toBeDefined();
      assertNamed(error, path);
      await engine.close();
    }
  });
});
