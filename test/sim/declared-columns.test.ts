/** Declared columns from append to table and export: what fits has its type, the rest is rescued. llp/0021 */
import { describe, expect, it } from 'vitest';
import { columnNamed } from '../../src/codec/columns.ts';
import { batchToRows } from '../../src/codec/rows.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import type { DeclaredColumn } from '../../src/config/columns.ts';
import type { Engine } from '../../src/engine/api.ts';
import { exactRow, exactRows } from '../support/exact-json.ts';
import { OUT, World, exportedRows, objectKeys } from '../support/world.ts';

const COLUMNS: readonly DeclaredColumn[] = [
  { name: 'ts', type: 'timestamptz' },
  { name: 'day', type: 'date' },
  { name: 'price', type: 'decimal(9,2)' },
  { name: 'huge', type: 'decimal(38,10)' },
  { name: 'raw', type: 'binary' },
  { name: 'ratio', type: 'double' },
  { name: 'count', type: 'long' },
  { name: 'text', type: 'string' },
  { name: 'flag', type: 'boolean' },
];

function declaring(columns: readonly DeclaredColumn[]) {
  return { dataset: () => ({ flush: DEFAULTS.flush, columns }) };
}

async function appendLines(engine: Engine, lines: readonly string[]): Promise<void> {
  const input = (async function* () {
    yield Buffer.from(lines.map((line) => `${line}\n`).join(''));
  })();
  expect((await engine.appendNdjson('events', input)).rejected).toBe(0);
}

async function exportedText(world: World, dir = OUT): Promise<string> {
  const disk = world.disk;
  const keys = await objectKeys(disk, dir);
  const texts: string[] = [];
  for (const key of keys) texts.push(Buffer.from(await disk.readFile(`${dir}/${key}`)).toString());
  return texts.join('');
}

const LINES = [
  '{"ts":"2026-11-21T10:00:00.5+02:00","day":"2024-02-29","price":12.3,"huge":1234567890123456789012345678.0123456789,"raw":"aGk=","ratio":1,"count":9007199254740993,"text":"12","flag":true}',
  '{"ts":"2026-11-21T10:00:00.1234567Z","day":"2023-02-29","price":0.125,"huge":1e30,"raw":"aGk","ratio":0.10000000000000000555,"count":1.5,"text":12,"flag":"true"}',
];

const SINKS = [{}, { format: 'parquet' as const }];

describe('declared columns', () => {
  it('hold what fits their type and give it back, and the rest as it was', async () => {
    const world = new World();
    const engine = await world.open({ config: declaring(COLUMNS), sinks: SINKS });
    await appendLines(engine, LINES);
    expect((await engine.tick()).failures).toEqual([]);
    const batches = [];
    for await (const batch of engine.scan('events')) batches.push(batch);
    const [batch] = batches;
    if (batch === undefined) throw new Error('no rows');
    for (const { name, type } of COLUMNS) {
      const column = columnNamed(batch, name);
      expect(column?.type, name).toBe(type);
      expect(column?.nullCount, name).toBe(1);
    }
    expect(batchToRows(batch)[0]).toMatchObject({
      ts: '2026-11-21T08:00:00.500000Z',
      day: '2024-02-29',
      price: '12.30',
      huge: '1234567890123456789012345678.0123456789',
      raw: 'aGk=',
      ratio: 1,
      count: 9007199254740993n,
      text: '12',
      flag: true,
    });
    const text = await exportedText(world);
    expect(text.split('\n')[0]).toBe(
      '{"ts":"2026-11-21T08:00:00.500000Z","day":"2024-02-29","price":12.30,"huge":1234567890123456789012345678.0123456789,"raw":"aGk=","ratio":1,"count":9007199254740993,"text":"12","flag":true}',
    );
    expect(exactRows(text)[1]).toBe(exactRow(LINES[1] ?? ''));
    const [parquet] = await exportedRows(world.disk, `${OUT}1`);
    expect(parquet).toMatchObject({ day: new Date('2024-02-29T00:00:00Z'), price: 12.3 });
    expect((await engine.check()).findings).toEqual([]);
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
    await engine.close();
  });

  it('are there from the first commit, with or without a value', async () => {
    const world = new World();
    const engine = await world.open({ config: declaring(COLUMNS) });
    await engine.append('events', [{ id: 1, price: 1.5 }]);
    await engine.tick();
    await engine.append('events', [{ id: 2, day: '2026-11-21', price: 2 }]);
    await engine.tick();
    expect(exactRows(await exportedText(world))).toEqual(
      ['{"id":1,"price":1.5}', '{"id":2,"day":"2026-11-21","price":2}'].map(exactRow),
    );
    await engine.close();
  });

  it('are added to a table that has none of them, and its older rows stay', async () => {
    const world = new World();
    const before = await world.open();
    await before.append('events', [{ id: 1, other: 'x' }]);
    await before.tick();
    await before.close();
    const engine = await world.open({ config: declaring(COLUMNS) });
    await engine.append('events', [{ id: 2, raw: 'AAE=', price: 0.1 }]);
    expect((await engine.tick()).failures).toEqual([]);
    expect(exactRows(await exportedText(world))).toEqual(
      ['{"id":1,"other":"x"}', '{"id":2,"raw":"AAE=","price":0.1}'].map(exactRow),
    );
    expect((await engine.check()).findings).toEqual([]);
    await engine.close();
  });

  it('with another type than the table has are refused before anything is stored', async () => {
    const world = new World();
    const before = await world.open();
    await before.append('events', [{ id: 1, ts: 'yesterday' }]);
    await before.tick();
    await before.append('events', [{ id: 2, ts: 'in the spool' }]);
    await before.close();
    const engine = await world.open({ config: declaring(COLUMNS) });
    const refused = {
      code: 'E_CONFIG',
      message: /ts is string in the table and declared timestamptz/,
    };
    for (const options of [{}, { idempotencyKey: 'k' }]) {
      const append = engine.append('events', [{ id: 3 }], options);
      await expect(append).rejects.toMatchObject({
        ...refused,
        message: expect.stringMatching(refused.message) as unknown,
      });
    }
    await expect(engine.flush()).rejects.toMatchObject({ code: 'E_CONFIG' });
    await engine.close();
    const after = await world.open();
    await after.tick();
    expect(exactRows(await exportedText(world))).toEqual(
      ['{"id":1,"ts":"yesterday"}', '{"id":2,"ts":"in the spool"}'].map(exactRow),
    );
    await after.close();
  });

  it('leave what no column can hold to be rescued: the 1,001st, reserved and colliding names', async () => {
    const world = new World();
    const columns = COLUMNS.slice(0, 3);
    const engine = await world.open({ config: declaring(columns) });
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`c${at}`, at]));
    const rows = [
      { ...wide, price: 1.25, TS: '2026-11-21T00:00:00Z', _hyp_seq: 'mine', _HYP_x: 1 },
      { day: '2026-11-21', Day: 'other', late: [1, 2] },
    ];
    await engine.append('events', rows);
    expect((await engine.tick()).failures).toEqual([]);
    expect(exactRows(await exportedText(world))).toEqual(
      rows.map((row) => exactRow(JSON.stringify(row))),
    );
    const table = [];
    for await (const batch of engine.scan('events')) table.push(batch);
    expect(columnNamed(table[0] ?? { columns: [] }, 'price')?.type).toBe('decimal(9,2)');
    expect((await engine.check()).findings).toEqual([]);
    await engine.close();
  });
});
