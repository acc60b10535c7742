/** Values of declared types come back as they were, through spool, data file and NDJSON. llp/0021 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeIpc } from '../../src/codec/arrow-ipc.ts';
import { decodeIpc } from '../../src/codec/arrow-read.ts';
import type { Batch } from '../../src/codec/columns.ts';
import { conform, summarize } from '../../src/codec/conform.ts';
import { addDigests, contentDigest } from '../../src/codec/content-digest.ts';
import { typeNamed } from '../../src/codec/nested-types.ts';
import { isNestedType } from '../../src/codec/types.ts';
import { NdjsonDecoder } from '../../src/codec/ndjson/decoder.ts';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import type { DeclaredColumn } from '../../src/config/columns.ts';
import { toSeq } from '../../src/core/ids.ts';
import { kindsOf } from '../../src/engine/declared.ts';
import { stamp } from '../../storage/allocator.ts';
import { readFooter } from '../../storage/data/footer.ts';
import { readCodedRowGroup, readRowGroup } from '../../storage/data/read.ts';
import { writeDataFile } from '../../storage/data/write.ts';
import { evolve, targetsOf } from '../../storage/iceberg/schema.ts';
import {
  anyNested,
  leafValues,
  nestedValues,
  sameRow,
  typeText,
} from '../support/declared-rows.ts';
import { MemoryFs } from '../support/memory-fs.ts';

const TYPES = [
  'timestamptz',
  'date',
  'decimal(9,2)',
  'decimal(18,6)',
  'decimal(38,12)',
  'binary',
  'double',
  'long',
  'string',
  'boolean',
] as const;

/** Lines → spool frames → batches of a table with these columns, with seqs. */
function tableBatches(lines: readonly string[], columns: readonly DeclaredColumn[], cut: number) {
  const decoder = new NdjsonDecoder({ declared: kindsOf(columns), maxRows: cut });
  const done = decoder.decode(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  const last = decoder.finish();
  if (last !== undefined) done.push(last);
  expect(done.flatMap((each) => each.rejects)).toEqual([]);
  const batches = done.flatMap(({ batch }) => decodeIpc(encodeIpc([batch])));
  let targets = targetsOf(evolve(undefined, [...columns, ...summarize(batches)]).schema);
  const given = targets.filter(({ name }) => !['_hyp_seq', '_hyp_ingested_at'].includes(name));
  const idOf = (name: string) => targets.find((target) => target.name === name)?.fieldId ?? 0;
  const allocation = {
    maxSeq: toSeq(0n),
    lastIngestedAtUs: 0n,
    seqFieldId: idOf('_hyp_seq'),
    ingestedAtFieldId: idOf('_hyp_ingested_at'),
  };
  const conformed = batches.map((batch) => conform(batch, given).batch);
  const stamped = stamp(allocation, conformed, 0).batches;
  const order = stamped[0]?.columns.map(({ name }) => name) ?? [];
  targets = order.flatMap((name) => targets.find((target) => target.name === name) ?? []);
  return { targets, batches: stamped };
}

function digest(batches: readonly Batch[]): bigint {
  return batches.reduce((sum, batch) => addDigests(sum, contentDigest(batch)), 0n);
}

async function expectWhole(
  lines: readonly string[],
  columns: readonly DeclaredColumn[],
  cut: number,
): Promise<{ readonly batches: readonly Batch[] }> {
  const { targets, batches } = tableBatches(lines, columns, cut);
  const shown = (read: readonly Batch[]) =>
    read.map((batch) => Buffer.from(encodeNdjson(batch)).toString()).join('');
  const wanted = lines.map(sameRow);
  expect(shown(batches).trimEnd().split('\n').map(sameRow)).toEqual(wanted);
  const fs = new MemoryFs('/t').process();
  const { sums } = await writeDataFile(fs, '/t/a.parquet', targets, batches, 'lz4_raw');
  const footer = await readFooter(fs, '/t/a.parquet', sums);
  expect(footer.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }))).toEqual(
    targets,
  );
  const source = { path: '/t/a.parquet', footer, sums };
  const read: Batch[] = [];
  let coded = 0n;
  for (const index of footer.rowGroups.keys()) {
    read.push(await readRowGroup(fs, source, index));
    coded = addDigests(coded, contentDigest(await readCodedRowGroup(fs, source, index)));
  }
  expect(digest(read)).toBe(digest(batches));
  expect(coded).toBe(digest(batches));
  expect(shown(read)).toBe(shown(batches));
  return { batches: read };
}

describe('a column of a declared type', () => {
  it('gives back every value, as itself or rescued', async () => {
    const columns = TYPES.map((type) => ({ name: `v ${type}`, type }));
    const row = fc.tuple(...TYPES.map(leafValues));
    const rows = fc.array(row, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 5, max: 60 }), async (values, cut) => {
        const lines = values.map((texts, at) => {
          const members = texts.map((text, index) => `"${columns[index]?.name}":${text}`);
          return `{"id":${at},${members.join(',')},"z":${at % 3}}`;
        });
        await expectWhole(lines, columns, cut);
      }),
      { numRuns: 15 },
    );
  });

  it('gives back lists and structs of every shape, as themselves or rescued', async () => {
    const column = anyNested.chain((nested) =>
      fc.record({
        type: fc.constant(typeText(nested)),
        values: fc.array(nestedValues(nested), { minLength: 1, maxLength: 25 }),
      }),
    );
    const columns = fc.array(column, { minLength: 1, maxLength: 3 });
    let kept = 0;
    await fc.assert(
      fc.asyncProperty(columns, fc.integer({ min: 5, max: 60 }), async (given, cut) => {
        const declared = given.map(({ type }, at) => ({ name: `v${at}`, type: typeNamed(type) }));
        const known = declared.flatMap(({ name, type }) => (type ? [{ name, type }] : []));
        expect(known.map(({ type }) => type)).toEqual(given.map(({ type }) => type));
        const rows = Math.max(...given.map(({ values }) => values.length));
        const lines = Array.from({ length: rows }, (_, row) => {
          const members = given.map(({ values }, at) => `"v${at}":${values[row] ?? 'null'}`);
          return `{"id":${row},${members.join(',')}}`;
        });
        const { batches } = await expectWhole(lines, known, cut);
        kept += batches
          .flatMap((batch) =>
            batch.columns
              .filter(({ type }) => isNestedType(type))
              .map((it) => batch.rows - it.nullCount),
          )
          .reduce((sum, values) => sum + values, 0);
      }),
      { numRuns: 60 },
    );
    // Most are values of their columns, not rescued.
    expect(kept).toBeGreaterThan(500);
  });
});
