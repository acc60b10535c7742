/**
 * Owns: table metadata, the value whose every version is one commit of a table: schemas, snapshots
 * and hyp's own state (largest seq, positions), changed together or not at all.
 * Invariants: I1 (`hyp.maxSeq` never falls), field ids and schema ids are never given again.
 * Not its job: bytes (./metadata-file), the next version (./snapshot).
 * llp/0006
 */
import { HypError } from '../../src/core/errors.ts';
import { SEQ_ZERO, toLineage } from '../../src/core/ids.ts';
import type { Lineage, Seq } from '../../src/core/ids.ts';
import type { TableSchema } from './schema.ts';

/** What hyp keeps with a table, in its properties: one commit changes it together with the rows. */
export interface HypProperties {
  readonly lineage: Lineage;
  /** Largest seq ever committed; never falls, whatever retention removes. */
  readonly maxSeq: Seq;
  /** Retention has removed rows up to here. */
  readonly prunedThrough: Seq;
  /** Name of the positions file in the metadata directory; undefined before there is one. */
  readonly positions: string | undefined;
  /** A commit based on an older epoch than the table's starts over with new files. */
  readonly sweepEpoch: number;
  /** Largest `_hyp_ingested_at`, microseconds. */
  readonly lastIngestedAtUs: bigint;
  /** Rows with something in `_hyp_rescued`, over the table's whole life. */
  readonly rescuedRows: bigint;
}

export interface Snapshot {
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
  readonly timestampMs: number;
  /** Full location of the manifest list. */
  readonly manifestList: string;
  /** `operation` and figures, all text. */
  readonly summary: Readonly<Record<string, string>>;
  readonly schemaId: number | undefined;
}

export interface SnapshotLogEntry {
  readonly timestampMs: number;
  readonly snapshotId: bigint;
}

export interface SnapshotRef {
  readonly snapshotId: bigint;
  readonly type: 'branch' | 'tag';
}

/** A schema no longer listed: the current one without the fields above `lastColumnId`. */
export interface RetiredSchema {
  readonly schemaId: number;
  readonly lastColumnId: number;
}

/** Format version 2, unpartitioned, unsorted. */
export interface TableMetadata {
  /** Never changes. */
  readonly tableUuid: string;
  /** As `locationOf` gives it. */
  readonly location: string;
  readonly lastSequenceNumber: bigint;
  /** Never goes back. */
  readonly lastUpdatedMs: number;
  /** Highest field id ever given. */
  readonly lastColumnId: number;
  readonly schemas: readonly TableSchema[];
  readonly currentSchemaId: number;
  readonly retiredSchemas: readonly RetiredSchema[];
  readonly hyp: HypProperties;
  /** All other properties. */
  readonly properties: Readonly<Record<string, string>>;
  readonly currentSnapshotId: bigint | undefined;
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** Oldest first. */
  readonly snapshotLog: readonly SnapshotLogEntry[];
  /** `lastUpdatedMs` of the versions before this one, oldest first; becomes `metadata-log`. */
  readonly previousUpdatesMs: readonly number[];
  /** `main` is written from `currentSnapshotId` and not in here. */
  readonly otherRefs: Readonly<Record<string, SnapshotRef>>;
}

/** Metadata of a table without rows; its first version also carries its first snapshot. */
export function initialMetadata(table: {
  readonly tableUuid: string;
  readonly location: string;
  readonly schema: TableSchema;
  readonly lastColumnId: number;
  readonly nowMs: number;
}): TableMetadata {
  return {
    tableUuid: table.tableUuid,
    location: table.location,
    lastSequenceNumber: 0n,
    lastUpdatedMs: table.nowMs,
    lastColumnId: table.lastColumnId,
    schemas: [table.schema],
    currentSchemaId: table.schema.schemaId,
    retiredSchemas: [],
    hyp: initialHyp(table.tableUuid),
    properties: {},
    currentSnapshotId: undefined,
    snapshots: [],
    snapshotLog: [],
    previousUpdatesMs: [],
    otherRefs: {},
  };
}

/** What hyp knows of a table in which it never committed. */
export function initialHyp(tableUuid: string): HypProperties {
  return {
    lineage: toLineage(tableUuid),
    maxSeq: SEQ_ZERO,
    prunedThrough: SEQ_ZERO,
    positions: undefined,
    sweepEpoch: 0,
    lastIngestedAtUs: 0n,
    rescuedRows: 0n,
  };
}

/** The schema new rows are written with. */
export function currentSchema(metadata: TableMetadata): TableSchema {
  const schema = metadata.schemas.find(({ schemaId }) => schemaId === metadata.currentSchemaId);
  if (schema === undefined) {
    throw new HypError('E_CORRUPT', `table ${metadata.tableUuid} has no current schema`, {
      hint: 'Run `hyp check`.',
    });
  }
  return schema;
}

/** Any schema the table ever had, also one that is no longer listed; undefined for another id. */
export function schemaById(metadata: TableMetadata, schemaId: number): TableSchema | undefined {
  const listed = metadata.schemas.find((schema) => schema.schemaId === schemaId);
  const retired = metadata.retiredSchemas.find((schema) => schema.schemaId === schemaId);
  if (listed !== undefined || retired === undefined) return listed;
  const { fields } = currentSchema(metadata);
  return { schemaId, fields: fields.filter((field) => field.id <= retired.lastColumnId) };
}

/** The snapshot readers see; undefined before the first. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  return metadata.snapshots.find(({ snapshotId }) => snapshotId === metadata.currentSnapshotId);
}
