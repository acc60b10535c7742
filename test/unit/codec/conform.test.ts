/** Batches to the columns of a table (llp/0004). */
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../../src/codec/columns.ts';
import { conform, summarize } from '../../../src/codec/conform.ts';
import type { TargetColumn } from '../../../src/codec/conform.ts';
import { encodeNdjson } from '../../../src/codec/ndjson/encode.ts';
import { concatBatches, takeRows } from '../../../src/codec/rearrange.ts';
import { checkBatch, decodeText, shape } from '../../support/ndjson.ts';

/** `name:type` to targets with field ids 1, 2, 3, …; `_hyp_rescued` is always the last. */
function targets(...columns: string[]): TargetColumn[] {
  return [...columns, '_hyp_rescued:json'].map((column, index) => {
    const [name = '', type] = column.split(':');
    return { name, type: type as ColumnType, fieldId: index + 1 };
  });
}

function conformed(text: string, ...columns: string[]): { text: string; rescuedRows: number } {
  const { batch, rescuedRows } = conform(decodeText(text), targets(...columns));
  checkBatch(batch);
  const lines = batch.columns.map((column) => {
    const one = encodeNdjson({ rows: batch.rows, columns: [column] });
    return Buffer.from(one).toString().trim().replaceAll('\n', ' ');
  });
  return { text: lines.join(' | '), rescuedRows };
}

describe('conform', () => {
  it('gives the columns of the table in its order, with its field ids', () => {
    const { batch } = conform(
      decodeText('{"b":1,"a":"x"}\n'),
      targets('a:string', 'c:long', 'b:long'),
    );
    checkBatch(batch);
    expect(batch.columns.map(({ name, fieldId }) => [name, fieldId])).toEqual([
      ['a', 1],
      ['c', 2],
      ['b', 3],
      ['_hyp_rescued', 4],
    ]);
    expect(batch.columns.map(({ nullCount }) => nullCount)).toEqual([0, 1, 0, 1]);
  });

  it('shares the buffers of a column that has its type', () => {
    const batch = decodeText('{"a":"x"}\n');
    const result = conform(batch, targets('a:string')).batch;
    expect(result.columns[0]?.values).toBe(batch.columns[0]?.values);
  });

  it('is the batch itself when nothing is to be changed', () => {
    const wanted = targets('a:string');
    const { batch } = conform(decodeText('{"a":"x","b":1}\n'), wanted);
    expect(conform(batch, wanted)).toEqual({ batch, rescuedRows: 1 });
    expect(conform(batch, wanted).batch).toBe(batch);
  });

  it.each([
    ['long', 'double', '1 9007199254740992 9007199254740993', '1 9007199254740992 -'],
    ['double', 'long', '0.5 2.0 -0.0 1e300', '- 2 0 -'],
    ['long', 'string', '1', '-'],
    ['long', 'boolean', '1', '-'],
    ['long', 'timestamptz', '1', '-'],
    ['string', 'long', '"1"', '-'],
    ['string', 'timestamptz', '"2026-11-21T10:00:00Z" "x"', '"2026-11-21T10:00:00.000000Z" -'],
    ['json', 'string', '[1]', '-'],
    ['boolean', 'long', 'true', '-'],
  ])('takes what it can of %s into %s and rescues the rest', (_, type, values, expected) => {
    const given = values.split(' ');
    const stays = expected.split(' ');
    const text = given.map((value) => `{"a":${value}}\n`).join('');
    const column = stays.map((value) => (value === '-' ? '{}' : `{"a":${value}}`)).join(' ');
    const rescued = given.map((value, row) =>
      stays[row] === '-' ? `{"a":${value === '1e300' ? '1e+300' : value}}` : '{}',
    );
    expect(conformed(text, `a:${type}`)).toEqual({
      text: `${column} | ${rescued.join(' ')}`,
      rescuedRows: stays.filter((value) => value === '-').length,
    });
  });

  it('takes everything into a json column, strings quoted', () => {
    const text = '{"a":1,"b":"x\\n","c":true,"d":0.5}\n{}\n';
    const result = conform(decodeText(text), targets('a:json', 'b:json', 'c:json', 'd:json'));
    expect(Buffer.from(encodeNdjson(result.batch)).toString()).toBe(text);
    expect(shape(result.batch)).toEqual([
      'a:json',
      'b:json',
      'c:json',
      'd:json',
      '_hyp_rescued:json',
    ]);
    expect(result.rescuedRows).toBe(0);
  });

  it('rescues columns the table does not have, beside what was rescued already', () => {
    const result = conformed('{"a":1,"_hyp_x":2,"b":"y"}\n{"a":3}\n{"c":null}\n', 'a:long');
    expect(result).toEqual({
      text: '{"a":1} {"a":3} {} | {"_hyp_x":2,"b":"y"} {} {}',
      rescuedRows: 1,
    });
  });

  it('refuses to lose a value when there is no place to rescue it to', () => {
    const batch = decodeText('{"a":1}\n');
    expect(() => conform(batch, [])).toThrow(/_hyp_rescued/);
    expect(conform(decodeText('{}\n'), []).batch.columns).toEqual([]);
  });
});

describe('summarize', () => {
  it('names columns in order of appearance with the type the first commit gives', () => {
    const batches = [
      '{"n":1,"s":"x","o":{}}',
      '{"b":true,"n":0.5,"o":1,"_hyp_x":1}',
      '{"n":1,"s":2}',
    ];
    expect(summarize(batches.map((text) => decodeText(text)))).toEqual([
      { name: 'n', type: 'double' },
      { name: 's', type: 'string' },
      { name: 'o', type: 'json' },
      { name: 'b', type: 'boolean' },
    ]);
  });
});

describe('concatBatches', () => {
  it('refuses batches with different columns', () => {
    const one = decodeText('{"a":1}\n');
    expect(() => concatBatches([one, decodeText('{"a":"x"}\n')])).toThrow(/same columns/);
    expect(() => concatBatches([one, decodeText('{"a":1,"b":1}\n')])).toThrow(/same number/);
    expect(concatBatches([])).toEqual({ rows: 0, columns: [] });
  });
});

describe('takeRows', () => {
  it('takes rows in the order asked', () => {
    const batch = decodeText('{"a":1,"t":true}\n{"b":"x"}\n{"a":3,"b":"z"}\n');
    const taken = takeRows(batch, Int32Array.of(2, 1, 2));
    expect(Buffer.from(encodeNdjson(taken)).toString()).toBe(
      '{"a":3,"b":"z"}\n{"b":"x"}\n{"a":3,"b":"z"}\n',
    );
  });
});
