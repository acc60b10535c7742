/** JSON that keeps 64-bit integers. llp/0013 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson, stringifyJson } from '../../../src/core/json.ts';
import type { Json } from '../../../src/core/json.ts';

test('integers that a double cannot hold come back exactly', () => {
  const text = '{"id":9223372036854775807,"small":5,"neg":-9007199254740993}';
  const value = parseJson(text, 'test');
  expect(value).toEqual({ id: 9223372036854775807n, small: 5, neg: -9007199254740993n });
  expect(stringifyJson(value)).toBe(text);
});

test('digits inside strings, decimals and exponents are left alone', () => {
  const text = '["12345678901234567890","a \\"12345678901234567890\\"",1234567890123456.5,1e30]';
  expect(parseJson(text, 'test')).toEqual(JSON.parse(text));
});

test('a bigint of any size is written as plain digits and read back as the same number', () => {
  fc.assert(
    fc.property(fc.bigInt(), (value) => {
      const text = stringifyJson({ value });
      expect(text).toBe(`{"value":${value}}`);
      expect(parseJson(text, 'test')).toEqual({
        value: String(value).replace('-', '').length < 16 ? Number(value) : value,
      });
    }),
  );
});

test('decimals with many digits are numbers, not integers', () => {
  const text = '[0.12345678901234567,-1.0000000000000002,1e+0000000000000000001]';
  expect(parseJson(text, 'test')).toEqual(JSON.parse(text));
});

test('a string that looks like the mark of an integer stays a string', () => {
  for (const string of ['\u0000int:5', '\u0000text:\u0000int:5', '\u0000', 'a"\u0000int:5"']) {
    const value = { [string]: string, list: [string, 5n] };
    expect(parseJson(stringifyJson(value), 'test')).toEqual({ ...value, list: [string, 5] });
  }
});

test('any JSON without long integers reads and is written as by JSON itself', () => {
  const strings = fc.oneof(fc.string(), fc.constantFrom('\u0000int:1', '\u0000text:', '\u0000'));
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      strings,
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => Math.abs(n) < 1e15),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(strings, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(text, 'test')).toEqual(JSON.parse(text));
      expect(stringifyJson(JSON.parse(text) as Json)).toBe(text);
    }),
  );
});

test('text that is not JSON is E_CORRUPT and says which file', () => {
  expect(() => parseJson('{"a":', '/t/v1.metadata.json')).toThrow(
    expect.objectContaining({ code: 'E_CORRUPT', message: 'not JSON: /t/v1.metadata.json' }),
  );
});
