/**
 * Owns: branded identifiers, each with one validating constructor.
 * Seqs are bigint in memory, decimal strings in JSON, longs in Parquet and Avro; never numbers.
 * llp/0001
 */
import { HypError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Ingest sequence of a row in its table: 1, 2, 3, … without holes. 0 means "before the first". */
export type Seq = Branded<bigint, 'Seq'>;
/** `[a-z0-9][a-z0-9_-]{0,62}` */
export type DatasetName = Branded<string, 'DatasetName'>;
/** Same alphabet as a dataset. */
export type SinkName = Branded<string, 'SinkName'>;
/** A table's history: at first the table's uuid. */
export type Lineage = Branded<string, 'Lineage'>;
/** One writer process of the spool; never used again once its directory is gone. */
export type WriterId = Branded<string, 'WriterId'>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_SEQ = 2n ** 63n - 1n;
const SEQ_HINT = 'Sequence numbers are whole numbers from 0 to 9223372036854775807.';

export const SEQ_ZERO = 0n as Seq;

/**
 * A seq, the number of a row in its dataset from 1 on (0: before the first), from a bigint, number
 * or decimal string. Throws E_RANGE when it is not a whole number within 0 … 2^63-1.
 */
export function toSeq(value: bigint | number | string): Seq {
  let seq: bigint;
  try {
    seq = BigInt(value);
  } catch (cause) {
    throw new HypError('E_RANGE', `not a sequence number: ${String(value)}`, {
      cause,
      hint: SEQ_HINT,
    });
  }
  if (seq < 0n || seq > MAX_SEQ) {
    throw new HypError('E_RANGE', `sequence number out of range: ${seq}`, { hint: SEQ_HINT });
  }
  return seq as Seq;
}

/** 19 decimal digits: sorts as text the way it sorts as a number. */
export function seqText(seq: Seq): string {
  return seq.toString().padStart(19, '0');
}

export function isDatasetName(value: string): value is DatasetName {
  return NAME.test(value);
}

/** E_DATASET_NAME when the name could leave its directory or is not portable. */
export function toDatasetName(value: string): DatasetName {
  if (!NAME.test(value)) {
    throw new HypError('E_DATASET_NAME', `not a dataset name: ${JSON.stringify(value)}`, {
      hint: 'Use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit.',
    });
  }
  return value as DatasetName;
}

/** E_CONFIG when the name is not portable. */
export function toSinkName(value: string): SinkName {
  if (!NAME.test(value)) {
    throw new HypError('E_CONFIG', `not a sink name: ${JSON.stringify(value)}`, {
      hint: 'Use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit.',
    });
  }
  return value as SinkName;
}

function toUuid(value: string, what: string): string {
  if (!UUID.test(value)) throw new HypError('E_CORRUPT', `not a ${what}: ${JSON.stringify(value)}`);
  return value;
}

export function toLineage(value: string): Lineage {
  return toUuid(value, 'lineage') as Lineage;
}

/** The first 12 hex digits of a lineage, as used in object keys. */
export function lineageShort(lineage: Lineage): string {
  return lineage.replaceAll('-', '').slice(0, 12);
}

export function toWriterId(value: string): WriterId {
  return toUuid(value, 'writer id') as WriterId;
}
