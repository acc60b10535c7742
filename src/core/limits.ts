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
  frameBytes: 8 * MIB,
  segmentBytes: 64 * MIB,
  spoolBytes: 2048 * MIB,
  batchRows: 100_000,
  batchBytes: 32 * MIB,
  rowGroupRows: 20_000,
  rowGroupBytes: 32 * MIB,
  groupCommitMs: 5,
  groupCommitBytes: MIB,
  partsPerUnit: 256,
  openPartBytes: 32 * MIB,
  recordVersions: 20,
  recordHistory: 64,
  snapshots: 20,
  snapshotsYoung: 200,
  snapshotYoungMs: 10 * 60_000,
  manifestMerge: 16,
  manifestBytes: 8 * MIB,
  positionsActive: 256,
  positionsMerge: 16,
  leaseStaleMs: 10_000,
  leaseWaitMs: 5_000,
  commitAttempts: 100,
} as const;

invariant(LIMITS.lineBytes >= LIMITS.rowBytes, 'a line holds a row');
invariant(LIMITS.segmentBytes > 2 * LIMITS.frameBytes, 'a segment holds more than one frame');
invariant(LIMITS.batchBytes >= LIMITS.rowBytes, 'a batch holds the largest row');
invariant(LIMITS.rowGroupRows <= LIMITS.batchRows, 'a batch holds a row group');
invariant(LIMITS.recordHistory > LIMITS.recordVersions, 'history outlives the kept versions');
