/**
 * Owns: manifests, the immutable files that name data files with their figures and bounds, and in
 * the header key `hyp.sums` the checksums that prove every row group (I12).
 * Pure: values to bytes and back. Invariant: ADDED entries inherit their sequence numbers, all
 * others carry their own, so a manifest can be listed by any later snapshot.
 * Not its job: writing the file (./commit), which manifests to join (./merge).
 * llp/0006
 */
import { HypError } from '../../src/core/errors.ts';
import { toSeq } from '../../src/core/ids.ts';
import type { Seq } from '../../src/core/ids.ts';
import { avroSchema, decodeAvro, encodeAvro } from './avro.ts';
import type { AvroReadOptions } from './avro.ts';
import {
  asArray,
  asBytes,
  asIntMap,
  asLong,
  asNumber,
  asRecord,
  asText,
  field,
  intMap,
  intMapEntries,
  optional,
  orUndefined,
} from './avro-values.ts';
import { longFromBound } from './bounds.ts';
import { baseName } from './locations.ts';
import type { TableSchema } from './schema.ts';
import { schemaToJson } from './schema-json.ts';

/** Checksums of a data file: its footer and its row groups in order, as storage/data made them. */
export interface FileSums {
  readonly footer: string;
  readonly rowGroups: readonly string[];
}

/** A Parquet file of rows. Maps go from field id to the figure of that column. */
export interface DataFile {
  /** Full location, as other engines open it. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** Compressed bytes. */
  readonly columnSizes: ReadonlyMap<number, number>;
  /** Values, nulls and NaN included. */
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  readonly nanCounts: ReadonlyMap<number, number>;
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds: ReadonlyMap<number, Uint8Array>;
  /** Where each row group begins in the file, ascending. */
  readonly splitOffsets: readonly number[];
  readonly sortOrderId?: number | undefined;
  /** Of a file another program wrote: an empty footer sum, which matches nothing. */
  readonly sums: FileSums;
}

export type EntryStatus = 'existing' | 'added' | 'deleted';

export interface ManifestEntry {
  readonly status: EntryStatus;
  /** Snapshot that added the file, or deleted it when the status says so. */
  readonly snapshotId: bigint | undefined;
  /** undefined: inherited from the manifest's entry in the list. Only for 'added'. */
  readonly sequenceNumber: bigint | undefined;
  readonly fileSequenceNumber: bigint | undefined;
  readonly file: DataFile;
}

const STATUS: readonly EntryStatus[] = ['existing', 'added', 'deleted'];
const SUMS_KEY = 'hyp.sums';

const DATA_FILE = {
  type: 'record',
  name: 'r2',
  fields: [
    field(134, 'content', 'int'),
    field(100, 'file_path', 'string'),
    field(101, 'file_format', 'string'),
    field(102, 'partition', { type: 'record', name: 'r102', fields: [] }),
    field(103, 'record_count', 'long'),
    field(104, 'file_size_in_bytes', 'long'),
    optional(108, 'column_sizes', intMap(117, 118, 'long')),
    optional(109, 'value_counts', intMap(119, 120, 'long')),
    optional(110, 'null_value_counts', intMap(121, 122, 'long')),
    optional(137, 'nan_value_counts', intMap(138, 139, 'long')),
    optional(125, 'lower_bounds', intMap(126, 127, 'bytes')),
    optional(128, 'upper_bounds', intMap(129, 130, 'bytes')),
    optional(131, 'key_metadata', 'bytes'),
    optional(132, 'split_offsets', { type: 'array', items: 'long', 'element-id': 133 }),
    optional(135, 'equality_ids', { type: 'array', items: 'int', 'element-id': 136 }),
    optional(140, 'sort_order_id', 'int'),
  ],
};

const MANIFEST_ENTRY = avroSchema({
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    field(2, 'data_file', DATA_FILE),
  ],
});

/** The bytes of a sealed manifest of data files. The schema is the table's at that commit. */
export function encodeManifest(manifest: {
  readonly schema: TableSchema;
  readonly entries: readonly ManifestEntry[];
}): Uint8Array {
  const { schema, entries } = manifest;
  const sums = entries.map(({ file }): [string, readonly string[]] => [
    baseName(file.path),
    [file.sums.footer, ...file.sums.rowGroups],
  ]);
  return encodeAvro(
    MANIFEST_ENTRY,
    [
      ['schema', JSON.stringify(schemaToJson(schema))],
      ['schema-id', String(schema.schemaId)],
      ['partition-spec', '[]'],
      ['partition-spec-id', '0'],
      ['format-version', '2'],
      ['content', 'data'],
      [SUMS_KEY, JSON.stringify(Object.fromEntries(sums))],
    ],
    entries.map(entryToAvro),
  );
}

/**
 * The entries of a manifest. E_CORRUPT when the file is damaged or a data file has no sums,
 * E_FOREIGN when it has no seal, E_UNSUPPORTED_FORMAT for delete files and other file formats.
 */
export function decodeManifest(
  bytes: Uint8Array,
  path: string,
  options: AvroReadOptions = {},
): { readonly entries: readonly ManifestEntry[]; readonly schemaId: number } {
  const { keyValues, records } = decodeAvro(bytes, path, options);
  if ((keyValues.get('content') ?? 'data') !== 'data') throw unsupported(path, 'delete files');
  try {
    const sums = keyValues.get(SUMS_KEY);
    const known = sums === undefined ? undefined : parseSums(sums);
    if (known === undefined && options.unsealed !== 'accept') throw new RangeError('no sums');
    const entries = records.map((record) => entryFromAvro(record, path, known));
    return { entries, schemaId: Number(keyValues.get('schema-id') ?? 0) };
  } catch (cause) {
    if (cause instanceof HypError) throw cause;
    const why = cause instanceof Error ? cause.message : 'unreadable';
    throw new HypError('E_CORRUPT', `damaged manifest ${path}: ${why}`, {
      cause,
      hint: 'Run `hyp check`; restore the file from a backup. Other datasets go on.',
      details: { path },
    });
  }
}

