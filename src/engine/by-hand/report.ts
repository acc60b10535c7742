/**
 * Owns: the shapes of what a person does to sinks and datasets by hand, asked and answered.
 * Ranges are `(after, through]` in seq.
 * llp/0022
 */
import type { DatasetName, Lineage, Seq, SinkName } from '../../core/ids.ts';
import type { SeqRange } from '../verify/report.ts';

export interface ReplayRequest extends SeqRange {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  /** Only looks, and says what would be put. */
  readonly dryRun?: boolean | undefined;
}

export interface ReplayReport {
  readonly dryRun: boolean;
  /** Units that touch the range: they are put back as a whole. */
  readonly units: number;
  /** Put now; with `dryRun`, what would be. */
  readonly sent: Counted;
  readonly there: Counted;
  /** Plans and manifests put, or that would be. */
  readonly unitFiles: number;
  /** Rows of those units that were never in an object here: skipped, or delivered elsewhere. */
  readonly absentRows: number;
  /** The first 1,000. */
  readonly problems: readonly ReplayProblem[];
  readonly found: number;
}

export interface Counted {
  readonly objects: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What could not be put back; every other object of the range is at the destination. */
export interface ReplayProblem extends SeqRange {
  readonly label: 'unknown' | 'damaged' | 'differs' | 'rows-gone' | 'other-bytes';
  /** Path of the object or file; undefined for rows of which no name is known. */
  readonly where: string | undefined;
  readonly what: string;
}

export interface SkipRequest {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  readonly through: Seq;
  /** Only says what would be skipped. */
  readonly dryRun?: boolean | undefined;
}

export interface SkipReport {
  readonly dryRun: boolean;
  /** Where the sink was, and where it is. */
  readonly from: Seq;
  readonly watermark: Seq;
  /** Rows that this call declined, or would. */
  readonly skippedRows: bigint;
  /** Rows of a unit that was on its way and was delivered first, or would be. */
  readonly deliveredRows: bigint;
}

export interface RenameRequest {
  readonly sink: SinkName;
  readonly to: SinkName;
}

export interface RenameReport {
  /** False: it was called so already. */
  readonly changed: boolean;
  /** What its records and its destination call it: its first name. */
  readonly instance: SinkName;
  /** Which of the names the configuration has. */
  readonly configuredAs: 'old' | 'new' | 'neither';
}

export interface MoveRequest {
  readonly sink: SinkName;
  /** Only says what is found at the configured destination. */
  readonly dryRun?: boolean | undefined;
}

export interface MoveReport {
  readonly name: SinkName;
  /** The registered destination before, and the configured one. */
  readonly from: string;
  readonly to: string;
  /** here: nothing to move · stay: a move that was begun is given up · ask: it was, or would be, moved. */
  readonly label: 'here' | 'stay' | 'ask';
  readonly dryRun: boolean;
  /** Why the configured destination is not what was delivered; empty: it is. */
  readonly reasons: readonly string[];
  /** Objects that manifests there name and that are gone, as far as verify tells them. */
  readonly missing: number;
}

export interface DropRequest {
  readonly dataset: DatasetName;
  /** Drop it although rows were never sent to a sink. */
  readonly abandon?: boolean | undefined;
  /** Only says what would be dropped, and what stands in the way. */
  readonly dryRun?: boolean | undefined;
}

/** Rows a sink never got. */
export interface NeverSent extends SeqRange {
  readonly sink: SinkName;
  /** Of a unit that is on its way, perhaps in part. */
  readonly openUnit: boolean;
}

export interface DropReport {
  readonly dataset: DatasetName;
  readonly dryRun: boolean;
  readonly lineage: Lineage;
  /** Rows the table had, and still in the spool (`dryRun`: they are flushed first). */
  readonly rows: bigint;
  readonly spoolRows: bigint;
  /** What its sinks never got, and will not get. */
  readonly neverSent: readonly NeverSent[];
}

/** Ranges are `(after, through]` in seq. */
export interface ByHand {
  /**
   * Puts objects, plans and manifests of rows that were delivered to a sink back where they are gone,
   * under the same keys. Never over anything, never under another key; the watermark stays. Durable
   * when it resolves; idempotent. What could not be put is in the report. Throws E_USAGE,
   * E_UNKNOWN_DATASET, E_RANGE above the watermark, E_PARKED, E_FORK, E_UNAVAILABLE.
   */
  replay(request: ReplayRequest): Promise<ReplayReport>;
  /**
   * Declines the rows of `(watermark, through]` for one sink: they are never sent to it. A unit that is
   * on its way is delivered first. Durable when it resolves; idempotent; any process finishes what a
   * crash leaves. Throws E_USAGE, E_UNKNOWN_DATASET, E_RANGE above the last row, E_PARKED, E_FORK,
   * E_CORRUPT, E_UNAVAILABLE, E_CONFLICT.
   */
  skip(request: SkipRequest): Promise<SkipReport>;
  /**
   * Gives a registered sink another name. Its records and its destination stay as they are; whoever
   * runs under the old name is refused from its next step on. Durable when it resolves; idempotent.
   * Throws E_USAGE for a sink that is not registered, E_REFUSED for a name that is taken or that is
   * configured for another destination, E_CONFLICT, E_CORRUPT.
   */
  rename(request: RenameRequest): Promise<RenameReport>;
  /**
   * Registers a sink for the destination it is configured for, once plans, manifests and owner file
   * there prove to be those of its records. With the registered destination configured, gives up a
   * move that was stopped. Durable when it resolves; after a crash the sink waits until it is repeated.
   * Throws E_USAGE, E_REFUSED when the place is not what was delivered, E_CONFLICT, E_UNAVAILABLE,
   * E_CORRUPT.
   */
  move(request: MoveRequest): Promise<MoveReport>;
  /**
   * Flushes a dataset, then drops its table; destinations keep what they have. Rows appended later
   * begin a new dataset of that name, with another lineage, which the sinks take up by themselves.
   * Durable when it resolves; after a crash or a disk error it may be repeated. Throws
   * E_UNKNOWN_DATASET (also when another process drops it meanwhile: rows that came after that stay),
   * E_REFUSED while a registered sink never got rows, E_CORRUPT, E_CONFLICT, and what `flush` throws.
   */
  drop(request: DropRequest): Promise<DropReport>;
}
