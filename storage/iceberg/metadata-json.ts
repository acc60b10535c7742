/**
 * Owns: the JSON of table metadata (Iceberg spec, appendix C): names, defaults, int64 as bigint, and
 * how hyp's own state is spelled in the table's properties.
 * Not its job: seal and file names (./metadata-file).
 * llp/0006
 */
import { z } from 'zod';
import { HypError } from '../../src/core/errors.ts';
import { toLineage, toSeq } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Json } from '../../src/core/json.ts';
import type { VersionLink } from '../../src/core/versioned-record.ts';
import { initialHyp } from './metadata.ts';
import type { HypProperties, RetiredSchema, Snapshot, TableMetadata } from './metadata.ts';
import { schemaFromJson, schemaJson, schemaToJson } from './schema-json.ts';

export interface DecodedMetadata {
  readonly value: TableMetadata;
  /** undefined when hyp never committed this version. */
  readonly link: VersionLink | undefined;
}

type JsonObject = Readonly<Record<string, Json>>;

const FORMAT_VERSION = 2;
const HYP_FORMAT = 1;
/** Last partition field id of a table that never had one. */
const NO_PARTITION_ID = 999;

const KEYS = {
  format: 'hyp.format',
  commitId: 'hyp.commit-id',
  parentId: 'hyp.parent-commit-id',
  history: 'hyp.commit-history',
  lineage: 'hyp.lineage',
  maxSeq: 'hyp.max-seq',
  prunedThrough: 'hyp.pruned-through',
  positions: 'hyp.positions',
  sweepEpoch: 'hyp.sweep-epoch',
  lastIngestedAtUs: 'hyp.last-ingested-at-us',
  rescuedRows: 'hyp.rescued-rows',
  retiredSchemas: 'hyp.retired-schemas',
} as const;

const OWN_KEYS: ReadonlySet<string> = new Set(Object.values(KEYS));

const int64 = z.union([z.number().int(), z.bigint()]).transform(BigInt);
const int = z.number().int();
const texts = z.record(z.string(), z.string());

const metadataJson = z.object({
  'format-version': int,
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': int64.default(0n),
  'last-updated-ms': int,
  'last-column-id': int,
  schemas: z.array(schemaJson).min(1),
  'current-schema-id': int,
  'partition-specs': z.array(z.object({ fields: z.array(z.unknown()) })).default([]),
  properties: texts.nullish(),
  'current-snapshot-id': int64.nullish(),
  refs: z
    .record(z.string(), z.object({ 'snapshot-id': int64, type: z.enum(['branch', 'tag']) }))
    .nullish(),
  snapshots: z
    .array(
      z.object({
        'snapshot-id': int64,
        'parent-snapshot-id': int64.nullish(),
        'sequence-number': int64.default(0n),
        'timestamp-ms': int,
        'manifest-list': z.string(),
        summary: texts.nullish(),
        'schema-id': int.nullish(),
      }),
    )
    .nullish(),
  'snapshot-log': z.array(z.object({ 'timestamp-ms': int, 'snapshot-id': int64 })).nullish(),
  'metadata-log': z.array(z.object({ 'timestamp-ms': int })).nullish(),
});

type MetadataJson = z.infer<typeof metadataJson>;

/** `version` is the one this value is written as; the versions before it make the metadata log. */
export function metadataToJson(
  value: TableMetadata,
  link: VersionLink,
  version: number,
): JsonObject {
  const main = value.currentSnapshotId;
  return {
    'format-version': FORMAT_VERSION,
    'table-uuid': value.tableUuid,
    location: value.location,
    'last-sequence-number': value.lastSequenceNumber,
    'last-updated-ms': value.lastUpdatedMs,
    'last-column-id': value.lastColumnId,
    'current-schema-id': value.currentSchemaId,
    schemas: value.schemas.map(schemaToJson),
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: [] }],
    'last-partition-id': NO_PARTITION_ID,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { ...value.properties, ...hypToProperties(value, link) },
    ...(main === undefined ? {} : { 'current-snapshot-id': main }),
    refs: refsToJson(value),
    snapshots: value.snapshots.map(snapshotToJson),
    statistics: [],
    'partition-statistics': [],
    'snapshot-log': value.snapshotLog.map((entry) => ({
      'timestamp-ms': entry.timestampMs,
      'snapshot-id': entry.snapshotId,
    })),
    'metadata-log': metadataLog(value, version),
  };
}

