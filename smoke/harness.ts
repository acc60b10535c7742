/**
 * Owns: the built package as a user runs it: its command as child processes, and the waiting,
 * ports and directories every flow needs around them.
 * Invariants: only node's own modules and the built command are used; only children started here
 * are ever signalled, and none outlives this process.
 * Not its job: what a flow expects (flows/), the story of the demo (demo.ts).
 * llp/0016
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The directory with package.json: this file runs from `smoke/` and from `dist/smoke/`. */
export const PACKAGE_ROOT = packageRoot(dirname(fileURLToPath(import.meta.url)));
/** The command as `npm install` would link it. */
export const HYP = join(PACKAGE_ROOT, 'dist/src/cli/main.js');
/** 10,000 rows of a real web server's log; see smoke/data/NOTICE.md. */
export const ACCESS_LOG = join(PACKAGE_ROOT, 'smoke/data/apache_access_10k.ndjson.gz');

const COMMAND_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

function packageRoot(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return dir;
    if (dirname(dir) === dir) throw new Error(`no package.json above ${from}`);
  }
}

/** How a child ended and what it said. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child on its way. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

export interface StartOptions {
  readonly cwd: string;
  /** Everything the child says on stderr is appended to this file, too. */
  readonly logTo?: string | undefined;
}

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts `node <args>`; its stdin is open. */
export function startNode(args: readonly string[], options: StartOptions): Running {
  const child = spawn(process.execPath, args, { cwd: options.cwd, stdio: 'pipe' });
  alive.add(child);
  const log =
    options.logTo === undefined ? undefined : createWriteStream(options.logTo, { flags: 'a' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    log?.write(text);
  });
  // A child that ended before it read everything is reported by its exit, not by a broken pipe.
  child.stdin.on('error', () => undefined);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      alive.delete(child);
      log?.end();
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { child, finished };
}

/** Starts `hyp <args>`; its stdin is open. */
export function startHyp(args: readonly string[], options: StartOptions): Running {
  return startNode([HYP, ...args], options);
}

/** Runs `hyp <args>` to its end, with `input` on its stdin. Never throws for its exit code. */
export async function hyp(
  args: readonly string[],
  options: { readonly cwd: string; readonly input?: string | undefined },
): Promise<Finished> {
  const running = startHyp(args, options);
  running.child.stdin?.end(options.input ?? '');
  return within(COMMAND_TIMEOUT_MS, `hyp ${args.join(' ')}`, running.finished);
}

/** As `hyp`, but an exit code other than 0 is an error that shows what the command said. */
export async function hypOk(
  args: readonly string[],
  options: { readonly cwd: string; readonly input?: string | undefined },
): Promise<Finished> {
  const done = await hyp(args, options);
  if (done.code !== 0) {
    throw new Error(`hyp ${args.join(' ')} ended with ${ending(done)}\n${done.stderr}`);
  }
  return done;
}

export function ending(done: Finished): string {
  return done.signal ?? `exit code ${done.code ?? '?'}`;
}

/** Rejects when `work` takes longer than `ms`. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what} took longer than ${ms} ms`);
  });
  // Whichever loses the race concerns nobody any more.
  timeout.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    late.abort();
  }
}

/** Asks `test` until it is true; rejects after `ms`. */
export async function waitUntil(
  what: string,
  ms: number,
  test: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await sleep(POLL_MS);
  }
}

/** A port nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs `work` in a fresh directory that is removed afterwards. */
export async function inFreshDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'hyp-smoke-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The last `lines` lines of a file, or nothing when there is no such file. */
export function tailOf(path: string, lines: number): string {
  if (!existsSync(path)) return '';
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
