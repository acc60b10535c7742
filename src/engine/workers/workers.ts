/**
 * Owns: the worker threads of one command, started when there is work for them, ended with it.
 *
 * | what dies | what is done |
 * | a thread before it is ready, twice in a row | nothing can be done here: E_UNAVAILABLE |
 * | a thread on a job | the job once more, in a fresh thread |
 * | that one, too | WorkerDeath to the caller, who knows what is in the job |
 * | `workerDeaths` threads on jobs of one command | no job is that bad: E_UNAVAILABLE |
 *
 * A thread that holds more than `workerBytes` is ended after its job: wasm gives nothing back (I13).
 * Nothing durable is done in a thread: whatever dies, a crash leaves what it leaves without them.
 * llp/0023
 */
import { HypError } from '../../core/errors.ts';
import type { Observe } from '../../core/events.ts';
import { LIMITS } from '../../core/limits.ts';
import type { RowGroupEncoder } from '../../codec/parquet.ts';
import { encodeJob } from './jobs.ts';
import type { Answers, EncodeJob, Job, ParseJob } from './jobs.ts';
import { WorkerDeath, WorkerThread } from './thread.ts';
import type { Post } from './thread.ts';

/** What a thread of the built package begins with; sources that were not built have no threads. */
export function builtEntry(): URL | undefined {
  const { url } = import.meta;
  return url.endsWith('.js') ? new URL('./entry.js', url) : undefined;
}

/** A place for one thread. */
interface Seat {
  thread: WorkerThread | undefined;
}

type Give = (seat: Seat) => void;

export class Workers {
  /** Most threads at once. */
  readonly count: number;
  /** Encodes row groups in the threads. WorkerDeath for one that killed two. */
  readonly encoder: RowGroupEncoder;
  readonly #entry: URL;
  readonly #observe: Observe;
  readonly #seats: Seat[] = [];
  readonly #free: Seat[] = [];
  /** Commits wait for what is encoded: that goes first. */
  readonly #urgent: Give[] = [];
  readonly #waiting: Give[] = [];
  #deaths = 0;
  #closed = false;

  constructor(entry: URL, count: number, observe: Observe) {
    this.#entry = entry;
    this.count = count;
    this.#observe = observe;
    this.encoder = {
      width: count + 1,
      encode: async (slices, codec) => {
        const post = (): Post<EncodeJob> => {
          const job = encodeJob(slices, codec);
          return { job, transfer: [job.rows.buffer] };
        };
        const seat = await this.#take(this.#urgent);
        return this.#run(seat, post, 2);
      },
    };
  }

  /** The job `make` gives, asked again for each try. WorkerDeath when it killed `tries` workers. */
  async parse(make: () => ParseJob, tries: 1 | 2): Promise<Answers['parse']> {
    const post = (): Post<ParseJob> => {
      const job = make();
      return { job, transfer: [job.bytes.buffer] };
    };
    const seat = await this.#take(this.#waiting);
    return this.#run(seat, post, tries);
  }

  /** Ends all threads; jobs under way reject. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#seats.map(async ({ thread }) => thread?.close()));
  }

  async #run<J extends Job>(
    seat: Seat,
    post: () => Post<J>,
    tries: 1 | 2,
  ): Promise<Answers[J['kind']]> {
    try {
      if (tries === 1) return await this.#once(seat, post);
      return await this.#once(seat, post).catch((error: unknown) => {
        if (error instanceof WorkerDeath && !this.#closed) return this.#once(seat, post);
        throw error;
      });
    } finally {
      this.#give(seat);
    }
  }

  async #once<J extends Job>(seat: Seat, post: () => Post<J>): Promise<Answers[J['kind']]> {
    if (seat.thread?.isAlive !== true) seat.thread = await this.#start();
    const { thread } = seat;
    try {
      const answer = await thread.run(post());
      if (thread.heldBytes > LIMITS.workerBytes) {
        seat.thread = undefined;
        await thread.close();
      }
      return answer;
    } catch (error) {
      seat.thread = undefined;
      if (error instanceof WorkerDeath) this.#count(error);
      throw error;
    }
  }

  #count(death: WorkerDeath): void {
    if (this.#closed) return;
    this.#deaths += 1;
    const facts = { deaths: this.#deaths, reason: death.message };
    this.#observe({ type: 'decision', action: 'worker-died', level: 'warn', facts });
    if (this.#deaths < LIMITS.workerDeaths) return;
    throw new HypError(
      'E_UNAVAILABLE',
      `${this.#deaths} worker threads died, one after the other`,
      {
        cause: death,
        hint: 'What was committed stays. Look for a lack of memory; `--workers 0` works without threads.',
      },
    );
  }

  async #start(): Promise<WorkerThread> {
    let cause: WorkerDeath | undefined;
    for (let attempt = 0; attempt < 2; attempt++) {
      if (this.#isOver()) throw new WorkerDeath('the work is over');
      try {
        const thread = await WorkerThread.start(this.#entry);
        if (!this.#isOver()) return thread;
        await thread.close();
      } catch (error) {
        if (!(error instanceof WorkerDeath)) throw error;
        cause = error;
      }
    }
    throw new HypError('E_UNAVAILABLE', `worker threads cannot start: ${cause?.message ?? ''}`, {
      cause,
      hint: 'What was committed stays. Install hyp anew, or work without threads: `--workers 0`.',
    });
  }

  /** Asked again after each wait. */
  #isOver(): boolean {
    return this.#closed;
  }

  async #take(queue: Give[]): Promise<Seat> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#seats.length < this.count) {
      const seat: Seat = { thread: undefined };
      this.#seats.push(seat);
      return seat;
    }
    return new Promise((resolve) => queue.push(resolve));
  }

  #give(seat: Seat): void {
    const next = this.#urgent.shift() ?? this.#waiting.shift();
    if (next === undefined) this.#free.push(seat);
    else next(seat);
  }
}
