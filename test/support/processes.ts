/**
 * Owns: stores for tests of whole processes, and the processes on them: killed, paused, measured.
 * Everything started here ends with the running test.
 * llp/0013
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished } from 'vitest';
import { hyp, startHyp } from './cli.ts';
import type { Finished, RunOptions, Started } from './cli.ts';
import { count } from './counted.ts';
import { tempDir } from './tmp.ts';

export const LIBRARY = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
const APPENDER = fileURLToPath(new URL('appender.mjs', import.meta.url));
const PEAK_MEMORY = new URL('peak-memory.mjs', import.meta.url).href;
const LOG = new URL('../../smoke/data/apache_access_10k.ndjson.gz', import.meta.url);

/** A directory with a hyp.yaml, and commands run in it. */
export interface Site {
  readonly cwd: string;
  readonly root: string;
  readonly exports: string;
  run(args: readonly string[], more?: Partial<RunOptions>): Promise<Finished>;
  /** As `run`; it must end with 0. */
  ok(args: readonly string[], more?: Partial<RunOptions>): Promise<Finished>;
  start(args: readonly string[], more?: Partial<RunOptions>): Started;
}

export async function site(config: string): Promise<Site> {
  const cwd = await tempDir();
  await writeFile(join(cwd, 'hyp.yaml'), `root: ./hyp-data\n${config}`);
  const run = (args: readonly string[], more: Partial<RunOptions> = {}) =>
    hyp(args, { cwd, ...more });
  return {
    cwd,
    root: join(cwd, 'hyp-data'),
    exports: join(cwd, 'exports'),
    run,
    ok: async (args, more) => {
      const finished = await run(args, more);
      expect(finished.code, `hyp ${args.join(' ')}: ${finished.stderr}`).toBe(0);
      return finished;
    },
    start: (args, more = {}) => startHyp(args, { cwd, ...more }),
  };
}

export function jsonOf(finished: { readonly stdout: string }): unknown {
  return JSON.parse(finished.stdout) as unknown;
}

interface Ticked {
  readonly flushed: readonly { rows: number }[];
  readonly exported: readonly { rows: number; units: number; problem: string | null }[];
  readonly failures: readonly unknown[];
}

/** `hyp tick` until there is nothing left to do. */
export async function settle(on: Site, more: Partial<RunOptions> = {}): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    const report = jsonOf(await on.ok(['tick', '--json'], more)) as Ticked;
    expect(report.failures).toEqual([]);
    const work = [...report.flushed, ...report.exported];
    if (work.every((each) => each.rows === 0)) return;
  }
  expect.unreachable('there was still something to do after 20 ticks');
}

/** `hyp check` finds nothing wrong, in more than an empty store. */
export async function expectSound(on: Site): Promise<void> {
  const finished = await on.run(['check', '--json']);
  expect(finished.stderr).toBe('');
  const report = jsonOf(finished) as { findings: unknown[]; counted: Record<string, number> };
  expect(report.findings).toEqual([]);
  expect(report.counted['data files']).toBeGreaterThan(0);
}

/** A process that ends with the running test at the latest. */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<Finished>;
  readonly running: boolean;
  kill(signal: NodeJS.Signals): void;
}

/** The lines of a journal that are whole, as `word low high`. */
export function journalRanges(path: string): { word: string; low: number; high: number }[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((line) => {
    const [word = '', low, high] = line.split(' ');
    return high === undefined ? [] : [{ word, low: Number(low), high: Number(high) }];
  });
}

export function* idsOf(ranges: readonly { low: number; high: number }[]): Generator<number> {
  for (const { low, high } of ranges) for (let id = low; id <= high; id++) yield id;
}

/** Appends through the library until it is told to stop; keeps its journal at `journal`. */
export function startAppender(on: Site, journal: string, firstId: number): Child {
  const args = [APPENDER, LIBRARY, on.root, 'events', journal, String(firstId)];
  const child = spawn(process.execPath, args, { cwd: on.cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout: '', stderr });
    });
  });
  return childOf(child, ended);
}

/** A command as something to kill. */
export function asChild(started: Started): Child {
  return childOf(started.process, started.finished);
}

function childOf(
  child: Pick<Started['process'], 'pid' | 'kill' | 'exitCode' | 'signalCode'>,
  ended: Promise<Finished>,
): Child {
  return {
    pid: child.pid ?? 0,
    ended,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    kill: (signal) => {
      if (child.kill(signal) && signal === 'SIGKILL') count('kills', 1);
      if (signal === 'SIGSTOP') count('pauses', 1);
    },
  };
}

/** Runs a command to its end and answers what it held in memory at most, in MiB, too. */
export async function measured(
  on: Site,
  args: readonly string[],
): Promise<Finished & { readonly peakMiB: number; readonly ms: number }> {
  const file = join(on.cwd, `peak-${args.join('-').replaceAll(/[^a-z-]/g, '')}`);
  const env = { NODE_OPTIONS: `--import=${PEAK_MEMORY}`, HYP_TEST_PEAK_FILE: file };
  const startMs = performance.now();
  const finished = await on.ok(args, { env });
  const ms = performance.now() - startMs;
  return { ...finished, peakMiB: Number(readFileSync(file, 'utf8')) / 1024, ms };
}

/** Rows of the real log as JSON text without its braces, to be given ids. */
export function logRows(): string[] {
  const lines = gunzipSync(readFileSync(LOG)).toString('utf8').trimEnd().split('\n');
  return lines.map((line) => line.slice(1, -1));
}

/** `count` rows of the real log from id `from` on. */
export function logText(rows: readonly string[], from: number, count: number): string {
  const lines = Array.from({ length: count }, (_, at) => {
    const id = from + at;
    return `{"id":${id},${rows[id % rows.length] ?? ''}}\n`;
  });
  return lines.join('');
}

/** Rows of the real log, `count` from id 1 on, in the table of `events`; the file is `name`. */
export async function backlog(on: Site, count: number, name = 'log.ndjson'): Promise<void> {
  await writeFile(join(on.cwd, name), logText(logRows(), 1, count));
  await on.ok(['backfill', 'events', name]);
}

export async function until(what: string, holds: () => unknown, withinMs = 60_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while ((await holds()) !== true) {
    if (performance.now() > endMs) throw new Error(`not in ${withinMs} ms: ${what}`);
    await wait(10);
  }
}

/** Every file below `dir` with its size and time of change: what a store looks like. */
export function listing(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return names.sort().map((name) => {
    const { size, mtimeMs } = statSync(join(dir, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}
