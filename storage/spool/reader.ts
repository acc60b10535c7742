/**
 * Owns: what of the spool is due: frames of any writer, living or not, above what is committed.
 * Invariants: I3, I11 (a frame is yielded only after its segment was fdatasynced by us), I12, I13
 * (one frame in memory), I14 (bytes that were read once are not read again to find nothing).
 *
 * A segment is used in this order: its size, fdatasync, a look for the seal, its frames below that
 * size. Without a seal at that moment every closer will find these frames; with one, only those up
 * to the end count. (Looking before the sync only: a closer ends the writer below a frame that we
 * commit, and the writer stores it again under a new id.)
 *
 * Not its job: positions (the caller says what is committed), removing anything (trim.ts).
 * llp/0007
 */
import { isMissing, readdirIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs, ReadHandle } from '../../src/core/durable-fs.ts';
import { HypError, isHypError, systemCode } from '../../src/core/errors.ts';
import { unobserved } from '../../src/core/events.ts';
import type { Observe } from '../../src/core/events.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Random } from '../../src/core/random.ts';
import type { FrameHead } from './frame.ts';
import { lookAt } from './marks.ts';
import { corruptSegment, readAhead, readHeads, readPayload } from './segment.ts';
import { SpoolViews, gapError } from './view.ts';
import type { SegmentView, WriterView } from './view.ts';

export interface Frame {
  readonly writer: WriterId;
  readonly ordinal: bigint;
  readonly dataset: DatasetName;
  readonly rows: number;
  readonly payload: Uint8Array;
}

export interface SpoolWriterState {
  readonly id: WriterId;
  readonly sealed: boolean;
  readonly ended: boolean;
}

export interface SpoolPending {
  readonly dataset: DatasetName;
  readonly frames: number;
  readonly rows: number;
  /** As stored. */
  readonly bytes: number;
}

export interface SpoolReaderOptions {
  readonly fs: DurableFs;
  /** The spool directory. */
  readonly dir: string;
  /** For the names of temporary files when a sealed writer gets its end. */
  readonly random?: Random | undefined;
  readonly observe?: Observe | undefined;
}

const WRITER_NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Segments that are gone each time they are opened are a bug, not a race. */
const ATTEMPTS = 100;
const FOREVER = 2n ** 64n;

/** The segments are not what they were in this view: make another one. */
const STALE = new Error('the view of a spool writer is stale');

export class SpoolReader {
  readonly views: SpoolViews;
  readonly #observe: Observe;
  readonly #unreadable = new Map<WriterId, Error>();

  constructor(options: SpoolReaderOptions) {
    const { fs, dir } = options;
    this.views = new SpoolViews({ fs, dir, random: options.random ?? systemRandom });
    this.#observe = options.observe ?? unobserved;
  }

  /**
   * Writers that could not be read at the last `datasets` or `pending`, and why: whose rows they
   * hold nobody knows, so whoever answers for all rows has to tell of them.
   */
  get unreadable(): ReadonlyMap<WriterId, Error> {
    return this.#unreadable;
  }

  /** Every writer whose directory can be listed, tombs included. One listing each. */
  async writers(): Promise<readonly SpoolWriterState[]> {
    const states: SpoolWriterState[] = [];
    for (const id of await this.#ids()) {
      try {
        const look = await lookAt(this.views.place.fs, this.views.dirOf(id));
        if (look !== undefined) states.push({ id, sealed: look.sealed, ended: look.ended });
      } catch (error) {
        this.#leaveOut(id, error);
      }
    }
    return states;
  }

  /** Datasets with a frame in the spool, committed or not, sorted. */
  async datasets(): Promise<readonly DatasetName[]> {
    const names = new Set<DatasetName>();
    for (const view of await this.#readable()) {
      for (const segment of view.segments) {
        for (const block of segment.index.blocks) {
          for (const name of block.tallies.keys()) names.add(name);
        }
      }
    }
    return [...names].sort();
  }

