/**
 * Owns: the append commit, where rows become part of the table (I1, I2, I3, I11).
 * Commit point: the link of v<N+1>.metadata.json (core/versioned-record).
 *
 * | step | durable then | a crash right after leaves |
 * | 1 data files written, fsynced (caller), data directory synced | data | orphans |
 * | 2 positions file, with every start asserted | positions | an orphan |
 * | 3 manifests (new and merged), manifest list, fsynced | metadata | orphans |
 * | 4 metadata directory synced | the names of 2 and 3 | orphans |
 * | 5 v<N+1> linked and synced | **the rows, and that their sources have moved** | - |
 * | 6 hint written, old metadata files trimmed | - | a stale hint, files for the next trim |
 *
 * A conflict or a stale start leaves orphans and starts over with nothing kept (DESIGN §5).
 * Not its job: which rows (engine/flush), what seq they get (storage/allocator).
 * llp/0003
 */
import { createSynced } from '../../src/core/durable-fs.ts';
import type { Clock } from '../../src/core/clock.ts';
import { toSeq } from '../../src/core/ids.ts';
import type { Seq } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Random } from '../../src/core/random.ts';
import type { ColumnType } from '../../src/codec/columns.ts';
import type { DataFileStats, StatValue } from '../data/write.ts';
import { dataDir, manifestListName, manifestName, metadataDir } from '../layout.ts';
import { applyMoves } from '../positions/positions.ts';
import type { Move } from '../positions/positions.ts';
import type { Table, TableHead } from '../table.ts';
import { lowerBound, upperBound } from './bounds.ts';
import { locationOf } from './locations.ts';
import { encodeManifest } from './manifest.ts';
import type { DataFile } from './manifest.ts';
import { encodeManifestList } from './manifest-list.ts';
import type { ManifestFile } from './manifest-list.ts';
import { mergeSmallManifests } from './merge-commit.ts';
import { initialMetadata } from './metadata.ts';
import type { TableMetadata } from './metadata.ts';
import { targetsOf } from './schema.ts';
import type { Evolution, TableSchema } from './schema.ts';
import { appendSnapshot, touched, trimSnapshots } from './snapshot.ts';
import { trimMetadata, writeHint } from './trim.ts';

export interface NewDataFile {
  /** Name in the table's data directory; written and fsynced. */
  readonly name: string;
  readonly stats: DataFileStats;
}

/** One append: the rows' files, and the sources they came from with their asserted starts. */
export interface Append {
  /** The head the rows were stamped for; undefined creates the table. */
  readonly base: TableHead | undefined;
  readonly evolution: Evolution;
  readonly files: readonly NewDataFile[];
  readonly moves: readonly Move[];
  /** Sources that are durably gone. */
  readonly drop: readonly string[];
  readonly maxSeq: Seq;
  readonly ingestedAtUs: bigint;
  readonly rescuedRows: number;
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly head: TableHead }
  /** Another process was first: load the head again and start over. */
  | { readonly kind: 'conflict' }
  /** A source is not where the caller thought: read the positions again and start over. */
  | { readonly kind: 'stale'; readonly source: string };

