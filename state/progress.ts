/**
 * Owns: the progress record of one (sink instance, lineage): watermark, chain, open unit, last
 * receipt; and its only legal changes, as pure functions.
 * Invariants: I6 (units tile the seq line), I7 (the watermark moves only past a delivered unit),
 * I8 (an open unit changes only by a new version), I9 (through core/versioned-record).
 * Commit point of each change: the link of v<N+1>.json.
 *
 * | version linked | a crash right after leaves |
 * | intent (open unit set) | the unit is replayed exactly as written |
 * | advance (receipt, watermark, perhaps the next intent) | the unit is exported |
 * | park, unpark | the sink waits for a person, or no longer |
 * | first version in a directory of its own (rebuilt) | the record; what is linked to the old one counts for nobody |
 *
 * llp/0015
 */
import { z } from 'zod';
import { mkdirDurable, readdirIfAny } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import {
  SEQ_ZERO,
  isDatasetName,
  toDatasetName,
  toLineage,
  toSeq,
  toSinkName,
} from '../src/core/ids.ts';
import type { DatasetName, Lineage, Seq, SinkName } from '../src/core/ids.ts';
import { invariant } from '../src/core/invariant.ts';
import { jsonRecordFormat } from '../src/core/json-record.ts';
import type { Random } from '../src/core/random.ts';
import { absentRows, unitFromJson, unitToJson } from '../src/core/unit.ts';
import type { Unit } from '../src/core/unit.ts';
import { VersionedRecord } from '../src/core/versioned-record.ts';
import { parseProgressName, progressName, progressNames } from './layout.ts';
import { addDigests, digestFromHex, digestHex } from '../src/codec/content-digest.ts';

export interface Parked {
  readonly reason: string;
  /** What a person should run. */
  readonly hint: string;
  readonly sinceMs: number;
  /** What was found, in one word of engine/identity: which choices there are follows from it. */
  readonly why?: string | undefined;
}

export interface Progress {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
  /** Highest seq exported, all seqs below it included. */
  readonly watermark: Seq;
  /** Content digest of all rows up to the watermark, 32 hex digits. */
  readonly chain: string;
  readonly exportedRows: bigint;
  /** Rows a person decided not to send; undefined: none. */
  readonly declinedRows?: bigint | undefined;
  /** The intent: a unit whose bytes may have left. */
  readonly open: Unit | undefined;
  /** The unit exported last; its receipt is the unit itself. */
  readonly receipt: Unit | undefined;
  readonly parked: Parked | undefined;
  /** Where the first unit of this lineage starts, when it is not the first row. */
  readonly origin?: Seq | undefined;
  /** No unit passes one of these: somebody may hold one that starts there, of a record before this. */
  readonly cuts?: readonly Seq[] | undefined;
}

export type ProgressRecord = VersionedRecord<Progress>;

const digits = z.string().regex(/^\d+$/);
const progressJson = z.strictObject({
  sink: z.string(),
  dataset: z.string(),
  lineage: z.string(),
  watermark: digits,
  chain: z.string().regex(/^[0-9a-f]{32}$/),
  exportedRows: digits,
  declinedRows: digits.optional(),
  open: z.unknown().optional(),
  receipt: z.unknown().optional(),
  parked: z
    .strictObject({
      reason: z.string(),
      hint: z.string(),
      sinceMs: z.number(),
      why: z.string().optional(),
    })
    .optional(),
  origin: digits.optional(),
  cuts: z.array(digits).optional(),
});

export const progressFormat = jsonRecordFormat<Progress>({
  kind: 'progress',
  toJson: (progress) => ({
    sink: progress.sink,
    dataset: progress.dataset,
    lineage: progress.lineage,
    watermark: progress.watermark.toString(),
    chain: progress.chain,
    exportedRows: progress.exportedRows.toString(),
    declinedRows: progress.declinedRows?.toString(),
    open: progress.open && unitToJson(progress.open),
    receipt: progress.receipt && unitToJson(progress.receipt),
    parked: progress.parked,
    origin: progress.origin?.toString(),
    cuts: progress.cuts?.map(String),
  }),
  fromJson: (value) => {
    const json = progressJson.parse(value);
    return {
      sink: toSinkName(json.sink),
      dataset: toDatasetName(json.dataset),
      lineage: toLineage(json.lineage),
      watermark: toSeq(json.watermark),
      chain: json.chain,
      exportedRows: BigInt(json.exportedRows),
      declinedRows: json.declinedRows === undefined ? undefined : BigInt(json.declinedRows),
      open: json.open === undefined ? undefined : unitFromJson(json.open),
      receipt: json.receipt === undefined ? undefined : unitFromJson(json.receipt),
      parked: json.parked,
      origin: json.origin === undefined ? undefined : toSeq(json.origin),
      cuts: json.cuts?.map(toSeq),
    };
  },
});

/** What names a progress record. */
export interface ProgressKey {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
}

/**
 * The record of `key` below `state` (the store's state directory), its directory made durable: the
 * newest one, or the one with this number.
 */
