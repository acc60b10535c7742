/**
 * Owns: several processes of a simulated world taking turns at the disk. Before each call to the
 * disk a process may have to wait while others go on, for a step or for a long time, be killed, meet
 * an error of the disk, or fall with the power. Who goes on and what happens is chance from a seed,
 * so a seed repeats a course.
 * llp/0013
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { count } from './counted.ts';
import { interceptFs, isDurableStep, stepText, systemError } from './intercept-fs.ts';
import type { FsOp, FsStep } from './intercept-fs.ts';
import type { MemoryFs, ProcessFs } from './memory-fs.ts';
import { seededRandom } from './random.ts';
import type { SeededRandom } from './random.ts';

/** Chances for each call to the disk, or for each change of turns. */
export interface Harm {
  /** The turn goes to somebody else. */
  readonly yields: number;
  /** The same before calls of these kinds, where the process then often sleeps for long. */
  readonly hot: { readonly ops: readonly FsOp[]; readonly yields: number };
  /** At a change of turns: one of those who wait is killed. */
  readonly kill: number;
  /** At a change of turns: the power fails. */
  readonly power: number;
  /** At a durable step: it fails, before or after it took effect. */
  readonly fault: number;
}

export interface HarmDone {
  turns: number;
  kills: number;
  powerFailures: number;
  faults: number;
}

interface Process {
  readonly name: string;
  readonly fs: ProcessFs;
  readonly waiting: (() => void)[];
  /** Turns it sleeps through when it could have gone on: a pause that is longer than a step. */
  sleeps: number;
  /** What it left behind for later ends with it, as when a process exits. */
  ended: boolean;
}

export class Schedule {
  readonly done: HarmDone = { turns: 0, kills: 0, powerFailures: 0, faults: 0 };
  /** The last calls before the end, for a message. */
  readonly trail: string[] = [];
  readonly #disk: MemoryFs;
  readonly #random: SeededRandom;
  readonly #harm: Harm;
  readonly #processes = new Set<Process>();
  #current: Process | undefined;

  constructor(disk: MemoryFs, seed: number, harm: Harm) {
    this.#disk = disk;
    this.#random = seededRandom(seed);
    this.#harm = harm;
  }

  /** Runs all of them beside each other until each has ended, was killed or fell with the power. */
  async run(works: Readonly<Record<string, (fs: DurableFs) => Promise<unknown>>>): Promise<void> {
    await Promise.all(Object.entries(works).map(([name, work]) => this.#start(name, work)));
  }

  async #start(name: string, work: (fs: DurableFs) => Promise<unknown>): Promise<void> {
    const process: Process = {
      name,
      fs: this.#disk.process(),
      waiting: [],
      sleeps: 0,
      ended: false,
    };
    this.#processes.add(process);
    const fs = interceptFs(process.fs, async (step, call) => {
      if (process.ended) throw systemError('EIO', `${step.op} by a process that ended`, step.path);
      await this.#turnOf(process, step.op);
      return this.#call(process, step, call);
    });
    // All begin to wait before the first one goes on.
    await Promise.resolve();
    try {
      await work(fs);
    } catch (error) {
      this.#note(`${name} ended: ${String(error)}`);
    }
    process.ended = true;
    this.#processes.delete(process);
    if (this.#current === process) this.#next();
  }

  async #turnOf(process: Process, op: FsOp): Promise<void> {
    if (!process.fs.alive) return;
    const { yields, hot } = this.#harm;
    const isHot = hot.ops.includes(op);
    const chance = isHot ? hot.yields : yields;
    if (this.#current === process && this.#random.fraction() >= chance) return;
    if (this.#random.fraction() < (isHot ? 0.4 : 0.05)) process.sleeps = this.#random.integer(40);
    const turn = new Promise<void>((resolve) => process.waiting.push(resolve));
    if (this.#current === process || this.#current === undefined) this.#next();
    await turn;
  }

  async #call<T>(process: Process, step: FsStep, call: () => Promise<T>): Promise<T> {
    if (!process.fs.alive || !isDurableStep(step)) return call();
    this.#note(`${process.name}: ${stepText(step)}`);
    if (this.#random.fraction() >= this.#harm.fault) return call();
    this.done.faults += 1;
    count('faults', 1);
    const after = this.#random.fraction() < 0.5;
    this.#note(`  which fails, ${after ? 'after' : 'before'} it took effect`);
    if (after) await call();
    throw systemError('EIO', stepText(step), step.path);
  }

  /** The turn goes to one of those who wait. */
  #next(): void {
    this.done.turns += 1;
    count('pauses', 1);
    this.#current = undefined;
    if (this.#random.fraction() < this.#harm.power) {
      this.done.powerFailures += 1;
      this.#note('the power fails');
      this.#disk.crash(seededRandom(this.#random.integer(1_000_000)));
    }
    const waiting = this.#alive();
    if (this.#random.fraction() < this.#harm.kill) {
      const victim = waiting[this.#random.integer(waiting.length)];
      if (victim !== undefined) {
        this.done.kills += 1;
        this.#note(`${victim.name} is killed`);
        victim.fs.kill();
      }
    }
    this.#letTheDeadEnd();
    const left = this.#alive();
    const awake = left.filter((process) => --process.sleeps < 0);
    const ready = awake.length > 0 ? awake : left;
    const chosen = ready[this.#random.integer(ready.length)];
    if (chosen === undefined) return;
    this.#current = chosen;
    for (const go of chosen.waiting.splice(0)) go();
  }

  #alive(): Process[] {
    return [...this.#processes].filter((each) => each.fs.alive && each.waiting.length > 0);
  }

  #letTheDeadEnd(): void {
    for (const process of this.#processes) {
      if (process.fs.alive) continue;
      for (const go of process.waiting.splice(0)) go();
    }
  }

  #note(what: string): void {
    this.trail.push(what);
    if (this.trail.length > 4000) this.trail.shift();
  }
}
