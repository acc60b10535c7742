/**
 * Table metadata: the file, foreign samples, snapshots. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { toSeq } from '../../src/core/ids.ts';
import { currentSchema, currentSnapshot, schemaById } from '../../storage/iceberg/metadata.ts';
import type { TableMetadata } from '../../storage/iceberg/metadata.ts';
import { readMetadata, tableMetadataFormat } from '../../storage/iceberg/metadata-file.ts';
import { evolve } from '../../storage/iceberg/schema.ts';
import { appendSnapshot, touched, trimSnapshots } from '../../storage/iceberg/snapshot.ts';
import { BIG_ID, SAMPLE_LOCATION, sampleLink, sampleTable } from '../support/iceberg-samples.ts';

const PATH = '/store/tables/requests/metadata/v3.metadata.json';
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

function written(value: TableMetadata, version = 3): Uint8Array {
  return tableMetadataFormat.encode(value, sampleLink(version), version);
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
}

function bytesOf(json: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(json));
}

/** What another program makes of our file: all it knows, and nothing it does not know. */
function rewrittenElsewhere(bytes: Uint8Array, change: Record<string, unknown> = {}): Uint8Array {
  return bytesOf({ ...parsed(bytes), 'hyp.seal': undefined, ...change });
}

describe('a metadata file', () => {
  test('reads back as it was written, with ids beyond 2^53 and its link', () => {
    const value = {
      ...sampleTable(3),
      hyp: { ...sampleTable(3).hyp, positions: 'positions-3-ab.json', rescuedRows: 2n ** 60n },
      properties: { owner: 'somebody' },
      otherRefs: { kept: { snapshotId: BIG_ID - 2000n, type: 'tag' as const } },
    };
    const decoded = tableMetadataFormat.decode(written(value), PATH);
    expect(decoded.link).toEqual(sampleLink(3));
    expect(decoded.value).toEqual({
      ...value,
      previousUpdatesMs: value.previousUpdatesMs.slice(-2),
    });
  });

  test('begins with its seal', () => {
    const text = Buffer.from(written(sampleTable(1))).toString('utf8');
    expect(text).toMatch(/^\{"hyp\.seal":"hyp-sha256:[0-9a-f]{64}","format-version":2,/);
  });

  test('has every member that version 2 requires', () => {
    expect(Object.keys(parsed(written(sampleTable(2))))).toEqual(
      expect.arrayContaining([
        'format-version',
        'table-uuid',
        'location',
        'last-sequence-number',
        'last-updated-ms',
        'last-column-id',
        'schemas',
        'current-schema-id',
        'partition-specs',
        'default-spec-id',
        'last-partition-id',
        'sort-orders',
        'default-sort-order-id',
      ]),
    );
    expect(parsed(written(sampleTable(2)))).toMatchObject({
      'partition-specs': [{ 'spec-id': 0, fields: [] }],
      'last-partition-id': 999,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
    });
  });

  test('spells what hyp keeps as text in the properties', () => {
    expect(parsed(written(sampleTable(3)))['properties']).toMatchObject({
      'hyp.format': '1',
      'hyp.commit-id': 'c-3',
      'hyp.parent-commit-id': 'c-2',
      'hyp.commit-history': 'c-3,c-2,c-1',
      'hyp.lineage': '6f1c2a9e-0000-4000-8000-00000000c0de',
      'hyp.max-seq': '3',
      'hyp.pruned-through': '0',
      'hyp.sweep-epoch': '0',
      'hyp.last-ingested-at-us': '0',
      'hyp.rescued-rows': '0',
    });
  });

  test('names in its log exactly the kept versions before it', () => {
    const log = (version: number): unknown =>
      parsed(written(sampleTable(version), version))['metadata-log'];
    expect(log(1)).toEqual([]);
    expect(log(3)).toEqual([
      {
        'timestamp-ms': 1_760_000_001_000,
        'metadata-file': `${SAMPLE_LOCATION}/metadata/v1.metadata.json`,
      },
      {
        'timestamp-ms': 1_760_000_002_000,
        'metadata-file': `${SAMPLE_LOCATION}/metadata/v2.metadata.json`,
      },
    ]);
    const long = log(50) as { readonly 'metadata-file': string }[];
    expect(long).toHaveLength(LIMITS.recordVersions - 1);
    expect(long[0]?.['metadata-file']).toMatch(/v31\.metadata\.json$/);
    expect(long.at(-1)?.['metadata-file']).toMatch(/v49\.metadata\.json$/);
  });

  test('is found by its version, a gzip one of another program too', () => {
    expect(tableMetadataFormat.parseName(tableMetadataFormat.fileName(17))).toBe(17);
    expect(tableMetadataFormat.parseName('v17.gz.metadata.json')).toBe(17);
    for (const name of ['v0.metadata.json', 'v01.metadata.json', 'x.metadata.json', '.v1.tmp']) {
      expect(tableMetadataFormat.parseName(name)).toBeUndefined();
    }
  });

  test('with any one byte changed is damaged, never foreign', () => {
    const whole = written(sampleTable(2));
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x01;
      expect(() => tableMetadataFormat.decode(bytes, PATH), `byte ${at}`).toThrow(
        code('E_CORRUPT'),
      );
    }
  });

  test('cut short anywhere is damaged', () => {
    const whole = written(sampleTable(2));
    for (let length = 0; length < whole.length; length += 11) {
      expect(() => tableMetadataFormat.decode(whole.slice(0, length), PATH)).toThrow(
        code('E_CORRUPT'),
      );
    }
  });

  test('that another program wrote on top of ours is foreign, although it kept our properties', () => {
    const bytes = rewrittenElsewhere(written(sampleTable(2)));
    expect(() => tableMetadataFormat.decode(bytes, PATH)).toThrow(code('E_FOREIGN'));
  });

  test('of a newer format is refused before anything else of it is read', () => {
    const sealed = (change: object): Uint8Array => {
      const { value } = tableMetadataFormat.decode(written(sampleTable(1)), PATH);
      const base = parsed(written(value));
      return bytesOf({ ...base, 'hyp.seal': undefined, ...change });
    };
    expect(() => readMetadata(sealed({ 'format-version': 3, snapshots: 'new' }), PATH)).toThrow(
      code('E_UNSUPPORTED_FORMAT'),
    );
    expect(() => readMetadata(sealed({ properties: { 'hyp.format': '2' } }), PATH)).toThrow(
      code('E_UNSUPPORTED_FORMAT'),
    );
  });

  test('that states a hyp format but not all of it is damaged', () => {
    const bytes = rewrittenElsewhere(written(sampleTable(1)), {
      properties: { 'hyp.format': '1', 'hyp.commit-id': 'x' },
    });
    expect(() => readMetadata(bytes, PATH)).toThrow(code('E_CORRUPT'));
  });
});

