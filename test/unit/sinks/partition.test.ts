/** Partition templates, and where rows go. llp/0009 */
import { describe, expect, it } from 'vitest';
import { parsePartition, splitByPartition } from '../../../sinks/blob/partition.ts';
import { HIVE_NULL, parseRfc3339, valueName } from '../../../sinks/blob/partition-value.ts';
import type { Batch } from '../../../src/codec/columns.ts';
import { sliceBatch } from '../../../src/codec/columns.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { sampleBatch, sampleColumn } from '../../support/sample-batch.ts';

function paths(text: string, batch: Batch): Record<string, number[]> {
  const groups = splitByPartition(parsePartition(text), batch);
  return Object.fromEntries([...groups].map(([path, rows]) => [path, [...rows]]));
}

function position(text: string): unknown {
  try {
    parsePartition(text);
  } catch (error) {
    if (isHypError(error, 'E_CONFIG')) return error.details['position'];
    throw error;
  }
  return 'parsed';
}

describe('a template', () => {
  it('holds literal texts and columns with or without a unit', () => {
    expect(parsePartition('dt={_hyp_ingested_at:day}/{host}').segments).toEqual([
      ['dt=', { column: '_hyp_ingested_at', unit: 'day' }],
      [{ column: 'host', unit: undefined }],
    ]);
    expect(parsePartition('').segments).toEqual([]);
    expect(parsePartition('{a/b}').segments).toEqual([[{ column: 'a/b', unit: undefined }]]);
  });

  it.each([
    ['dt={ts:week}', 7],
    ['dt={ts:}', 7],
    ['x/{}', 3],
    ['x/{:day}', 3],
    ['a//b', 2],
    ['/a', 0],
    ['a/', 2],
    ['a/..', 2],
    ['.', 0],
    ['a/_b', 2],
    ['a b', 1],
    ['a={x', 2],
    ['a=x}', 3],
    ['é', 0],
    ['{a}/{b}/{c}/{d}/{e}/{f}/{g}', 24],
    ['{a}-{b}-{c}', 0],
  ])('%s is refused with the place that is wrong', (text, place) => {
    expect(position(text)).toBe(place);
  });
});

describe('rows go', () => {
  const batch = sampleBatch(
    5,
    sampleColumn('ts', 'timestamptz', [
      '2026-11-21T23:59:59.999Z',
      '2026-11-22T00:00:00Z',
      '2026-11-21T00:00:00Z',
      null,
      '2026-11-22T00:59:59Z',
    ]),
    sampleColumn('host', 'string', ['web-1', 'web-1', 'web-2', '', null]),
    sampleColumn('ok', 'boolean', [true, false, true, null, false]),
    sampleColumn('n', 'long', [1n, -9223372036854775808n, 1n, null, 0n]),
    sampleColumn('x', 'double', [1.5, -0, 1.5, null, 0]),
  );

  it('together when there is no template', () => {
    expect(paths('', batch)).toEqual({ '': [0, 1, 2, 3, 4] });
    expect(splitByPartition(parsePartition('{host}'), sampleBatch(0)).size).toBe(0);
  });

  it('by the unit of a time, in UTC', () => {
    expect(paths('dt={ts:day}', batch)).toEqual({
      'dt=2026-11-21': [0, 2],
      'dt=2026-11-22': [1, 4],
      [`dt=${HIVE_NULL}`]: [3],
    });
    expect(Object.keys(paths('{ts:hour}', batch))).toEqual([
      '2026-11-21-23',
      '2026-11-22-00',
      '2026-11-21-00',
      HIVE_NULL,
    ]);
    expect(Object.keys(paths('{ts:month}', batch))).toEqual(['2026-11', HIVE_NULL]);
    expect(Object.keys(paths('{ts:year}', batch))).toEqual(['2026', HIVE_NULL]);
    expect(Object.keys(paths('{ts}', batch))[0]).toBe('2026-11-21T23%3A59%3A59.999000Z');
  });

  it('by any value, in order of first appearance, rows in order', () => {
    expect(paths('host={host}', batch)).toEqual({
      'host=web-1': [0, 1],
      'host=web-2': [2],
      [`host=${HIVE_NULL}`]: [3, 4],
    });
    expect(paths('{ok}', batch)).toEqual({ true: [0, 2], false: [1, 4], [HIVE_NULL]: [3] });
    expect(Object.keys(paths('n={n}', batch))).toEqual([
      'n=1',
      'n=-9223372036854775808',
      `n=${HIVE_NULL}`,
      'n=0',
    ]);
    expect(paths('{x}', batch)).toEqual({ '1.5': [0, 2], '0': [1, 4], [HIVE_NULL]: [3] });
  });

  it('by several columns at once', () => {
    expect(paths('dt={ts:day}/{host}', batch)).toEqual({
      'dt=2026-11-21/web-1': [0],
      'dt=2026-11-22/web-1': [1],
      'dt=2026-11-21/web-2': [2],
      [`dt=${HIVE_NULL}/${HIVE_NULL}`]: [3],
      [`dt=2026-11-22/${HIVE_NULL}`]: [4],
    });
  });

  it('to the null of a column that is not there or has no time', () => {
    expect(paths('{gone}', batch)).toEqual({ [HIVE_NULL]: [0, 1, 2, 3, 4] });
    expect(paths('{n:day}', batch)).toEqual({ [HIVE_NULL]: [0, 1, 2, 3, 4] });
    expect(paths('{host:day}', batch)).toEqual({ [HIVE_NULL]: [0, 1, 2, 3, 4] });
  });

  it('to the same paths from a slice as from the whole', () => {
    const sliced = sliceBatch(batch, 1, 4);
    expect(paths('dt={ts:day}/{host}', sliced)).toEqual({
      'dt=2026-11-22/web-1': [0],
      'dt=2026-11-21/web-2': [1],
      [`dt=${HIVE_NULL}/${HIVE_NULL}`]: [2],
    });
  });

  it('to one path when two sets of values read alike', () => {
    const alike = sampleBatch(
      3,
      sampleColumn('a', 'string', ['x', 'xy', 'x']),
      sampleColumn('b', 'string', ['yz', 'z', 'q']),
    );
    expect(paths('{a}{b}', alike)).toEqual({ xyz: [0, 1], xq: [2] });
  });

  it('by texts that hold an RFC 3339 time', () => {
    const texts = ['2026-11-22T00:30:00+01:00', '2026-11-21t23:30:00.5z', '2026-11-21', 'soon'];
    const times = sampleBatch(4, sampleColumn('at', 'string', texts));
    expect(paths('{at:hour}', times)).toEqual({ '2026-11-21-23': [0, 1], [HIVE_NULL]: [2, 3] });
  });
});

