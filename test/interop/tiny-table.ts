/**
 * Owns: a small table on the real disk, made by our metadata encoders alone, for other programs to
 * read. Its Parquet files are made by pyarrow, so nothing of storage/data is needed.
 * llp/0013
 */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { toSeq } from '../../src/core/ids.ts';
import type { VersionLink } from '../../src/core/versioned-record.ts';
import { lowerBound, upperBound } from '../../storage/iceberg/bounds.ts';
import type { BoundValue } from '../../storage/iceberg/bounds.ts';
import { baseName, locationOf } from '../../storage/iceberg/locations.ts';
import { encodeManifest } from '../../storage/iceberg/manifest.ts';
import type { DataFile, ManifestEntry } from '../../storage/iceberg/manifest.ts';
import { encodeManifestList } from '../../storage/iceberg/manifest-list.ts';
import type { ManifestFile } from '../../storage/iceberg/manifest-list.ts';
import { mergeManifests, summarizeEntries } from '../../storage/iceberg/merge.ts';
import { currentSchema, initialMetadata } from '../../storage/iceberg/metadata.ts';
import type { TableMetadata } from '../../storage/iceberg/metadata.ts';
import { tableMetadataFormat } from '../../storage/iceberg/metadata-file.ts';
import { evolve } from '../../storage/iceberg/schema.ts';
import type { TableSchema, WantedColumn } from '../../storage/iceberg/schema.ts';
import { appendSnapshot, trimSnapshots } from '../../storage/iceberg/snapshot.ts';
import { askPython } from '../support/pyiceberg.ts';

export type Value = boolean | number | string | null;
export type Row = Readonly<Record<string, Value>>;

interface Written {
  readonly manifest: ManifestFile;
  readonly entries: readonly ManifestEntry[];
}

/** Ids beyond 2^53, so that a reader that rounds is noticed. */
const FIRST_SNAPSHOT = 9_223_372_036_854_770_000n;
const UUID = '6f1c2a9e-0000-4000-8000-00000000c0de';
const FIRST_MS = 1_760_000_000_000;

/** Commits `batches` one by one; the last two commits also merge all older manifests. */
export async function makeTinyTable(
  dir: string,
  batches: readonly { readonly wanted: readonly WantedColumn[]; readonly rows: readonly Row[] }[],
): Promise<{ readonly metadataPath: string; readonly files: readonly string[] }> {
  await mkdir(`${dir}/data`, { recursive: true });
  await mkdir(`${dir}/metadata`, { recursive: true });
  let metadata: TableMetadata | undefined;
  let written: readonly Written[] = [];
  let link: VersionLink | undefined;
  const files: string[] = [];
  for (const [index, { wanted, rows }] of batches.entries()) {
    const version = index + 1;
    const known = metadata && {
      schema: currentSchema(metadata),
      lastColumnId: metadata.lastColumnId,
    };
    const { schema, lastColumnId, changed } = evolve(known, wanted);
    const nowMs = FIRST_MS + index;
    const location = locationOf(dir);
    metadata ??= initialMetadata({ tableUuid: UUID, location, schema, lastColumnId, nowMs });
    if (changed && version > 1) {
      const schemas = [...metadata.schemas, schema];
      metadata = { ...metadata, schemas, lastColumnId, currentSchemaId: schema.schemaId };
    }
    const snapshotId = FIRST_SNAPSHOT + BigInt(index);
    const sequenceNumber = metadata.lastSequenceNumber + 1n;
    const path = `${dir}/data/part-${index}.parquet`;
    const file = await writeData(path, metadata, rows);
    const added = addedEntry(snapshotId, file);
    const commit = { dir, schema, snapshotId, sequenceNumber };
    if (index >= batches.length - 2 && written.length > 1) {
      written = [await writeManifest(commit, `merged-${index}.avro`, mergeManifests(written))];
    }
    written = [...written, await writeManifest(commit, `m-${index}.avro`, [added])];
    const listName = `snap-${index}.avro`;
    const list = encodeManifestList({
      snapshotId,
      parentSnapshotId: metadata.currentSnapshotId,
      sequenceNumber,
      manifests: written.map(({ manifest }) => manifest),
    });
    await writeFile(`${dir}/metadata/${listName}`, list);
    const maxSeq = toSeq(metadata.hyp.maxSeq + BigInt(rows.length));
    const appended = appendSnapshot(metadata, {
      snapshotId,
      nowMs,
      manifestList: `${location}/metadata/${listName}`,
      addedFiles: 1,
      addedRows: rows.length,
      addedBytes: file.bytes,
      minSeq: toSeq(metadata.hyp.maxSeq + 1n),
      maxSeq,
    });
    metadata = trimSnapshots({ ...appended, hyp: { ...appended.hyp, maxSeq } }).metadata;
    const commitId = `00000000-0000-4000-8000-${String(version).padStart(12, '0')}`;
    link = { commitId, parentId: link?.commitId, history: [commitId, ...(link?.history ?? [])] };
    const name = tableMetadataFormat.fileName(version);
    await writeFile(`${dir}/metadata/${name}`, tableMetadataFormat.encode(metadata, link, version));
    await writeFile(`${dir}/metadata/version-hint.text`, String(version));
    files.push(`metadata/m-${index}.avro`, `metadata/${listName}`);
  }
  const metadataPath = `${dir}/metadata/v${batches.length}.metadata.json`;
  return { metadataPath, files };
}

