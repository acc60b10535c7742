/**
 * Owns: the shapes of the public API: what a Store can do and what it answers.
 * Ranges are `(after, through]` in seq. Every promise states when it resolves.
 * llp/0008
 */
import type { DatasetName, Lineage, Seq, SinkName } from '../core/ids.ts';
import type { Batch } from '../codec/columns.ts';
import type { FollowOptions, FollowReport } from './backfill/follow/report.ts';
import type { BackfillOptions, BackfillReport } from './backfill/report.ts';
import type { ByHand } from './by-hand/report.ts';
import type { SinkChange, SinkChangeReport } from './sink-commands.ts';
import type { VerifyOptions, VerifyReport } from './verify/report.ts';

/** What one append or one input stream came to. */
export interface AppendResult {
  /** Rows that are durable, in the spool or (with a key) in the table. */
  readonly rows: number;
  /** The first 1,000 lines that are not rows; no such line was stored, all others were. */
  readonly rejects: readonly RejectedLine[];
  /** How many lines are not rows, those beyond the first 1,000 too. */
  readonly rejected: number;
  /** Rows in which a key stood twice: the last one won. */
  readonly duplicateKeyRows: number;
}

export interface AppendOptions {
  /**
   * 1 to 512 characters that name this append for ever, as far as its dataset is concerned. The
   * same key with the same rows again, from any process, answers the same and adds nothing; it is
   * remembered for at least 7 days after its last commit. Such rows are committed to the table
   * instead of the spool when the append resolves: one commit each call, so use it for batches, and
   * not with the rows of one batch in another order. With other rows it throws E_USAGE, and stores
   * nothing. An append of no bytes remembers nothing.
   */
  readonly idempotencyKey?: string | undefined;
}

export interface RejectedLine {
  /** 1-based, in the input stream; of `append`'s rows nothing is ever rejected one by one. */
  readonly line: number;
  readonly reason: string;
  /** The first bytes of the line, as text, at most 200 characters. */
  readonly excerpt: string;
}

export interface ScanOptions {
  /** Exclusive; default 0: from the first row. */
  readonly after?: Seq | undefined;
  /** Inclusive; default: the largest seq committed when the scan began. */
  readonly through?: Seq | undefined;
  /** Column names; default all. `_hyp_seq` is always there. */
  readonly columns?: readonly string[] | undefined;
}

/** Durable in the table when it is reported. */
export interface FlushReport {
  readonly dataset: DatasetName;
  /** Rows this flush added; 0 when another process was faster. */
  readonly rows: number;
  /** Table commits this flush made. */
  readonly commits: number;
  /** Largest seq of the table afterwards, inclusive. */
  readonly maxSeq: Seq;
}

export interface ExportReport {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  readonly state: SinkState;
  /** Units completed by this call. */
  readonly units: number;
  /** Rows in those units. */
  readonly rows: number;
  /** Every row of `(0, watermark]` is at the sink; durable. */
  readonly watermark: Seq;
  /** Why the export stopped early: the reason of a retry or of a parked sink. */
  readonly problem: string | undefined;
}

export interface TickReport {
  readonly flushed: readonly FlushReport[];
  readonly exported: readonly ExportReport[];
  /** Datasets and sinks that failed; the others went on. */
  readonly failures: readonly { readonly what: string; readonly error: Error }[];
}

/**
 * idle: nothing is waiting or nothing is due · exporting: a unit is open · retrying: the destination
 * failed, the same unit is tried again · parked: a person decides, nothing is sent · paused: by a person.
 */
export type SinkState = 'idle' | 'exporting' | 'retrying' | 'parked' | 'paused';

export interface DatasetStatus {
  readonly name: DatasetName;
  /** Names the numbering of the rows; undefined before the first commit. */
  readonly lineage: Lineage | undefined;
  /** Rows in the table now. */
  readonly rows: bigint;
  /** Largest seq of the table, inclusive; 0 before the first row. */
  readonly maxSeq: Seq;
  /** Rows of `(0, prunedThrough]` were removed by retention; 0 in this version. */
  readonly prunedThrough: Seq;
  /** Data files of the current snapshot, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly snapshots: number;
  /** What is durable in the spool and not yet in the table. */
  readonly spoolBytes: number;
  readonly spoolRows: number;
  /** Rows with a value that did not fit its column. */
  readonly rescuedRows: bigint;
  /** Why the table cannot be read: the figures above are then 0; undefined when it can. */
  readonly problem: string | undefined;
}

