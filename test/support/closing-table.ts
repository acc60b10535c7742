/**
 * Owns: the table at the end of a run of tests: what was tried, by kind of test, and whether it was
 * enough. A kind that ran whole and tried less than its floor fails the run, so that a suite that was
 * emptied, skipped or cut short cannot pass. vitest calls `setup` and `teardown` (vitest.config.ts).
 * llp/0013
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject, Vitest } from 'vitest/node';
import { COUNTED, COUNTS_FILE } from './counted.ts';
import type { Counted } from './counted.ts';

/** Lines of the counts file, as `count` writes them. */
interface CountLine {
  readonly what: Counted;
  readonly n: number;
  readonly kind: string;
}

export type Counts = Readonly<Record<string, Readonly<Partial<Record<Counted, number>>>>>;

/**
 * What each kind tries at least. Raise a floor with what is added, to some 5 % below what the table
 * says then; lower one only with a reason. What is asked for in the end is in llp/0013.
 */
export const FLOORS: Counts = {
  unit: { points: 1_260, pauses: 1_540, faults: 1_240, 'bit flips': 10_600, rows: 8_800 },
  property: { points: 3_250, pauses: 410, seeds: 18_000, rows: 5_500 },
  sim: { points: 4_300, pauses: 9_000, faults: 330, seeds: 40, 'bit flips': 86_000, rows: 5_000 },
  crash: { points: 24_000, pauses: 200_000, faults: 3_000, kills: 1_600, seeds: 4, rows: 10_000 },
  mutants: { mutants: 100 },
};

/** Never one, of any kind. */
const NEVER: readonly Counted[] = ['lost', 'double'];

export function sumCounts(text: string): Counts {
  const sums: Record<string, Partial<Record<Counted, number>>> = {};
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const { what, n, kind } = JSON.parse(line) as CountLine;
    const sum = (sums[kind] ??= {});
    sum[what] = (sum[what] ?? 0) + n;
  }
  return sums;
}

/** What is wrong with the counts of the kinds that ran whole; `lost` and `double` of every kind. */
export function belowFloor(counts: Counts, whole: readonly string[], floors = FLOORS): string[] {
  const low = whole.flatMap((kind) =>
    (Object.entries(floors[kind] ?? {}) as [Counted, number][]).flatMap(([what, floor]) => {
      const tried = counts[kind]?.[what] ?? 0;
      return tried < floor ? [`${kind}: ${tried} ${what}, at least ${floor} are expected`] : [];
    }),
  );
  const never = Object.entries(counts).flatMap(([kind, sums]) =>
    NEVER.flatMap((what) => {
      const n = sums[what] ?? 0;
      return n === 0 ? [] : [`${kind}: ${n} rows ${what}`];
    }),
  );
  return [...low, ...never];
}

/** One line a figure, one column a kind, the sum last. */
export function closingTable(counts: Counts): string {
  const kinds = Object.keys(counts).sort();
  const cells = (Object.keys(COUNTED) as Counted[]).map((what) => {
    const own = kinds.map((kind) => counts[kind]?.[what] ?? 0);
    return [what, ...own, own.reduce((sum, n) => sum + n, 0)].map((cell) =>
      typeof cell === 'number' ? cell.toLocaleString('en-US') : cell,
    );
  });
  return [['tried', ...kinds, 'in sum'], ...cells]
    .map((row) => row.map((cell, at) => (at === 0 ? cell.padEnd(10) : cell.padStart(13))).join(''))
    .join('\n');
}

let run: { readonly vitest: Vitest; readonly dir: string } | undefined;

export function setup(project: TestProject): void {
  const dir = mkdtempSync(join(tmpdir(), 'hyp-counts-'));
  const file = join(dir, 'counts');
  writeFileSync(file, '');
  process.env[COUNTS_FILE] = file;
  run = { vitest: project.vitest, dir };
}

export async function teardown(): Promise<void> {
  if (run === undefined) return;
  const { vitest, dir } = run;
  const counts = sumCounts(readFileSync(join(dir, 'counts'), 'utf8'));
  rmSync(dir, { recursive: true, force: true });
  const wrong = belowFloor(counts, await wholeKinds(vitest));
  if (Object.keys(counts).length === 0 && wrong.length === 0) return;
  const said = wrong.map((each) => `not enough, or wrong: ${each}\n`).join('');
  process.stderr.write(`\n${closingTable(counts)}\n${said}`);
  if (wrong.length > 0) process.exitCode = 1;
}

/** Kinds of which every file ran, and no test was left out by its name. */
async function wholeKinds(vitest: Vitest): Promise<string[]> {
  if (vitest.config.testNamePattern !== undefined) return [];
  const ran = new Set(vitest.state.getTestModules().map(({ moduleId }) => moduleId));
  const kinds: string[] = [];
  for (const project of vitest.projects) {
    const { testFiles } = await project.globTestFiles();
    if (testFiles.length > 0 && testFiles.every((file) => ran.has(file))) kinds.push(project.name);
  }
  return kinds;
}