describe('metadata of other programs', () => {
  const java = `{
    "format-version": 2, "table-uuid": "6f1c2a9e-0000-4000-8000-00000000c0de",
    "location": "file:/warehouse/t", "last-sequence-number": 34, "last-updated-ms": 1602638573590,
    "last-column-id": 1, "current-schema-id": 0,
    "schemas": [{"type": "struct", "schema-id": 0,
      "fields": [{"id": 1, "name": "x", "required": true, "type": "long"}]}],
    "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
    "last-partition-id": 999, "default-sort-order-id": 0,
    "sort-orders": [{"order-id": 0, "fields": []}], "properties": {"owner": "root"},
    "current-snapshot-id": CURRENT, "snapshots": SNAPSHOTS, "snapshot-log": [], "metadata-log": []
  }`;
  const sample = (current: string, snapshots: string): Uint8Array =>
    Buffer.from(java.replace('CURRENT', current).replace('SNAPSHOTS', snapshots));
  const snapshot = `[{"snapshot-id": 9223372036854775783, "sequence-number": 34,
    "parent-snapshot-id": 3055729675574597004, "timestamp-ms": 1515100955770,
    "summary": {"operation": "append"}, "manifest-list": "file:/warehouse/t/metadata/s.avro"}]`;

  test('with 63-bit ids are read exactly', () => {
    const value = readMetadata(sample('9223372036854775783', snapshot), PATH);
    expect(currentSnapshot(value)).toMatchObject({
      snapshotId: 9_223_372_036_854_775_783n,
      parentSnapshotId: 3_055_729_675_574_597_004n,
      schemaId: undefined,
    });
    expect(value.hyp).toMatchObject({ maxSeq: 0n, positions: undefined });
    expect(value.properties).toEqual({ owner: 'root' });
  });

  test.each(['-1', 'null'])('without a snapshot say %s for the current one', (none) => {
    expect(readMetadata(sample(none, '[]'), PATH).currentSnapshotId).toBeUndefined();
  });

  test('whose current snapshot is not listed are damaged', () => {
    expect(() => readMetadata(sample('5', snapshot), PATH)).toThrow(code('E_CORRUPT'));
  });

  test('with partitions or other types are refused', () => {
    const text = sample('-1', '[]').toString();
    const partitioned = text.replace('"fields": []', '"fields": [{"source-id": 1}]');
    const typed = text.replace('"type": "long"', '"type": "uuid"');
    for (const other of [partitioned, typed]) {
      expect(() => readMetadata(Buffer.from(other), PATH)).toThrow(code('E_UNSUPPORTED_FORMAT'));
    }
  });
});

