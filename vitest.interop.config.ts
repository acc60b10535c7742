/**
 * Owns: the run in which other engines read what hyp wrote (`npm run test:interop`).
 * It prepares Python once; without Python or PyPI its tests are skipped, with the reason printed.
 * llp/0013
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    globalSetup: ['test/interop/prepare.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
