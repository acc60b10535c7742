/**
 * Owns: comparing two tasks fairly on a machine that is not quiet: they run in turn, each pair gives
 * one ratio, and the median of the ratios is the answer.
 * llp/0016
 */
import { count, fixed, median } from './report.ts';
import type { TaskResult } from './tasks.ts';

export interface Contender {
  readonly name: string;
  /** NDJSON-equivalent bytes of its work. */
  readonly bytes: number;
  /** One fresh run, prepared and measured. */
  run(round: number): Promise<TaskResult>;
}

export interface Measured {
  readonly name: string;
  readonly results: readonly TaskResult[];
  readonly medianMs: number;
  readonly minMs: number;
  readonly row: readonly string[];
}

export const TITLES = [
  'what',
  'median ms',
  'min ms',
  'cpu ms',
  'krows/s',
  'MB/s',
  'peak MiB',
  'calib ms',
] as const;

/** Runs every contender `rounds` times, in turn. */
export async function measure(
  contenders: readonly Contender[],
  rounds: number,
): Promise<readonly Measured[]> {
  const results = contenders.map((): TaskResult[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      results[index]?.push(await contender.run(round));
    }
  }
  return contenders.map((contender, index) => measuredOf(contender, results[index] ?? []));
}

function measuredOf({ name, bytes }: Contender, results: readonly TaskResult[]): Measured {
  const times = results.map((result) => result.ms);
  const medianMs = median(times);
  const rows = results[0]?.rows ?? 0;
  const row = [
    name,
    count(medianMs),
    count(Math.min(...times)),
    count(median(results.map((result) => result.cpuMs))),
    count(rows / medianMs),
    fixed(bytes / 1e3 / medianMs, 1),
    count(Math.max(...results.map((result) => result.peakBytes)) / (1024 * 1024)),
    fixed(median(results.map((result) => result.calibrationMs)), 1),
  ];
  return { name, results, medianMs, minMs: Math.min(...times), row };
}

export interface Ratio {
  readonly median: number;
  /** Of the fastest runs of both. */
  readonly best: number;
  /** Of processor time: what counts when the machine is not quiet. */
  readonly cpu: number;
}

/** Speed of `ours` as a share of the speed of `theirs`: above 1 is faster. */
export function ratioOf(ours: Measured, theirs: Measured): Ratio {
  const ratio = (pick: (result: TaskResult) => number): number => {
    const pairs = ours.results.map((own, round) => {
      const other = theirs.results[round];
      return other === undefined ? Number.NaN : pick(other) / pick(own);
    });
    return median(pairs);
  };
  return {
    median: ratio((result) => result.ms),
    best: theirs.minMs / ours.minMs,
    cpu: ratio((result) => result.cpuMs),
  };
}

export function ratioText(ratio: Ratio): string {
  return `${fixed(ratio.median)} (fastest runs ${fixed(ratio.best)}, processor time ${fixed(ratio.cpu)})`;
}
