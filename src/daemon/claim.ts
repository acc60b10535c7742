/**
 * Owns: getting the store for one daemon. A daemon that was killed leaves a claim that goes stale by
 * itself: whoever restarts it waits for that instead of failing, as a supervisor would have to.
 * Good manners only: nothing is unsafe when the claim is lost or held twice (I11).
 * llp/0011
 */
import { hostname } from 'node:os';
import type { Clock } from '../core/clock.ts';
import { isHypError, systemCode } from '../core/errors.ts';
import type { Observe } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { Engine } from '../engine/api.ts';

export interface ClaimParts {
  readonly clock: Clock;
  readonly observe: Observe;
  /** Whether the process runs; only asked about processes of this host. */
  readonly isRunning?: ((pid: number) => boolean) | undefined;
}

const LOOK_MS = 500;
/** A stale claim is taken over up to 1 s after it is stale. */
const WAIT_MS = LIMITS.leaseStaleMs + 2_000;

function isRunningHere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** True when the error says who holds the store, and that process of this host is gone. */
function holderIsGone(error: unknown, isRunning: (pid: number) => boolean): boolean {
  if (!isHypError(error, 'E_HELD')) return false;
  const { pid, host } = error.details;
  return typeof pid === 'number' && host === hostname() && !isRunning(pid);
}

/** The answer releases the claim. E_HELD when a daemon that runs (or cannot be seen) has the store. */
export async function claimStore(engine: Engine, parts: ClaimParts): Promise<() => Promise<void>> {
  const { clock, observe } = parts;
  const isRunning = parts.isRunning ?? isRunningHere;
  const deadlineMs = clock.monotonicMs() + WAIT_MS;
  for (let waits = 0; ; waits++) {
    try {
      return await engine.holdDaemon();
    } catch (error) {
      if (clock.monotonicMs() >= deadlineMs || !holderIsGone(error, isRunning)) throw error;
      if (waits === 0) {
        const facts = { reason: error instanceof Error ? error.message : '', limitMs: WAIT_MS };
        observe({ type: 'decision', action: 'waiting-for-claim', level: 'info', facts });
      }
      await clock.sleep(LOOK_MS);
    }
  }
}
