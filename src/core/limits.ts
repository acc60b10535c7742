/**
 * Owns: every bound of hyp, unit last in the name, relations asserted at load (DESIGN §15).
 * A buffer is cut before it is filled, not checked after (I13).
 * llp/0001
 */
import { invariant } from './invariant.ts';

const MIB = 1024 * 1024;

export const LIMITS = {
  rowBytes: 8 * MIB,
  lineBytes: 8 * MIB,
  columns: 1000,
  columnNameBytes: 255,
  nestingDepth: 512,
  /** Lists and structs in each other in the type of a column, and all elements and members in it. */
  nestedDepth: 5,
  nestedParts: 100,
  /** Leaves of all elements in one value of such a column; a value with more is rescued. */
  nestedValues: 100_000,
  /** Bad lines of one append that its answer tells one by one; the others are only counted. */
  rejectsReported: 1000,
  /** Findings of one sink that `hyp verify` tells one by one; the others are only counted. */
  findingsReported: 1000,
  /** The largest row with a thousand columns around it. */
  frameBytes: 9 * MIB,
  segmentBytes: 64 * MIB,
  batchRows: 100_000,
  batchBytes: 32 * MIB,
  rowGroupRows: 20_000,
  rowGroupBytes: 16 * MIB,
  /** Columns of a row group that are encoded at once; a larger column goes alone. */
  encodeColumns: 64,
  encodeBytes: 4 * MIB,
  groupCommitMs: 5,
  groupCommitBytes: MIB,
  /** How long the mark of a spool writer closed by another process stays (llp/0007). */
  deadWriterKeepMs: 7 * 24 * 60 * 60_000,
  partsPerUnit: 256,
  openPartBytes: 16 * MIB,
  recordVersions: 20,
  recordHistory: 64,
  snapshots: 20,
  trimEveryCommits: 16,
  commitsPerUnit: 1024,
  manifestMerge: 16,
  manifestBytes: 8 * MIB,
  positionsActive: 256,
  positionsMerge: 16,
  /** Finished sources in one merged segment, about 8 MiB; larger ones are not merged further. */
  positionsMergeSources: 65_536,
  positionsCacheBytes: 32 * MIB,
  sourceNameChars: 512,
  appendKeyChars: 512,
  /** How long an append's idempotency key is remembered. */
  appendKeyKeepMs: 7 * 24 * 60 * 60_000,
  leaseStaleMs: 10_000,
  leaseWaitMs: 5_000,
  commitAttempts: 100,
  /** Small files that share one commit of a backfill. */
  backfillFilesPerCommit: 512,
  /** Lines of a file that are parsed at once, by whatever thread. */
  backfillBlockBytes: 2 * MIB,
  /** Lines that are being parsed or wait for their turn, and what became of them. */
  backfillAheadBytes: 32 * MIB,
  /** Most worker threads of one command. */
  workers: 64,
  /** What one worker thread is counted with; one that holds more is ended after its job. */
  workerBytes: 96 * MIB,
  /** What a command takes without worker threads, and with all of them (DESIGN §15). */
  aloneBytes: 384 * MIB,
  peakBytes: 512 * MIB,
  /** Worker threads that die on jobs of one command before it gives up. */
  workerDeaths: 100,
  /** What `state/ballast` holds ready for a full disk, or `disk.minFree` when that is less. */
  ballastBytes: 8 * MIB,
  /** Pages of a Parquet input that are held at once, of all columns, and its footer. */
  parquetHeldBytes: 160 * MIB,
  parquetFooterBytes: 8 * MIB,
  /** Bytes a process appends before it looks again how full disk and spool are. */
  roomLookBytes: MIB,
  /** The same in time: what other processes append is seen after this at the latest. */
  roomLookMs: 250,
  /** Flush steps at once, over all datasets. */
  daemonFlushWidth: 2,
  /** Export steps at once, per sink. */
  daemonExportWidth: 2,
  /** A step longer than this makes the daemon not ready; it is not ended. */
  daemonStuckMs: 120_000,
} as const;

invariant(LIMITS.lineBytes >= LIMITS.rowBytes, 'a line holds a row');
const columnHeadBytes = 2 * LIMITS.columnNameBytes + 512;
invariant(
  LIMITS.frameBytes >= LIMITS.rowBytes + LIMITS.columns * columnHeadBytes,
  'a frame holds the largest row',
);
invariant(LIMITS.segmentBytes > 2 * LIMITS.frameBytes, 'a segment holds more than one frame');
invariant(LIMITS.batchBytes >= LIMITS.rowBytes, 'a batch holds the largest row');
invariant(LIMITS.rowGroupBytes >= LIMITS.rowBytes, 'a row group holds the largest row');
invariant(LIMITS.rowGroupRows <= LIMITS.batchRows, 'a batch holds a row group');
invariant(LIMITS.recordHistory > LIMITS.recordVersions, 'history outlives the kept versions');
invariant(LIMITS.backfillAheadBytes > 2 * LIMITS.lineBytes, 'a line is read beside others');
