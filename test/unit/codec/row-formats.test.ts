/** CSV and JSON arrays to batches: places, cuts, resuming, what is refused (llp/0019). */
import { describe, expect, it } from 'vitest';
import { unobserved } from '../../../src/core/events.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { readCsv } from '../../../src/codec/csv.ts';
import type { ColumnType } from '../../../src/codec/columns.ts';
import { readJsonArray } from '../../../src/codec/json-array.ts';
import { RowTexts } from '../../../src/codec/row-texts.ts';
import type { RowBatches } from '../../../src/codec/row-texts.ts';
import { batchToRows } from '../../../src/codec/rows.ts';

async function* cut(content: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += bytes) {
    yield await Promise.resolve(content.subarray(at, at + bytes));
  }
}

async function collect(batches: RowBatches) {
  const rows: Record<string, unknown>[] = [];
  const rejects: { line: number; byte: number; reason: string; excerpt: string }[] = [];
  let end = { endByte: -1, endLine: -1 };
  let error: string | undefined;
  for (;;) {
    const next = await batches.next().catch((thrown: unknown) => {
      error = isHypError(thrown) ? `${thrown.code} ${thrown.message}` : String(thrown);
      return { done: true as const, value: undefined };
    });
    if (next.done === true) return { rows, rejects, ...end, rest: next.value, error };
    rows.push(...batchToRows(next.value.batch));
    for (const { line, byte, reason, excerpt } of next.value.rejects) {
      rejects.push({ line, byte, reason, excerpt });
    }
    end = { endByte: next.value.endByte, endLine: next.value.endLine };
  }
}

const sizes = [1, 2, 7, 64, 1_000_000];

async function csv(
  text: string | Uint8Array,
  more: { start?: number; types?: Record<string, ColumnType> } = {},
) {
  const types = new Map(Object.entries(more.types ?? {}));
  const all = await Promise.all(
    sizes.map((bytes) =>
      collect(
        readCsv(cut(Buffer.from(text), bytes), {
          start: more.start ?? 0,
          observe: unobserved,
          delimiter: ',',
          typeOf: (name) => types.get(name),
        }),
      ),
    ),
  );
  for (const one of all) expect(one).toEqual(all[0]);
  return all[0];
}

async function array(text: string, start = 0) {
  const all = await Promise.all(
    sizes.map((bytes) =>
      collect(readJsonArray(cut(Buffer.from(text), bytes), { start, observe: unobserved })),
    ),
  );
  for (const one of all) expect(one).toEqual(all[0]);
  return all[0];
}

