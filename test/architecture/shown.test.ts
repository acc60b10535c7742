/** Every limit is kept by code and met by a test. llp/0013 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { limitsUnkept, limitsUnmet } from './shown.ts';
import { projectFiles } from './tree.ts';

const files = projectFiles();
const limits = Object.keys(LIMITS);

describe('every limit', () => {
  test('is kept by code', () => {
    expect(limitsUnkept(files, limits)).toEqual([]);
  });

  test('is met by a test', () => {
    expect(limitsUnmet(files, limits)).toEqual([]);
    expect(limits.length).toBeGreaterThan(40);
  });
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
