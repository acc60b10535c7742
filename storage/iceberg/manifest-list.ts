/**
 * Owns: manifest lists, the immutable files in which a snapshot names its manifests. hyp keeps them
 * in seq order, oldest first. Pure: values to bytes and back.
 * llp/0006
 */
import { HypError } from '../../src/core/errors.ts';
import { avroSchema, decodeAvro, encodeAvro } from './avro.ts';
import type { AvroReadOptions } from './avro.ts';
import { asLong, asNumber, asRecord, asText, field, optional } from './avro-values.ts';

/** A manifest of data files as its list names it. */
export interface ManifestFile {
  /** Full location, as other engines open it. */
  readonly path: string;
  /** Bytes. */
  readonly length: bigint;
  /** Of the snapshot that wrote it; its ADDED entries inherit this. */
  readonly sequenceNumber: bigint;
  /** Smallest of its live files. */
  readonly minSequenceNumber: bigint;
  /** Of the snapshot that wrote it. */
  readonly addedSnapshotId: bigint;
  readonly addedFiles: number;
  readonly existingFiles: number;
  readonly deletedFiles: number;
  readonly addedRows: bigint;
  readonly existingRows: bigint;
  readonly deletedRows: bigint;
}

const FIELD_SUMMARY = {
  type: 'record',
  name: 'r508',
  fields: [
    field(509, 'contains_null', 'boolean'),
    optional(518, 'contains_nan', 'boolean'),
    optional(510, 'lower_bound', 'bytes'),
    optional(511, 'upper_bound', 'bytes'),
  ],
};

const MANIFEST_FILE = avroSchema({
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int'),
    field(515, 'sequence_number', 'long'),
    field(516, 'min_sequence_number', 'long'),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', { type: 'array', items: FIELD_SUMMARY, 'element-id': 508 }),
    optional(519, 'key_metadata', 'bytes'),
  ],
});

/** The bytes of a sealed manifest list. */
export function encodeManifestList(list: {
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
  readonly manifests: readonly ManifestFile[];
}): Uint8Array {
  return encodeAvro(
    MANIFEST_FILE,
    [
      ['snapshot-id', list.snapshotId.toString()],
      ['parent-snapshot-id', list.parentSnapshotId?.toString() ?? 'null'],
      ['sequence-number', list.sequenceNumber.toString()],
      ['format-version', '2'],
    ],
    list.manifests.map(toAvro),
  );
}

/**
 * The manifests of a list, in its order. E_CORRUPT when the file is damaged, E_FOREIGN when it has
 * no seal, E_UNSUPPORTED_FORMAT when it names delete manifests or a partitioned one.
 */
export function decodeManifestList(
  bytes: Uint8Array,
  path: string,
  options: AvroReadOptions = {},
): readonly ManifestFile[] {
  const { records } = decodeAvro(bytes, path, options);
  try {
    return records.map((record) => fromAvro(record, path));
  } catch (cause) {
    if (cause instanceof HypError) throw cause;
    const why = cause instanceof Error ? cause.message : 'unreadable';
    throw new HypError('E_CORRUPT', `damaged manifest list ${path}: ${why}`, {
      cause,
      hint: 'Run `hyp check`; restore the file from a backup. Other datasets go on.',
      details: { path },
    });
  }
}

function toAvro(manifest: ManifestFile): unknown {
  return {
    manifest_path: manifest.path,
    manifest_length: manifest.length,
    partition_spec_id: 0,
    content: 0,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFiles,
    existing_files_count: manifest.existingFiles,
    deleted_files_count: manifest.deletedFiles,
    added_rows_count: manifest.addedRows,
    existing_rows_count: manifest.existingRows,
    deleted_rows_count: manifest.deletedRows,
    partitions: [],
    key_metadata: null,
  };
}

function fromAvro(value: unknown, path: string): ManifestFile {
  const record = asRecord(value, 'manifest');
  const number = (name: string): number => asNumber(record[name], name);
  const long = (name: string): bigint => asLong(record[name], name);
  if (number('content') !== 0 || number('partition_spec_id') !== 0) {
    throw new HypError(
      'E_UNSUPPORTED_FORMAT',
      `${path} names delete files or partitions, which hyp does not read`,
      { hint: 'Another program changed this table; restore it from a backup.', details: { path } },
    );
  }
  return {
    path: asText(record['manifest_path'], 'manifest_path'),
    length: long('manifest_length'),
    sequenceNumber: long('sequence_number'),
    minSequenceNumber: long('min_sequence_number'),
    addedSnapshotId: long('added_snapshot_id'),
    addedFiles: number('added_files_count'),
    existingFiles: number('existing_files_count'),
    deletedFiles: number('deleted_files_count'),
    addedRows: long('added_rows_count'),
    existingRows: long('existing_rows_count'),
    deletedRows: long('deleted_rows_count'),
  };
}