/** The seqs of a file, both inclusive, from its bounds. E_CORRUPT when it has none. */
export function seqRangeOf(
  entry: ManifestEntry,
  seqFieldId: number,
): { readonly min: Seq; readonly max: Seq } {
  const lower = entry.file.lowerBounds.get(seqFieldId);
  const upper = entry.file.upperBounds.get(seqFieldId);
  if (lower === undefined || upper === undefined) {
    throw new HypError('E_CORRUPT', `no seq bounds of ${entry.file.path} in its manifest`, {
      hint: 'Run `hyp check`.',
      details: { path: entry.file.path },
    });
  }
  return { min: toSeq(longFromBound(lower)), max: toSeq(longFromBound(upper)) };
}

function entryToAvro(entry: ManifestEntry): unknown {
  const { file } = entry;
  return {
    status: STATUS.indexOf(entry.status),
    snapshot_id: entry.snapshotId ?? null,
    sequence_number: entry.sequenceNumber ?? null,
    file_sequence_number: entry.fileSequenceNumber ?? null,
    data_file: {
      content: 0,
      file_path: file.path,
      file_format: 'PARQUET',
      partition: {},
      record_count: BigInt(file.rows),
      file_size_in_bytes: BigInt(file.bytes),
      column_sizes: intMapEntries(file.columnSizes, BigInt),
      value_counts: intMapEntries(file.valueCounts, BigInt),
      null_value_counts: intMapEntries(file.nullCounts, BigInt),
      nan_value_counts: intMapEntries(file.nanCounts, BigInt),
      lower_bounds: intMapEntries(file.lowerBounds, toBuffer),
      upper_bounds: intMapEntries(file.upperBounds, toBuffer),
      key_metadata: null,
      split_offsets: file.splitOffsets.map(BigInt),
      equality_ids: null,
      sort_order_id: file.sortOrderId ?? null,
    },
  };
}

/** avsc takes nothing but Buffers. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type KnownSums = ReadonlyMap<string, FileSums> | undefined;

function entryFromAvro(value: unknown, path: string, sums: KnownSums): ManifestEntry {
  const entry = asRecord(value, 'entry');
  const file = asRecord(entry['data_file'], 'data_file');
  if (orUndefined(asNumber, file['content'], 'content') !== 0 && file['content'] !== undefined) {
    throw unsupported(path, 'delete files');
  }
  const format = asText(file['file_format'], 'file_format');
  if (format.toUpperCase() !== 'PARQUET') throw unsupported(path, `${format} files`);
  const status = STATUS[asNumber(entry['status'], 'status')];
  if (status === undefined) throw new RangeError('unknown status');
  return {
    status,
    snapshotId: orUndefined(asLong, entry['snapshot_id'], 'snapshot_id'),
    sequenceNumber: orUndefined(asLong, entry['sequence_number'], 'sequence_number'),
    fileSequenceNumber: orUndefined(asLong, entry['file_sequence_number'], 'file_sequence_number'),
    file: dataFileFromAvro(file, sums),
  };
}

function dataFileFromAvro(file: ReturnType<typeof asRecord>, sums: KnownSums): DataFile {
  const path = asText(file['file_path'], 'file_path');
  return {
    path,
    rows: asNumber(file['record_count'], 'record_count'),
    bytes: asNumber(file['file_size_in_bytes'], 'file_size_in_bytes'),
    columnSizes: asIntMap(file['column_sizes'], 'column_sizes', asNumber),
    valueCounts: asIntMap(file['value_counts'], 'value_counts', asNumber),
    nullCounts: asIntMap(file['null_value_counts'], 'null_value_counts', asNumber),
    nanCounts: asIntMap(file['nan_value_counts'], 'nan_value_counts', asNumber),
    lowerBounds: asIntMap(file['lower_bounds'], 'lower_bounds', asBytes),
    upperBounds: asIntMap(file['upper_bounds'], 'upper_bounds', asBytes),
    splitOffsets: asArray(file['split_offsets'], 'split_offsets').map((at) =>
      asNumber(at, 'split_offsets'),
    ),
    sortOrderId: orUndefined(asNumber, file['sort_order_id'], 'sort_order_id'),
    sums: sumsOf(path, sums),
  };
}

function sumsOf(path: string, sums: KnownSums): FileSums {
  if (sums === undefined) return { footer: '', rowGroups: [] };
  const known = sums.get(baseName(path));
  if (known === undefined) throw new RangeError(`no sums of ${path}`);
  return known;
}

function parseSums(text: string): ReadonlyMap<string, FileSums> {
  const byName = asRecord(JSON.parse(text) as unknown, SUMS_KEY);
  return new Map(
    Object.entries(byName).map(([name, value]): [string, FileSums] => {
      const [footer, ...rowGroups] = asArray(value, SUMS_KEY).map((sum) => asText(sum, SUMS_KEY));
      if (footer === undefined) throw new RangeError(`no footer sum of ${name}`);
      return [name, { footer, rowGroups }];
    }),
  );
}

function unsupported(path: string, what: string): HypError {
  return new HypError('E_UNSUPPORTED_FORMAT', `${path} lists ${what}, which hyp does not read`, {
    hint: 'Another program changed this table; restore it from a backup.',
    details: { path },
  });
}