export interface SinkDatasetStatus {
  readonly dataset: DatasetName;
  readonly state: SinkState;
  /** Every row of `(0, watermark]` is at the sink. */
  readonly watermark: Seq;
  /** Rows of the table in `(watermark, maxSeq]`; rows in the spool are not in it. */
  readonly lagRows: bigint;
  /** Age of the oldest row not exported, in seconds, with fractions; 0 when there is none. */
  readonly lagSeconds: number;
  readonly exportedRows: bigint;
  /** Rows of `(0, watermark]` that a person decided not to send: `hyp sink skip`. */
  readonly declinedRows: bigint;
  /** Rows lost by policy; 0 in this version. */
  readonly lostRows: bigint;
  /** `(after, through]` of the unit that is on its way. */
  readonly openUnit: { readonly after: Seq; readonly through: Seq } | undefined;
  /** Why it is parked or retrying, with what to do. */
  readonly lastError: string | undefined;
}

export interface SinkStatus {
  readonly name: SinkName;
  readonly type: string;
  /** That of its dataset that most wants a person's eye. */
  readonly state: SinkState;
  /** The destination as it is registered: `fs:` and the real path. */
  readonly destination: string;
  readonly datasets: readonly SinkDatasetStatus[];
}

export interface DiskStatus {
  /** Room on the disk of the store; undefined when it does not say. */
  readonly freeBytes: number | undefined;
  /** `disk.minFree` */
  readonly minFreeBytes: number;
  /** refused: the disk has too little room; flush and export go on. */
  readonly appends: 'taken' | 'refused';
  /** `spool.maxBytes` */
  readonly spoolMaxBytes: number;
}

export interface StoreStatus {
  readonly root: string;
  readonly disk: DiskStatus;
  readonly datasets: readonly DatasetStatus[];
  readonly sinks: readonly SinkStatus[];
}

/**
 * What a person says about a parked sink. restored: the store that sent those rows is gone for good ·
 * copied: it goes on, and so does this one · delivered: what was taken away from the destination, or
 * went out under another name, counts as delivered · again: everything from the first row ·
 * retry: the cause is mended.
 */
export type ResolveChoice = 'restored' | 'copied' | 'delivered' | 'again' | 'retry';

/** How a sink goes on with a dataset; durable when it is reported. */
export interface Resolution {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  /** Rows of `(0, watermark]` count as exported. */
  readonly watermark: Seq;
  /** The lineage it goes on under; a new one after restored and copied. */
  readonly lineage: Lineage;
}

/** What a backup holds. */
export interface BackupReport {
  readonly dir: string;
  /** Rows of `(0, maxSeq]` of each dataset. */
  readonly datasets: readonly { readonly dataset: DatasetName; readonly maxSeq: Seq }[];
}

/** One violation, a plain sentence, with where it is and what to do. */
export interface CheckFinding {
  readonly where: string;
  readonly what: string;
  readonly hint: string;
}

export interface CheckReport {
  readonly findings: readonly CheckFinding[];
  /** What was looked at, by kind: versions, manifests, data files, row groups, frames, records. */
  readonly counted: Readonly<Record<string, number>>;
}

/** Cells are null, boolean, number, bigint or text (dates, decimals, nested values: as DuckDB prints). */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** What one step of a daemon's loop did, and when the next could have something to do. */
export interface Step<T> {
  readonly report: T | undefined;
  /** Milliseconds until something can be due; 0 means at once. */
  readonly waitMs: number;
}

