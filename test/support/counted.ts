/**
 * Owns: what a run of tests has tried, counted where it is tried, for the table at its end.
 * llp/0013
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** What is counted, as the closing table names it. */
export const COUNTED = {
  points: 'simulated crashes: power failures and killed processes, each at a step of its own',
  pauses: 'places where a process, simulated or real, was held while others went on',
  faults: 'calls of the simulated disk that were made to fail',
  kills: 'real processes ended by SIGKILL',
  seeds: 'courses of chance: cases of properties, and seeds of whole processes',
  'bit flips': 'files and frames read with one bit changed',
  mutants: 'seeded bugs that a suite noticed',
  rows: 'rows that were looked for in a table or at a destination',
  lost: 'acknowledged rows that were not there',
  double: 'rows that were there twice',
} as const;

export type Counted = keyof typeof COUNTED;

/** The file every process of a run appends its counts to; set by test/support/closing-table.ts. */
export const COUNTS_FILE = 'HYP_COUNTS';

const TESTS = fileURLToPath(new URL('..', import.meta.url));

/** Adds `n` to a figure of the closing table. Costs one small write; nothing where nobody counts. */
export function count(what: Counted, n: number): void {
  const file = process.env[COUNTS_FILE];
  if (file === undefined || n === 0) return;
  const path = relative(TESTS, expect.getState().testPath ?? '');
  const line = { what, n, kind: path.slice(0, path.indexOf('/')) };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** What came of the rows somebody looked for. */
export function countRows(looked: number, lost: number, double: number): void {
  count('rows', looked);
  count('lost', lost);
  count('double', double);
}
