/**
 * Owns: the built command `hyp` as a child process, as a person or a script runs it.
 * llp/0013
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const AS_USER = fileURLToPath(new URL('as-user.mjs', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when stdout or stderr contains `text`; rejects when the process ends before. */
  said(text: string): Promise<void>;
  /** stdout so far. */
  output(): string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The user and group it runs as; only root may ask for another. */
  readonly uid?: number | undefined;
}

/** Starts `hyp args…`; it is killed when the running test is over, if it still runs. */
export function startHyp(args: readonly string[], options: RunOptions): Started {
  const { uid } = options;
  const user = uid === undefined ? {} : { HYP_TEST_UID: uid.toString() };
  const preload = uid === undefined ? [] : ['--import', AS_USER];
  const child = spawn(process.execPath, [...preload, CLI, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: options.cwd, ...options.env, ...user },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk: string) => {
      text[name] += chunk;
      for (const look of waiting) look();
    });
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, ...text });
    });
  });
  const said = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!text.stdout.includes(wanted) && !text.stderr.includes(wanted)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void finished.then(() => {
        reject(new Error(`ended without saying ${wanted}:\n${text.stdout}\n${text.stderr}`));
      });
    });
  return { process: child, finished, said, output: () => text.stdout };
}

/** Runs `hyp args…` to its end. */
export function hyp(args: readonly string[], options: RunOptions): Promise<Finished> {
  return startHyp(args, options).finished;
}
