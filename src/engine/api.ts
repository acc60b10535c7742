/**
 * Owns: the shapes of the public API: what a Store can do and what it answers.
 * Ranges are `(after, through]` in seq. Every promise states when it resolves.
 * llp/0008
 */
import type { DatasetName, Lineage, Seq, SinkName } from '../core/ids.ts';
import type { Batch } from '../codec/columns.ts';

/** What one append or one input stream came to. */
export interface AppendResult {
  /** Rows made durable in the spool. */
  readonly rows: number;
  /** The first 1,000 lines that are not rows; no such line was stored, all others were. */
  readonly rejects: readonly RejectedLine[];
  /** How many lines are not rows, those beyond the first 1,000 too. */
  readonly rejected: number;
  /** Rows in which a key stood twice: the last one won. */
  readonly duplicateKeyRows: number;
}

export interface RejectedLine {
  /** 1-based. */
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

export interface FlushReport {
  readonly dataset: DatasetName;
  readonly rows: number;
  readonly commits: number;
  readonly maxSeq: Seq;
}

export interface ExportReport {
  readonly sink: SinkName;
  readonly dataset: DatasetName;
  readonly state: SinkState;
  readonly units: number;
  readonly rows: number;
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

export type SinkState = 'idle' | 'exporting' | 'retrying' | 'parked' | 'paused';

export interface DatasetStatus {
  readonly name: DatasetName;
  readonly lineage: Lineage | undefined;
  readonly rows: bigint;
  readonly maxSeq: Seq;
  readonly prunedThrough: Seq;
  readonly files: number;
  readonly bytes: number;
  readonly snapshots: number;
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
  readonly watermark: Seq;
  readonly lagRows: bigint;
  /** Age of the oldest row not exported; 0 when there is none. */
  readonly lagSeconds: number;
  readonly exportedRows: bigint;
  readonly declinedRows: bigint;
  readonly lostRows: bigint;
  readonly openUnit: { readonly after: Seq; readonly through: Seq } | undefined;
  readonly lastError: string | undefined;
}

export interface SinkStatus {
  readonly name: SinkName;
  readonly type: string;
  readonly state: SinkState;
  readonly destination: string;
  readonly datasets: readonly SinkDatasetStatus[];
}

export interface StoreStatus {
  readonly root: string;
  readonly datasets: readonly DatasetStatus[];
  readonly sinks: readonly SinkStatus[];
}

export interface BackfillOptions {
  /** Reads everything, writes nothing, says what would be added. */
  readonly dryRun?: boolean | undefined;
  /** Loads a file again although its very bytes are in already. */
  readonly again?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

export interface BackfillProgress {
  readonly file: string;
  readonly fileIndex: number;
  readonly files: number;
  /** Bytes of the files as stored (compressed when they are). */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rows: number;
}

export interface BackfillFileReport {
  readonly path: string;
  /** added: new rows · unchanged: all was in · same-bytes: in already from another path. */
  readonly outcome: 'added' | 'unchanged' | 'same-bytes';
  readonly rows: number;
  readonly bytes: number;
  readonly rejected: number;
  /** The path its bytes came from the first time, for same-bytes. */
  readonly firstPath: string | undefined;
}

export interface BackfillReport {
  readonly dataset: DatasetName;
  readonly files: readonly BackfillFileReport[];
  readonly rows: number;
  readonly rejected: number;
  /** File of rejected lines, when there are any. */
  readonly rejectsPath: string | undefined;
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
  /** Datasets with a table or with rows in the spool. Changes nothing. */
  datasetNames(): Promise<readonly DatasetName[]>;
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
   * Claims the store for one daemon; E_HELD names the holder. Liveness only: losing it is harmless.
   * The answer releases the claim.
   */
  holdDaemon(): Promise<() => Promise<void>>;
}

export interface Store {
  readonly root: string;
  /**
   * Makes `rows` durable in the spool. Resolves after fdatasync of the segment; the rows appear
   * in the table with the next flush, exactly once. Calling again after a failure may store the
   * rows a second time unless the failure was E_USAGE kind (nothing stored). All or nothing per
   * call of at most LIMITS.frameBytes.
   * Throws E_DATASET_NAME, E_BAD_ROW, E_ROW_TOO_LARGE, E_SPOOL_FULL, E_UNAVAILABLE, E_CLOSED.
   */
  append(dataset: string, rows: Iterable<Readonly<Record<string, unknown>>>): Promise<AppendResult>;
  /**
   * As `append`, from NDJSON bytes: bad lines are reported and left out, all others are durable
   * when it resolves. Throws as `append` does; rows before a failure may be stored.
   */
  appendNdjson(dataset: string, input: AsyncIterable<Uint8Array>): Promise<AppendResult>;
  /**
   * Commits all spooled rows of `dataset` (default: of every dataset) to their tables. Resolves
   * when they are durable there. Idempotent. Throws E_CORRUPT, E_FOREIGN, E_UNAVAILABLE.
   */
  flush(dataset?: string): Promise<readonly FlushReport[]>;
  /**
   * Everything that can be done now: flushes, then exports what is new to every sink, without
   * waiting for delays or rotation ages. Resolves when there is nothing left to do or each
   * remaining sink waits for a retry or a person. Failures of one dataset or sink are in the report.
   */
  tick(): Promise<TickReport>;
  /**
   * Rows of `(after, through]` in seq order, as batches of bounded size. Rows still in the spool
   * are not in it: flush first. Throws E_UNKNOWN_DATASET, E_RANGE, E_CORRUPT.
   */
  scan(dataset: string, options?: ScanOptions): AsyncIterable<Batch>;
  /** Reads files into `dataset`; durable in the table when it resolves; repeatable, resumable. */
  backfill(
    dataset: string,
    files: readonly string[],
    options?: BackfillOptions,
  ): Promise<BackfillReport>;
  /** Flushes, then runs `sql` by DuckDB; each dataset is a view. E_UNAVAILABLE without DuckDB. */
  query(sql: string): Promise<QueryResult>;
  /** How far every dataset and sink is. Changes nothing; reads no data file. */
  status(): Promise<StoreStatus>;
  /** Reads and proves everything the store refers to; changes nothing. */
  check(): Promise<CheckReport>;
  /** Seals this process's spool writer. Idempotent; later calls throw E_CLOSED. */
  close(): Promise<void>;
}
