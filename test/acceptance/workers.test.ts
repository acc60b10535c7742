/** Worker threads of a backfill: the rows are the same, and what kills one is put aside. llp/0023 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { DYING, deaths, heavyLines, input, load } from '../support/workers.ts';

const GONE = new URL('../support/no-such-worker.mjs', import.meta.url);

/** Rows whose columns come, go and change their type, bad lines, blank ones, and one too long. */
function mixedLines(count: number): string {
  const lines = Array.from({ length: count }, (_, at) => {
    if (at % 5_000 === 77) return '';
    if (at % 7_000 === 78) return '{"id":';
    const value = at % 9_001 === 5 ? '"text"' : at % 4_003 === 6 ? '1.5' : String(at * 3);
    const late = at > count / 2 ? `,"late":[${at}]` : '';
    return `{"id":${at + 1},"value":${value},"text":"${'x'.repeat(at % 120)}"${late}}`;
  });
  lines.splice(count >> 1, 0, `"${'y'.repeat(LIMITS.lineBytes + 10)}"`);
  return lines.join('\n');
}

describe('with any number of workers', () => {
  test('the same file becomes the same rows in the same order, with the same rejects', async () => {
    const path = await input(mixedLines(60_000));
    const [none, ...others] = [await load(path, 0), await load(path, 1), await load(path, 3)];
    expect(none.rows.length).toBeGreaterThan(59_000);
    expect(none.report.rejected).toBe(10);
    const rejects = await readFile(none.report.rejectsPath ?? '', 'utf8');
    expect(rejects).toContain(`"line":30001,`);
    for (const { report, rows, events } of others) {
      expect(rows).toEqual(none.rows);
      expect(report).toEqual({ ...none.report, rejectsPath: report.rejectsPath });
      expect(await readFile(report.rejectsPath ?? '', 'utf8')).toBe(rejects);
      expect(deaths(events)).toBe(0);
      for (const event of events) {
        if (event.type === 'buffer') expect(event.bytes).toBeLessThanOrEqual(event.limitBytes);
      }
    }
  });

  test('a small file starts none; a large one says when none can be started', async () => {
    const small = await load(await input('{"id":1}\n'.repeat(1_000)), 2, GONE);
    expect(small.report).toMatchObject({ rows: 1_000, rejected: 0 });
    const large = await input(`{"id":1,"text":"${'x'.repeat(1_000)}"}\n`.repeat(5_000));
    await expect(load(large, 2, GONE)).rejects.toMatchObject({
      code: 'E_UNAVAILABLE',
      hint: expect.stringContaining('--workers 0') as unknown,
    });
  });

  test('a number that is none is refused', async () => {
    const path = await input('{"id":1}\n');
    for (const workers of [-1, 1.5, Number.NaN, LIMITS.workers + 1]) {
      await expect(load(path, workers)).rejects.toMatchObject({ code: 'E_USAGE' });
    }
  });
});

describe('a row that kills workers', () => {
  test.each([
    ['by their end', 'exit as parsed', 'it ended with 9'],
    ['by an error', 'throw as parsed', 'thrown as asked'],
    ['only when it is encoded', 'exit as encoded', 'it ended with 9'],
  ])('%s is rejected with its place, and all others are in', async (_, mark, reason) => {
    const path = await input(heavyLines(14, { 7: mark }));
    const { report, rows, events } = await load(path, 1, DYING);
    expect(rows).toHaveLength(13);
    expect(rows).toMatchObject([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14].map((id) => ({ id })));
    expect(report).toMatchObject({ rows: 13, rejected: 1 });
    const [line, ...more] = (await readFile(report.rejectsPath ?? '', 'utf8'))
      .trimEnd()
      .split('\n');
    expect(more).toEqual([]);
    const reject = JSON.parse(line ?? '') as { reason: string };
    expect(reject).toMatchObject({ file: path, line: 7 });
    expect(reject.reason).toMatch(/^killed a worker twice: /);
    expect(reject.reason).toContain(reason);
    expect(deaths(events)).toBeGreaterThanOrEqual(4);
    expect(deaths(events)).toBeLessThan(12);
  });
});
