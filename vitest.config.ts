/**
 * Owns: the kinds of tests and how they run (llp/0013). `npx vitest run --project unit` runs one.
 * test/interop and test/shared need more than this package and have configurations of their own.
 */
import { defineConfig } from 'vitest/config';

/** Each kind: where it lives and what one test may take, in ms. */
const PROJECTS = {
  architecture: { include: ['test/architecture/**/*.test.ts'], timeoutMs: 60_000 },
  unit: { include: ['test/unit/**/*.test.ts'], timeoutMs: 20_000 },
  property: { include: ['test/property/**/*.test.ts'], timeoutMs: 60_000 },
  sim: { include: ['test/sim/**/*.test.ts'], timeoutMs: 120_000 },
  acceptance: { include: ['test/acceptance/**/*.test.ts'], timeoutMs: 120_000 },
  smoke: { include: ['smoke/**/*.test.ts', 'test/smoke/**/*.test.ts'], timeoutMs: 180_000 },
} as const;

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: Object.entries(PROJECTS).map(([name, { include, timeoutMs }]) => ({
      test: {
        name,
        include: [...include],
        pool: 'forks' as const,
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        environment: 'node',
      },
    })),
  },
});
