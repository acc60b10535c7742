/**
 * Owns: the kinds of tests and how they run (llp/0013). `npx vitest run --project unit` runs one.
 * test/interop and test/shared need more than this package and have configurations of their own.
 */
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Each kind: where it lives and what one test may take, in ms. */
const PROJECTS = {
  architecture: { include: ['test/architecture/**/*.test.ts'], timeoutMs: 60_000 },
  unit: { include: ['test/unit/**/*.test.ts'], timeoutMs: 20_000 },
  property: { include: ['test/property/**/*.test.ts'], timeoutMs: 60_000 },
  sim: { include: ['test/sim/**/*.test.ts'], timeoutMs: 120_000 },
  acceptance: { include: ['test/acceptance/**/*.test.ts'], timeoutMs: 120_000 },
  smoke: { include: ['smoke/**/*.test.ts', 'test/smoke/**/*.test.ts'], timeoutMs: 180_000 },
} as const;

/** The longest files, so that none of them runs on alone when all others are done. */
const FIRST = ['race', 'kill-export', 'memory', 'commands', 'backfill', 'demo', 'flows', 'lint'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = FIRST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return at < 0 ? FIRST.length : at;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
