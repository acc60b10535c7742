/**
 * Owns: the list of flows, each with the promise it keeps, for the tests and for run.ts.
 * llp/0016
 */
import { firstRowsFlow } from './first-rows.ts';
import { helpFlow } from './help.ts';
import { historyFlow, queryFlow } from './history.ts';
import { badConfigFlow, badLinesFlow, usageFlow } from './mistakes.ts';
import { contentsFlow, libraryFlow } from './package.ts';

export interface Flow {
  readonly promise: string;
  /** Throws when the promise is broken; false: it could not be tried here. */
  readonly run: () => Promise<unknown>;
}

export const FLOWS: readonly Flow[] = [
  { promise: 'hyp --help and every verb of it explain themselves', run: helpFlow },
  { promise: 'init, append, tick, cat and status work from the first minute', run: firstRowsFlow },
  { promise: 'a backfilled log is in the table once, in its order', run: historyFlow },
  { promise: 'hyp query answers SQL, or says that DuckDB is not installed', run: queryFlow },
  { promise: 'wrong usage exits 2 and says what to run', run: usageFlow },
  { promise: 'a wrong hyp.yaml exits 78 with lines and columns', run: badConfigFlow },
  { promise: 'bad lines exit 65 and every good one is stored', run: badLinesFlow },
  { promise: 'the package holds what it needs and nothing else', run: contentsFlow },
  { promise: 'a program can use the unpacked package by its name', run: libraryFlow },
];
