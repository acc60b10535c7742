/**
 * Owns: how long a loop waits after a step: a pure decision over what the step came to.
 * | outcome | wait | news cuts it short |
 * | worked, more at once | none | - |
 * | worked | until the next is due, at most one tick | yes |
 * | nothing, again and again | until due, at most 1, 2, 4, … ticks (`idleTicks`) | yes |
 * | failed, told when to come back | until then | no |
 * | failed, told nothing (an error) | exponential backoff with jitter, bounded | no |
 * Not its job: whether a unit is retried (always, with the same parts: I8) or parked (engine).
 * llp/0011
 */
import type { Random } from '../core/random.ts';
import { retryDelayMs } from '../engine/export/due.ts';

export interface RetryPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
}

export type Outcome =
  /** The step did something. */
  | { readonly kind: 'worked'; readonly waitMs: number }
  /** There was nothing to do. */
  | { readonly kind: 'nothing'; readonly waitMs: number }
  /** It failed; `waitMs` is when to come back, undefined when nobody said. */
  | { readonly kind: 'failed'; readonly waitMs: number | undefined; readonly reason: string };

export interface Wait {
  readonly ms: number;
  /** False: news (rows committed) must not cut it short. */
  readonly wakeable: boolean;
}

/** A step that did nothing and says "at once" must not become a busy loop. */
const NOTHING_WAIT_MS = 10;

export interface Pace {
  readonly tickMs: number;
  /** A loop that finds nothing for long looks again at most this many ticks later. */
  readonly idleTicks: number;
  readonly retry: RetryPolicy;
  readonly random: Random;
}

/** `inARow`: how many outcomes of this kind there were without another, this one included. */
export function waitAfter(outcome: Outcome, inARow: number, pace: Pace): Wait {
  const { tickMs, idleTicks, retry, random } = pace;
  switch (outcome.kind) {
    case 'worked':
      return { ms: Math.min(outcome.waitMs, tickMs), wakeable: true };
    case 'nothing': {
      const idleMs = tickMs * Math.min(2 ** (inARow - 1), idleTicks);
      return { ms: Math.min(Math.max(outcome.waitMs, NOTHING_WAIT_MS), idleMs), wakeable: true };
    }
    case 'failed': {
      const ms = outcome.waitMs ?? retryDelayMs(retry, inARow, random.fraction());
      return { ms: Math.max(ms, NOTHING_WAIT_MS), wakeable: false };
    }
  }
}