function refsToJson(value: TableMetadata): JsonObject {
  const refs: Record<string, Json> = {};
  const main = value.currentSnapshotId;
  if (main !== undefined) refs['main'] = { 'snapshot-id': main, type: 'branch' };
  for (const [name, ref] of Object.entries(value.otherRefs)) {
    refs[name] = { 'snapshot-id': ref.snapshotId, type: ref.type };
  }
  return refs;
}

function snapshotToJson(snapshot: Snapshot): JsonObject {
  const { parentSnapshotId: parent, schemaId } = snapshot;
  return {
    'snapshot-id': snapshot.snapshotId,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
    'sequence-number': snapshot.sequenceNumber,
    'timestamp-ms': snapshot.timestampMs,
    'manifest-list': snapshot.manifestList,
    summary: snapshot.summary,
    ...(schemaId === undefined ? {} : { 'schema-id': schemaId }),
  };
}

/** Names only versions that core/versioned-record still keeps. */
function metadataLog(value: TableMetadata, version: number): Json {
  const kept = Math.min(LIMITS.recordVersions, version) - 1;
  const times = kept === 0 ? [] : value.previousUpdatesMs.slice(-kept);
  const first = version - times.length;
  return times.map((timestampMs, index) => ({
    'timestamp-ms': timestampMs,
    'metadata-file': `${value.location}/metadata/v${first + index}.metadata.json`,
  }));
}

function hypToProperties(value: TableMetadata, link: VersionLink): Record<string, string> {
  const { hyp } = value;
  const retired = value.retiredSchemas.map((old) => `${old.schemaId}:${old.lastColumnId}`);
  return {
    [KEYS.format]: String(HYP_FORMAT),
    [KEYS.commitId]: link.commitId,
    ...(link.parentId === undefined ? {} : { [KEYS.parentId]: link.parentId }),
    [KEYS.history]: link.history.join(','),
    [KEYS.lineage]: hyp.lineage,
    [KEYS.maxSeq]: hyp.maxSeq.toString(),
    [KEYS.prunedThrough]: hyp.prunedThrough.toString(),
    ...(hyp.positions === undefined ? {} : { [KEYS.positions]: hyp.positions }),
    [KEYS.sweepEpoch]: String(hyp.sweepEpoch),
    [KEYS.lastIngestedAtUs]: hyp.lastIngestedAtUs.toString(),
    [KEYS.rescuedRows]: hyp.rescuedRows.toString(),
    ...(retired.length === 0 ? {} : { [KEYS.retiredSchemas]: retired.join(',') }),
  };
}

/** Throws a ZodError or HypError when `json` is not metadata this hyp can read. */
export function metadataFromJson(json: Json, path: string): DecodedMetadata {
  refuseNewer(json, path);
  const raw = metadataJson.parse(json);
  if (raw['partition-specs'].some((spec) => spec.fields.length > 0)) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `the table of ${path} is partitioned`, {
      hint: 'hyp reads unpartitioned tables.',
      details: { path },
    });
  }
  const properties = raw.properties ?? {};
  const current = currentSnapshotId(raw, path);
  const value: TableMetadata = {
    tableUuid: raw['table-uuid'],
    location: raw.location,
    lastSequenceNumber: raw['last-sequence-number'],
    lastUpdatedMs: raw['last-updated-ms'],
    lastColumnId: raw['last-column-id'],
    schemas: raw.schemas.map((schema) => schemaFromJson(schema, path)),
    currentSchemaId: raw['current-schema-id'],
    retiredSchemas: retiredFrom(properties[KEYS.retiredSchemas]),
    hyp: hypFrom(properties, raw['table-uuid'], path),
    properties: Object.fromEntries(
      Object.entries(properties).filter(([key]) => !OWN_KEYS.has(key)),
    ),
    currentSnapshotId: current,
    snapshots: snapshotsFrom(raw),
    snapshotLog: (raw['snapshot-log'] ?? []).map((entry) => ({
      timestampMs: entry['timestamp-ms'],
      snapshotId: entry['snapshot-id'],
    })),
    previousUpdatesMs: (raw['metadata-log'] ?? []).map((entry) => entry['timestamp-ms']),
    otherRefs: otherRefsFrom(raw),
  };
  return { value, link: linkFrom(properties) };
}