  /**
   * Frames of `dataset` with ordinal > committed(writer), per writer in ordinal order, each durable
   * when it is yielded and each once. Stop early as you like. E_CORRUPT (path, byte position) when
   * a frame is damaged that was whole once, E_UNSUPPORTED_FORMAT; other system errors pass through.
   * Writers in `told` are passed over whole while they cannot be read: somebody has told of them.
   */
  async *due(
    dataset: DatasetName,
    committed: (writer: WriterId) => bigint,
    told: ReadonlyMap<WriterId, Error> = new Map(),
  ): AsyncGenerator<Frame, void, undefined> {
    for (const id of await this.#ids()) {
      if (told.has(id) && !(await this.#canRead(id))) continue;
      yield* this.#dueOf(id, dataset, committed(id));
    }
  }

  /**
   * What waits, per dataset with anything waiting, by the heads alone. Reads only bytes that came
   * since the last call. A writer that cannot be read is left out here; `due` says what it has.
   */
  async pending(
    committed: (writer: WriterId, dataset: DatasetName) => bigint,
  ): Promise<readonly SpoolPending[]> {
    const sums = new Map<DatasetName, SpoolPending>();
    for (const view of await this.#readable()) {
      let reached = 0n;
      for (const segment of view.segments) {
        await this.#addPending(sums, view, segment, (dataset) => {
          const after = committed(view.id, dataset);
          return after > reached ? after : reached;
        });
        reached = segment.reached;
      }
    }
    return [...sums.values()].sort((a, b) => (a.dataset < b.dataset ? -1 : 1));
  }

