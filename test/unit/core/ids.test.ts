/** Branded ids refuse what is not one. llp/0013 */
import { describe, expect, test } from 'vitest';
import {
  lineageShort,
  seqText,
  toDatasetName,
  toLineage,
  toSeq,
  toSinkName,
  toWriterId,
} from '../../../src/core/ids.ts';

const UUID = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';

describe('a seq', () => {
  test('comes from a bigint, a number or a decimal string, up to 2^63 - 1', () => {
    expect(toSeq(7)).toBe(7n);
    expect(toSeq('9223372036854775807')).toBe(2n ** 63n - 1n);
    expect(toSeq(0n)).toBe(0n);
  });

  test.each([-1n, 2n ** 63n, 1.5, NaN, 'x', '1.0'])('is never %s', (value) => {
    expect(() => toSeq(value)).toThrow(expect.objectContaining({ code: 'E_RANGE' }));
  });

  test('as text sorts the way it sorts as a number', () => {
    const texts = [3n, 10n, 9n, 2n ** 63n - 1n].map((seq) => seqText(toSeq(seq)));
    expect(texts.every((text) => text.length === 19)).toBe(true);
    expect([...texts].sort().map(BigInt)).toEqual([3n, 9n, 10n, 2n ** 63n - 1n]);
  });
});

describe('a name', () => {
  test.each(['a', '0', 'web-requests_2', 'x'.repeat(63)])('may be %s', (name) => {
    expect(toDatasetName(name)).toBe(name);
    expect(toSinkName(name)).toBe(name);
  });

  test.each(['', '..', '.a', '-a', '_a', 'A', 'a/b', 'a\\b', 'ä', 'a b', 'a\n', 'x'.repeat(64)])(
    'is never %j',
    (name) => {
      expect(() => toDatasetName(name)).toThrow(
        expect.objectContaining({ code: 'E_DATASET_NAME' }),
      );
      expect(() => toSinkName(name)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    },
  );
});

test('lineages and writer ids are lower-case uuids, anything else is damage', () => {
  expect(toLineage(UUID)).toBe(UUID);
  expect(toWriterId(UUID)).toBe(UUID);
  for (const text of ['', UUID.toUpperCase(), `${UUID}0`, '../../etc/passwd']) {
    expect(() => toLineage(text)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }));
    expect(() => toWriterId(text)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }));
  }
});

test('the short form of a lineage is its first twelve hex digits', () => {
  expect(lineageShort(toLineage(UUID))).toBe('0a1b2c3d4e5f');
});
