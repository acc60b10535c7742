/**
 * Owns: the frames of one writer id: its directory, its segments, its ordinals, and for each frame
 * of a group the one true answer: in, not in, or unknown.
 * Invariants: I3, I11. An ordinal that any reader can have seen is never given to another frame.
 * Commit point of a group: the fdatasync; it counts once the look after it finds no seal.
 *
 * | step | a crash right after leaves |
 * | 1 directory made, spool directory fsynced | an empty writer, closed by the next closer |
 * | 2 segment created, header fsynced, directory fsynced | an empty segment |
 * | 3 group written | perhaps whole frames nobody was told of; they may be flushed |
 * | 4 fdatasynced | frames that will be flushed |
 * | 5 directory looked at: no seal | acknowledged frames |
 *
 * | a group whose write or fdatasync failed | |
 * | written again, same ordinals, into a new segment | goes on with step 5 |
 * | that failed too, no frame was ever whole on disk | E_UNAVAILABLE (E_DISK_FULL), ordinals given back |
 * | that failed too, some were | the id ends; those E_UNKNOWN_OUTCOME, the others as above |
 * llp/0007
 */
import type { Clock } from '../../src/core/clock.ts';
import { isMissing, unlinkIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs, WriteHandle } from '../../src/core/durable-fs.ts';
import { HypError, isDiskFull, systemCode } from '../../src/core/errors.ts';
import type { WriterId } from '../../src/core/ids.ts';
import { timeUuid } from '../../src/core/random.ts';
import type { Random } from '../../src/core/random.ts';
import {
  SEGMENT_HEADER_BYTES,
  encodeGroup,
  encodeMark,
  encodeSegmentHeader,
  frameBytes,
} from './frame.ts';
import type { FrameContent } from './frame.ts';
import { lookAt, propose, segmentName } from './marks.ts';

/** in: durable and counted · again: surely not counted, give it to another writer id. */
export type Verdict = 'in' | 'again' | HypError;

interface OpenSegment {
  readonly number: number;
  readonly path: string;
  readonly handle: WriteHandle;
  bytes: number;
}

interface Failure {
  readonly cause: unknown;
  /** Frames of the group, from its first, that may be whole on disk. */
  readonly exposed: number;
}

export interface ChainOptions {
  readonly fs: DurableFs;
  readonly random: Random;
  readonly clock: Clock;
  readonly segmentBytes: number;
}

export class Chain {
  readonly id: WriterId;
  readonly #dir: string;
  readonly #options: ChainOptions;
  #segment: OpenSegment | undefined;
  #segments = 0;
  /** The largest ordinal that is durable by our own sync and was not given up. */
  #durable = 0n;
  #ended = false;

  private constructor(id: WriterId, dir: string, options: ChainOptions) {
    this.id = id;
    this.#dir = dir;
    this.#options = options;
  }

  /** A new writer id with a durable directory in `spoolDir`; system errors of the disk. */
  static async start(spoolDir: string, options: ChainOptions): Promise<Chain> {
    const { fs, random, clock } = options;
    // Ids sort by their making: writers are flushed in the order in which they began.
    const id = timeUuid(random, clock.nowMs()) as WriterId;
    const dir = `${spoolDir}/${id}`;
    await fs.mkdir(dir);
    try {
      await fs.syncDir(spoolDir);
    } catch (error) {
      await fs.rmdir(dir).catch(() => undefined);
      throw error;
    }
    return new Chain(id, dir, options);
  }

