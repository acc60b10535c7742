/**
 * Owns: the unit, as the intent fixes it, the destination's plan repeats it and the receipt proves
 * it, with its one JSON form. All three are pure functions of the unit: no attempt's clock in them.
 * llp/0008
 */
import { z } from 'zod';
import { toDatasetName, toLineage, toSeq } from './ids.ts';
import type { DatasetName, Lineage, Seq } from './ids.ts';

/** One object of a blob unit, fixed in the intent before its first byte leaves. */
export interface Part {
  /** Object key below the destination, `/` between names, already percent-encoded. */
  readonly key: string;
  readonly rows: number;
  readonly bytes: number;
  /** 64 hex digits, of the bytes as delivered. */
  readonly sha256: string;
}

/** The range `(after, through]` one export attempt covers, as the intent fixed it. */
export interface Unit {
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
  readonly after: Seq;
  readonly through: Seq;
  /** through − after less the rows that `absent` counts. */
  readonly rows: number;
  /** Rows of the range that are in none of its parts because a person decided so (llp/0022). */
  readonly absent?: AbsentRows | undefined;
  readonly parts: readonly Part[];
  /** Content digest of all rows up to `after`, 32 hex digits. */
  readonly chainBefore: string;
  /** Content digest of all rows up to `through`, 32 hex digits. */
  readonly chain: string;
  /** Content digest of the rows of this unit alone, 32 hex digits. */
  readonly contentDigest: string;
  /** The frozen way its bytes are made. */
  readonly encoder: UnitEncoder;
  /** Commits with rows in the range, in order: the branch of two histories is found by them. */
  readonly commits: readonly UnitCommit[];
}

/** skipped: they are not to be sent · elsewhere: they were delivered to another destination. */
export interface AbsentRows {
  readonly why: 'skipped' | 'elsewhere';
  readonly rows: number;
  /** For people who read the manifest. */
  readonly reason: string;
}

export interface UnitCommit {
  /** Largest seq of the commit. */
  readonly through: Seq;
  readonly commitId: string;
}

/** Name and version of the encoder and every option its bytes depend on. */
export interface UnitEncoder {
  readonly name: 'ndjson' | 'ndjson.gz' | 'parquet';
  readonly version: number;
  /** Template such as `dt={_hyp_ingested_at:day}/{host}`; empty for none. */
  readonly partition: string;
  /** Key prefix below the destination, without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** Schema the columns were taken from; later columns are not in the bytes. */
  readonly schemaId: number;
}

const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const seq = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(toSeq);

const unitJson = z.strictObject({
  dataset: z.string().transform(toDatasetName),
  lineage: z.string().transform(toLineage),
  after: seq,
  through: seq,
  rows: z.number().int().nonnegative(),
  absent: z
    .strictObject({
      why: z.enum(['skipped', 'elsewhere']),
      rows: z.number().int().positive(),
      reason: z.string(),
    })
    .optional(),
  chainBefore: hex(32),
  chain: hex(32),
  contentDigest: hex(32),
  encoder: z.strictObject({
    name: z.enum(['ndjson', 'ndjson.gz', 'parquet']),
    version: z.number().int(),
    partition: z.string(),
    prefix: z.string(),
    schemaId: z.number().int(),
  }),
  commits: z.array(z.strictObject({ through: seq, commitId: z.string() })),
  parts: z.array(
    z.strictObject({
      key: z.string(),
      rows: z.number().int().nonnegative(),
      bytes: z.number().int().nonnegative(),
      sha256: hex(64),
    }),
  ),
});

/** The JSON value of a unit: seqs as decimal strings, members in one fixed order. */
export function unitToJson(unit: Unit): z.input<typeof unitJson> {
  return {
    dataset: unit.dataset,
    lineage: unit.lineage,
    after: unit.after.toString(),
    through: unit.through.toString(),
    rows: unit.rows,
    ...(unit.absent === undefined ? {} : { absent: absentToJson(unit.absent) }),
    chainBefore: unit.chainBefore,
    chain: unit.chain,
    contentDigest: unit.contentDigest,
    encoder: { ...unit.encoder },
    commits: unit.commits.map((commit) => ({
      through: commit.through.toString(),
      commitId: commit.commitId,
    })),
    parts: unit.parts.map((part) => ({ ...part })),
  };
}

function absentToJson({ why, rows, reason }: AbsentRows): AbsentRows {
  return { why, rows, reason };
}

/** Throws a ZodError when the value is not a unit. */
export function unitFromJson(value: unknown): Unit {
  return unitJson.parse(value);
}

/** Rows of `unit` that are absent for `why`; 0 for any other. */
export function absentRows(unit: Unit, why: AbsentRows['why']): bigint {
  return unit.absent?.why === why ? BigInt(unit.absent.rows) : 0n;
}

/** True when two units are the same in everything. */
export function sameUnit(a: Unit, b: Unit): boolean {
  return JSON.stringify(unitToJson(a)) === JSON.stringify(unitToJson(b));
}
