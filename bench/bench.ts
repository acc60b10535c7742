/**
 * Owns: what one run of the benchmarks is about, as every benchmark sees it.
 * llp/0016
 */
import type { DataMaker } from './data.ts';

/** What every benchmark may use. */
export interface Bench {
  readonly dir: string;
  readonly data: DataMaker;
  readonly rounds: number;
  /** NDJSON megabytes (10^6) for the ratios. */
  readonly megabytes: number;
  /** NDJSON megabytes of the larger backlog of the memory benchmark. */
  readonly memoryMegabytes: number;
  /** Sizes that take many minutes, too. */
  readonly large: boolean;
}