describe('a value in a path', () => {
  it.each([
    ['..', '%2E.'],
    ['.hidden', '%2Ehidden'],
    ['_hyp', '%5Fhyp'],
    [HIVE_NULL, `%5F${HIVE_NULL.slice(1)}`],
    ['a/b', 'a%2Fb'],
    ['a=b~c%d', 'a%3Db%7Ec%25d'],
    ['é', '%C3%A9'],
    ['\u0000', '%00'],
  ])('%j becomes %s', (value, path) => {
    const batch = sampleBatch(1, sampleColumn('v', 'string', [value]));
    expect(paths('{v}', batch)).toEqual({ [path]: [0] });
  });

  it('stays as it is behind a literal where a dot does no harm', () => {
    const batch = sampleBatch(1, sampleColumn('v', 'string', ['..']));
    expect(paths('v={v}', batch)).toEqual({ 'v=..': [0] });
  });

  it('is cut when it is long, and two long values stay apart', () => {
    const [one, two] = [`${'é'.repeat(200)}1`, `${'é'.repeat(200)}2`];
    expect(valueName(one)).toMatch(/^(%C3%A9){13}~[0-9a-f]{16}$/);
    expect(valueName(one)).not.toBe(valueName(two));
    expect(valueName('x'.repeat(96))).toBe('x'.repeat(96));
    expect(valueName('x'.repeat(97))).toHaveLength(96);
  });

  it('is the null when its year does not have four digits', () => {
    const far = [253_402_300_800_000_000n, 2n ** 63n - 1n, -(2n ** 63n), 0n];
    const batch = sampleBatch(4, sampleColumn('t', 'timestamptz', far));
    expect(paths('{t:year}', batch)).toEqual({ [HIVE_NULL]: [0, 1, 2], '1970': [3] });
  });
});

describe('an RFC 3339 time', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['1969-12-31T23:59:59.999999Z', -1n],
    ['2024-02-29T12:00:00.1234567+02:30', 1_709_199_000_123_456n],
    ['2016-12-31T23:59:60Z', 1_483_228_799_000_000n],
    ['2023-02-29T00:00:00Z', undefined],
    ['2023-13-01T00:00:00Z', undefined],
    ['2023-01-01T24:00:00Z', undefined],
    ['2023-01-01T00:00:00', undefined],
    ['2023-01-01T00:00:00+24:00', undefined],
    ['x2023-01-01T00:00:00Z', undefined],
  ])('%s is %s microseconds', (text, micros) => {
    expect(parseRfc3339(text)).toBe(micros);
  });
});
