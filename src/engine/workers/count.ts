/**
 * Owns: how many worker threads there are: by cores and by memory.
 *
 * | label | evidence | workers |
 * | asked | a person named the number | that many |
 * | alone | one core: they would only wait for each other | none |
 * | cores | memory for as many | one for each core but the one that reads and commits |
 * | memory | less | as many as there is memory for |
 *
 * llp/0023
 */
import { availableParallelism } from 'node:os';
import { HypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';

export interface WorkerEvidence {
  readonly asked: number | undefined;
  readonly cores: number;
  /** Memory this process may still take, all of it. */
  readonly freeBytes: number;
}

export interface WorkerCount {
  readonly label: 'asked' | 'alone' | 'cores' | 'memory';
  readonly workers: number;
}

/** See the table above. Pure. E_USAGE for a number nobody can have. */
export function workerCount({ asked, cores, freeBytes }: WorkerEvidence): WorkerCount {
  if (asked !== undefined) {
    if (Number.isInteger(asked) && asked >= 0 && asked <= LIMITS.workers) {
      return { label: 'asked', workers: asked };
    }
    throw new HypError('E_USAGE', `not a number of workers: ${asked}`, {
      hint: `Use 0 to ${LIMITS.workers}; 0: no threads beside the one there is.`,
    });
  }
  if (cores < 2) return { label: 'alone', workers: 0 };
  const bytes = Math.min(freeBytes, LIMITS.peakBytes) - LIMITS.aloneBytes;
  const fit = Math.max(0, Math.floor(bytes / LIMITS.workerBytes));
  const others = cores - 1;
  return fit < others ? { label: 'memory', workers: fit } : { label: 'cores', workers: others };
}

/** What this machine says. */
export function workerEvidence(asked: number | undefined): WorkerEvidence {
  return { asked, cores: availableParallelism(), freeBytes: process.availableMemory() };
}
