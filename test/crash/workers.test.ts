/** What kills worker threads slowly, or all of them. llp/0023 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { DYING, heavyLines, input, load } from '../support/workers.ts';

describe('a row that kills workers', () => {
  test('for lack of memory is rejected with its place, and all others are in', async () => {
    const path = await input(heavyLines(14, { 7: 'fill as parsed' }));
    const { report, rows } = await load(path, 1, DYING);
    expect(rows).toHaveLength(13);
    const reject = JSON.parse(await readFile(report.rejectsPath ?? '', 'utf8')) as unknown;
    expect(reject).toMatchObject({ file: path, line: 7 });
    expect(reject).toHaveProperty('reason', expect.stringContaining('memory limit'));
  });

  test('is not blamed when all of them do: the file is not rejected row by row', async () => {
    const every = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [at + 1, 'always']));
    const path = await input(heavyLines(60, every));
    await expect(load(path, 2, DYING)).rejects.toMatchObject({
      code: 'E_UNAVAILABLE',
      message: expect.stringContaining(`${LIMITS.workerDeaths} worker threads died`) as unknown,
    });
  });
});
