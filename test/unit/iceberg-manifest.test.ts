/**
 * Avro container files, manifests and manifest lists. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { checkSeal } from '../../src/core/digest.ts';
import { avroSchema, decodeAvro, encodeAvro } from '../../storage/iceberg/avro.ts';
import { decodeManifest, encodeManifest, seqRangeOf } from '../../storage/iceberg/manifest.ts';
import { decodeManifestList, encodeManifestList } from '../../storage/iceberg/manifest-list.ts';
import { foreignAvro, rawHeader } from '../support/avro-bytes.ts';
import {
  BIG_ID,
  SAMPLE_SCHEMA,
  SEQ_FIELD_ID,
  sampleEntry,
  sampleManifest,
} from '../support/iceberg-samples.ts';

const LONGS = avroSchema({
  type: 'record',
  name: 'r',
  fields: [{ name: 'n', type: ['null', 'long'], default: null, 'field-id': 7 }],
});

const manifest = (): Uint8Array =>
  encodeManifest({ schema: SAMPLE_SCHEMA.schema, entries: [sampleEntry(1, 3), sampleEntry(4)] });

const list = (): Uint8Array =>
  encodeManifestList({
    snapshotId: BIG_ID,
    parentSnapshotId: undefined,
    sequenceNumber: 3n,
    manifests: [sampleManifest(1), sampleManifest(2)],
  });

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

/** All numbers under `key` in a schema, with the name they stand beside. */
function idsOf(schema: unknown, key: string): number[] {
  if (Array.isArray(schema)) return schema.flatMap((item) => idsOf(item, key));
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([name, value]: [string, unknown]) =>
    name === key && typeof value === 'number' ? [value] : idsOf(value, key),
  );
}

describe('an Avro file', () => {
  test('holds every 64-bit integer exactly', () => {
    const records = [2n ** 63n - 1n, -(2n ** 63n), 0n, null].map((n) => ({ n }));
    expect(decodeAvro(encodeAvro(LONGS, [], records), 'f').records).toEqual(records);
  });

  test('refuses an integer of more than 64 bits', () => {
    expect(() => encodeAvro(LONGS, [], [{ n: 2n ** 63n }])).toThrow();
  });

  test('has a header and nothing else when there are no records', () => {
    const { keyValues, records } = decodeAvro(encodeAvro(LONGS, [['k', 'v']], []), 'f');
    expect(records).toEqual([]);
    expect(keyValues.get('k')).toBe('v');
  });

  test('is the same for the same values', () => {
    expect(encodeAvro(LONGS, [], [{ n: 1n }])).toEqual(encodeAvro(LONGS, [], [{ n: 1n }]));
  });

  test('begins with its seal, so nothing a user wrote can come before it', () => {
    const bytes = encodeAvro(LONGS, [['k', 'hyp-sha256:forged']], [{ n: 1n }]);
    expect(rawHeader(bytes).keys[0]).toBe('hyp.seal');
    expect(checkSeal(bytes)).toBe('whole');
  });

  test('of another program is refused unless asked for', () => {
    const bytes = foreignAvro(LONGS, [{ n: 5n }]);
    expect(() => decodeAvro(bytes, 'f')).toThrow(code('E_FOREIGN'));
    expect(decodeAvro(bytes, 'f', { unsealed: 'accept' }).records).toEqual([{ n: 5n }]);
  });
});

describe('a manifest', () => {
  test('reads back as it was written', () => {
    const entries = [
      sampleEntry(1, 3),
      {
        ...sampleEntry(4),
        status: 'existing' as const,
        sequenceNumber: 2n,
        fileSequenceNumber: 2n,
      },
      { ...sampleEntry(5), status: 'deleted' as const, sequenceNumber: 3n, fileSequenceNumber: 3n },
    ];
    const bytes = encodeManifest({ schema: SAMPLE_SCHEMA.schema, entries });
    const decoded = decodeManifest(bytes, 'm.avro');
    expect(decoded.schemaId).toBe(0);
    expect(JSON.stringify(decoded.entries, plain)).toBe(JSON.stringify(entries, plain));
  });

  test('states every field id of the specification in its header', () => {
    const { schema, values } = rawHeader(manifest());
    expect(idsOf(schema, 'field-id').sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 100, 101, 102, 103, 104, 108, 109, 110, 117, 118, 119, 120, 121, 122, 125, 126,
      127, 128, 129, 130, 131, 132, 134, 135, 137, 138, 139, 140,
    ]);
    expect(idsOf(schema, 'element-id')).toEqual([133, 136]);
    expect(JSON.stringify(schema).match(/"logicalType":"map"/g)).toHaveLength(6);
    expect(values).toMatchObject({
      'schema-id': '0',
      'partition-spec': '[]',
      'partition-spec-id': '0',
      'format-version': '2',
      content: 'data',
    });
    expect(JSON.parse(values['schema'] ?? '')).toMatchObject({ 'schema-id': 0, type: 'struct' });
  });

  test('names the seqs of a file by its bounds', () => {
    const [first] = decodeManifest(manifest(), 'm.avro').entries;
    expect(first && seqRangeOf(first, SEQ_FIELD_ID)).toEqual({ min: 1n, max: 3n });
    expect(() => first && seqRangeOf(first, 99)).toThrow(code('E_CORRUPT'));
  });

  test('with any one byte changed is damaged', () => {
    const whole = manifest();
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      expect(() => decodeManifest(bytes, 'm.avro'), `byte ${at}`).toThrow(code('E_CORRUPT'));
    }
  });

  test('cut short anywhere is damaged', () => {
    const whole = manifest();
    for (let length = 0; length < whole.length; length += 7) {
      const cut = whole.slice(0, length);
      expect(() => decodeManifest(cut, 'm.avro'), `${length} bytes`).toThrow(code('E_CORRUPT'));
    }
  });
});

describe('a manifest list', () => {
  test('reads back as it was written', () => {
    expect(decodeManifestList(list(), 'l.avro')).toEqual([sampleManifest(1), sampleManifest(2)]);
  });

  test('states every field id of the specification in its header', () => {
    const { schema, values } = rawHeader(list());
    expect(idsOf(schema, 'field-id').sort((a, b) => a - b)).toEqual([
      500, 501, 502, 503, 504, 505, 506, 507, 509, 510, 511, 512, 513, 514, 515, 516, 517, 518, 519,
    ]);
    expect(idsOf(schema, 'element-id')).toEqual([508]);
    expect(values).toMatchObject({
      'snapshot-id': BIG_ID.toString(),
      'parent-snapshot-id': 'null',
      'sequence-number': '3',
      'format-version': '2',
    });
  });

  test('with any one byte changed is damaged', () => {
    const whole = list();
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x01;
      expect(() => decodeManifestList(bytes, 'l.avro'), `byte ${at}`).toThrow(code('E_CORRUPT'));
    }
  });
});

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  // toJSON of a Buffer has run already when the replacer sees it.
  if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer') {
    return Buffer.from((value as unknown as { data: number[] }).data).toString('hex');
  }
  return value instanceof Map ? [...value] : value;
}
