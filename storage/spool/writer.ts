/**
 * Owns: appends of this process: a queue, cut into groups of one write and one fdatasync each.
 * An append that finds the disk idle is synced at once; those that come meanwhile are the next
 * group. What a group's failure means for each of its frames is decided in chain.ts.
 * Invariants: I3 (an append that resolved is in), I13 (one encoded group in memory).
 * Not its job: flushing, and telling live writers from dead ones.
 * llp/0007
 */
import type { Clock } from '../../src/core/clock.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { HypError } from '../../src/core/errors.ts';
import { unobserved } from '../../src/core/events.ts';
import type { Observe } from '../../src/core/events.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Random } from '../../src/core/random.ts';
import { Chain, unavailable } from './chain.ts';
import type { Verdict } from './chain.ts';
import { frameBytes } from './frame.ts';
import type { FrameContent } from './frame.ts';

export interface SpoolOptions {
  readonly fs: DurableFs;
  /** The spool directory; exists and is durable. */
  readonly dir: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly observe?: Observe | undefined;
  /** Smaller ones for tests; default LIMITS. `groupCommitMs`: how soon a quiet group is marked. */
  readonly limits?:
    | {
        readonly segmentBytes?: number | undefined;
        readonly groupCommitMs?: number | undefined;
        readonly groupCommitBytes?: number | undefined;
      }
    | undefined;
}

interface Pending extends FrameContent {
  readonly resolve: () => void;
  readonly reject: (error: HypError) => void;
}

/** After such a rest somebody may well have closed our id: look before writing, not only after. */
const REST_MS = 1000;
/** Ids closed under our hands one after the other, before an append is given back. */
const CHAIN_ATTEMPTS = 20;

export class SpoolWriter {
  readonly #options: SpoolOptions;
  readonly #observe: Observe;
  readonly #limits: { segmentBytes: number; groupCommitMs: number; groupCommitBytes: number };
  readonly #queue: Pending[] = [];
  #closed = false;
  #running: Promise<void> | undefined;
  #rest: AbortController | undefined;
  #chain: Chain | undefined;
  #lastGroupMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#observe = options.observe ?? unobserved;
    this.#limits = {
      segmentBytes: options.limits?.segmentBytes ?? LIMITS.segmentBytes,
      groupCommitMs: options.limits?.groupCommitMs ?? LIMITS.groupCommitMs,
      groupCommitBytes: options.limits?.groupCommitBytes ?? LIMITS.groupCommitBytes,
    };
  }

  /** The id frames are written under now; undefined until its directory is durable. It may change. */
  get writerId(): WriterId | undefined {
    return this.#chain?.id;
  }

  /**
   * Stores one frame. Resolves after its fdatasync, when it is certain to be flushed once.
   * `payload` must stay as it is until then; it is copied only when its group is written. Calls may
   * overlap; frames keep their order. Not idempotent.
   *
   * E_ROW_TOO_LARGE: more than LIMITS.frameBytes. E_CLOSED. E_UNAVAILABLE, E_DISK_FULL: the disk failed and the
   * frame is certainly not in; append it again. E_UNKNOWN_OUTCOME: it may be in or not: the disk
   * failed after it could be read, or this process was paused until its writer's mark was removed.
   */
  append(dataset: DatasetName, rows: number, payload: Uint8Array): Promise<void> {
    if (this.#closed) {
      return Promise.reject(
        new HypError('E_CLOSED', 'the spool writer is closed', { hint: 'Open the store again.' }),
      );
    }
    if (payload.length > LIMITS.frameBytes) {
      const most = LIMITS.frameBytes;
      return Promise.reject(
        new HypError('E_ROW_TOO_LARGE', `a frame of ${payload.length} bytes for ${dataset}`, {
          hint: `A frame holds at most ${most} bytes; append fewer rows at once.`,
        }),
      );
    }
    invariant(payload.length > 0, 'a frame has a payload');
    return new Promise((resolve, reject) => {
      this.#queue.push({ dataset, rows, payload, resolve, reject });
      this.#rest?.abort();
      this.#running ??= this.#run();
    });
  }

  /**
   * Waits for every append, then closes this writer's id: seal and end. Idempotent. When the disk
   * refuses the seal, nothing is lost: another process closes the id later.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#rest?.abort();
    await this.#running;
    try {
      await this.#chain?.close();
    } catch (error) {
      this.#decide('left-unsealed', { error: String(error) });
    }
  }

  async #run(): Promise<void> {
    // Appends made in the same turn are one group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#store(this.#takeGroup());
      this.#lastGroupMs = this.#options.clock.monotonicMs();
      if (this.#queue.length === 0) await this.#markWhenQuiet();
    }
    this.#running = undefined;
  }

  /** The next group is the proof that this one was synced; a mark is, when none comes. */
  async #markWhenQuiet(): Promise<void> {
    if (this.#isClosed()) return;
    const rest = new AbortController();
    this.#rest = rest;
    await this.#options.clock.sleep(this.#limits.groupCommitMs, rest.signal);
    this.#rest = undefined;
    if (this.#queue.length === 0 && !this.#isClosed()) await this.#chain?.mark();
  }

  #takeGroup(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const frame of this.#queue) {
      const more = frameBytes(frame);
      if (count > 0 && bytes + more > this.#limits.groupCommitBytes) break;
      bytes += more;
      count += 1;
    }
    const limitBytes = Math.max(this.#limits.groupCommitBytes, LIMITS.frameBytes + 1024);
    this.#observe({ type: 'buffer', name: 'spool group', bytes, limitBytes });
    return this.#queue.splice(0, count);
  }

  async #store(group: readonly Pending[]): Promise<void> {
    let rest = group;
    for (let attempt = 0; attempt < CHAIN_ATTEMPTS && rest.length > 0; attempt++) {
      rest = settle(rest, await this.#commit(rest));
    }
    settle(
      rest,
      rest.map(() => unavailable(undefined)),
    );
  }

  async #commit(group: readonly Pending[]): Promise<readonly Verdict[]> {
    let chain: Chain;
    try {
      chain = await this.#openChain();
    } catch (cause) {
      return group.map(() => unavailable(cause));
    }
    const restMs = this.#options.clock.monotonicMs() - this.#lastGroupMs;
    const verdicts = await chain.commit(group, restMs > REST_MS);
    if (chain.ended) this.#decide('writer-ended', { writer: chain.id });
    return verdicts;
  }

  async #openChain(): Promise<Chain> {
    if (this.#chain === undefined || this.#chain.ended) {
      const { fs, dir, random, clock } = this.#options;
      const { segmentBytes } = this.#limits;
      this.#chain = await Chain.start(dir, { fs, random, clock, segmentBytes });
    }
    return this.#chain;
  }

  #decide(action: string, facts: Readonly<Record<string, string>>): void {
    this.#observe({ type: 'decision', action: `spool.${action}`, level: 'warn', facts });
  }
}

/** Answers the callers; returns the frames that another writer id must take. */
function settle(group: readonly Pending[], verdicts: readonly Verdict[]): Pending[] {
  return group.filter((frame, index) => {
    const verdict = verdicts[index];
    invariant(verdict !== undefined, 'every frame has a verdict');
    if (verdict === 'again') return true;
    if (verdict === 'in') frame.resolve();
    else frame.reject(verdict);
    return false;
  });
}