/** Before anything else is looked at: a newer format may spell the rest in another way. */
function refuseNewer(json: Json, path: string): void {
  const shape = z.object({
    'format-version': z.number(),
    properties: z.object({ [KEYS.format]: z.coerce.number().optional() }).nullish(),
  });
  const known = shape.safeParse(json);
  if (!known.success) return;
  const version = known.data['format-version'];
  const hyp = known.data.properties?.[KEYS.format] ?? HYP_FORMAT;
  if (version <= FORMAT_VERSION && hyp <= HYP_FORMAT) return;
  const what = version > FORMAT_VERSION ? `Iceberg format ${version}` : `hyp format ${hyp}`;
  throw new HypError('E_UNSUPPORTED_FORMAT', `${path} has ${what}`, {
    hint: `This hyp knows Iceberg format ${FORMAT_VERSION} and hyp format ${HYP_FORMAT}: use a newer one.`,
    details: { path },
  });
}

/** Java writes -1 for "none". */
function currentSnapshotId(raw: MetadataJson, path: string): bigint | undefined {
  const stated = raw['current-snapshot-id'] ?? undefined;
  if (stated === undefined || stated === -1n) return undefined;
  if (raw.snapshots?.some((snapshot) => snapshot['snapshot-id'] === stated) === true) return stated;
  throw new HypError('E_CORRUPT', `the current snapshot of ${path} is not in it`, {
    hint: 'Run `hyp check`.',
    details: { path },
  });
}

function snapshotsFrom(raw: MetadataJson): Snapshot[] {
  return (raw.snapshots ?? []).map((snapshot) => ({
    snapshotId: snapshot['snapshot-id'],
    parentSnapshotId: snapshot['parent-snapshot-id'] ?? undefined,
    sequenceNumber: snapshot['sequence-number'],
    timestampMs: snapshot['timestamp-ms'],
    manifestList: snapshot['manifest-list'],
    summary: snapshot.summary ?? {},
    schemaId: snapshot['schema-id'] ?? undefined,
  }));
}

function otherRefsFrom(raw: MetadataJson): TableMetadata['otherRefs'] {
  const refs = Object.entries(raw.refs ?? {}).filter(([name]) => name !== 'main');
  return Object.fromEntries(
    refs.map(([name, ref]) => [name, { snapshotId: ref['snapshot-id'], type: ref.type }]),
  );
}

function linkFrom(properties: Readonly<Record<string, string>>): VersionLink | undefined {
  const commitId = properties[KEYS.commitId];
  if (commitId === undefined) return undefined;
  const history = properties[KEYS.history]?.split(',') ?? [commitId];
  return { commitId, parentId: properties[KEYS.parentId], history };
}

const digits = z.string().regex(/^\d{1,19}$/);

const hypJson = z.object({
  [KEYS.lineage]: z.string().transform(toLineage),
  [KEYS.maxSeq]: digits.transform(toSeq),
  [KEYS.prunedThrough]: digits.transform(toSeq),
  [KEYS.positions]: z.string().optional(),
  [KEYS.sweepEpoch]: digits.transform(Number),
  [KEYS.lastIngestedAtUs]: digits.transform(BigInt),
  [KEYS.rescuedRows]: digits.transform(BigInt),
});

/** All or none: a table with a hyp format states everything hyp keeps, none of it is assumed. */
function hypFrom(
  properties: Readonly<Record<string, string>>,
  tableUuid: string,
  path: string,
): HypProperties {
  if (properties[KEYS.format] === undefined) return initialHyp(tableUuid);
  const parsed = hypJson.safeParse(properties);
  if (!parsed.success) {
    throw new HypError('E_CORRUPT', `incomplete hyp properties in ${path}`, {
      cause: parsed.error,
      hint: 'Run `hyp check`.',
      details: { path },
    });
  }
  return {
    lineage: parsed.data[KEYS.lineage],
    maxSeq: parsed.data[KEYS.maxSeq],
    prunedThrough: parsed.data[KEYS.prunedThrough],
    positions: parsed.data[KEYS.positions],
    sweepEpoch: parsed.data[KEYS.sweepEpoch],
    lastIngestedAtUs: parsed.data[KEYS.lastIngestedAtUs],
    rescuedRows: parsed.data[KEYS.rescuedRows],
  };
}

function retiredFrom(text: string | undefined): RetiredSchema[] {
  if (text === undefined || text === '') return [];
  return text.split(',').map((pair) => {
    const [schemaId, lastColumnId] = pair.split(':').map(Number);
    return { schemaId: int.parse(schemaId), lastColumnId: int.parse(lastColumnId) };
  });
}