/** A Store as the daemon drives it: one step at a time, obeying delays and rotation. */
export interface Engine extends Store {
  /** What a person does to sinks and datasets by hand. */
  readonly byHand: ByHand;
  /**
   * Datasets with a table or with rows in the spool. Changes nothing. E_NOT_A_STORE when the store
   * that was opened is gone from its path.
   */
  datasetNames(): Promise<readonly DatasetName[]>;
  /**
   * Pauses, resumes or forgets a registered sink. Durable when it resolves; idempotent; any process
   * that runs the sink obeys from its next step on, and finishes the unit it is at. Throws E_USAGE for
   * an unknown sink, E_REFUSED when rows would never be sent, E_CONFLICT.
   */
  changeSink(change: SinkChange): Promise<SinkChangeReport>;
  /** Sinks that hold rows back, configured or not, in order of registration. Changes nothing. */
  registeredSinks(): Promise<readonly SinkName[]>;
  /** Sinks of the configuration, in its order. */
  sinkNames(): readonly SinkName[];
  /**
   * Flushes `dataset` when its delay or its bytes say so; one commit at most, durable when it
   * resolves.
   */
  flushStep(dataset: DatasetName): Promise<Step<FlushReport>>;
  /**
   * Finishes the open unit, or exports one new unit when rows, bytes or age say so. The watermark
   * it reports is durable when it resolves.
   */
  exportStep(sink: SinkName, dataset: DatasetName): Promise<Step<ExportReport>>;
  /**
   * Flushes, then copies the store to `dir` (absolute; empty or not there) as it is at one moment for
   * each dataset, beside any daemon and appender. Durable when it resolves; what a failed call leaves
   * is no store. Rows appended after the flush began may be left out. Throws E_USAGE, E_CORRUPT,
   * E_CONFLICT when a table got a new lineage meanwhile, and what `flush` throws.
   */
  backup(dir: string): Promise<BackupReport>;
  /**
   * Settles what sink `name` is parked for, by a person's `choice`: for `dataset`, or for each that is
   * parked for it. restored and copied give the table a new lineage and settle all its sinks. Durable
   * when it resolves; after a failure nothing is sent until it is called again.
   * Throws E_USAGE when there is nothing to settle or the choice does not fit, E_PARKED, E_FORK,
   * E_CONFLICT, E_UNAVAILABLE.
   */
  resolveSink(
    name: SinkName,
    choice: ResolveChoice,
    dataset?: DatasetName,
  ): Promise<readonly Resolution[]>;
  /**
   * Reads files that grow into the table of `dataset`, as `backfill` does, again and again until
   * `options.signal` aborts; everything read and complete is durable when it resolves. Idempotent by
   * content, through renames, copies and kills. After a failure what was committed stays: call it
   * again. Throws E_CORRUPT, E_CONFLICT, and what a commit throws.
   */
  follow(dataset: DatasetName, options: FollowOptions): Promise<FollowReport>;
  /**
   * Claims the store for one daemon; E_HELD names the holder. Liveness only: losing it is harmless.
   * The answer releases the claim.
   */
  holdDaemon(): Promise<() => Promise<void>>;
}