export interface CommitContext {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Links one new version. Durable when it answers 'committed'; idempotent through the asserted
 * starts. Rejects with E_UNKNOWN_OUTCOME when the disk fails after the link: start over, the start
 * assertion tells what happened. E_CORRUPT and system errors of the disk pass through.
 */
export async function commitAppend(
  table: Table,
  context: CommitContext,
  append: Append,
): Promise<CommitResult> {
  const { fs } = table;
  const dir = metadataDir(table.dir);
  const version = (append.base?.version ?? 0) + 1;
  const id = context.random.uuid();
  const positions = await table.positions(append.base);
  const change = { moves: append.moves, drop: append.drop };
  const moved = await applyMoves(fs, dir, positions, change, { version, id });
  if (moved.kind === 'stale') return { kind: 'stale', source: moved.source };
  if (append.files.length > 0) await fs.syncDir(dataDir(table.dir));

  const base = append.base?.value ?? newTable(table, context, append.evolution);
  const evolved = withSchema(base, append.evolution);
  const hyp = {
    ...evolved.hyp,
    positions: moved.fileName,
    maxSeq: append.maxSeq,
    lastIngestedAtUs: append.ingestedAtUs,
    rescuedRows: evolved.hyp.rescuedRows + BigInt(append.rescuedRows),
  };
  const next =
    append.files.length === 0
      ? touched({ ...evolved, hyp }, context.clock.nowMs())
      : await addSnapshot(table, context, { ...append, version, id }, { ...evolved, hyp });
  await fs.syncDir(dir);

  const linked = await table.record.append(append.base, next);
  if (linked.kind === 'conflict') return linked;
  await writeHint(fs, dir, version, id);
  if (version % LIMITS.trimEveryCommits === 0) await trimMetadata(table);
  return { kind: 'committed', head: linked.head };
}

function newTable(table: Table, context: CommitContext, evolution: Evolution): TableMetadata {
  return initialMetadata({
    tableUuid: context.random.uuid(),
    location: locationOf(table.dir),
    schema: evolution.schema,
    lastColumnId: evolution.lastColumnId,
    nowMs: context.clock.nowMs(),
  });
}

function withSchema(base: TableMetadata, evolution: Evolution): TableMetadata {
  const known = base.schemas.some((schema) => schema.schemaId === evolution.schema.schemaId);
  return {
    ...base,
    schemas: known ? base.schemas : [...base.schemas, evolution.schema],
    currentSchemaId: evolution.schema.schemaId,
    lastColumnId: Math.max(base.lastColumnId, evolution.lastColumnId),
  };
}

async function addSnapshot(
  table: Table,
  context: CommitContext,
  append: Append & { readonly version: number; readonly id: string },
  base: TableMetadata,
): Promise<TableMetadata> {
  const dir = metadataDir(table.dir);
  const snapshotId = context.random.id63();
  const sequenceNumber = base.lastSequenceNumber + 1n;
  const files = append.files.map((file) =>
    dataFileOf(base.location, append.evolution.schema, file),
  );
  const added = await writeManifest(table, {
    name: manifestName(append.version, append.id),
    schema: append.evolution.schema,
    snapshotId,
    sequenceNumber,
    files,
  });
  const kept = await table.manifests(append.base);
  const manifests = await mergeSmallManifests(table, [...kept, added], {
    version: append.version,
    schema: append.evolution.schema,
    snapshotId,
    sequenceNumber,
    location: base.location,
    newId: () => context.random.uuid(),
    fresh: new Map([[added.path, files]]),
  });
  const listName = manifestListName(append.version, append.id);
  const parent = base.currentSnapshotId;
  const list = encodeManifestList({
    snapshotId,
    parentSnapshotId: parent,
    sequenceNumber,
    manifests,
  });
  await createSynced(table.fs, `${dir}/${listName}`, list);
  const nowMs = context.clock.nowMs();
  const appended = appendSnapshot(base, {
    snapshotId,
    nowMs,
    manifestList: `${base.location}/metadata/${listName}`,
    addedFiles: files.length,
    addedRows: sum(append.files.map((file) => file.stats.rows)),
    addedBytes: sum(append.files.map((file) => file.stats.fileBytes)),
    minSeq: toSeq(append.files[0]?.stats.seqMin ?? append.maxSeq),
    maxSeq: append.maxSeq,
  });
  return trimSnapshots(appended).metadata;
}

interface ManifestToWrite {
  readonly name: string;
  readonly schema: TableSchema;
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly files: readonly DataFile[];
}

async function writeManifest(table: Table, manifest: ManifestToWrite): Promise<ManifestFile> {
  const entries = manifest.files.map((file) => ({
    status: 'added' as const,
    snapshotId: manifest.snapshotId,
    sequenceNumber: undefined,
    fileSequenceNumber: undefined,
    file,
  }));
  const bytes = encodeManifest({ schema: manifest.schema, entries });
  const dir = metadataDir(table.dir);
  await createSynced(table.fs, `${dir}/${manifest.name}`, bytes);
  return {
    path: `${locationOf(table.dir)}/metadata/${manifest.name}`,
    length: BigInt(bytes.length),
    sequenceNumber: manifest.sequenceNumber,
    minSequenceNumber: manifest.sequenceNumber,
    addedSnapshotId: manifest.snapshotId,
    addedFiles: entries.length,
    existingFiles: 0,
    deletedFiles: 0,
    addedRows: BigInt(sum(manifest.files.map((file) => file.rows))),
    existingRows: 0n,
    deletedRows: 0n,
  };
}

function dataFileOf(location: string, schema: TableSchema, file: NewDataFile): DataFile {
  const { stats } = file;
  const types = new Map(targetsOf(schema).map((target) => [target.fieldId, target.type]));
  return {
    path: `${location}/data/${file.name}`,
    rows: stats.rows,
    bytes: stats.fileBytes,
    columnSizes: numbers(stats.columnSizes),
    valueCounts: numbers(stats.valueCounts),
    nullCounts: numbers(stats.nullCounts),
    nanCounts: numbers(stats.nanCounts),
    lowerBounds: boundsOf(types, stats.lower, lowerBound),
    upperBounds: boundsOf(types, stats.upper, upperBound),
    splitOffsets: stats.splitOffsets.map(Number),
    sums: stats.sums,
  };
}

function numbers(counts: ReadonlyMap<number, bigint>): Map<number, number> {
  return new Map([...counts].map(([fieldId, count]) => [fieldId, Number(count)]));
}

function boundsOf(
  types: ReadonlyMap<number, ColumnType>,
  values: ReadonlyMap<number, StatValue>,
  bound: typeof lowerBound,
): Map<number, Uint8Array> {
  const bounds = new Map<number, Uint8Array>();
  for (const [fieldId, value] of values) {
    const type = types.get(fieldId);
    const bytes = type === undefined ? undefined : bound(type, value);
    if (bytes !== undefined) bounds.set(fieldId, bytes);
  }
  return bounds;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
