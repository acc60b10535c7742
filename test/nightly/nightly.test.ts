/**
 * The suites of chance, again and again with other seeds, until a time is used up: HYP_NIGHTLY_MINUTES
 * (30). Each seed that fails is said with the line that repeats it. HYP_SEED: the first seed. llp/0013
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runVitest } from '../support/child-vitest.ts';
import { count } from '../support/counted.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTES = Number(process.env['HYP_NIGHTLY_MINUTES'] ?? 30);
const MINUTE_MS = 60_000;
/** A suite that was begun may end. */
const SUITE_MS = 10 * MINUTE_MS;
/** Seeds of two nights should not be the same. */
const FIRST_SEED = Number(process.env['HYP_SEED'] ?? Math.floor(Date.now() / MINUTE_MS));

interface Chance {
  readonly file: string;
  readonly env?: Readonly<Record<string, string>>;
}

const SUITES: readonly Chance[] = [
  { file: 'test/sim/courses.test.ts', env: { HYP_COURSES: '400' } },
  { file: 'test/crash/race.test.ts' },
  { file: 'test/property' },
  { file: 'test/crash/kill-export.test.ts' },
  { file: 'test/sim/follow.test.ts', env: { HYP_COURSES: '60' } },
  { file: 'test/crash/many-files.test.ts' },
  { file: 'test/crash/follow.test.ts' },
];

/** What went wrong, with the line that repeats it; undefined when nothing did. */
async function faultOf({ file, env = {} }: Chance, seed: number): Promise<string | undefined> {
  const chance = { ...env, HYP_SEED: String(seed) };
  const run = await runVitest(ROOT, { files: [file], env: chance, limitMs: SUITE_MS });
  const words = Object.entries(chance).map(([name, value]) => `${name}=${value}`);
  const line = `${words.join(' ')} npx vitest run ${file}`;
  const passed = run.kind === 'ran' && run.failed.length === 0 && run.passed > 0;
  console.log(`${passed ? 'passed' : 'FAILED'}: ${line}`);
  if (passed) return undefined;
  return `${line}: ${run.kind === 'ran' ? run.failed.join('; ') : run.why}`;
}

test(`no seed of ${MINUTES} minutes loses a row or doubles one`, async () => {
  const endMs = performance.now() + MINUTES * MINUTE_MS;
  const faults: string[] = [];
  for (let turn = 0; turn === 0 || performance.now() < endMs; turn++) {
    const suite = SUITES[turn % SUITES.length];
    if (suite === undefined) throw new Error('there is no suite');
    // Courses of one seed overlap those of the next ones unless these are far apart.
    const fault = await faultOf(suite, FIRST_SEED + 1_000 * turn);
    count('seeds', 1);
    if (fault !== undefined) faults.push(fault);
  }
  expect(faults).toEqual([]);
});
