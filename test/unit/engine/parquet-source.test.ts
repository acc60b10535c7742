/** What a Parquet file is to the positions, and that its bytes are the ones that were hashed. llp/0019 */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../../src/core/digest.ts';
import { decideParquet } from '../../../src/engine/backfill/load-parquet.ts';
import type { ParquetEvidence } from '../../../src/engine/backfill/load-parquet.ts';
import { ProvenFile } from '../../../src/engine/backfill/proven-file.ts';
import { tempDir } from '../../support/tmp.ts';

const nothing: ParquetEvidence = {
  path: '/a.parquet',
  rows: 10,
  unfinished: undefined,
  finishedFrom: undefined,
  again: false,
};
const unfinished = { source: 'parquet/x#0', through: 4 };

test.each<[string, Partial<ParquetEvidence>, unknown]>([
  ['nothing of these bytes', {}, { label: 'new', source: 'free' }],
  ['some of its rows', { unfinished }, { label: 'resume', source: 'parquet/x#0', through: 4 }],
  [
    'some of its rows of a second load, and all of a first',
    { unfinished, finishedFrom: '/a.parquet' },
    { label: 'resume', source: 'parquet/x#0', through: 4 },
  ],
  ['all, from this path', { finishedFrom: '/a.parquet' }, { label: 'unchanged' }],
  [
    'all, from another path',
    { finishedFrom: '/b.parquet' },
    { label: 'same-bytes', firstPath: '/b.parquet' },
  ],
  [
    'all, told to load it again',
    { finishedFrom: '/a.parquet', again: true },
    { label: 'new', source: 'free' },
  ],
  ['nothing, and it has no rows', { rows: 0, again: true }, { label: 'unchanged' }],
])('the positions hold %s', (_name, evidence, decision) => {
  expect(decideParquet({ ...nothing, ...evidence }, () => 'free')).toEqual(decision);
});

test('a file is read in any order, and never other bytes than were hashed', async () => {
  const path = join(await tempDir(), 'file');
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) % 251));
  await writeFile(path, bytes);
  const file = await ProvenFile.open(path, () => undefined);
  expect([file.size, file.digest]).toEqual([bytes.length, sha256Hex(bytes)]);
  for (const [at, length] of [
    [0, 10],
    [65_530, 20],
    [60_000, 140_000],
    [199_999, 1],
    [131_072, 0],
  ] as const) {
    expect(Buffer.from(await file.read(at, length)).equals(bytes.subarray(at, at + length))).toBe(
      true,
    );
  }
  await file.close();
  const again = await ProvenFile.open(path, () => undefined);
  const writer = await open(path, 'r+');
  await writer.write(Buffer.of(1), 0, 1, 150_000);
  await writer.close();
  expect(await again.read(0, 100)).toHaveLength(100);
  await expect(again.read(149_000, 10)).rejects.toMatchObject({ code: 'E_CONFLICT' });
  await again.close();
});
