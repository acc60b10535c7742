/** Objects of a program to rows and back (llp/0004). */
import { describe, expect, it } from 'vitest';
import { isHypError } from '../../../src/core/errors.ts';
import type { HypError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { parseJsonValue, parseMembers } from '../../../src/codec/json-value.ts';
import { batchToRows, rowsToNdjson } from '../../../src/codec/rows.ts';
import { decodeText } from '../../support/ndjson.ts';

function written(...rows: unknown[]): string {
  const given = rows as Readonly<Record<string, unknown>>[];
  return Buffer.concat([...rowsToNdjson(given)]).toString();
}

function refusal(...rows: unknown[]): HypError {
  try {
    written(...rows);
  } catch (error) {
    if (isHypError(error)) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('rowsToNdjson', () => {
  it('writes one line per row', () => {
    expect(written({ a: 1, b: 'x' }, {})).toBe('{"a":1,"b":"x"}\n{}\n');
  });

  it('writes bigint as exact digits and Date as its ISO text', () => {
    const date = new Date(Date.UTC(2026, 10, 21));
    expect(written({ n: 2n ** 63n, d: date, nested: { d: [date] } })).toBe(
      '{"n":9223372036854775808,"d":"2026-11-21T00:00:00.000Z","nested":{"d":["2026-11-21T00:00:00.000Z"]}}\n',
    );
  });

  it('asks toJSON, of the row too', () => {
    const row = { toJSON: () => ({ a: { toJSON: (key: string) => key } }) };
    expect(written(row)).toBe('{"a":"a"}\n');
  });

  it('leaves out what JSON has no word for', () => {
    expect(written({ a: undefined, b: () => 1, c: Symbol('c'), d: [undefined] })).toBe(
      '{"d":[null]}\n',
    );
  });

  it.each([
    ['NaN', { a: { b: [1, NaN] } }, 'a.b.1'],
    ['an infinity', { a: -Infinity }, 'a'],
    ['a Map', { a: new Map() }, 'a'],
    ['an array as row', [1], ''],
    ['a string as row', 'x', ''],
    ['null as row', null, ''],
    ['a Date as row', new Date(0), ''],
  ])('refuses %s and says where it is', (_, row, path) => {
    expect(refusal({}, row)).toMatchObject({ code: 'E_BAD_ROW', details: { row: 1, path } });
  });

  it('refuses a row that holds itself, not one that holds a value twice', () => {
    const shared = { x: 1 };
    expect(written({ a: shared, b: [shared] })).toBe('{"a":{"x":1},"b":[{"x":1}]}\n');
    const row: Record<string, unknown> = { a: { b: [] } };
    (row['a'] as { b: unknown[] }).b.push(row);
    expect(refusal(row)).toMatchObject({ code: 'E_BAD_ROW', details: { path: 'a.b.0' } });
  });

  it('refuses a row nested too deep', () => {
    let row: Record<string, unknown> = {};
    for (let depth = 1; depth < LIMITS.nestingDepth; depth++) row = { a: row };
    expect(decodeText(written(row)).rows).toBe(1);
    expect(refusal({ a: row }).code).toBe('E_BAD_ROW');
  });

  it('refuses a row that is too large', () => {
    const text = 'x'.repeat(LIMITS.rowBytes / 2);
    expect(refusal({ a: text, b: text }).code).toBe('E_ROW_TOO_LARGE');
    expect(refusal({ a: '€'.repeat(LIMITS.rowBytes / 3) }).code).toBe('E_ROW_TOO_LARGE');
    expect(decodeText(written({ a: text })).rows).toBe(1);
  });

  it('writes halves of surrogate pairs as escapes', () => {
    expect(written({ '\ud800': '\udc00' })).toBe('{"\\ud800":"\\udc00"}\n');
  });
});

describe('batchToRows', () => {
  it('gives rows back with rescued members under their own names', () => {
    const batch = decodeText(
      '{"a":1,"t":true,"s":"x","o":[1]}\n{"a":"y","_hyp_x":{"b":2},"t":null}\n',
    );
    expect(batchToRows(batch)).toEqual([
      { a: 1, t: true, s: 'x', o: [1] },
      { a: 'y', _hyp_x: { b: 2 } },
    ]);
  });

  it('gives integers as bigint only where a number would not be exact', () => {
    const max = Number.MAX_SAFE_INTEGER;
    const batch = decodeText(`{"a":${max}}\n{"a":${max}1}\n{"o":[${max}, -${max}1, 0.1]}\n`);
    expect(batchToRows(batch)).toEqual([
      { a: max },
      { a: BigInt(`${max}1`) },
      { o: [max, BigInt(`-${max}1`), 0.1] },
    ]);
  });

  it('does not let a key reach the prototype of a row', () => {
    const [row] = batchToRows(decodeText('{"__proto__":{"x":1},"o":{"__proto__":2}}\n'));
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(Object.keys(row ?? {})).toEqual(['__proto__', 'o']);
    expect(JSON.stringify(row)).toBe('{"__proto__":{"x":1},"o":{"__proto__":2}}');
  });
});

describe('parseJsonValue', () => {
  it('reads what JSON.parse reads', () => {
    const text = ' {"a" : [ true, false , null, -1.5e3, "\\"\\\\", "", {} , [] ], "b":"\\u00e4"} ';
    expect(parseJsonValue(text)).toEqual(JSON.parse(text));
  });

  it('reads a string of megabytes', () => {
    const value = '\\"'.repeat(2_000_000);
    expect(parseJsonValue(JSON.stringify(value))).toBe(value);
  });

  it.each(['', '{', '[1', '"a', '{"a"}', '1 2', 'nul'])('refuses %s', (text) => {
    expect(() => parseJsonValue(text)).toThrow(/not JSON/);
  });
});

describe('numbers for programs', () => {
  it('are never rounded: what no double is, is its text', () => {
    const row =
      '{"a":0.1000000000000000055,"b":1e400,"c":{"x":12345678901234567890.5,"y":[1.50,1e2,1e-400,-0.0]}}';
    expect(batchToRows(decodeText(`${row}\n`))).toEqual([
      {
        a: '0.1000000000000000055',
        b: '1e400',
        c: { x: '12345678901234567890.5', y: [1.5, 100, '1e-400', -0] },
      },
    ]);
  });

  it('are bigint up to 1,000 digits and text beyond', () => {
    const long = '9'.repeat(1_000);
    const text = `[${long},-${long},9${long}]`;
    expect(parseJsonValue(text)).toEqual([BigInt(long), -BigInt(long), `9${long}`]);
  });

  it('of millions of digits are passed over, and read, in a moment', () => {
    const digits = '7'.repeat(4_000_000);
    const began = performance.now();
    expect(parseMembers(`{"a":${digits},"b":[1,{"c":null}]}`)).toEqual([
      { key: 'a', raw: digits },
      { key: 'b', raw: '[1,{"c":null}]' },
    ]);
    expect(parseJsonValue(digits)).toBe(digits);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
