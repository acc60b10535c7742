/**
 * Owns: processes of the built package in which the n-th call that changes the disk kills the process
 * or fails: the C file that counts (compiled here), the program it is preloaded into, and the file by
 * which both are told what to do.
 * llp/0013
 */
import { execFile, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const fileAt = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SOURCE = fileAt('every-call.c');
const PROGRAM = fileAt('every-call.mjs');
const DIST = fileAt('../../dist/src');

/** In the order of `enum kind` in every-call.c, from 1. */
export const KINDS = ['kill before', 'kill after', 'EIO', 'ENOSPC', 'short', 'cut'] as const;
/**
 * `short`: half of a write is written, and libuv writes the rest by itself. `cut`: libuv then finds no
 * room, and Node answers a short write, which is the program's to continue.
 */
export type Kind = (typeof KINDS)[number];

export function isKill(kind: Kind): boolean {
  return kind.startsWith('kill');
}

/** What is to happen, and to which call. */
export interface Harm {
  readonly kind: Kind;
  /** From 1. */
  readonly nth: number;
}

/** What one command answered, as it was journaled outside the store. */
export interface Answer {
  /** Its place among the commands of the process. */
  readonly command: number;
  readonly args: readonly string[];
  /** null: it was killed after it had said something. */
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What became of a process. */
export interface Course {
  readonly answers: readonly Answer[];
  /** True: killed. */
  readonly killed: boolean;
  /** Calls that change something; with a short write only writes are counted. */
  readonly calls: number;
  /** The call that was harmed; undefined when there were fewer. */
  readonly harmed: string | undefined;
}

export interface FaultyProcesses {
  /** Runs `commands`, one after the other, in one new process. */
  run(commands: readonly (readonly string[])[], harm?: Harm): Promise<Course>;
}

/** The C file as a library to preload; says what to install where it cannot be made. */
async function compile(to: string): Promise<void> {
  if (process.platform !== 'linux') {
    throw new Error('killing a process at every call needs Linux: LD_PRELOAD and /proc');
  }
  const options = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', to, SOURCE];
  try {
    await promisify(execFile)('gcc', [...options, '-ldl']);
  } catch (cause) {
    throw new Error('cannot compile every-call.c: install gcc and libc6-dev', { cause });
  }
}

const CONTROL_BYTES = 256;
const SIGKILL = 9;

function controlFor(harm: Harm | undefined): Buffer {
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeInt32LE(harm?.nth ?? 0, 0);
  control.writeInt32LE(harm === undefined ? 0 : KINDS.indexOf(harm.kind) + 1, 4);
  return control;
}

function readControl(path: string): Pick<Course, 'calls' | 'harmed'> {
  const control = readFileSync(path);
  const place = control.toString('utf8', 16);
  const fired = control.readInt32LE(12) !== 0;
  return {
    calls: control.readInt32LE(8),
    harmed: fired ? place.slice(0, place.indexOf('\0')) : undefined,
  };
}

function readJournal(path: string): Answer[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  const answers = lines.map((line) => JSON.parse(line) as Answer);
  // The last word of each command counts.
  return answers.filter(({ command }, at) => answers[at + 1]?.command !== command);
}

/**
 * Processes with `cwd` as working directory (a hyp.yaml is in it); calls below `under` are counted.
 * `beside` is a directory for what belongs to no store. One process runs at a time.
 */
export async function faultyProcesses(
  places: { readonly cwd: string; readonly beside: string; readonly config: string },
  under: readonly string[],
): Promise<FaultyProcesses> {
  const { cwd, beside } = places;
  const at = (name: string): string => join(beside, name);
  const [library, control, job, journal] = [
    at('every-call.so'),
    at('control'),
    at('job'),
    at('journal'),
  ];
  await mkdir(at('warm-up'), { recursive: true });
  await writeFile(join(at('warm-up'), 'hyp.yaml'), places.config);
  await compile(library);
  writeFileSync(control, controlFor(undefined));
  const child = spawn(
    process.execPath,
    ['--single-threaded', '--v8-pool-size=0', '--no-opt', PROGRAM, DIST, job, at('warm-up')],
    {
      cwd,
      env: {
        PATH: process.env['PATH'],
        HOME: beside,
        LD_PRELOAD: library,
        HYP_FAULT_CONTROL: control,
        HYP_FAULT_UNDER: under.join(':'),
        // One thread: the order of calls is the same in each run. Rings make calls nobody sees.
        UV_THREADPOOL_SIZE: '1',
        UV_USE_IO_URING: '0',
      },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const wake = child.stdio[3] as Writable;
  wake.on('error', () => undefined);
  const lines = createInterface({ input: child.stdio[4] as Readable });
  const gone = once(child, 'exit').then(() => ['']);
  return {
    run: async (commands, harm) => {
      writeFileSync(control, controlFor(harm));
      writeFileSync(job, JSON.stringify({ cwd, commands, journal }));
      rmSync(journal, { force: true });
      const ended = Promise.race([once(lines, 'line'), gone]) as Promise<[string]>;
      wake.write('.');
      const [status] = await ended;
      if (status !== '0' && status !== String(SIGKILL)) {
        throw new Error(`a process ended with wait status ${status || 'unknown'}:\n${stderr}`);
      }
      const killed = status !== '0';
      return { answers: readJournal(journal), killed, ...readControl(control) };
    },
  };
}
