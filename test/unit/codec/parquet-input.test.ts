/** Parquet files of other programs as rows: each type its JSON value, exact or said. llp/0019 */
import {
  Bool,
  Float64,
  Int32,
  Int64,
  Table,
  Utf8,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import * as wasm from 'parquet-wasm';
import { describe, expect, test } from 'vitest';
import { isHypError } from '../../../src/core/errors.ts';
import { dateText, instantText, timeText } from '../../../src/codec/parquet-input/calendar.ts';
import { decimalText } from '../../../src/codec/parquet-input/said.ts';
import { unpackSnappy } from '../../../src/codec/snappy.ts';
import { duckDbParquet } from '../../support/duckdb.ts';
import { rowsOfParquet } from '../../support/parquet-rows.ts';

async function linesOf(select: string, options?: string): Promise<readonly string[]> {
  const { lines, rejects } = await rowsOfParquet(await duckDbParquet(select, options));
  expect(rejects).toEqual([]);
  return lines;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A value in SQL, and what it is in JSON. */
const TYPES: readonly (readonly [string, string])[] = [
  ['9007199254740993::bigint', '9007199254740993'],
  ['(-128)::tinyint', '-128'],
  ['65535::usmallint', '65535'],
  ['4294967295::uinteger', '4294967295'],
  ['9223372036854775807::ubigint', '9223372036854775807'],
  ['18446744073709551615::ubigint', '18446744073709551615'],
  ['0.1::float', '0.10000000149011612'],
  ['0.1::double', '0.1'],
  ['1::double', '1'],
  ["'nan'::double", '"NaN"'],
  ["'-inf'::float", '"-Infinity"'],
  ['(-12.34)::decimal(9,2)', '-12.34'],
  ['123456789012345678::decimal(18,0)', '123456789012345678'],
  ['12345678901234.125::decimal(30,6)', '"12345678901234.125000"'],
  ['99999999999999999999999999999999999999::decimal(38,0)', `"${'9'.repeat(38)}"`],
  ["date '1969-12-31'", '"1969-12-31"'],
  ["date '0044-03-15 (BC)'", '"-000043-03-15"'],
  ["time '23:59:59.999999'", '"23:59:59.999999"'],
  ["timestamp '2024-02-29 12:34:56.789123'", '"2024-02-29T12:34:56.789123"'],
  ["timestamptz '2024-02-29 12:34:56.789123+00'", '"2024-02-29T12:34:56.789123Z"'],
  ["'1969-12-31 23:59:59.999'::timestamp_ms", '"1969-12-31T23:59:59.999"'],
  ["'2024-02-29 12:34:56.123456789'::timestamp_ns", '"2024-02-29T12:34:56.123456789"'],
  ["'2024-02-29 12:34:56.123456'::timestamp_ns", '"2024-02-29T12:34:56.123456"'],
  [`'a "é" 😀'`, '"a \\"é\\" 😀"'],
  ["'\\x00\\xFF'::blob", '"AP8="'],
  ["'c0ffee00-1234-5678-9abc-def012345678'::uuid", '"c0ffee00-1234-5678-9abc-def012345678"'],
  ['false', 'false'],
  ["interval '14 months' + interval 3 day + interval 1500 milliseconds", '"P14M3DT1.500S"'],
  [`'{"a": [1, 2]}'::json`, '{"a": [1, 2]}'],
  ['[9007199254740993, null]', '[9007199254740993,null]'],
  ['[]::int[]', '[]'],
  ["{'a': 'x', 'n': null, 'l': [{'b': true}]}", '{"a":"x","n":null,"l":[{"b":true}]}'],
  ["map {'k': 1, 'j': null}", '{"k":1,"j":null}'],
  ["map {1: 'x'}", '[{"key":1,"value":"x"}]'],
  ['[18446744073709551615::ubigint]', '[18446744073709551615]'],
  ["['nan'::double, 1.5]", '["NaN",1.5]'],
  ["'b'::enum('a','b')", '"b"'],
];

describe('the table of types', () => {
  test.each(['', ', parquet_version v2, compression zstd'])('of DuckDB%s', async (options) => {
    const columns = TYPES.map(([value], index) => `${value} as c${index}`);
    const [line = ''] = await linesOf(`select ${columns.join(', ')}`, options);
    for (const [index, [value, json]] of TYPES.entries()) {
      expect(line, value).toMatch(new RegExp(`"c${index}":${escaped(json)}[,}]`));
    }
  });

  test('a null at the top is absent, a column of nulls does not exist', async () => {
    const lines = await linesOf(
      "select i, null::int n, case when i = 1 then {'a': i} end s from range(2) t(i)",
    );
    expect(lines).toEqual(['{"i":0}', '{"i":1,"s":{"a":1}}']);
  });

  test('a column has one type in every batch: what JSON cannot say is rescued beside it', async () => {
    const bytes = await duckDbParquet(
      "select case when i = 0 then 'nan'::double else i::double end d, case when i = 1 then 18446744073709551615 else i end::ubigint u from range(3) t(i)",
    );
    const { lines } = await rowsOfParquet(bytes);
    expect(lines).toEqual([
      '{"u":0,"d":"NaN"}',
      '{"d":1,"u":18446744073709551615}',
      '{"d":2,"u":2}',
    ]);
  });

  test('names no table can have are kept in their rows', async () => {
    const lines = await linesOf('select 1 as "_hyp_seq", 2 as "a", 3 as "A_", 4 as " "');
    expect(lines).toEqual(['{"a":2,"A_":3," ":4,"_hyp_seq":1}']);
  });

  test('days are the days of Date, times of the day and decimals are digit by digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
        expect(dateText(days)).toBe(new Date(days * 86_400_000).toISOString().split('T')[0]);
      }),
    );
    fc.assert(
      fc.property(
        fc.bigInt({ min: -8_000_000_000_000_000n, max: 8_000_000_000_000_000n }),
        (ms) => {
          expect(instantText(ms, 3, true)).toBe(new Date(Number(ms)).toISOString());
        },
      ),
    );
    expect(dateText(2147483647)).toBe('+5881580-07-11');
    expect(timeText(86_400_000n, 3, false)).toBe('24:00:00.000');
    expect(timeText(86_400_001n, 3, false)).toBeUndefined();
    expect(timeText(-1n, 6, true)).toBeUndefined();
    expect([decimalText(-5n, 3), decimalText(0n, 2), decimalText(-120n, 0)]).toEqual([
      '-0.005',
      '0.00',
      '-120',
    ]);
  });
});

