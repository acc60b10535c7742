/** The tables of llp/0001 are the code's own: error codes, limits, invariants. llp/0013 */
import { describe, expect, test } from 'vitest';
import { ERROR_KINDS } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { projectFiles } from './tree.ts';

const files = projectFiles();
const paper = files.find(({ path }) => path.startsWith('llp/0001-'))?.text ?? '';

/** Cells of the table rows whose first cell matches. */
function rowsOf(text: string, first: RegExp): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([cell]) => first.test(cell ?? ''));
}

/** A bound as the paper writes it: the unit is the end of its name. */
function limitText(name: string, value: number): string {
  const mib = 1024 * 1024;
  if (name.endsWith('Bytes') && value % mib === 0) return `${value / mib} MiB`;
  if (name.endsWith('Bytes')) return `${value} bytes`;
  if (name.endsWith('Ms') && value % 86_400_000 === 0) return `${value / 86_400_000} days`;
  if (name.endsWith('Ms') && value % 60_000 === 0) return `${value / 60_000} min`;
  if (name.endsWith('Ms') && value % 1000 === 0) return `${value / 1000} s`;
  if (name.endsWith('Ms')) return `${value} ms`;
  return value.toLocaleString('en-US');
}

describe('llp/0001', () => {
  test('lists every error code with its kind, and no other', () => {
    const listed = rowsOf(paper, /^E_[A-Z_]+$/).map(([code, kind]) => [code, kind]);
    expect(listed.sort()).toEqual(Object.entries(ERROR_KINDS).sort());
  });

  test('lists every limit with its value, and no other', () => {
    const listed = rowsOf(paper, /^`[a-z][A-Za-z]+`$/).map(([name, value]) => [name, value]);
    const limits = Object.entries(LIMITS);
    expect(listed.sort()).toEqual(
      limits.map(([name, value]) => [`\`${name}\``, limitText(name, value)]).sort(),
    );
  });

  test('lists the invariants I1 to I14, each with tests that exist', () => {
    const rows = rowsOf(paper, /^I\d+$/);
    expect(rows.map(([number]) => number)).toEqual(
      Array.from({ length: 14 }, (_, i) => `I${i + 1}`),
    );
    const paths = new Set(files.map(({ path }) => path));
    for (const [number, , enforcedBy = '', shownBy = ''] of rows) {
      const tests = [...shownBy.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
      for (const path of tests) expect(paths, `${number} is shown by`).toContain(path);
      if (tests.length === 0)
        expect(enforcedBy, `${number} has no test`).toContain('not in this version');
    }
  });
});

test('a code, a limit or a test that is not there would be seen', () => {
  expect(rowsOf('| E_X | usage | x |\n| other | y |', /^E_[A-Z_]+$/)).toEqual([
    ['E_X', 'usage', 'x'],
  ]);
  expect(limitText('rowBytes', 8 * 1024 * 1024)).toBe('8 MiB');
  expect(limitText('columnNameBytes', 255)).toBe('255 bytes');
  expect(limitText('leaseStaleMs', 10_000)).toBe('10 s');
  expect(limitText('daemonStuckMs', 120_000)).toBe('2 min');
  expect(limitText('batchRows', 100_000)).toBe('100,000');
});
