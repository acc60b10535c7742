/**
 * Owns: whether a daemon is well, as a pure function of what its loops are doing. Ready means that
 * every loop makes progress, not that rows flow: a daemon that drained its backlog is still ready
 * minutes and days later, and so is one whose sink is down or parked (that is /status). One that
 * cannot read or flush its own store is not.
 * llp/0011
 */
import type { Json } from '../core/json.ts';
import type { LoopProgress } from './loop.ts';

export type DaemonPhase = 'starting' | 'running' | 'draining';

export interface Readiness {
  readonly ready: boolean;
  /** Plain sentences; empty when ready. */
  readonly reasons: readonly string[];
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}

/** undefined when the loop is well. Waiting for a gate is not a fault of the one who waits. */
function complaint(loop: LoopProgress, nowMs: number, stuckMs: number): string | undefined {
  return standstill(loop, nowMs, stuckMs) ?? failing(loop, nowMs, stuckMs);
}

/** A loop of the store alone that fails again and again: steps are made, but no progress. */
function failing(loop: LoopProgress, nowMs: number, stuckMs: number): string | undefined {
  if (loop.local !== true) return undefined;
  const forMs = nowMs - (loop.failingSinceMs ?? nowMs);
  if (forMs <= stuckMs) return undefined;
  return `${loop.name}: fails for ${seconds(forMs)}: ${loop.problem ?? 'no reason given'}`;
}

function standstill(loop: LoopProgress, nowMs: number, stuckMs: number): string | undefined {
  switch (loop.phase) {
    case 'stepping': {
      const busy = nowMs - loop.sinceMs;
      return busy > stuckMs ? `${loop.name}: in one step for ${seconds(busy)}` : undefined;
    }
    case 'waiting': {
      const late = nowMs - (loop.dueMs ?? nowMs);
      return late > stuckMs ? `${loop.name}: due for ${seconds(late)}` : undefined;
    }
    case 'ended':
      return `${loop.name}: has ended`;
    case 'queued':
      return undefined;
  }
}

/** `nowMs` and the loops' times are of one monotonic clock. */
export function readiness(
  phase: DaemonPhase,
  loops: readonly LoopProgress[],
  nowMs: number,
  stuckMs: number,
): Readiness {
  if (phase !== 'running') return { ready: false, reasons: [`the daemon is ${phase}`] };
  const reasons = loops.map((loop) => complaint(loop, nowMs, stuckMs));
  const spoken = reasons.filter((reason) => reason !== undefined);
  return { ready: spoken.length === 0, reasons: spoken };
}

/** The loops as /ready shows them. */
export function describeLoops(loops: readonly LoopProgress[], nowMs: number): Json {
  return loops.map((loop) => ({
    name: loop.name,
    phase: loop.phase,
    forMs: Math.round(nowMs - loop.sinceMs),
    dueInMs: loop.dueMs === undefined ? null : Math.round(loop.dueMs - nowMs),
    failures: loop.failures,
    problem: loop.problem ?? null,
  }));
}
