/**
 * Owns: one loop: step, wait, step again, until it is stopped. It never overlaps itself, and no
 * error of a step ends it. A step runs inside a gate that bounds how many of its kind run at once.
 * A crash at any point leaves what the engine's step leaves; the loop itself keeps nothing.
 * llp/0011
 */
import type { Clock } from '../core/clock.ts';
import type { Outcome, Wait } from './backoff.ts';

/** Lets at most `width` holders in at once, first come, first served. */
export class Gate {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  /** Resolves when there is room; the answer gives the place back. */
  async enter(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}

/** What a loop is doing, for /ready. Times are of the monotonic clock. */
export interface LoopProgress {
  readonly name: string;
  /** queued: waits for its gate. */
  readonly phase: 'stepping' | 'waiting' | 'queued' | 'ended';
  readonly sinceMs: number;
  /** When the next step is due, while waiting. */
  readonly dueMs: number | undefined;
  readonly failures: number;
  /** Since the first of `failures`; undefined when there is none. */
  readonly failingSinceMs?: number | undefined;
  /** Nothing outside of the store excuses its failing, as a destination that is down would. */
  readonly local?: boolean | undefined;
  /** Reason of the last step when it failed. */
  readonly problem: string | undefined;
}

export interface LoopParts {
  readonly name: string;
  readonly clock: Clock;
  readonly gate: Gate;
  /** As in LoopProgress. */
  readonly local?: boolean | undefined;
  /** One step. It may throw: that is a failure without a wait of its own. */
  readonly step: () => Promise<Outcome>;
  /** `inARow`: how many outcomes of this kind there were without another, this one included. */
  readonly waitAfter: (outcome: Outcome, inARow: number) => Wait;
  /** Told after each step, before `progress` shows it; must not throw. */
  readonly onOutcome?: (outcome: Outcome, inARow: number, wait: Wait) => void;
}

export class Loop {
  readonly name: string;
  /** Resolves when the loop has been stopped and its last step is over. Never rejects. */
  readonly ended: Promise<void>;
  readonly #parts: LoopParts;
  #progress: LoopProgress;
  #stopped = false;
  #news = false;
  #nap: { readonly controller: AbortController; readonly wakeable: boolean } | undefined;

  /** Starts at once. */
  constructor(parts: LoopParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#progress = {
      name: parts.name,
      phase: 'queued',
      sinceMs: parts.clock.monotonicMs(),
      dueMs: undefined,
      failures: 0,
      local: parts.local,
      problem: undefined,
    };
    this.ended = this.#run();
  }

  get progress(): LoopProgress {
    return this.#progress;
  }

  /** There is news: a wait that may be cut short ends now; during a step, the next wait is skipped. */
  wake(): void {
    this.#news = true;
    if (this.#nap?.wakeable === true) this.#nap.controller.abort();
  }

  /** No step begins after this; one that runs is finished. */
  stop(): void {
    this.#stopped = true;
    this.#nap?.controller.abort();
  }

  #enter(phase: LoopProgress['phase'], more: Partial<LoopProgress> = {}): void {
    const sinceMs = this.#parts.clock.monotonicMs();
    this.#progress = { ...this.#progress, dueMs: undefined, ...more, phase, sinceMs };
  }

  async #run(): Promise<void> {
    let last: Outcome['kind'] | undefined;
    let inARow = 0;
    while (!this.#isStopped()) {
      this.#enter('queued');
      const leave = await this.#parts.gate.enter();
      let outcome: Outcome;
      try {
        // A loop may be stopped while it waits at the gate.
        if (this.#isStopped()) break;
        this.#news = false;
        this.#enter('stepping');
        outcome = await this.#step();
      } finally {
        leave();
      }
      inARow = outcome.kind === last ? inARow + 1 : 1;
      last = outcome.kind;
      const wait = this.#parts.waitAfter(outcome, inARow);
      this.#parts.onOutcome?.(outcome, inARow, wait);
      const trouble =
        outcome.kind === 'failed'
          ? { failures: inARow, failingSinceMs: this.#failingSinceMs(), problem: outcome.reason }
          : { failures: 0, failingSinceMs: undefined, problem: undefined };
      await this.#wait(wait, trouble);
    }
    this.#enter('ended');
  }

  #failingSinceMs(): number {
    return this.#progress.failingSinceMs ?? this.#parts.clock.monotonicMs();
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  async #step(): Promise<Outcome> {
    try {
      return await this.#parts.step();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', waitMs: undefined, reason };
    }
  }

  /** Even a wait of nothing goes through the clock, so that signals and requests get their turn. */
  async #wait(wait: Wait, more: Partial<LoopProgress>): Promise<void> {
    if (this.#stopped) return;
    const ms = this.#news && wait.wakeable ? 0 : wait.ms;
    const { clock } = this.#parts;
    this.#enter('waiting', { ...more, dueMs: clock.monotonicMs() + ms });
    const controller = new AbortController();
    this.#nap = { controller, wakeable: wait.wakeable };
    await clock.sleep(ms, controller.signal);
    this.#nap = undefined;
  }
}
