/** Rows whose text stands in dictionaries are the same rows. llp/0004 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEQ_COLUMN, sliceBatch } from '../../src/codec/columns.ts';
import type { Batch, CodedBatch, DictionaryColumn, TextColumn } from '../../src/codec/columns.ts';
import { contentDigest } from '../../src/codec/content-digest.ts';
import { plainBatch, sliceCoded, takeCoded } from '../../src/codec/dictionary.ts';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { takeRows } from '../../src/codec/rearrange.ts';
import { parsePartition, splitByPartition } from '../../sinks/blob/partition.ts';
import { readFooter } from '../../storage/data/footer.ts';
import { readCodedRowGroup, readRowGroup } from '../../storage/data/read.ts';
import { writeDataFile } from '../../storage/data/write.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { batchOf, cellsOf } from '../support/wide-rows.ts';
import type { Cell, TestColumn } from '../support/wide-rows.ts';

const COLUMNS = [
  { name: 's', type: 'string', fieldId: 1 },
  { name: 'j', type: 'json', fieldId: 2 },
  { name: '_hyp_rescued', type: 'json', fieldId: 3 },
  { name: 'n', type: 'long', fieldId: 4 },
  { name: SEQ_COLUMN, type: 'long', fieldId: 5 },
] as const satisfies readonly TestColumn[];

/** Few distinct values, as in a dictionary; quotes and controls have to be escaped. */
const text = fc.constantFrom(
  null,
  '',
  'a',
  'GET /index',
  'say "hi"\\',
  '\u0001\n',
  'é'.repeat(400),
);
const json = fc.constantFrom(null, '[]', '{"deep":[1,2,{"x":null}]}', '"text"');
const rescued = fc.constantFrom(null, '{}', '{"b":1e999}', '{"b":1,"c":"\\ud800"}');
const row = fc.tuple(
  text,
  json,
  rescued,
  fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
);
/** More than a block of the encoder now and then. */
const rows = fc.oneof(
  fc.array(row, { maxLength: 20 }),
  fc.array(row, { minLength: 250, maxLength: 600, size: 'max' }),
);

function batchFrom(values: readonly (readonly Cell[])[]): Batch {
  const cells = COLUMNS.slice(0, 4).map((_, at) => values.map((each) => each[at] ?? null));
  return batchOf(COLUMNS, [...cells, values.map((_, at) => BigInt(at + 1))]);
}

function codedColumn(column: TextColumn, rowCount: number): DictionaryColumn {
  const { offsets, values, type, ...base } = column;
  const places = new Map<string, number>();
  const codes = Int32Array.from({ length: rowCount }, (_, at) => {
    const value = Buffer.from(values.subarray(offsets[at], offsets[at + 1])).toString('latin1');
    const code = places.get(value) ?? places.size;
    places.set(value, code);
    return code;
  });
  const entries = [...places.keys()].map((value) => Buffer.from(value, 'latin1'));
  const ends = new Int32Array(entries.length + 1);
  entries.forEach((entry, at) => (ends[at + 1] = (ends[at] ?? 0) + entry.length));
  const bytes = new Uint8Array(Buffer.concat(entries));
  if (type !== 'string' && type !== 'json') throw new Error(`no dictionaries of ${type}`);
  return { ...base, type, codes, entries: { count: entries.length, offsets: ends, values: bytes } };
}

function coded(batch: Batch): CodedBatch {
  const columns = batch.columns.map((column) =>
    'offsets' in column ? codedColumn(column, batch.rows) : column,
  );
  return { rows: batch.rows, columns };
}

function lines(batch: CodedBatch): string {
  return Buffer.from(encodeNdjson(batch, { seq: true })).toString();
}

describe('rows in dictionaries', () => {
  it('are the same text, the same digest and the same values', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const batch = batchFrom(values);
        const same = coded(batch);
        expect(cellsOf(plainBatch(same))).toEqual(cellsOf(batch));
        expect(lines(same)).toBe(lines(batch));
        expect(contentDigest(same)).toBe(contentDigest(batch));
      }),
      { numRuns: 100 },
    );
  });

  it('are cut, picked and split as plain rows are', () => {
    const template = parsePartition('{s}/n={n}');
    fc.assert(
      fc.property(rows, fc.nat(), fc.nat(), (values, a, b) => {
        const batch = batchFrom(values);
        const same = coded(batch);
        const [from = 0, to = 0] = [a, b].map((at) => at % (batch.rows + 1)).sort((x, y) => x - y);
        const slice = sliceCoded(same, from, to);
        expect(lines(slice)).toBe(lines(sliceBatch(batch, from, to)));
        expect(contentDigest(slice)).toBe(contentDigest(sliceBatch(batch, from, to)));
        const split = splitByPartition(template, same);
        expect(split).toEqual(splitByPartition(template, batch));
        for (const picked of split.values()) {
          const taken = takeCoded(same, picked);
          expect(lines(taken)).toBe(lines(takeRows(batch, picked)));
          for (const column of taken.columns) {
            if ('codes' in column) expect(column.entries.count).toBeLessThanOrEqual(taken.rows);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  it('come out of a data file as they went in', async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(rows, async (values) => {
        fc.pre(values.length > 0);
        const batch = batchFrom(values);
        const fs = new MemoryFs('/d');
        const path = '/d/x.parquet';
        const { sums } = await writeDataFile(fs, path, COLUMNS, [batch], 'lz4_raw');
        const source = { path, footer: await readFooter(fs, path, sums), sums };
        const back = await readCodedRowGroup(fs, source, 0);
        seen += back.columns.filter((column) => 'codes' in column).length;
        expect(cellsOf(plainBatch(back))).toEqual(cellsOf(await readRowGroup(fs, source, 0)));
        expect(contentDigest(back)).toBe(contentDigest(batch));
        expect(lines(back)).toBe(lines(batch));
      }),
      { numRuns: 40 },
    );
    expect(seen).toBeGreaterThan(20);
  });
});
