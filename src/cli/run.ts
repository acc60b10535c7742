/**
 * Owns: running one command: its configuration, its engine (opened late, always closed), its notices
 * and errors, its exit status. Every command goes through here, so each behaves alike.
 * Not its job: what a command does (commands/), what its options are (commander).
 * llp/0010
 */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Clock } from '../core/clock.ts';
import { HypError, isHypError, systemCode } from '../core/errors.ts';
import type { Observe } from '../core/events.ts';
import type { Json } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import type { HypConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { Environment } from '../config/yaml-tree.ts';
import type { Engine } from '../engine/api.ts';
import type { Signals } from '../daemon/signals.ts';
import { EXIT, exitCodeOf, hintOf } from './exit-codes.ts';
import { isShown, lineObserver } from './log.ts';
import type { LogLevel } from './log.ts';
import { isReaderGone, jsonLine } from './print.ts';
import type { Output } from './print.ts';

/** The world a command runs in. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly random: Random;
  readonly signals: Signals;
}

/** Options every command has. */
interface Globals {
  readonly config?: string;
  readonly root?: string;
  readonly json?: boolean;
  readonly logLevel?: LogLevel;
}

export interface OpenOptions {
  /** Commands that only look do not make a store where there is none. */
  readonly mustExist: boolean;
  readonly observe?: Observe;
}

/** One run of one command. */
export interface Task {
  readonly world: Surroundings;
  readonly json: boolean;
  /** As asked for; undefined: the command's own default. */
  readonly logLevel: LogLevel | undefined;
  /** --config and --root as given. */
  readonly given: { readonly config: string | undefined; readonly root: string | undefined };
  config(): Promise<HypConfig>;
  /** Opens the store; it is closed when the command ends, whatever its end. */
  open(options: OpenOptions): Promise<Engine>;
  /** The same with a configuration the command has read itself. */
  openWith(config: HypConfig, options: OpenOptions): Promise<Engine>;
  /**
   * Result for people, or with --json for programs. Answers whether somebody took it: when the
   * reader has gone away the command goes on, since its exit status is its own.
   */
  result(text: string, json: Json): Promise<boolean>;
  /**
   * The result of what is done and stands: when it cannot be written, that is said on stderr, and the
   * command ends as it would have. To run it again for its words would do it twice.
   */
  done(text: string, json: Json): Promise<void>;
  /** A line on stderr; not a result. */
  note(line: string): void;
}

/** Answers the exit status. */
export type Action = (task: Task) => Promise<number>;
export type Run = (command: Command, action: Action) => Promise<void>;

const DEFAULT_LEVEL: LogLevel = 'warn';

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

async function openStore(
  world: Surroundings,
  config: HypConfig,
  options: { readonly mustExist: boolean; readonly observe: Observe },
): Promise<Engine> {
  const { root } = config;
  if (!options.mustExist && !(await exists(dirname(root)))) {
    throw new HypError('E_NOT_A_STORE', `no directory ${dirname(root)} to make the store in`, {
      hint: 'Run `hyp init`, which makes it, or choose another --root.',
    });
  }
  // Loaded when used: `hyp --help` needs neither Parquet nor Arrow.
  const { openEngine } = await import('../engine/open.ts');
  const { clock, random } = world;
  return openEngine({ root, config, clock, random, ...options });
}

class RunningTask implements Task {
  readonly world: Surroundings;
  readonly json: boolean;
  readonly logLevel: LogLevel | undefined;
  readonly given: Task['given'];
  #engine: Engine | undefined;
  #config: HypConfig | undefined;

  constructor(world: Surroundings, globals: Globals) {
    this.world = world;
    this.json = globals.json === true;
    this.logLevel = globals.logLevel;
    this.given = { config: globals.config, root: globals.root };
  }

  async config(): Promise<HypConfig> {
    const { cwd, env } = this.world;
    this.#config ??= await loadConfig({ ...this.given, cwd, env });
    return this.#config;
  }

  async open(options: OpenOptions): Promise<Engine> {
    return this.openWith(await this.config(), options);
  }

  async openWith(config: HypConfig, options: OpenOptions): Promise<Engine> {
    const level = this.logLevel ?? DEFAULT_LEVEL;
    const observe = options.observe ?? lineObserver(this.#stderr, { level, json: this.json });
    this.#engine = await openStore(this.world, config, { mustExist: options.mustExist, observe });
    return this.#engine;
  }

  async result(text: string, json: Json): Promise<boolean> {
    try {
      await this.world.stdout.write(this.json ? jsonLine(json) : text);
      return true;
    } catch (error) {
      if (!isReaderGone(error)) throw error;
      return false;
    }
  }

  async done(text: string, json: Json): Promise<void> {
    try {
      await this.result(text, json);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      this.note(`hyp: done, but stdout cannot be written (${code}): ${text.trimEnd()}`);
    }
  }

  note(line: string): void {
    if (isShown('error', this.logLevel ?? DEFAULT_LEVEL)) this.#stderr(`${line}\n`);
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }

  readonly #stderr = (text: string): void => {
    // Nobody reads our notices: the work goes on without them.
    this.world.stderr.write(text).catch(() => undefined);
  };
}

/** What a person or, with `json`, a program is told of an error. Ends with a newline. */
export function errorText(error: unknown, json: boolean): string {
  const known = isHypError(error);
  const message = error instanceof Error ? error.message : String(error);
  const hint = hintOf(error);
  if (json) {
    const code = known ? error.code : (systemCode(error) ?? 'E_INTERNAL');
    const kind = known ? error.kind : 'internal';
    const details = known ? error.details : {};
    const shown = { code, kind, message, hint, details };
    return `${JSON.stringify({ error: shown }, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    )}\n`;
  }
  return `hyp: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`;
}

async function attempt(task: RunningTask, action: Action): Promise<number> {
  try {
    const exitCode = await action(task);
    await task.close();
    return exitCode;
  } catch (error) {
    // What went wrong first is what is told; a second close does nothing.
    await task.close().catch(() => undefined);
    // `hyp cat events | head` has the rows it wanted.
    if (isReaderGone(error)) return EXIT.ok;
    await task.world.stderr.write(errorText(error, task.json)).catch(() => undefined);
    return exitCodeOf(error);
  }
}

/** A Run whose exit status goes to `done`. */
export function makeRun(world: Surroundings, done: (exitCode: number) => void): Run {
  return async (command, action) => {
    const task = new RunningTask(world, command.optsWithGlobals<Globals>());
    done(await attempt(task, action));
  };
}
