/**
 * Bytes of bounds, by the examples of the Iceberg specification. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { longFromBound, lowerBound, upperBound } from '../../storage/iceberg/bounds.ts';

const text = (value: string): Uint8Array => Buffer.from(value);
const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString('hex');

describe('bounds', () => {
  test('of a long are its eight bytes, least first', () => {
    expect(hex(lowerBound('long', 1n))).toBe('0100000000000000');
    expect(hex(upperBound('long', -2n))).toBe('feffffffffffffff');
    expect(hex(upperBound('timestamptz', 2n ** 63n - 1n))).toBe('ffffffffffffff7f');
  });

  test('of a boolean are one byte', () => {
    expect(hex(lowerBound('boolean', false))).toBe('00');
    expect(hex(upperBound('boolean', true))).toBe('01');
  });

  test('of a date are its four bytes, least first', () => {
    expect(hex(lowerBound('date', 1n))).toBe('01000000');
    expect(hex(upperBound('date', -719_528n))).toBe('5805f5ff');
  });

  test.each([
    [0n, '00'],
    [127n, '7f'],
    [128n, '0080'],
    [-1n, 'ff'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [1420n, '058c'],
    [10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
    [1n - 10n ** 38n, 'b4c4b357a5793b85f675ddc000000001'],
  ])('of the decimal %d are its shortest bytes, most first', (unscaled, bytes) => {
    expect(hex(lowerBound('decimal(38,2)', unscaled))).toBe(bytes);
    expect(hex(upperBound('decimal(38,2)', unscaled))).toBe(bytes);
  });

  test('of binary are 16 bytes, the upper one raised where it was cut', () => {
    const long = Uint8Array.from({ length: 20 }, (_, at) => at);
    expect(hex(lowerBound('binary', long))).toBe('000102030405060708090a0b0c0d0e0f');
    expect(hex(upperBound('binary', long))).toBe('000102030405060708090a0b0c0d0e10');
    expect(hex(upperBound('binary', long.subarray(0, 16)))).toBe(
      '000102030405060708090a0b0c0d0e0f',
    );
    const full = Uint8Array.of(1, ...new Uint8Array(15).fill(0xff), 7);
    expect(hex(upperBound('binary', full))).toBe('02');
    expect(upperBound('binary', new Uint8Array(17).fill(0xff))).toBeUndefined();
  });

  test('of a zero hold both zeros', () => {
    expect(hex(lowerBound('double', 0))).toBe('0000000000000080');
    expect(hex(upperBound('double', -0))).toBe('0000000000000000');
  });

  test('are unknown for NaN and known for the infinities', () => {
    expect(lowerBound('double', Number.NaN)).toBeUndefined();
    expect(upperBound('double', Number.NaN)).toBeUndefined();
    expect(hex(upperBound('double', Infinity))).toBe('000000000000f07f');
  });

  test('of a text of 16 code points are the text', () => {
    const value = '\u{1f600}'.repeat(16);
    expect(lowerBound('string', text(value))).toEqual(new Uint8Array(text(value)));
    expect(upperBound('string', text(value))).toEqual(new Uint8Array(text(value)));
  });

  test.each([
    ['a longer text grows its last code point', `${'a'.repeat(16)}x`, `${'a'.repeat(15)}b`],
    ['the surrogates are stepped over', `${'a'.repeat(15)}\ud7ffx`, `${'a'.repeat(15)}\ue000`],
    ['a code point that cannot grow is dropped', `a${'\u{10ffff}'.repeat(15)}x`, 'b'],
    ['nothing is above a text of greatest code points', '\u{10ffff}'.repeat(17), undefined],
  ])('above: %s', (_case, value, expected) => {
    const upper = upperBound('string', text(value));
    expect(upper && Buffer.from(upper).toString()).toBe(expected);
    expect(Buffer.from(lowerBound('json', text(value)) ?? []).toString()).toBe(
      Array.from(value).slice(0, 16).join(''),
    );
  });

  test('read back as the long they were made of', () => {
    for (const value of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(longFromBound(lowerBound('long', value) ?? new Uint8Array())).toBe(value);
    }
    expect(() => longFromBound(new Uint8Array(4))).toThrow(
      expect.objectContaining({ code: 'E_CORRUPT' }),
    );
  });

  test('of a value of another type are refused', () => {
    expect(() => lowerBound('long', 1)).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }));
    expect(() => lowerBound('string', 1n)).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }));
  });
});
