/**
 * Which manifests are joined, and what the joined entries say. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import {
  asExisting,
  manifestsToMerge,
  mergeManifests,
  summarizeEntries,
} from '../../storage/iceberg/merge.ts';
import { sampleEntry, sampleManifest } from '../support/iceberg-samples.ts';

const listOf = (...entries: readonly number[]) =>
  entries.map((count, index) => sampleManifest(index + 1, count));
const small = (count: number): number[] => Array.from({ length: count }, () => 1);
const span = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('manifests to merge', () => {
  test('are none below sixteen of a level', () => {
    expect(manifestsToMerge([])).toEqual([]);
    expect(manifestsToMerge(listOf(16, ...small(15)))).toEqual([]);
  });

  test('are the sixteen oldest of a level', () => {
    expect(manifestsToMerge(listOf(16, ...small(17)))).toEqual([span(1, 17)]);
  });

  test('are one run of each full level', () => {
    const list = listOf(...Array.from({ length: 16 }, () => 16), ...small(16));
    expect([...manifestsToMerge(list)].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))).toEqual([
      span(0, 16),
      span(16, 32),
    ]);
  });

  test('include small ones that are shut in between big ones', () => {
    const list = listOf(...Array.from({ length: 8 }, () => [1, 16]).flat());
    expect(manifestsToMerge(list)).toEqual([span(0, 16)]);
  });

  test('are as many as fit the size limit', () => {
    const third = Math.floor(LIMITS.manifestBytes / 3);
    const list = small(16).map((_, index) => sampleManifest(index + 1, 1, third));
    expect(manifestsToMerge(list)).toEqual([[0, 1, 2]]);
  });

  test('are none when no two fit together', () => {
    const list = small(16).map((_, i) => sampleManifest(i + 1, 1, LIMITS.manifestBytes - 1));
    expect(manifestsToMerge(list)).toEqual([]);
  });
});

describe('merged entries', () => {
  test('are EXISTING with the numbers they inherited', () => {
    const manifest = { ...sampleManifest(7), addedSnapshotId: 42n };
    const added = { ...sampleEntry(1), snapshotId: undefined };
    const older = {
      ...sampleEntry(2),
      status: 'existing' as const,
      snapshotId: 3n,
      sequenceNumber: 2n,
      fileSequenceNumber: 4n,
    };
    expect(asExisting(manifest, [added, older])).toMatchObject([
      { status: 'existing', snapshotId: 42n, sequenceNumber: 7n, fileSequenceNumber: 7n },
      { status: 'existing', snapshotId: 3n, sequenceNumber: 2n, fileSequenceNumber: 4n },
    ]);
  });

  test('never bring a deleted file back', () => {
    const deleted = { ...sampleEntry(2), status: 'deleted' as const };
    const merged = mergeManifests([
      { manifest: sampleManifest(1), entries: [sampleEntry(1), deleted] },
      { manifest: sampleManifest(2), entries: [sampleEntry(3)] },
    ]);
    expect(merged.map((entry) => entry.file.rows)).toHaveLength(2);
    expect(merged.map((entry) => entry.file.path)).not.toContain(deleted.file.path);
  });

  test('are counted by status, and the smallest sequence number is of a live file', () => {
    const entries = [
      { ...sampleEntry(1, 4), status: 'existing' as const, sequenceNumber: 5n },
      sampleEntry(5, 6),
      { ...sampleEntry(9), status: 'deleted' as const, sequenceNumber: 1n },
    ];
    expect(summarizeEntries(entries, 8n)).toEqual({
      minSequenceNumber: 5n,
      addedFiles: 1,
      existingFiles: 1,
      deletedFiles: 1,
      addedRows: 2n,
      existingRows: 4n,
      deletedRows: 1n,
    });
  });
});