  /** True when this id takes no more frames. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Writes one group and answers for each of its frames. Never called twice at once. `rested`: look
   * for a seal before writing, because enough time has passed for someone to have closed this id.
   */
  async commit(group: readonly FrameContent[], rested: boolean): Promise<readonly Verdict[]> {
    const bytes = group.reduce((sum, frame) => sum + frameBytes(frame), 0);
    try {
      if (rested && !(await this.#isOpen())) return await this.#moveOn(group);
      await this.#makeRoom(bytes);
    } catch (cause) {
      await this.#leaveSegment();
      if ((await this.#isGone()) === true) return this.#moveOn(group);
      return group.map(() => unavailable(cause));
    }
    const failure = await this.#write(group);
    if (failure === undefined) return this.#acknowledge(group, 0);
    const again = await this.#rewrite(group);
    const exposed = Math.max(failure.exposed, again?.exposed ?? 0);
    if (again === undefined) return this.#acknowledge(group, exposed);
    return this.#giveUp(group, exposed, again.cause);
  }

  /**
   * Puts a mark behind the last group: it proves that the group was synced. Not synced itself, and
   * not needed: a failure only means that the next group goes into a new segment.
   */
  async mark(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    try {
      const bytes = encodeMark({ writer: this.id, segment: segment.number }, segment.bytes);
      await segment.handle.write(bytes);
      segment.bytes += bytes.length;
    } catch {
      await this.#leaveSegment();
    }
  }

  /**
   * Closes this id for good at its last durable ordinal, sealed by the writer itself: nothing of it
   * is paused, so its directory may go as soon as all is committed. Rejects when the disk does; then
   * a closer will do it. Idempotent.
   */
  async close(): Promise<void> {
    await this.#leaveSegment();
    if (this.#ended) return;
    this.#ended = true;
    await propose(this.#options, this.#dir, 'seal', { by: 'writer' });
    await propose(this.#options, this.#dir, 'end', {
      ordinal: String(this.#durable),
      by: 'writer',
    });
  }

  async #makeRoom(bytes: number): Promise<void> {
    const segment = this.#segment;
    if (segment !== undefined) {
      const empty = segment.bytes === SEGMENT_HEADER_BYTES;
      if (empty || segment.bytes + bytes <= this.#options.segmentBytes) return;
      await this.#leaveSegment();
    }
    await this.#createSegment();
  }

  async #createSegment(): Promise<void> {
    const { fs } = this.#options;
    const number = ++this.#segments;
    const place = { writer: this.id, segment: number };
    const path = `${this.#dir}/${segmentName(number)}`;
    const handle = await fs.create(path);
    this.#segment = { number, path, handle, bytes: SEGMENT_HEADER_BYTES };
    try {
      await handle.write(encodeSegmentHeader(place, this.#durable + 1n));
      await handle.sync();
      await fs.syncDir(this.#dir);
    } catch (error) {
      await this.#discard();
      throw error;
    }
  }

  /** Undefined when the group is durable; else the handle is closed and never used again. */
  async #write(group: readonly FrameContent[]): Promise<Failure | undefined> {
    const segment = this.#segment;
    if (segment === undefined) return { cause: undefined, exposed: 0 };
    const start = segment.bytes;
    const place = { writer: this.id, segment: segment.number };
    const bytes = encodeGroup(place, start, this.#durable + 1n, group);
    try {
      await segment.handle.write(bytes);
    } catch (cause) {
      const exposed = await this.#wholeFrames(segment, start, group);
      if (exposed === 0 && start === SEGMENT_HEADER_BYTES) await this.#discard();
      else await this.#leaveSegment();
      return { cause, exposed };
    }
    try {
      await segment.handle.datasync();
    } catch (cause) {
      await this.#leaveSegment();
      return { cause, exposed: group.length };
    }
    segment.bytes += bytes.length;
    return undefined;
  }

  async #rewrite(group: readonly FrameContent[]): Promise<Failure | undefined> {
    try {
      await this.#createSegment();
    } catch (cause) {
      return { cause, exposed: 0 };
    }
    return this.#write(group);
  }

  /** How many frames of a group fit into what a failed write left; all when that cannot be seen. */
  async #wholeFrames(
    segment: OpenSegment,
    start: number,
    group: readonly FrameContent[],
  ): Promise<number> {
    const stat = await this.#options.fs.stat(segment.path).catch(() => undefined);
    if (stat === undefined) return group.length;
    let end = start;
    const partial = group.findIndex((frame) => (end += frameBytes(frame)) > stat.size);
    return partial < 0 ? group.length : partial;
  }

  /** The group is durable: it is in, unless somebody closed this id. */
  async #acknowledge(group: readonly FrameContent[], exposed: number): Promise<readonly Verdict[]> {
    const first = this.#durable + 1n;
    this.#durable += BigInt(group.length);
    try {
      if (await this.#isOpen()) return group.map(() => 'in' as const);
      const end = await this.#standingEnd();
      this.#ended = true;
      await this.#leaveSegment();
      return group.map((_, index) => {
        if (end !== undefined && first + BigInt(index) <= end) return 'in';
        // A reader may have flushed it from the segment that failed, before the seal.
        return end === undefined || index < exposed ? unknown(this.#dir, undefined) : 'again';
      });
    } catch (cause) {
      return group.map(() => unknown(this.#dir, cause));
    }
  }

  /** The end that counts, ours if nobody was first; undefined when the directory is gone. */
  async #standingEnd(): Promise<bigint | undefined> {
    const look = await lookAt(this.#options.fs, this.#dir);
    // Segments go only after the end is there and everything up to it is committed.
    const removed = look !== undefined && !look.segments.includes(this.#segment?.number ?? 0);
    if (look === undefined || (removed && !look.ended)) return undefined;
    try {
      const ordinal = String(this.#durable);
      return (await propose(this.#options, this.#dir, 'end', { ordinal, by: 'writer' })).ordinal;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #giveUp(
    group: readonly FrameContent[],
    exposed: number,
    cause: unknown,
  ): Promise<readonly Verdict[]> {
    if (exposed > 0) await this.close().catch(() => undefined);
    return group.map((_, index) =>
      index < exposed ? unknown(this.#dir, cause) : unavailable(cause),
    );
  }

  /** Nothing of `group` was written here, and nothing will be. */
  async #moveOn(group: readonly FrameContent[]): Promise<readonly Verdict[]> {
    this.#ended = true;
    await this.#leaveSegment();
    return group.map(() => 'again' as const);
  }

  /** No seal, and the directory and our segment are there. */
  async #isOpen(): Promise<boolean> {
    const look = await lookAt(this.#options.fs, this.#dir);
    if (look === undefined || look.sealed) return false;
    return this.#segment === undefined || look.segments.includes(this.#segment.number);
  }

  async #isGone(): Promise<boolean | undefined> {
    try {
      return (await lookAt(this.#options.fs, this.#dir)) === undefined;
    } catch {
      return undefined;
    }
  }

  async #leaveSegment(): Promise<void> {
    const handle = this.#segment?.handle;
    this.#segment = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** Removes a segment without a whole frame, so that a full disk does not fill with headers. */
  async #discard(): Promise<void> {
    const path = this.#segment?.path;
    await this.#leaveSegment();
    if (path !== undefined) await unlinkIfAny(this.#options.fs, path).catch(() => undefined);
  }
}

/** The disk failed before anybody could see the frame. */
export function unavailable(cause: unknown): HypError {
  const code = systemCode(cause);
  const why = code === undefined ? '' : ` (${code})`;
  const kind = isDiskFull(cause) ? 'E_DISK_FULL' : 'E_UNAVAILABLE';
  return new HypError(kind, `the spool cannot be written${why}`, {
    cause,
    hint: 'What was acknowledged is safe. Free space or mend the disk, then append again.',
  });
}

function unknown(dir: string, cause: unknown): HypError {
  return new HypError('E_UNKNOWN_OUTCOME', `an append may or may not be stored in ${dir}`, {
    cause,
    hint: 'Look for its rows before you append them again: they would be in twice.',
  });
}
