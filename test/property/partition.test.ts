/** Paths and keys for whatever values rows hold. llp/0009 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectKey, parseObjectKey } from '../../sinks/blob/object-key.ts';
import { parsePartition, splitByPartition } from '../../sinks/blob/partition.ts';
import { toDatasetName, toLineage, toSeq } from '../../src/core/ids.ts';
import { sampleBatch, sampleColumn } from '../support/sample-batch.ts';

const nasty = fc.constantFrom(
  '',
  '.',
  '..',
  '../x',
  '/',
  'a/..',
  '_hyp',
  '~',
  '%2E',
  '\u0000',
  ' ',
);
const text = fc.option(fc.oneof(fc.string({ unit: 'binary', maxLength: 120 }), nasty));
const time = fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const template = fc.constantFrom(
  '{a}',
  '{a}/{b}',
  'x={a}{b}/dt={t:day}',
  'dt={t:hour}/{b}.{a}',
  '{t}/{a:month}',
);

const rows = fc.array(fc.record({ a: text, b: text, t: time }), { minLength: 1, maxLength: 30 });

function batchOf(values: readonly { a: string | null; b: string | null; t: bigint | null }[]) {
  return sampleBatch(
    values.length,
    sampleColumn(
      'a',
      'string',
      values.map((row) => row.a),
    ),
    sampleColumn(
      'b',
      'string',
      values.map((row) => row.b),
    ),
    sampleColumn(
      't',
      'timestamptz',
      values.map((row) => row.t),
    ),
  );
}

const where = {
  dataset: toDatasetName('d'.repeat(63)),
  lineage: toLineage('01234567-89ab-4cde-8f01-23456789abcd'),
  part: 255,
  ext: 'ndjson.gz',
};
const seq = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(toSeq);

describe('partition paths', () => {
  it('never escape, make a key that fits, and parse back', () => {
    fc.assert(
      fc.property(template, rows, seq, seq, (pattern, values, after, through) => {
        for (const path of splitByPartition(parsePartition(pattern), batchOf(values)).keys()) {
          for (const name of path.split('/')) {
            expect(name).toMatch(/^(__HIVE_DEFAULT_PARTITION__|[^._~][A-Za-z0-9_.=~%-]*)$/);
            expect(name.length).toBeLessThanOrEqual(255);
          }
          const prefix = 'p'.repeat(200);
          const key = objectKey({ ...where, prefix, partitionPath: path, after, through });
          expect(key.length).toBeLessThanOrEqual(1024);
          const parsed = parseObjectKey(prefix, key);
          expect(parsed).toMatchObject({ partitionPath: path, after, through, part: 255 });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('hold every row once, in order, with the path it has alone', () => {
    fc.assert(
      fc.property(template, rows, (pattern, values) => {
        const parsed = parsePartition(pattern);
        const groups = splitByPartition(parsed, batchOf(values));
        const seen: number[] = [];
        for (const [path, list] of groups) {
          expect([...list]).toEqual([...list].sort((x, y) => x - y));
          for (const row of list) {
            const alone = splitByPartition(parsed, batchOf(values.slice(row, row + 1)));
            expect([...alone.keys()]).toEqual([path]);
          }
          seen.push(...list);
        }
        expect(seen.sort((x, y) => x - y)).toEqual([...values.keys()]);
      }),
      { numRuns: 300 },
    );
  });

  it('keep values apart, but for null and the empty text', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1 })), (values) => {
        // Lone surrogates have no UTF-8: a batch never holds one.
        const distinct = new Set(values.map((value) => Buffer.from(value).toString()));
        const batch = sampleBatch(values.length, sampleColumn('a', 'string', values));
        expect(splitByPartition(parsePartition('{a}'), batch).size).toBe(distinct.size);
      }),
    );
  });
});
