/** What the papers promise is kept by code and shown by a test. llp/0013 */
import { describe, expect, test } from 'vitest';
import { ERROR_KINDS } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import {
  codesUnknown,
  codesUnproduced,
  exitStatuses,
  exitsUnseen,
  firstCells,
  labelsUnseen,
  limitsUnkept,
  limitsUnmet,
  sightsUnproduced,
} from './shown.ts';
import { projectFiles } from './tree.ts';

const files = projectFiles();
const limits = Object.keys(LIMITS);
const codes = Object.keys(ERROR_KINDS);
/** Scripts rely on them: a new one goes here, to README, to llp/0010 and into a test. */
const STATUSES = [0, 1, 2, 4, 65, 69, 75, 78, 130, 143];

describe('every limit', () => {
  test('is kept by code', () => {
    expect(limitsUnkept(files, limits)).toEqual([]);
  });

  test('is met by a test', () => {
    expect(limitsUnmet(files, limits)).toEqual([]);
    expect(limits.length).toBeGreaterThan(40);
  });
});

describe('every error code', () => {
  test('is produced by a test', () => {
    expect(codesUnproduced(files, codes)).toEqual([]);
    expect(codes.length).toBeGreaterThan(20);
  });

  test('a document speaks of is one', () => {
    expect(codesUnknown(files, codes)).toEqual([]);
  });
});

describe('every state', () => {
  test('of a sink that README tells of is produced by a test', () => {
    expect(sightsUnproduced(files)).toEqual([]);
  });

  test('and every label of a table in llp/ is compared with in a test of that paper', () => {
    expect(labelsUnseen(files)).toEqual([]);
  });
});

test('every exit status is in README and llp/0010, and a real process has ended with it', () => {
  const { readme, paper } = exitStatuses(files);
  expect(readme).toEqual(STATUSES);
  expect(paper).toEqual(STATUSES);
  expect(exitsUnseen(files, STATUSES)).toEqual([]);
});

test('a limit that is only spoken of would be seen', () => {
  const file = (path: string, text: string) => ({ path, text });
  const spoken = "// LIMITS.rows\n/* LIMITS.rows */\ntest('at LIMITS.rows', () => {});";
  const tests = [file('test/unit/a.test.ts', spoken), file('test/support/a.ts', 'LIMITS.rows')];
  expect(limitsUnmet(tests, ['rows'])).toEqual([expect.stringMatching(/^LIMITS.rows is met by/)]);
  expect(limitsUnmet([file('test/unit/a.test.ts', 'f(LIMITS.rows)')], ['rows'])).toEqual([]);
  expect(limitsUnmet([file('test/unit/a.test.ts', 'f(LIMITS.rowsMost)')], ['rows'])).toHaveLength(
    1,
  );
  const shipped = [
    file('src/core/limits.ts', 'LIMITS.rows'),
    file('src/a.ts', '/** LIMITS.rows */'),
  ];
  expect(limitsUnkept(shipped, ['rows'])).toEqual([expect.stringMatching(/is kept by no code/)]);
  expect(limitsUnkept([file('storage/a.ts', 'LIMITS.rows')], ['rows'])).toEqual([]);
});

test('a code, a state, a label or a status that nobody produces would be seen', () => {
  const file = (path: string, text: string) => ({ path, text });
  const entries = file('test/sim/error-codes.test.ts', 'const P = {\n  E_A: () => 1,\n};');
  expect(codesUnproduced([entries], ['E_A', 'E_B'])).toEqual([
    expect.stringMatching(/^E_B is pro/),
  ]);
  expect(codesUnknown([file('README.md', '`E_A` and E_C')], ['E_A'])).toHaveLength(1);

  const table = '| what you see | x |\n|---|---|\n| sink `idle` | a |\n| … `copied:` or `b` | a |';
  expect(firstCells(`${table}\n\n| no | x |`, 'what you see')).toHaveLength(2);
  expect(sightsUnproduced([file('README.md', table)])).toHaveLength(3);
  const shown = file('test/sim/sink-states.test.ts', "  idle: async () => 1, // b\n'copied: '");
  expect(sightsUnproduced([file('README.md', table), shown])).toEqual([
    'README tells of "b"; no test sees it',
  ]);

  const paper = file('llp/0099-x.md', '| label | y |\n|---|---|\n| `one`, `two` (deep) | z |');
  const of99 = file('test/unit/a.test.ts', "/** llp/0099 */\nexpect(a).toBe('one');\n// 'two'");
  const ofAnother = file('test/unit/b.test.ts', "/** llp/0001 */\nexpect(a).toBe('two');");
  expect(labelsUnseen([paper, of99, ofAnother])).toEqual([expect.stringContaining('"two"')]);

  const seen = file('test/acceptance/a.test.ts', 'expect(ended.code, x).toBe(65);');
  expect(exitsUnseen([seen], [65, 6])).toEqual([expect.stringContaining('status 6 in')]);
});
