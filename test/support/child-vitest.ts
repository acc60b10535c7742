/**
 * Owns: a run of tests in a process of its own, and what its report says: for tests about tests.
 * llp/0013
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type SuiteRun =
  | { readonly kind: 'ran'; readonly passed: number; readonly failed: readonly string[] }
  /** Nothing can be said of the tests: they did not load, or did not end in time. */
  | { readonly kind: 'broken'; readonly why: string };

export interface SuiteOptions {
  readonly files: readonly string[];
  /** Only tests whose full name matches. */
  readonly tests?: RegExp | undefined;
  /** Ends with the first test that fails. */
  readonly bail?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const LIMIT_MS = 120_000;

/** Runs test files of the tree at `root`. Never rejects for what a test does. */
export async function runVitest(root: string, options: SuiteOptions): Promise<SuiteRun> {
  const dir = await mkdtemp(join(tmpdir(), 'hyp-vitest-'));
  try {
    const report = join(dir, 'report.json');
    const output = await runChild(root, argumentsOf(options, report), options);
    const text = await readFile(report, 'utf8').catch(() => undefined);
    if (text === undefined) return { kind: 'broken', why: `no report: ${output.slice(-2_000)}` };
    return readReport(JSON.parse(text) as Report);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function argumentsOf({ files, tests, bail }: SuiteOptions, report: string): string[] {
  return [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...files,
    ...(tests === undefined ? [] : ['--testNamePattern', tests.source]),
    ...(bail === true ? ['--bail=1'] : []),
    '--maxWorkers=1',
    '--no-cache',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
}

/** A failed test tells more than a file that did not load, and a file more than nothing. */
function readReport({ numPassedTests, testResults }: Report): SuiteRun {
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  const unloaded = testResults.find(
    ({ assertionResults, message }) => assertionResults.length === 0 && (message ?? '') !== '',
  );
  if (failed.length === 0 && unloaded !== undefined) {
    return { kind: 'broken', why: unloaded.message ?? '' };
  }
  return { kind: 'ran', passed: numPassedTests, failed };
}

function runChild(root: string, args: readonly string[], options: SuiteOptions): Promise<string> {
  // It is no worker of this run, and its counts are not this run's.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:VITEST|HYP_COUNTS$|TEST$|NODE_ENV$)/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...options.env };
  const child = spawn(process.execPath, [...args], { cwd: root, env, detached: true });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) => {
    const end = setTimeout(() => {
      output += '\nended: it took too long';
      // Its workers are processes of its group.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, options.limitMs ?? LIMIT_MS);
    child.on('error', (error) => (output += String(error)));
    child.on('close', () => {
      clearTimeout(end);
      resolve(output);
    });
  });
}