export async function openProgress(
  fs: DurableFs,
  state: string,
  key: ProgressKey & { readonly number?: number | undefined },
  random: Random,
): Promise<ProgressRecord> {
  const names = progressNames(key.sink, key.dataset);
  const last = key.number ?? (await progressNumbers(fs, state, key)).at(-1) ?? 1;
  const dir = await mkdirDurable(fs, state, ...names, progressName(key.lineage, last));
  return new VersionedRecord(fs, dir, progressFormat, random);
}

/**
 * Numbers of the records there are of `key`, ascending. The highest one counts: a record that was
 * rebuilt has a directory of its own, where whoever slept over it cannot link (protocol model B2).
 */
export async function progressNumbers(
  fs: DurableFs,
  state: string,
  key: ProgressKey,
): Promise<number[]> {
  const known = await knownRecords(fs, state, key.sink, key.dataset);
  return known.filter(({ lineage }) => lineage === key.lineage).map(({ number }) => number);
}

/** Lineages of `dataset` a sink has a record of, each once. */
export async function knownLineages(
  fs: DurableFs,
  state: string,
  sink: SinkName,
  dataset: DatasetName,
): Promise<Lineage[]> {
  const known = await knownRecords(fs, state, sink, dataset);
  return [...new Set(known.map(({ lineage }) => toLineage(lineage)))];
}

/** Datasets under which a sink has a record of `lineage`: several when a table was moved or copied. */
export async function exportedNames(
  fs: DurableFs,
  state: string,
  sink: SinkName,
  lineage: Lineage,
): Promise<DatasetName[]> {
  const names = await readdirIfAny(fs, [state, ...progressNames(sink)].join('/'));
  const exported: DatasetName[] = [];
  for (const dataset of names.filter(isDatasetName)) {
    const known = await knownRecords(fs, state, sink, dataset);
    if (known.some((each) => each.lineage === lineage)) exported.push(dataset);
  }
  return exported;
}

async function knownRecords(
  fs: DurableFs,
  state: string,
  sink: SinkName,
  dataset: DatasetName,
): Promise<{ readonly lineage: string; readonly number: number }[]> {
  const names = await readdirIfAny(fs, [state, ...progressNames(sink, dataset)].join('/'));
  return names
    .map(parseProgressName)
    .filter((name) => name !== undefined)
    .sort((a, b) => a.number - b.number);
}

/** Where a sink begins: before the first row. */
export function beginProgress(key: ProgressKey): Progress {
  return {
    ...key,
    watermark: SEQ_ZERO,
    chain: digestHex(0n),
    exportedRows: 0n,
    open: undefined,
    receipt: undefined,
    parked: undefined,
  };
}

/** The record with `unit` as its intent: nothing of a unit may leave before this is linked (I7). */
export function withIntent(progress: Progress, unit: Unit): Progress {
  invariant(progress.open === undefined, 'one unit is open at a time');
  assertTiles(progress, unit);
  return { ...progress, open: unit };
}

/**
 * The record with its open unit replaced by one with the same rows: other bytes after an upgrade,
 * or a plan adopted from the destination (I8).
 */
export function withOpenUnit(progress: Progress, unit: Unit): Progress {
  assertTiles(progress, unit);
  return { ...progress, open: unit };
}

/** The record after its open unit was delivered whole, with the next intent when there is one. */
export function advance(progress: Progress, next: Unit | undefined): Progress {
  const unit = progress.open;
  invariant(unit !== undefined, 'only an open unit advances');
  const advanced = passed(progress, unit);
  return next === undefined ? advanced : withIntent(advanced, next);
}

/** The record behind a unit that is at its destination whole. */
export function passed(progress: Progress, unit: Unit): Progress {
  assertTiles(progress, unit);
  const skipped = absentRows(unit, 'skipped');
  return {
    ...progress,
    watermark: unit.through,
    chain: unit.chain,
    exportedRows: progress.exportedRows + BigInt(unit.rows) + absentRows(unit, 'elsewhere'),
    ...(skipped === 0n ? {} : { declinedRows: (progress.declinedRows ?? 0n) + skipped }),
    open: undefined,
    receipt: unit,
  };
}

/** Parking is a version too, so that a paused process cannot park a sink that has moved on. */
export function park(progress: Progress, parked: Parked): Progress {
  return { ...progress, parked };
}

/** A person has decided: the sink goes on from where the record is. */
export function unpark(progress: Progress): Progress {
  return { ...progress, parked: undefined };
}

/** Where a unit ends that begins at the watermark and was to end at `through`. */
export function cutOf({ watermark, cuts = [] }: Progress, through: Seq): Seq {
  const within = cuts.filter((cut) => cut > watermark && cut < through);
  return within.reduce((end, cut) => (cut < end ? cut : end), through);
}

/** I6: a unit begins at the watermark, ends after it, and accounts for each row between once. */
function assertTiles(progress: Progress, unit: Unit): void {
  invariant(unit.after === progress.watermark, 'a unit begins at the watermark');
  invariant(unit.through > unit.after, 'a unit ends after it begins');
  const rows = BigInt(unit.rows) + BigInt(unit.absent?.rows ?? 0);
  invariant(rows === unit.through - unit.after, 'a unit has its rows');
  invariant(unit.chainBefore === progress.chain, 'a unit continues the chain');
  const chain = addDigests(digestFromHex(unit.chainBefore), digestFromHex(unit.contentDigest));
  invariant(unit.chain === digestHex(chain), 'a unit ends its chain');
}
