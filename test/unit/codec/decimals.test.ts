/** JSON numbers to decimals of a declared precision and scale (llp/0021). */
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../../src/codec/decimals.ts';

const money = { precision: 9, scale: 2 };

describe('decimalText', () => {
  it.each([
    ['12.5', '12.50'],
    ['-12.500000', '-12.50'],
    ['1200e-2', '12.00'],
    ['0012', '12.00'],
    ['-0.000', '0.00'],
    ['0.005', undefined],
    ['12345678', undefined],
    ['1e400', undefined],
    ['"1"', undefined],
  ])('of %s is %s', (text, wanted) => {
    expect(decimalText(text, money)).toBe(wanted);
  });

  it.each([
    ['an integer', `1${'0'.repeat(100_000)}1`, undefined],
    ['a fraction', `0.${'0'.repeat(100_000)}1`, undefined],
    ['digits that say nothing', `1.${'0'.repeat(100_000)}`, '1.00'],
    ['digits before and behind', `${'0'.repeat(100_000)}1.${'0'.repeat(100_000)}`, '1.00'],
  ])('reads %s of many zeros once', (_what, text, wanted) => {
    const began = performance.now();
    expect(decimalText(text, money)).toBe(wanted);
    // A look from each zero to the end took 20 s.
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