  async #addPending(
    sums: Map<DatasetName, SpoolPending>,
    view: WriterView,
    segment: SegmentView,
    afterOf: (dataset: DatasetName) => bigint,
  ): Promise<void> {
    const through = view.end ?? FOREVER;
    for (const block of segment.index.blocks) {
      for (const dataset of block.tallies.keys()) {
        const range = { dataset, after: afterOf(dataset), through };
        const tally = await this.#tally(segment, block, range);
        if (tally === undefined) continue;
        const sum = sums.get(dataset);
        sums.set(dataset, {
          dataset,
          frames: (sum?.frames ?? 0) + tally.frames,
          rows: (sum?.rows ?? 0) + tally.rows,
          bytes: (sum?.bytes ?? 0) + tally.bytes,
        });
      }
    }
  }

  /** A segment that was trimmed meanwhile has nothing waiting. */
  async #tally(...args: Parameters<SpoolViews['tally']>) {
    try {
      return await this.views.tally(...args);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #ids(): Promise<WriterId[]> {
    const names = await readdirIfAny(this.views.place.fs, this.views.place.dir);
    return names.filter((name) => WRITER_NAME.test(name)) as WriterId[];
  }

  async #canRead(id: WriterId): Promise<boolean> {
    try {
      await this.views.view(id, false);
      return true;
    } catch {
      return false;
    }
  }

  /** One writer that cannot be read keeps nobody from the frames of the others. */
  async #readable(): Promise<WriterView[]> {
    const views: WriterView[] = [];
    const ids = await this.#ids();
    for (const id of this.#unreadable.keys()) if (!ids.includes(id)) this.#unreadable.delete(id);
    for (const id of ids) {
      try {
        const view = await this.views.view(id, false);
        this.#unreadable.delete(id);
        if (view !== undefined) views.push(view);
      } catch (error) {
        this.#leaveOut(id, error);
      }
    }
    return views;
  }

  /** Said when it is new: the reader looks several times a second. What is a bug is thrown. */
  #leaveOut(id: WriterId, error: unknown): void {
    const known =
      isHypError(error, 'E_CORRUPT', 'E_UNSUPPORTED_FORMAT') || systemCode(error) !== undefined;
    if (!known || !(error instanceof Error)) throw error;
    const before = this.#unreadable.get(id);
    this.#unreadable.set(id, error);
    if (before?.message === error.message) return;
    const facts = { writer: id, error: error.message };
    this.#observe({ type: 'decision', action: 'spool.unreadable', level: 'warn', facts });
  }

  async *#dueOf(id: WriterId, dataset: DatasetName, after: bigint): AsyncGenerator<Frame> {
    let through = after;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const view = await this.views.view(id, true);
      if (view === undefined) return;
      try {
        for await (const frame of this.#framesOf(view, dataset, through)) {
          through = frame.ordinal;
          yield frame;
        }
        return;
      } catch (error) {
        if (error !== STALE && !isMissing(error)) throw error;
      }
    }
    throw new HypError('E_CONFLICT', `spool writer changes faster than it can be read: ${id}`);
  }

  async *#framesOf(
    view: WriterView,
    dataset: DatasetName,
    after: bigint,
  ): AsyncGenerator<Frame, void, undefined> {
    let through = after;
    for (const segment of view.segments) {
      if (segment.file === view.gap) await this.#missing(view, gapError(segment.file));
      for await (const frame of this.#framesIn(view, segment, dataset, through)) {
        through = frame.ordinal;
        yield frame;
      }
      const bad = segment.index.firstOrdinal === undefined || segment.nextFirst === undefined;
      if (bad && (await this.views.judgeTail(segment)) === 'corrupt') {
        throw corruptSegment(segment.file.path, segment.index.parsed, 'damaged bytes');
      }
    }
    const last = view.segments.findLast((each) => each.index.firstOrdinal !== undefined);
    if (view.endProven && (last?.reached ?? 0n) < (view.end ?? 0n)) {
      const what = `frames through ${view.end} are missing`;
      await this.#missing(view, corruptSegment(last?.file.path ?? view.dir, last?.size ?? 0, what));
    }
  }

  /** A listing taken while segments go can show a gap that is none: only a second one proves it. */
  async #missing(view: WriterView, error: Error): Promise<never> {
    const look = await lookAt(this.views.place.fs, view.dir);
    throw look?.segments.join() === view.look.segments.join() ? error : STALE;
  }

  async *#framesIn(
    view: WriterView,
    segment: SegmentView,
    dataset: DatasetName,
    after: bigint,
  ): AsyncGenerator<Frame, void, undefined> {
    const { file, index, size } = segment;
    const end = view.end ?? FOREVER;
    const blocks = index.blocks.filter((block) => {
      const tally = block.tallies.get(dataset);
      return tally !== undefined && tally.last > after && tally.first <= end;
    });
    if (blocks.length === 0) return;
    const handle = await this.views.place.fs.open(file.path);
    try {
      await this.#secure(view, handle);
      const bytes = readAhead(handle);
      for (const block of blocks) {
        for await (const head of readHeads(bytes, file, block.start, Math.min(block.end, size))) {
          if (head.kind === 'mark' || head.dataset !== dataset) continue;
          if (head.ordinal <= after || head.ordinal > end) continue;
          const payload = await readPayload(bytes, head);
          if (payload === undefined) {
            await this.#assertNeverWhole(view, segment, head);
            return;
          }
          const { ordinal, rows } = head;
          yield { writer: view.id, ordinal, dataset, rows, payload };
        }
      }
    } finally {
      await handle.close();
    }
  }

  /** After it, the frames below the size of the view are durable, and every closer will see them. */
  async #secure(view: WriterView, handle: ReadHandle): Promise<void> {
    await handle.sync();
    const look = await lookAt(this.views.place.fs, view.dir);
    if (look === undefined || look.tomb || look.sealed !== view.look.sealed) throw STALE;
  }

  async #assertNeverWhole(view: WriterView, segment: SegmentView, head: FrameHead): Promise<void> {
    if ((await this.views.judgeFrame(view, segment, head)) === 'incomplete') return;
    const what = `damaged frame ${head.ordinal}`;
    throw corruptSegment(segment.file.path, head.position, what, head.dataset);
  }
}