/** Rows with every physical type, nulls among them, beyond 53 bits. */
function arrowFile(rows: number, properties: wasm.WriterProperties): Uint8Array {
  const each = <T>(value: (row: number) => T): (T | null)[] =>
    Array.from({ length: rows }, (_, row) => (row % 7 === 3 ? null : value(row)));
  const table = new Table({
    long: vectorFromArray(
      each((row) => BigInt.asIntN(64, 0x9e3779b97f4a7c15n * BigInt(row))),
      new Int64(),
    ),
    int: vectorFromArray(
      each((row) => (Math.imul(row, 0x9e3779b1) >> (row % 31)) | 0),
      new Int32(),
    ),
    double: vectorFromArray(
      each((row) => row / 7),
      new Float64(),
    ),
    flag: vectorFromArray(
      each((row) => row % 3 === 0),
      new Bool(),
    ),
    text: vectorFromArray(
      each((row) => `common beginning ${'x'.repeat(row % 13)} ${row}`),
      new Utf8(),
    ),
  });
  return wasm.writeParquet(wasm.Table.fromIPCStream(tableToIPC(table, 'stream')), properties);
}

function builder(): wasm.WriterPropertiesBuilder {
  return new wasm.WriterPropertiesBuilder();
}

describe('pages', () => {
  test('of every packing, encoding and version hold the same rows', async () => {
    const { Compression, Encoding, WriterVersion } = wasm;
    const plain = await rowsOfParquet(
      arrowFile(600, builder().setDictionaryEnabled(false).build()),
    );
    expect(plain.lines).toHaveLength(600);
    expect(plain.lines[5]).toContain(`"long":${BigInt.asIntN(64, 0x9e3779b97f4a7c15n * 5n)},`);
    const small = () => builder().setDataPageSizeLimit(2_000).setWriteBatchSize(64);
    const files = [
      ...[
        Compression.UNCOMPRESSED,
        Compression.SNAPPY,
        Compression.GZIP,
        Compression.BROTLI,
        Compression.ZSTD,
        Compression.LZ4_RAW,
      ].map((packing) => small().setCompression(packing)),
      small().setWriterVersion(WriterVersion.V2).setCompression(Compression.SNAPPY),
      small().setMaxRowGroupSize(999),
      ...[WriterVersion.V1, WriterVersion.V2].map((version) =>
        small()
          .setWriterVersion(version)
          .setDictionaryEnabled(false)
          .setColumnEncoding('long', Encoding.DELTA_BINARY_PACKED)
          .setColumnEncoding('int', Encoding.DELTA_BINARY_PACKED)
          .setColumnEncoding('text', Encoding.DELTA_BYTE_ARRAY),
      ),
      small()
        .setDictionaryEnabled(false)
        .setColumnEncoding('text', Encoding.DELTA_LENGTH_BYTE_ARRAY),
    ];
    for (const [index, file] of files.entries()) {
      const { lines } = await rowsOfParquet(arrowFile(600, file.build()));
      expect(lines, `file ${index}`).toEqual(plain.lines);
    }
  });

  test('are read from any row on', async () => {
    const bytes = arrowFile(
      700,
      builder().setMaxRowGroupSize(300).setDataPageSizeLimit(500).build(),
    );
    const { lines, ends } = await rowsOfParquet(bytes);
    expect(ends).toEqual([700]);
    for (const start of [1, 299, 300, 301, 650, 699]) {
      expect((await rowsOfParquet(bytes, start)).lines).toEqual(lines.slice(start));
    }
    expect((await rowsOfParquet(bytes, 700)).lines).toEqual([]);
  });

  test('that do not fit are refused by what to do, before they are unpacked', async () => {
    const bytes = await duckDbParquet("select repeat('x', 100) || i as s from range(20000) t(i)");
    expect((await rowsOfParquet(bytes, 0, 8_000_000)).lines).toHaveLength(20_000);
    await expect(rowsOfParquet(bytes, 0, 1_000_000)).rejects.toMatchObject({
      code: 'E_BAD_INPUT',
      message: expect.stringContaining('1 is the limit') as string,
      hint: expect.stringContaining('ROW_GROUP_SIZE') as string,
    });
  });

  test('with text that is not UTF-8 lose that row alone, with its place', async () => {
    const bytes = Buffer.from(
      await duckDbParquet(
        "select 'secret' || i as s from range(3) t(i)",
        ', compression uncompressed',
      ),
    );
    expect((await rowsOfParquet(bytes)).lines).toHaveLength(3);
    // A text that is not UTF-8 any more is a reject with its place; the rows around it stay.
    bytes[bytes.indexOf('secret1') + 1] = 0xff;
    expect(await rowsOfParquet(bytes)).toMatchObject({
      lines: ['{"s":"secret0"}', '{"s":"secret2"}'],
      rejects: [{ row: 2, reason: 'text that is not UTF-8 (column s)' }],
    });
  });

  test('with any byte flipped give rows or an error of ours, never a crash or a hang', async () => {
    const bytes = await duckDbParquet(
      "select i, 't' || i as s, [i, null] as l, map {'k': i / 2.0} as m from range(6) t(i)",
    );
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const answer = await rowsOfParquet(flipped).catch((error: unknown) => error);
      if (answer instanceof Error) {
        expect(isHypError(answer, 'E_BAD_INPUT'), `byte ${at}: ${String(answer)}`).toBe(true);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(bytes.length / 4);
  });

  test('of Snappy that lie about lengths are refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 0, max: 80 }),
        (block, size) => {
          try {
            unpackSnappy(block, new Uint8Array(size), size);
          } catch (error) {
            expect(isHypError(error, 'E_CORRUPT')).toBe(true);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
