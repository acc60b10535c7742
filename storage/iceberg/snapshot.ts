/**
 * Owns: how metadata goes from one version to the next: a new snapshot, and old ones let go.
 * Invariants: sequence numbers rise by one, times never go back, and the file stays as long as
 * LIMITS.snapshots says however many commits there were.
 * Pure. Not its job: linking the version (./commit), deleting what expired (the sweep).
 * llp/0006
 */
import type { Seq } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { currentSnapshot } from './metadata.ts';
import type { RetiredSchema, Snapshot, TableMetadata } from './metadata.ts';
import type { TableSchema } from './schema.ts';

export interface NewSnapshot {
  /** Positive, 63 bits, new in this table. */
  readonly snapshotId: bigint;
  readonly nowMs: number;
  /** Full location of the manifest list. */
  readonly manifestList: string;
  readonly addedFiles: number;
  readonly addedRows: number;
  readonly addedBytes: number;
  /** Smallest seq added. */
  readonly minSeq: Seq;
  /** Largest seq added. */
  readonly maxSeq: Seq;
  /** More entries of the summary. */
  readonly summary?: Readonly<Record<string, string>> | undefined;
}

export interface Trimmed {
  readonly metadata: TableMetadata;
  /** No longer listed; files only they refer to may be swept. Oldest first. */
  readonly expired: readonly Snapshot[];
}

/** Totals a summary carries on from its parent, and the added-… entry that grows them. */
const TOTALS = [
  ['total-data-files', 'added-data-files'],
  ['total-records', 'added-records'],
  ['total-files-size', 'added-files-size'],
] as const;

/** The next version of `base` when nothing but hyp's own state changes. */
export function touched(base: TableMetadata, nowMs: number): TableMetadata {
  const previous = [...base.previousUpdatesMs, base.lastUpdatedMs];
  return {
    ...base,
    lastUpdatedMs: Math.max(nowMs, base.lastUpdatedMs),
    previousUpdatesMs: previous.slice(1 - LIMITS.recordVersions),
  };
}

/** `base` with one more snapshot, which is then the current one. */
export function appendSnapshot(base: TableMetadata, input: NewSnapshot): TableMetadata {
  const { snapshotId } = input;
  invariant(BigInt.asUintN(63, snapshotId) === snapshotId && snapshotId > 0n, 'a 63-bit id');
  invariant(!base.snapshots.some((known) => known.snapshotId === snapshotId), 'a new snapshot id');
  const next = touched(base, input.nowMs);
  const sequenceNumber = base.lastSequenceNumber + 1n;
  const timestampMs = next.lastUpdatedMs;
  const snapshot: Snapshot = {
    snapshotId,
    parentSnapshotId: base.currentSnapshotId,
    sequenceNumber,
    timestampMs,
    manifestList: input.manifestList,
    summary: summaryOf(currentSnapshot(base), input),
    schemaId: base.currentSchemaId,
  };
  return {
    ...next,
    lastSequenceNumber: sequenceNumber,
    currentSnapshotId: snapshotId,
    snapshots: [...base.snapshots, snapshot],
    snapshotLog: [...base.snapshotLog, { timestampMs, snapshotId }],
  };
}

function summaryOf(parent: Snapshot | undefined, input: NewSnapshot): Record<string, string> {
  const summary: Record<string, string> = {
    operation: 'append',
    'added-data-files': String(input.addedFiles),
    'added-records': String(input.addedRows),
    'added-files-size': String(input.addedBytes),
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
    'hyp.min-seq': input.minSeq.toString(),
    'hyp.max-seq': input.maxSeq.toString(),
    ...input.summary,
  };
  for (const [total, added] of TOTALS) {
    const before = parent === undefined ? '0' : parent.summary[total];
    // A total the parent does not state is unknown, and an unknown one is left out.
    if (before === undefined || !/^\d+$/.test(before)) continue;
    summary[total] = (BigInt(before) + BigInt(summary[added] ?? 0)).toString();
  }
  return summary;
}

/**
 * Keeps the newest LIMITS.snapshots, the current one and those a branch or tag names; schemas that
 * only expired snapshots used are retired (see schemaById).
 */
export function trimSnapshots(metadata: TableMetadata): Trimmed {
  const named = new Set(Object.values(metadata.otherRefs).map((ref) => ref.snapshotId));
  if (metadata.currentSnapshotId !== undefined) named.add(metadata.currentSnapshotId);
  const { snapshots } = metadata;
  const isKept = (snapshot: Snapshot, index: number): boolean => {
    const age = snapshots.length - 1 - index;
    return age < LIMITS.snapshots || named.has(snapshot.snapshotId);
  };
  const kept = snapshots.filter(isKept);
  if (kept.length === snapshots.length) return { metadata: retireSchemas(metadata), expired: [] };
  const ids = new Set(kept.map((snapshot) => snapshot.snapshotId));
  const trimmed = {
    ...metadata,
    snapshots: kept,
    snapshotLog: logOf(metadata, ids),
  };
  const expired = snapshots.filter((snapshot) => !ids.has(snapshot.snapshotId));
  return { metadata: retireSchemas(trimmed), expired };
}

/** The log must not bridge a snapshot that is gone: what is older than it goes too. */
function logOf(metadata: TableMetadata, ids: ReadonlySet<bigint>): TableMetadata['snapshotLog'] {
  const log = metadata.snapshotLog;
  const gap = log.findLastIndex((entry) => !ids.has(entry.snapshotId));
  return log.slice(gap + 1);
}

function retireSchemas(metadata: TableMetadata): TableMetadata {
  const used = new Set(metadata.snapshots.map((snapshot) => snapshot.schemaId));
  used.add(metadata.currentSchemaId);
  const schemas = metadata.schemas.filter((schema) => used.has(schema.schemaId));
  if (schemas.length === metadata.schemas.length) return metadata;
  const unused = metadata.schemas.filter((schema) => !used.has(schema.schemaId));
  return {
    ...metadata,
    schemas,
    retiredSchemas: [...metadata.retiredSchemas, ...unused.map(retired)],
  };
}

/** Evolution only adds, with ever higher ids: the highest id says what a schema had. */
function retired(schema: TableSchema): RetiredSchema {
  const lastColumnId = Math.max(...schema.fields.map((field) => field.id));
  return { schemaId: schema.schemaId, lastColumnId };
}