describe('CSV', () => {
  it('has quotes, commas, line feeds in fields, CRLF, blank lines and nulls', async () => {
    const text = 'id,text,"a ""b"""\r\n1,"x, ""y""\r\nz",é\r\n\r\n2,,""\r\n';
    expect(await csv(text)).toEqual({
      rows: [
        { id: '1', text: 'x, "y"\r\nz', 'a "b"': 'é' },
        { id: '2', 'a "b"': '' },
      ],
      rejects: [],
      endByte: Buffer.byteLength(text),
      endLine: 5,
      rest: undefined,
      error: undefined,
    });
  });

  it('skips a byte order mark and names columns without a name', async () => {
    expect((await csv('\ufeffid,,x\n1,2,3\n'))?.rows).toEqual([{ id: '1', column_2: '2', x: '3' }]);
  });

  it('takes text as a value of the type its column has, when it is exactly one', async () => {
    const types = { n: 'long', d: 'double', b: 'boolean', s: 'string' } as const;
    const text = 'n,d,b,s\n12,1.5,true,7\n012,1e3,TRUE,x\n-3,abc,false,y\n';
    const rows = (await csv(text, { types }))?.rows;
    expect(rows?.[0]).toEqual({ n: 12, d: 1.5, b: true, s: '7' });
    expect(rows?.[1]).toEqual({ n: '012', d: 1_000, b: 'TRUE', s: 'x' });
    expect(rows?.[2]).toEqual({ n: -3, d: 'abc', b: false, s: 'y' });
  });

  it('refuses a bad record alone, with its place', async () => {
    const text = 'a,b\n1,2\n3\n4,"x"y\n5,6,7\n8,9\n';
    const found = await csv(text);
    expect(found?.rows).toEqual([
      { a: '1', b: '2' },
      { a: '8', b: '9' },
    ]);
    expect(found?.rejects.map(({ line, byte }) => [line, byte])).toEqual([
      [3, 8],
      [4, 10],
      [5, 17],
    ]);
    expect(found?.rejects[0]?.reason).toBe('1 fields instead of 2');
    expect(found?.endByte).toBe(text.length);
  });

  it('refuses the first line of a quote that is never closed, and goes on behind it', async () => {
    const filler = `${'x'.repeat(1_000)},y\n`.repeat(LIMITS.lineBytes / 1_000 + 10);
    const text = Buffer.from(`a,b\n1,"2\n${filler}8,9\n`);
    const batches = readCsv(cut(text, 256 * 1024), {
      start: 0,
      observe: unobserved,
      delimiter: ',',
      typeOf: () => undefined,
    });
    const found = await collect(batches);
    expect(found.rejects).toMatchObject([
      { line: 2, byte: 4, reason: 'a quote that is not closed', excerpt: '1,"2\n' },
    ]);
    expect(found.rows.at(-1)).toEqual({ a: '8', b: '9' });
    expect(found.endByte).toBe(text.length);
  });

  it('refuses a record that is not UTF-8 alone, and changes none', async () => {
    const cesu = [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80];
    const lines = [
      [...Buffer.from('id,name\n1,Jos')],
      [0xe9, ...Buffer.from('\n2,é\n3,')],
      [...cesu, ...Buffer.from('\n4,\ufffd\n')],
    ];
    const found = await csv(Uint8Array.from(lines.flat()));
    expect(found?.rows).toEqual([
      { id: '2', name: 'é' },
      { id: '4', name: '\ufffd' },
    ]);
    expect(found?.rejects.map(({ line, byte, reason }) => [line, byte, reason])).toEqual([
      [2, 8, 'not UTF-8'],
      [4, 20, 'not UTF-8'],
    ]);
  });

  it('refuses a header that is not UTF-8, and says what to do', async () => {
    const latin = Buffer.from('pri\u00e9,pri\u00e8\n1,2\n', 'latin1');
    expect((await csv(latin))?.error).toContain('the header in line 1 is none: not UTF-8');
    const wide = Buffer.from('\ufeffid,name\n1,x\n', 'utf16le');
    expect((await csv(wide))?.error).toContain('the header in line 1 is none: not UTF-8');
  });

  it.each([
    ['name\nx\n\ny\n', [{ name: 'x' }, {}, { name: 'y' }], 10],
    ['\r\nname\r\n\r\nx\r\n\r\n', [{}, { name: 'x' }, {}], 15],
    ['name\n""\n\n', [{ name: '' }, {}], 9],
    ['name\nx\n\r', [{ name: 'x' }], 7],
    ['name\nx', [{ name: 'x' }], 6],
    [
      'a,b\n1,2\n\n3,4\n\n',
      [
        { a: '1', b: '2' },
        { a: '3', b: '4' },
      ],
      13,
    ],
  ])('knows a blank line of one column as its null: %j', async (text, rows, endByte) => {
    expect(await csv(text)).toMatchObject({ rows, rejects: [], endByte, rest: undefined });
  });

  it('takes what a file of one column grew by, once', async () => {
    expect(await csv('name\nx\n\n', { start: 6 })).toMatchObject({ rows: [{}], rejects: [] });
    expect(await csv('name\nx\n\n', { start: 7 })).toMatchObject({ rows: [{}], rejects: [] });
    expect(await csv('name\nx\n\n', { start: 8 })).toMatchObject({ rows: [], rejects: [] });
  });

  it('leaves a last line that ends in the middle of a character', async () => {
    const text = Buffer.from('a,b\n1,2\n3,é');
    expect(await csv(text.subarray(0, -1))).toMatchObject({
      rows: [{ a: '1', b: '2' }],
      rejects: [],
      rest: { line: 3, byte: 8 },
    });
  });

  it.each([
    ['id,size\n1,5" pipe\n2,ok\n3,ok\n4,ok\n', ['2', '3', '4'], [[2, '1,5" pipe\n']]],
    [
      'id,size\n1,5" pipe\n2,ok\n3,6" pipe\n4,ok\n',
      ['2', '4'],
      [
        [2, '1,5" pipe\n'],
        [4, '3,6" pipe\n'],
      ],
    ],
    ['id,size\n1,"5" pipe"x\n2,ok\n', ['2'], [[2, '1,"5" pipe"x\n']]],
    ['id,size\n1, "5\n2,ok\n', ['2'], [[2, '1, "5\n']]],
    ['id,size\n1,"5"" \n pipe"\n2,""\n3,""""\n', ['1', '2', '3'], []],
    ['\ufeff"id","si\nze"\n"1","a"\n2,b\n', ['1', '2'], []],
  ])('opens a quote only where a field begins: %j', async (text, ids, rejects) => {
    const found = await csv(text);
    expect(found?.rows.map(({ id }) => id)).toEqual(ids);
    expect(found?.rejects.map(({ line, excerpt }) => [line, excerpt])).toEqual(rejects);
    expect(found).toMatchObject({ endByte: Buffer.byteLength(text), rest: undefined });
  });

  it.each([
    ['a,b\n1,2\n3,4', 2, undefined],
    ['a,b\n1,2\n3,4\r', 1, { line: 3, byte: 8 }],
    ['a,b\n1,2\n3', 1, { line: 3, byte: 8 }],
    ['a,b\n1,2\n3,"4', 1, { line: 3, byte: 8 }],
    ['a,b', 0, { line: 1, byte: 0 }],
    ['', 0, undefined],
  ])('of the last line of %j takes what is whole: %i rows', async (text, rows, rest) => {
    const found = await csv(text);
    expect(found?.rows).toHaveLength(rows);
    expect(found?.rest).toEqual(rest);
  });

  it('goes on from any place a batch may end, and refuses what a taken record grew by', async () => {
    const text = 'a,b\n1,"2\n2"\n3,4\n';
    expect((await csv(text, { start: 12 }))?.rows).toEqual([{ a: '3', b: '4' }]);
    expect(await csv('a,b\n1,2\n', { start: 7 })).toMatchObject({ rows: [], rejects: [] });
    expect(await csv('a,b\n1,23\n4,5\n', { start: 7 })).toMatchObject({
      rows: [{ a: '4', b: '5' }],
      rejects: [{ line: 2, byte: 7, excerpt: '3\n' }],
    });
  });

  it('without a header is an error that says so', async () => {
    expect((await csv('a,a\n1,2\n'))?.error).toContain('a name stands twice');
    expect((await csv('a,"b"c\n1,2\n'))?.error).toContain('E_BAD_INPUT the header in line 1');
  });
});

