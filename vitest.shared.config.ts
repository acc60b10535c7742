/**
 * Owns: the tests over the shared real inputs (test/shared, llp/0013). They read the directory
 * HYP_SHARED_DATA, or `shared/data` beside the repository. Where there is none, one line says how
 * many test files were not run; it is no failure, because a fresh clone has no such data.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const data =
  process.env['HYP_SHARED_DATA'] ?? fileURLToPath(new URL('../shared/data', import.meta.url));
const tests = fileURLToPath(new URL('test/shared', import.meta.url));
const files = existsSync(tests)
  ? readdirSync(tests).filter((name) => name.endsWith('.test.ts'))
  : [];
const present = existsSync(data);
if (!present) {
  process.stderr.write(
    `shared data absent: ${files.length} test files not run (set HYP_SHARED_DATA)\n`,
  );
}

export default defineConfig({
  test: {
    name: 'shared',
    include: present ? ['test/shared/**/*.test.ts'] : [],
    passWithNoTests: !present,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
