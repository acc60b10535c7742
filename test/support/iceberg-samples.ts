/**
 * Owns: small valid values of Iceberg metadata for tests.
 * llp/0013
 */
import { toSeq } from '../../src/core/ids.ts';
import type { VersionLink } from '../../src/core/versioned-record.ts';
import { lowerBound, upperBound } from '../../storage/iceberg/bounds.ts';
import type { ManifestEntry } from '../../storage/iceberg/manifest.ts';
import type { ManifestFile } from '../../storage/iceberg/manifest-list.ts';
import { initialMetadata } from '../../storage/iceberg/metadata.ts';
import type { TableMetadata } from '../../storage/iceberg/metadata.ts';
import { evolve } from '../../storage/iceberg/schema.ts';
import { appendSnapshot, trimSnapshots } from '../../storage/iceberg/snapshot.ts';

export const SAMPLE_UUID = '6f1c2a9e-0000-4000-8000-00000000c0de';
export const SAMPLE_LOCATION = 'file:///store/tables/requests';
export const SAMPLE_SCHEMA = evolve(undefined, [
  { name: 'host', type: 'string' },
  { name: 'tags', type: 'json' },
]);
export const SEQ_FIELD_ID = 3;

/** Beyond 2^53: a reader that rounds is noticed. */
export const BIG_ID = 2n ** 63n - 25n;

export function sampleLink(version: number): VersionLink {
  const ids = Array.from({ length: version }, (_, i) => `c-${version - i}`);
  return { commitId: `c-${version}`, parentId: ids[1], history: ids };
}

/** An ADDED file whose rows have the seqs `min` … `max`. */
export function sampleEntry(min: number, max = min): ManifestEntry {
  const seqs = [BigInt(min), BigInt(max)].map((seq) => toSeq(seq));
  const [lower, upper] = [lowerBound('long', seqs[0] ?? 0n), upperBound('long', seqs[1] ?? 0n)];
  return {
    status: 'added',
    snapshotId: BIG_ID,
    sequenceNumber: undefined,
    fileSequenceNumber: undefined,
    file: {
      path: `${SAMPLE_LOCATION}/data/${min}.parquet`,
      rows: max - min + 1,
      bytes: 1000 + min,
      columnSizes: new Map([[SEQ_FIELD_ID, 80]]),
      valueCounts: new Map([[SEQ_FIELD_ID, max - min + 1]]),
      nullCounts: new Map([[1, 0]]),
      nanCounts: new Map(),
      lowerBounds: new Map(lower ? [[SEQ_FIELD_ID, lower]] : []),
      upperBounds: new Map(upper ? [[SEQ_FIELD_ID, upper]] : []),
      splitOffsets: [4, 2 ** 40],
      sortOrderId: undefined,
      sums: { footer: 'f0', rowGroups: ['a1', 'b2'] },
    },
  };
}

/** A manifest of `entries` files as the commit `number` writes it. */
export function sampleManifest(number: number, entries = 1, length = 5000): ManifestFile {
  return {
    path: `${SAMPLE_LOCATION}/metadata/m-${number}.avro`,
    length: BigInt(length),
    sequenceNumber: BigInt(number),
    minSequenceNumber: BigInt(number),
    addedSnapshotId: BIG_ID + BigInt(number % 20),
    addedFiles: entries,
    existingFiles: 0,
    deletedFiles: 0,
    addedRows: BigInt(entries),
    existingRows: 0n,
    deletedRows: 0n,
  };
}

/** A table after `commits` commits of one row each, a second apart. */
export function sampleTable(commits: number): TableMetadata {
  const { schema, lastColumnId } = SAMPLE_SCHEMA;
  const nowMs = 1_760_000_000_000;
  const table = { tableUuid: SAMPLE_UUID, location: SAMPLE_LOCATION, schema, lastColumnId, nowMs };
  let metadata: TableMetadata = initialMetadata(table);
  for (let n = 1; n <= commits; n++) {
    const seq = toSeq(n);
    const appended = appendSnapshot(metadata, {
      snapshotId: BIG_ID - BigInt(1000 * n),
      nowMs: nowMs + 1000 * n,
      manifestList: `${SAMPLE_LOCATION}/metadata/snap-${n}.avro`,
      addedFiles: 1,
      addedRows: 1,
      addedBytes: 700,
      minSeq: seq,
      maxSeq: seq,
    });
    const hyp = { ...appended.hyp, maxSeq: seq };
    metadata = trimSnapshots({ ...appended, hyp }).metadata;
  }
  return metadata;
}