describe('a new snapshot', () => {
  const input = {
    snapshotId: 77n,
    nowMs: 5,
    manifestList: 'l.avro',
    addedFiles: 2,
    addedRows: 10,
    addedBytes: 500,
    minSeq: toSeq(4),
    maxSeq: toSeq(13),
  };

  test('is the current one, one sequence number up, and never earlier than the last', () => {
    const base = sampleTable(3);
    const next = appendSnapshot(base, input);
    expect(next).toMatchObject({ currentSnapshotId: 77n, lastSequenceNumber: 4n });
    expect(next.lastUpdatedMs).toBe(base.lastUpdatedMs);
    expect(currentSnapshot(next)).toMatchObject({
      parentSnapshotId: base.currentSnapshotId,
      sequenceNumber: 4n,
      timestampMs: base.lastUpdatedMs,
      schemaId: 0,
    });
    expect(next.snapshotLog.at(-1)).toEqual({
      timestampMs: base.lastUpdatedMs,
      snapshotId: 77n,
    });
  });

  test('states what it added and the totals of its table', () => {
    const next = appendSnapshot(sampleTable(3), { ...input, summary: { note: 'x' } });
    expect(currentSnapshot(next)?.summary).toMatchObject({
      operation: 'append',
      'added-data-files': '2',
      'total-data-files': '5',
      'added-records': '10',
      'total-records': '13',
      'total-files-size': '2600',
      'hyp.min-seq': '4',
      'hyp.max-seq': '13',
      note: 'x',
    });
  });

  test('leaves out a total its parent does not state', () => {
    const base = sampleTable(1);
    const bare = { ...base, snapshots: base.snapshots.map((old) => ({ ...old, summary: {} })) };
    expect(currentSnapshot(appendSnapshot(bare, input))?.summary).not.toHaveProperty(
      'total-records',
    );
  });

  test('must have an id that is positive, of 63 bits and not taken', () => {
    for (const snapshotId of [0n, -1n, 2n ** 63n, BIG_ID - 1000n]) {
      expect(() => appendSnapshot(sampleTable(1), { ...input, snapshotId })).toThrow(
        code('E_INTERNAL'),
      );
    }
  });
});

