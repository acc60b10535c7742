/** Every seeded bug is noticed by a quick suite, in a copy of the tree. llp/0013 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { count } from '../support/counted.ts';
import { COMMIT } from './commit.ts';
import { DURABILITY } from './durability.ts';
import { EXPORT } from './export.ts';
import { Copy, mutated } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { SPOOL } from './spool.ts';
import { UPKEEP } from './upkeep.ts';

const AREAS: Readonly<Record<string, readonly Mutant[]>> = {
  durability: DURABILITY,
  spool: SPOOL,
  commits: COMMIT,
  exports: EXPORT,
  upkeep: UPKEEP,
};
const MUTANTS = Object.values(AREAS).flat();

/** As many as run at once (vitest.config.ts): each has a copy and a process of its own. */
const COPIES = 2;

const copies: Copy[] = [];
let place = '';

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'hyp-mutants-'));
  for (let at = 0; at < COPIES; at++) copies.push(await Copy.make(join(place, String(at))));
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** Lends a copy nobody else uses. */
async function withCopy<T>(use: (copy: Copy) => Promise<T>): Promise<T> {
  const copy = copies.pop();
  if (copy === undefined) throw new Error('more trials at once than copies');
  try {
    return await use(copy);
  } finally {
    copies.push(copy);
  }
}

describe('the list', () => {
  test('has twenty bugs or more, each by a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  test('of which one no longer fits the code, or is in it twice, is refused', () => {
    const [mutant] = MUTANTS;
    if (mutant === undefined) throw new Error('there is no mutant');
    expect(() => mutated('other code', mutant)).toThrow('0 times');
    expect(() => mutated(mutant.text.repeat(2), mutant)).toThrow('2 times');
  });

  test('is judged by tests that ran: no bug survives, no test or no program proves nothing', async () => {
    const text = 'export class VersionedRecord<T> {';
    const none: Mutant = {
      name: 'no bug',
      file: 'src/core/versioned-record.ts',
      text,
      becomes: text,
      killedBy: 'test/unit/core/versioned-record.test.ts',
    };
    const tried = [
      none,
      { ...none, tests: /no such test/ },
      { ...none, becomes: 'export class {' },
    ];
    const kinds = [];
    for (const mutant of tried) kinds.push((await withCopy((copy) => copy.try(mutant))).kind);
    expect(kinds).toEqual(['survived', 'untried', 'untried']);
  });
});

describe.concurrent('without a bug', () => {
  const some = MUTANTS.filter(({ tests }) => tests !== undefined);
  const names = new RegExp([...new Set(some.map(({ tests }) => tests?.source))].join('|'));
  test.each([
    ['whole suites', MUTANTS.filter(({ tests }) => tests === undefined), undefined],
    ['single tests', some, names],
  ])('the %s that notice them pass', async (_what, mutants, tests) => {
    const files = [...new Set(mutants.map(({ killedBy }) => killedBy))];
    const run = await withCopy((copy) => copy.run(files, tests));
    expect(run).toMatchObject({ kind: 'ran', failed: [] });
  });
});

describe.concurrent.each(Object.entries(AREAS))('%s: it is noticed that', (_area, mutants) => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s', async (name, mutant) => {
    const verdict = await withCopy((copy) => copy.try(mutant));
    expect(verdict).toMatchObject({ kind: 'killed' });
    count('mutants', 1);
    const by = verdict.kind === 'killed' ? verdict.by : '';
    console.log(`${name}: killed by ${mutant.killedBy}, ${by}`);
  });
});