describe('rows by way of NDJSON', () => {
  it.each(['{"a":\n1}', Buffer.from('{"a":\n1}')])('are one line each: %j', (text) => {
    const place = { line: 1, byte: 0, endByte: 8, endLine: 1 };
    expect(() => new RowTexts().add(text, place)).toThrow('a record is one line');
  });
});

describe('a JSON array', () => {
  it('gives its objects, however they are laid out, with their places', async () => {
    const text = '\ufeff[\n  {"a": 1,\n   "b": [1, "]},{"]},\n  {"a":2},3,\n"x", {"a":4}\n]\n';
    const found = await array(text);
    expect(found?.rows).toEqual([{ a: 1, b: [1, ']},{'] }, { a: 2 }, { a: 4 }]);
    expect(found?.rejects.map(({ line, excerpt }) => [line, excerpt])).toEqual([
      [4, '3'],
      [5, '"x"'],
    ]);
    expect(found?.endByte).toBe(Buffer.byteLength(text) - 3);
    expect(found?.rest).toBeUndefined();
  });

  it('goes on behind an element, also of an array that has grown', async () => {
    const first = await array('[{"a":1},{"a":2}]\n');
    expect(first).toMatchObject({ endByte: 16, rest: undefined });
    expect(await array('[{"a":1},{"a":2}]\n', 16)).toMatchObject({ rows: [], rest: undefined });
    const grown = await array('[{"a":1},{"a":2},\n{"a":3}]', 16);
    expect(grown).toMatchObject({ rows: [{ a: 3 }], endByte: 25 });
  });

  it('leaves an element that is cut', async () => {
    expect(await array('[{"a":1},\n {"a":')).toMatchObject({
      rows: [{ a: 1 }],
      rest: { line: 2, byte: 11 },
    });
    expect(await array('[{"a":1},')).toMatchObject({
      rows: [{ a: 1 }],
      rest: { line: 1, byte: 9 },
    });
    expect(await array('[]')).toMatchObject({ rows: [], rest: undefined });
    expect(await array('')).toMatchObject({ rows: [], rest: undefined });
  });

  it.each([
    ['{"a":1}', 0, 'it does not begin with ['],
    ['[{"a":1},,{"a":2}]', 1, 'an element is missing'],
    ['[{"a":1} {"a":2}]', 1, 'text after an element'],
    ['[{"a":1}] x', 1, 'text after the array'],
  ])('ends with an error in %j, after %i rows', async (text, rows, what) => {
    const found = await array(text);
    expect(found?.rows).toHaveLength(rows);
    expect(found?.error).toContain(what);
  });

  it('refuses an element with a line feed in a text', async () => {
    expect((await array('[{"a":"x\ny"}]'))?.rejects).toHaveLength(1);
  });

  it('refuses an element with a backslash before a line feed once, and no row of the next', async () => {
    const bad = '{"a":"x\\\ny"}';
    const good = Array.from({ length: 20_000 }, (_, n) => `{"n":${n}}`);
    const text = `[${[bad, bad, bad, ...good].join(',\n')}]`;
    const found = await collect(
      readJsonArray(cut(Buffer.from(text), 100_000), { start: 0, observe: unobserved }),
    );
    expect(found.rows).toHaveLength(good.length);
    expect(found.rejects.map(({ line, byte }) => [line, byte])).toEqual([
      [1, 1],
      [3, 15],
      [5, 29],
    ]);
    expect(found.endByte).toBe(text.length - 1);
  });
});
