/**
 * Owns: chance and time under a test's control: the same seed, the same run.
 * llp/0013
 */
import type { Clock } from '../../src/core/clock.ts';
import type { Random } from '../../src/core/random.ts';

export interface SeededRandom extends Random {
  /** Uniform in 0 … `below` - 1. */
  integer(below: number): number;
}

/** A generator of its own for `seed`; ids of different seeds differ. */
export function seededRandom(seed: number): SeededRandom {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const next32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const hex32 = (): string => next32().toString(16).padStart(8, '0');
  const fraction = (): number => next32() / 2 ** 32;
  return {
    fraction,
    integer: (below) => Math.floor(fraction() * below),
    uuid: () => {
      const [a, b, c, d] = [hex32(), hex32(), hex32(), hex32()];
      return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`;
    },
    id63: () => ((BigInt(next32()) << 31n) ^ BigInt(next32())) | 1n,
  };
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Stands still until `advance`; sleepers wake in order of their time. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(startMs = Date.parse('2026-11-21T12:00:00Z')) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Sleepers waiting now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        dueMs: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', sleeper.wake);
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          resolve();
        },
      };
      signal?.addEventListener('abort', sleeper.wake);
      this.#sleepers.push(sleeper);
    });
  }

  /**
   * Lets `ms` pass, on both clocks. Whoever wakes runs (with what it starts, as far as it needs no
   * real I/O) before the next sleeper does, so a loop of sleeps sees every one of its turns.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      await settle();
      const due = this.#sleepers
        .filter((sleeper) => sleeper.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#pass(due.dueMs - this.#monotonicMs);
      due.wake();
    }
    this.#pass(endMs - this.#monotonicMs);
    await settle();
  }

  /** Sets the wall clock, as a person or NTP does; sleepers and the monotonic clock do not notice. */
  jump(toMs: number): void {
    this.#wallMs = toMs;
  }

  #pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }
}

/** A few turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