describe('trimming', () => {
  test('keeps the newest snapshots and their log, and names what went', () => {
    const metadata = sampleTable(LIMITS.snapshots + 1);
    expect(metadata.snapshots).toHaveLength(LIMITS.snapshots);
    expect(metadata.snapshotLog).toHaveLength(LIMITS.snapshots);
    expect(metadata.snapshots[0]?.sequenceNumber).toBe(2n);
    const base = sampleTable(LIMITS.snapshots);
    const appended = appendSnapshot(base, {
      snapshotId: 5n,
      nowMs: base.lastUpdatedMs,
      manifestList: 'l',
      addedFiles: 1,
      addedRows: 1,
      addedBytes: 1,
      minSeq: toSeq(21),
      maxSeq: toSeq(21),
    });
    const { expired } = trimSnapshots(appended);
    expect(expired).toEqual([base.snapshots[0]]);
  });

  test('keeps what a tag names', () => {
    const base = sampleTable(LIMITS.snapshots);
    const old = { ...base.snapshots[0], snapshotId: 1n };
    const otherRefs = { audit: { snapshotId: 1n, type: 'tag' } };
    const tagged = { ...base, otherRefs, snapshots: [old, ...base.snapshots] } as TableMetadata;
    expect(trimSnapshots(tagged).expired).toEqual([]);
  });

  test('makes a commit no longer than the one before, after the first twenty', () => {
    const bytes = (commits: number): number => {
      const link = { ...sampleLink(1), history: [] };
      return tableMetadataFormat.encode(sampleTable(commits), link, commits).length;
    };
    // Only decimal digits may grow: 20 snapshots, 19 log entries, a few figures.
    expect(bytes(300) - bytes(21)).toBeLessThan(20 * 12 + 19 + 20);
    expect(bytes(900)).toBeLessThanOrEqual(bytes(300) + 20 * 12);
  });

  test('retires schemas nothing refers to, which can still be told', () => {
    let metadata = sampleTable(1);
    for (let n = 0; n < 2 * LIMITS.snapshots; n++) {
      const known = { schema: currentSchema(metadata), lastColumnId: metadata.lastColumnId };
      const { schema, lastColumnId } = evolve(known, [{ name: `c${n}`, type: 'long' }]);
      const appended = appendSnapshot(
        {
          ...metadata,
          schemas: [...metadata.schemas, schema],
          currentSchemaId: schema.schemaId,
          lastColumnId,
        },
        {
          snapshotId: BigInt(n + 1),
          nowMs: 0,
          manifestList: 'l',
          addedFiles: 1,
          addedRows: 1,
          addedBytes: 1,
          minSeq: toSeq(n + 2),
          maxSeq: toSeq(n + 2),
        },
      );
      metadata = trimSnapshots(appended).metadata;
    }
    expect(metadata.schemas).toHaveLength(LIMITS.snapshots);
    const reread = tableMetadataFormat.decode(written(metadata), PATH).value;
    expect(schemaById(reread, 0)).toEqual(currentSchema(sampleTable(1)));
    expect(schemaById(reread, 3)?.fields.map((field) => field.name)).toEqual([
      'host',
      'tags',
      'c0',
      'c1',
      'c2',
      '_hyp_seq',
      '_hyp_ingested_at',
      '_hyp_rescued',
    ]);
    expect(schemaById(reread, 40)).toEqual(currentSchema(reread));
    expect(schemaById(reread, 41)).toBeUndefined();
  });
});

test('a version without a snapshot still enters the log and moves the time on', () => {
  const base = sampleTable(2);
  const next = touched(base, base.lastUpdatedMs + 9);
  expect(next.lastUpdatedMs).toBe(base.lastUpdatedMs + 9);
  expect(next.previousUpdatesMs.at(-1)).toBe(base.lastUpdatedMs);
  expect(touched(base, 0).lastUpdatedMs).toBe(base.lastUpdatedMs);
});
