/**
 * Owns: one worker thread, from its start to its end, with at most one job at a time.
 * What it promises: a job is answered, or its promise rejects with WorkerDeath; it never waits for a
 * thread that is gone.
 * Not its job: what to do about a death (workers.ts).
 * llp/0023
 */
import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';
import type { Answers, Job } from './jobs.ts';

export type FromWorker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done';
      readonly answer: Answers[Job['kind']];
      /** Memory it does not give back. */
      readonly heldBytes: number;
    };

/** A job and the buffers that go with it. */
export interface Post<J extends Job> {
  readonly job: J;
  readonly transfer: readonly ArrayBuffer[];
}

/** Objects only: columns are not in the heap of JavaScript. */
// eslint-disable-next-line no-restricted-syntax -- the names are Node's
const HEAP: ResourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

/** The thread ended while something was asked of it. */
export class WorkerDeath extends Error {
  override readonly name = 'WorkerDeath';
}

interface Waiting {
  resolve(message: FromWorker): void;
  reject(death: WorkerDeath): void;
}

export class WorkerThread {
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  #death: WorkerDeath | undefined;
  #heldBytes = 0;

  private constructor(entry: URL) {
    this.#worker = new Worker(entry, { resourceLimits: HEAP, execArgv: [], name: 'hyp worker' });
    this.#worker.on('message', (message: FromWorker) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(message);
    });
    this.#worker.on('messageerror', (error: Error) => this.#end(error.message));
    this.#worker.on('error', (error: unknown) => {
      this.#end(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on('exit', (code) => this.#end(`it ended with ${code}`));
  }

  /** A thread that is ready for a job; WorkerDeath when it ends before that. */
  static async start(entry: URL): Promise<WorkerThread> {
    const thread = new WorkerThread(entry);
    await thread.#answer();
    return thread;
  }

  /** Memory it does not give back, as of its last answer. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isAlive(): boolean {
    return this.#death === undefined;
  }

  async run<J extends Job>({ job, transfer }: Post<J>): Promise<Answers[J['kind']]> {
    const answer = this.#answer();
    if (this.isAlive) this.#worker.postMessage(job, [...transfer]);
    const message = await answer;
    if (message.kind !== 'done') throw new WorkerDeath('it said something else');
    this.#heldBytes = message.heldBytes;
    // A thread answers the job it was given: that is the protocol of entry.ts.
    return message.answer as Answers[J['kind']];
  }

  /** Ends it; a job under way rejects. Idempotent. */
  async close(): Promise<void> {
    this.#end('it was closed');
    await this.#worker.terminate();
  }

  #answer(): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#death === undefined) this.#waiting = { resolve, reject };
      else reject(this.#death);
    });
  }

  #end(reason: string): void {
    this.#death ??= new WorkerDeath(reason);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#death);
  }
}