async function writeManifest(
  commit: {
    readonly dir: string;
    readonly schema: TableSchema;
    readonly snapshotId: bigint;
    readonly sequenceNumber: bigint;
  },
  name: string,
  entries: readonly ManifestEntry[],
): Promise<Written> {
  const bytes = encodeManifest({ schema: commit.schema, entries });
  await writeFile(`${commit.dir}/metadata/${name}`, bytes);
  const manifest = {
    path: `${locationOf(commit.dir)}/metadata/${name}`,
    length: BigInt(bytes.length),
    sequenceNumber: commit.sequenceNumber,
    addedSnapshotId: commit.snapshotId,
    ...summarizeEntries(entries, commit.sequenceNumber),
  };
  return { manifest, entries };
}

function addedEntry(snapshotId: bigint, file: DataFile): ManifestEntry {
  const inherited = { sequenceNumber: undefined, fileSequenceNumber: undefined };
  return { status: 'added', snapshotId, ...inherited, file };
}

async function writeData(
  path: string,
  metadata: TableMetadata,
  rows: readonly Row[],
): Promise<DataFile> {
  const stamped = rows.map((row, index) => ({
    ...row,
    _hyp_seq: Number(metadata.hyp.maxSeq) + index + 1,
    _hyp_ingested_at: FIRST_MS * 1000,
  }));
  const columns = currentSchema(metadata).fields.map((field) => {
    const values = stamped.map((row: Row) => row[field.name] ?? null);
    return [field.name, field.id, field.type, values] as const;
  });
  await askPython('write', path, JSON.stringify(columns));
  const { size } = await stat(path);
  const bounds = columns.flatMap(([, id, type, values]) => {
    const present = values.filter((value) => value !== null);
    const sorted = present.map((value) => boundValue(type, value)).sort(compare);
    const [min, max] = [sorted[0], sorted.at(-1)];
    if (min === undefined || max === undefined) return [];
    return [{ id, lower: lowerBound(type, min), upper: upperBound(type, max) }];
  });
  const figures = (figure: (values: readonly Value[]) => number): ReadonlyMap<number, number> =>
    new Map(columns.map(([, id, , values]) => [id, figure(values)]));
  return {
    path: `${metadata.location}/data/${baseName(path)}`,
    rows: rows.length,
    bytes: size,
    columnSizes: figures(() => 8),
    valueCounts: figures((values) => values.length),
    nullCounts: figures((values) => values.filter((value) => value === null).length),
    nanCounts: new Map(),
    lowerBounds: new Map(bounds.flatMap(({ id, lower }) => (lower ? [[id, lower]] : []))),
    upperBounds: new Map(bounds.flatMap(({ id, upper }) => (upper ? [[id, upper]] : []))),
    splitOffsets: [4],
    sums: { footer: 'f'.repeat(64), rowGroups: ['0'.repeat(64)] },
  };
}

function boundValue(type: string, value: boolean | number | string): BoundValue {
  if (typeof value === 'string') return Buffer.from(value);
  return typeof value === 'number' && type !== 'double' ? BigInt(value) : value;
}

function compare(a: BoundValue, b: BoundValue): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}
