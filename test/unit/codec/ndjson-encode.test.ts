/** Batches to lines (llp/0004). */
import { describe, expect, it } from 'vitest';
import type { Batch, Column } from '../../../src/codec/columns.ts';
import { encodeNdjson, encodeNdjsonChunks } from '../../../src/codec/ndjson/encode.ts';
import { instantText, parseInstant } from '../../../src/codec/instants.ts';
import { omitColumns } from '../../../src/codec/omit.ts';
import { decodeText } from '../../support/ndjson.ts';

function written(batch: Batch, options: Parameters<typeof encodeNdjson>[1] = {}): string {
  return Buffer.from(encodeNdjson(batch, options)).toString();
}

function longs(name: string, values: bigint[], type: 'long' | 'timestamptz' = 'long'): Column {
  const base = { name, fieldId: undefined, validity: undefined, nullCount: 0 };
  return { ...base, type, values: BigInt64Array.from(values) };
}

function doubles(name: string, values: number[]): Column {
  const base = { name, fieldId: undefined, validity: undefined, nullCount: 0 };
  return { ...base, type: 'double', values: Float64Array.from(values) };
}

describe('encodeNdjson', () => {
  it('writes columns in their order and leaves null out', () => {
    const text = '{"a":1,"b":"x","c":true}\n{"b":"y"}\n{}\n{"c":false}\n';
    expect(written(decodeText(text))).toBe(text);
  });

  it('escapes what JSON demands and nothing else', () => {
    const all = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code)).join('');
    for (const value of [all, `${all}ä𝄞\u2028`, '"', '\\', '\u0000'.repeat(50), 'x'.repeat(5000)]) {
      const line = `${JSON.stringify({ s: value })}\n`;
      expect(written(decodeText(line))).toBe(line);
    }
  });

  it('writes every int64 with its exact digits', () => {
    const values = [
      0n,
      9n,
      -10n,
      2n ** 31n - 1n,
      2n ** 31n,
      -(2n ** 31n),
      -(2n ** 31n) - 1n,
      10n ** 9n,
      2n ** 53n,
      2n ** 53n + 1n,
      -(2n ** 53n) - 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ];
    for (let power = 0n; power < 63n; power++) values.push(2n ** power, 1n - 2n ** power);
    const batch = { rows: values.length, columns: [longs('n', values)] };
    expect(written(batch)).toBe(values.map((value) => `{"n":${value}}\n`).join(''));
  });

  it('writes doubles as their shortest decimal', () => {
    const values = [0.1, 1, -5, 1e21, 5e-324, 1.7976931348623157e308, 123456789012, 2 ** 31, -0];
    const batch = { rows: values.length, columns: [doubles('n', values)] };
    const texts = ['0.1', '1', '-5', '1e+21', '5e-324', '1.7976931348623157e+308'];
    texts.push('123456789012', '2147483648', '0');
    expect(written(batch)).toBe(texts.map((text) => `{"n":${text}}\n`).join(''));
  });

  it('writes instants as RFC 3339 with microseconds', () => {
    const batch = { rows: 2, columns: [longs('t', [1_700_000_000_123_456n, -1n], 'timestamptz')] };
    expect(written(batch)).toBe(
      '{"t":"2023-11-14T22:13:20.123456Z"}\n{"t":"1969-12-31T23:59:59.999999Z"}\n',
    );
  });

  it('writes nested values and rescued members as they came', () => {
    const text = '{"a":[1,  2.50],"b":{"x": null}}\n{"a":7,"_hyp_x":1e5,"":0.0}\n';
    expect(written(decodeText(text))).toBe(text);
  });

  it('leaves the columns of hyp out, or puts the seq first', () => {
    const batch = {
      rows: 1,
      columns: [
        doubles('a', [1]),
        longs('_hyp_seq', [12345678901234567n]),
        longs('_hyp_ingested_at', [0n], 'timestamptz'),
      ],
    };
    expect(written(batch)).toBe('{"a":1}\n');
    expect(written(batch, { seq: true })).toBe('{"_hyp_seq":12345678901234567,"a":1}\n');
  });

  it('writes the chosen columns only', () => {
    const batch = decodeText('{"a":1,"b":2,"_hyp_x":3}\n');
    expect(written(batch, { columns: ['b'] })).toBe('{"b":2}\n');
    expect(written(batch, { columns: ['b', '_hyp_rescued'] })).toBe('{"b":2,"_hyp_x":3}\n');
    expect(written(batch, { columns: [] })).toBe('{}\n');
  });

  it('writes pieces of whole rows, each one row or no larger than asked', () => {
    const line = `{"a":"${'x'.repeat(100)}"}\n`;
    const batch = decodeText(line.repeat(10) + `{"a":"${'y'.repeat(1000)}"}\n` + line);
    const pieces = Array.from(encodeNdjsonChunks(batch, { chunkBytes: 350 }), (piece) =>
      piece.slice(),
    );
    expect(pieces.map(({ length }) => length)).toEqual([327, 327, 327, 109, 1009, 109]);
  });

  it('writes nothing for no rows', () => {
    expect(encodeNdjson({ rows: 0, columns: [] }).length).toBe(0);
    expect([...encodeNdjsonChunks({ rows: 0, columns: [] })]).toEqual([]);
  });
});

describe('omitColumns', () => {
  it('takes a name out of the columns and out of the rescued members', () => {
    const text = '{"email":1,"a":1}\n{"email":"x","a":2}\n{"a":"z","email":[1]}\n{"EMAIL":2}\n';
    const batch = omitColumns(decodeText(text), ['email']);
    expect(written(batch)).toBe('{"a":1}\n{"a":2}\n{"a":"z"}\n{"EMAIL":2}\n');
  });

  it('has no rescued column when no member is left', () => {
    const batch = omitColumns(decodeText('{"a":1}\n{"a":"x"}\n'), ['a']);
    expect(batch).toEqual({ rows: 2, columns: [] });
  });
});

describe('instants', () => {
  it.each([
    ['2026-11-21T10:00:00Z', '2026-11-21T10:00:00.000000Z'],
    ['2026-11-21T10:00:00.123456+02:00', '2026-11-21T08:00:00.123456Z'],
    ['2026-11-21t10:00:00.5-00:30', '2026-11-21T10:30:00.500000Z'],
    ['0001-01-01T00:00:00z', '0001-01-01T00:00:00.000000Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000000Z'],
  ])('reads %s', (text, expected) => {
    const micros = parseInstant(text);
    expect(micros === undefined ? undefined : instantText(micros)).toBe(expected);
  });

  it.each([
    '2026-11-21T10:00:00',
    '2026-11-21',
    '2026-02-30T00:00:00Z',
    '2026-11-21T24:00:00Z',
    '2016-12-31T23:59:60Z',
    '2026-11-21T10:00:00.1234567Z',
    '2026-11-21T10:00:00+24:00',
    '',
  ])('does not read %s', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
