/**
 * Owns: what an append answers, counted batch by batch; of bad lines the first are told one by one.
 * llp/0008
 */
import { LIMITS } from '../core/limits.ts';
import type { DecodedBatch } from '../codec/ndjson/decoder.ts';
import type { RejectedLine } from './api.ts';

/** An AppendResult on its way. */
export interface Tally {
  rows: number;
  readonly rejects: RejectedLine[];
  rejected: number;
  duplicateKeyRows: number;
}

export function newTally(): Tally {
  return { rows: 0, rejects: [], rejected: 0, duplicateKeyRows: 0 };
}

export function addToTally(tally: Tally, decoded: DecodedBatch): void {
  const room = LIMITS.rejectsReported - tally.rejects.length;
  for (const { line, reason, excerpt } of decoded.rejects.slice(0, room)) {
    tally.rejects.push({ line, reason, excerpt });
  }
  tally.rejected += decoded.rejects.length;
  tally.duplicateKeyRows += decoded.duplicateKeyRows;
  tally.rows += decoded.batch.rows;
}
