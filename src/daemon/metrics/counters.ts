/**
 * Owns: counts of what a daemon did since it started, taken from the decisions it and its engine
 * say. They begin at 0 with each start, as counters may; what must survive is in progress records.
 * llp/0020
 */
import type { HypEvent, Observe } from '../../core/events.ts';

/** Decisions that are counted: by which facts, and which of their figures are summed. */
const COUNTED = {
  flushed: { by: ['dataset'], sums: ['rows', 'commits'] },
  exported: { by: ['sink', 'dataset'], sums: ['rows'] },
  retry: { by: ['sink', 'dataset'], sums: [] },
} as const;

export type CountedAction = keyof typeof COUNTED;

export interface Count {
  readonly labels: Readonly<Record<string, string>>;
  /** How often. */
  times: number;
  readonly sums: Record<string, number>;
}

export class Counters {
  readonly #counts = new Map<CountedAction, Map<string, Count>>();

  /** Counts what passes on its way to `observe`. */
  watching(observe: Observe): Observe {
    return (event) => {
      this.#count(event);
      observe(event);
    };
  }

  of(action: CountedAction): readonly Count[] {
    return [...(this.#counts.get(action)?.values() ?? [])];
  }

  #count(event: HypEvent): void {
    if (event.type !== 'decision' || !isCounted(event.action)) return;
    const { by, sums } = COUNTED[event.action];
    const labels = Object.fromEntries(by.map((name) => [name, String(event.facts[name])]));
    const counts = this.#counts.get(event.action) ?? new Map<string, Count>();
    this.#counts.set(event.action, counts);
    const key = Object.values(labels).join('/');
    const count = counts.get(key) ?? { labels, times: 0, sums: {} };
    counts.set(key, count);
    count.times += 1;
    for (const name of sums) {
      count.sums[name] = (count.sums[name] ?? 0) + Number(event.facts[name] ?? 0);
    }
  }
}

function isCounted(action: string): action is CountedAction {
  return Object.hasOwn(COUNTED, action);
}
