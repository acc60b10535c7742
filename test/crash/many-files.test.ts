/** Ten thousand small files, their backfill killed fifty times: every row is in once. llp/0012 */
import { test } from 'vitest';
import { loadManyFiles } from '../support/many-files.ts';

const FILES = 10_000;
const KILLS = 50;

test('many small files, killed and repeated, have every row once', { timeout: 600_000 }, () =>
  loadManyFiles(FILES, KILLS),
);
