/**
 * Owns: the kinds of tests and how they run (llp/0013). `npx vitest run --project unit` runs one;
 * `npm test` runs all but `crash`, `mutants` and `nightly`, which take their time and have commands of their own.
 * test/interop and test/shared need more than this package and have configurations of their own.
 */
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Each kind: where it lives and what one test may take, in ms. */
const PROJECTS = {
  architecture: { include: ['test/architecture/**/*.test.ts'], timeoutMs: 60_000, isolate: true },
  unit: { include: ['test/unit/**/*.test.ts'], timeoutMs: 20_000, isolate: false },
  property: { include: ['test/property/**/*.test.ts'], timeoutMs: 60_000, isolate: false },
  sim: { include: ['test/sim/**/*.test.ts'], timeoutMs: 120_000, isolate: false },
  acceptance: { include: ['test/acceptance/**/*.test.ts'], timeoutMs: 120_000, isolate: true },
  crash: { include: ['test/crash/**/*.test.ts'], timeoutMs: 300_000, isolate: true },
  mutants: { include: ['test/mutants/**/*.test.ts'], timeoutMs: 300_000, isolate: true },
  nightly: {
    include: ['test/nightly/**/*.test.ts'],
    // It ends by its own clock.
    timeoutMs: 24 * 60 * 60_000,
    isolate: true,
  },
  smoke: {
    include: ['smoke/**/*.test.ts', 'test/smoke/**/*.test.ts'],
    timeoutMs: 180_000,
    isolate: true,
  },
} as const;

/** The longest files, so that none of them runs on alone when all others are done. */
const FIRST = [
  'every-call-recovery',
  'every-call-export',
  'every-call-table',
  'spool-interleavings',
  'many-files',
  'race',
  'kill-export',
  'memory',
  'commands',
  'backfill',
  'demo',
  'flows',
  'lint',
];

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
    globalSetup: ['test/support/closing-table.ts'],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    maxWorkers: 2,
    projects: Object.entries(PROJECTS).map(([name, { include, timeoutMs, isolate }]) => ({
      test: {
        name,
        include: [...include],
        pool: 'forks' as const,
        // What shares a process loads the modules once: they hold no state a test could leave.
        isolate,
        // Only mutants run several at once, each a vitest of its own.
        maxConcurrency: 2,
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        environment: 'node',
        setupFiles: name === 'property' ? ['test/support/property-setup.ts'] : [],
      },
    })),
  },
});