export interface Store {
  readonly root: string;
  /**
   * Makes `rows` durable in the spool, in order. Resolves after fdatasync; they are in the table
   * with the next flush, exactly once. A row has at most 8 MiB as JSON. Idempotent with
   * `idempotencyKey`. Not without: after E_UNKNOWN_OUTCOME the rows may be in or not, and a second
   * call may store them twice. Errors of
   * kind usage store nothing; others may leave the first rows of a call of several MiB.
   * Throws E_DATASET_NAME, E_BAD_ROW, E_ROW_TOO_LARGE (details.row, 0-based), E_UNAVAILABLE,
   * E_DISK_FULL, E_SPOOL_FULL (after `spool.maxWait`), E_UNKNOWN_OUTCOME, E_CLOSED; with a key also
   * E_USAGE, E_CONFLICT and what `flush` throws.
   */
  append(
    dataset: string,
    rows: Iterable<Readonly<Record<string, unknown>>>,
    options?: AppendOptions,
  ): Promise<AppendResult>;
  /**
   * As `append`, from NDJSON bytes: bad lines are reported and left out, all others are durable
   * when it resolves, and (without a key) already while the input pauses. Idempotent with
   * `idempotencyKey`: a call that was cut off goes on behind what is in. Lines have at most 8 MiB.
   * Throws E_DATASET_NAME, E_UNAVAILABLE, E_DISK_FULL, E_SPOOL_FULL (details.storedRows),
   * E_UNKNOWN_OUTCOME, E_CLOSED, and what `input` throws; rows before a failure may be stored.
   */
  appendNdjson(
    dataset: string,
    input: AsyncIterable<Uint8Array>,
    options?: AppendOptions,
  ): Promise<AppendResult>;
  /**
   * Commits all spooled rows of `dataset` (default: of every dataset) to their tables. Resolves
   * when they are durable there. Idempotent, safe beside other processes. A dataset that fails does
   * not keep the others from it; the first failure is thrown.
   * Throws E_DATASET_NAME, E_CORRUPT, E_FOREIGN, E_CONFLICT, E_DISK_FULL, E_UNKNOWN_OUTCOME.
   */
  flush(dataset?: string): Promise<readonly FlushReport[]>;
  /**
   * Everything that can be done now: flushes, then exports what is new to every sink, without
   * waiting for delays or rotation ages. Resolves when there is nothing left to do or each
   * remaining sink waits for a retry or a person. What it reports is durable. Idempotent. Failures
   * of one dataset or sink are in the report, with their codes; it throws nothing else on purpose.
   */
  tick(): Promise<TickReport>;
  /**
   * Rows of `(after, through]` in seq order, as batches of bounded size, of one snapshot. Rows still
   * in the spool are not in it: flush first. A range without rows has no batches; names of columns
   * that are not there are passed over. Changes nothing; may be repeated.
   * Throws E_DATASET_NAME, E_UNKNOWN_DATASET, E_CORRUPT (after whole batches, perhaps).
   */
  scan(dataset: string, options?: ScanOptions): AsyncIterable<Batch>;
  /**
   * Reads `files` (NDJSON, CSV, TSV, JSON arrays; plain, gzip or zstd; absolute or relative to the
   * working directory) into the table of `dataset`, in order. Durable in the table when it resolves; what was committed before a
   * failure stays. Idempotent by content: called again it goes on where it stopped, and takes in what
   * was added to the end of a file. Throws E_DATASET_NAME, E_BAD_INPUT, E_CORRUPT, E_CONFLICT.
   */
  backfill(
    dataset: string,
    files: readonly string[],
    options?: BackfillOptions,
  ): Promise<BackfillReport>;
  /**
   * Flushes the datasets that `sql` names (all when it names none), then runs it by DuckDB; each is
   * a view of its current snapshot, every file proven by hyp's checksums before DuckDB reads it.
   * Changes nothing else; all rows of the answer are in memory. Throws E_USAGE for bad SQL,
   * E_UNAVAILABLE without DuckDB, E_CORRUPT for a damaged file, and what `flush` throws.
   */
  query(sql: string): Promise<QueryResult>;
  /**
   * How far every dataset and sink is, one after another: not one instant. Changes nothing; of the
   * data files it reads at most one row group per lagging sink. What is damaged is in `problem` and
   * `lastError`, not thrown. E_NOT_A_STORE when the store that was opened is gone from its path.
   */
  status(): Promise<StoreStatus>;
  /**
   * Reads and proves everything the store refers to; changes nothing, may be repeated. Damage is in
   * the findings, not thrown. Of a store at rest: a running daemon may make findings that pass.
   */
  check(): Promise<CheckReport>;
  /**
   * Compares what every sink, or `options.sink`, has delivered with what is at its destination:
   * records, rows, units and objects. Changes nothing, here or there; may be repeated, beside a
   * running daemon too. Differences are in the report, not thrown. Throws E_USAGE for a sink that is
   * not configured, E_UNAVAILABLE when a destination cannot be read.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Waits for appends under way and seals this process's spool writer. Idempotent; loses nothing when
   * it is left out. Appends after it throw E_CLOSED.
   */
  close(): Promise<void>;
}
