/**
 * Owns: when a new unit is due and how far it may reach: rotation by rows, bytes and age.
 * Pure; the figures are gathered by the exporter. `tick` does not wait; the daemon does.
 * llp/0008
 */
import { toSeq } from '../../core/ids.ts';
import type { Seq } from '../../core/ids.ts';

export interface Rotation {
  readonly rows: number;
  readonly bytes: number;
  readonly intervalMs: number;
}

export interface Backlog {
  readonly watermark: Seq;
  readonly maxSeq: Seq;
  /** Stored bytes of the files that hold the backlog, an estimate of what a unit would carry. */
  readonly storedBytes: number;
  /** Milliseconds since the oldest row of the backlog was stamped. */
  readonly ageMs: number;
}

export type DueDecision =
  /** `rows`: a full unit is there; `bytes`, `age`, `now`: take what is there, up to `through`. */
  | { readonly label: 'rows' | 'bytes' | 'age' | 'now'; readonly through: Seq }
  | { readonly label: 'wait'; readonly waitMs: number };

/** The end of the longest unit that may start after `watermark`. */
export function longestThrough(backlog: Pick<Backlog, 'watermark' | 'maxSeq'>, rows: number): Seq {
  const full = backlog.watermark + BigInt(rows);
  return toSeq(full < backlog.maxSeq ? full : backlog.maxSeq);
}

/** With `wait: false` anything new is due now; row limits still cut the unit. */
export function exportDue(rotation: Rotation, backlog: Backlog, wait: boolean): DueDecision {
  const through = longestThrough(backlog, rotation.rows);
  if (!wait) return { label: 'now', through };
  if (backlog.maxSeq - backlog.watermark >= BigInt(rotation.rows))
    return { label: 'rows', through };
  if (backlog.storedBytes >= rotation.bytes) return { label: 'bytes', through };
  // A clock that went back must not hold rows for ever: a negative age counts as due.
  if (backlog.ageMs >= rotation.intervalMs || backlog.ageMs < 0) return { label: 'age', through };
  return { label: 'wait', waitMs: rotation.intervalMs - backlog.ageMs };
}

/** Bounded exponential backoff with full jitter; `attempt` counts from 1. Milliseconds. */
export function retryDelayMs(
  retry: { readonly initialMs: number; readonly maxMs: number },
  attempt: number,
  fraction: number,
): number {
  const ceiling = Math.min(retry.maxMs, retry.initialMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling / 2 + (fraction * ceiling) / 2);
}
