/**
 * Owns: one writer's frames as they stand together: its segments in order, how far they reach, and
 * the end that counts. Indexes are kept by path and size; a gone segment means look again.
 * Invariant: I12: every segment begins where the ones before it have reached, or before that (a
 * group written again). So a lost frame shows as a gap as soon as anything follows it.
 * llp/0007
 */
import { isMissing } from '../../src/core/durable-fs.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { closeWriter } from './close.ts';
import type { SpoolPlace } from './close.ts';
import type { FrameHead } from './frame.ts';
import { lookAt, readMark, segmentFile } from './marks.ts';
import type { WriterLook } from './marks.ts';
import {
  corruptSegment,
  indexSegment,
  judgeBytes,
  plusFrame,
  readHeads,
  withSegment,
} from './segment.ts';
import type { Block, SegmentFile, SegmentIndex, Tally } from './segment.ts';

export interface SegmentView {
  readonly file: SegmentFile;
  readonly index: SegmentIndex;
  /** Bytes of `index.size` when this view was made; a shared index may grow. */
  readonly size: number;
  /** First ordinal of the next segment with a whole header. */
  readonly nextFirst: bigint | undefined;
  /** Largest ordinal whole in this segment or before it; 0n when that says nothing. */
  readonly reached: bigint;
}

export interface WriterView {
  readonly id: WriterId;
  readonly dir: string;
  readonly look: WriterLook;
  /** Frames beyond it do not count; undefined while the writer is open. */
  readonly end: bigint | undefined;
  /**
   * The writer made the end itself, so everything up to it was durable: what is missing is damage.
   * A closer may have seen frames of a sync that failed; they were never acknowledged.
   */
  readonly endProven: boolean;
  readonly segments: readonly SegmentView[];
  /** First segment that begins beyond what was reached before it. */
  readonly gap: SegmentFile | undefined;
}

interface Known {
  index: SegmentIndex;
  /** The writer has gone on to a later segment: this one never changes again. */
  final: boolean;
  /** Set when the bytes behind `parsed` were judged, at this size. */
  judged?: { readonly size: number; readonly verdict: 'incomplete' | 'corrupt' };
}

/** Views of the writers of one spool, and what was learnt of their segments. */
export class SpoolViews {
  readonly place: SpoolPlace;
  /** By writer, then by path. */
  readonly #known = new Map<WriterId, Map<string, Known>>();

  constructor(place: SpoolPlace) {
    this.place = place;
  }

  dirOf(id: WriterId): string {
    return `${this.place.dir}/${id}`;
  }

  /**
   * The writer now; undefined when its directory is gone. With `settle` a sealed writer without an
   * end gets one first, so that `end` is set for every sealed writer.
   *
   * An end is used only with a listing that shows it: every segment it counts was there before it.
   * (With an older listing: a writer is sealed, listed without a segment, makes one, and states the
   * end of what it wrote there; it would look finished, and be entombed with an acknowledged frame.)
   */
  async view(id: WriterId, settle: boolean): Promise<WriterView | undefined> {
    for (;;) {
      const dir = this.dirOf(id);
      const look = await lookAt(this.place.fs, dir);
      if (look === undefined) {
        this.#known.delete(id);
        return undefined;
      }
      try {
        if (settle && look.sealed && !look.ended && !look.tomb) {
          await closeWriter(this.place, id);
          continue;
        }
        const end =
          look.ended && !look.tomb ? await readMark(this.place.fs, dir, 'end') : undefined;
        const files = look.segments.map((number) => segmentFile(dir, id, number));
        const segments = look.tomb ? [] : await this.#segmentsOf(id, files);
        const gap = gapIn(segments);
        const endProven = end?.by === 'writer';
        return { id, dir, look, end: end?.ordinal, endProven, segments, gap };
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }

  /** What the bytes behind the last whole frame of a segment are; read once for each size. */
  async judgeTail(segment: SegmentView): Promise<'incomplete' | 'corrupt'> {
    const { file, index, size } = segment;
    if (index.parsed >= size) return 'incomplete';
    const known = this.#known.get(file.writer)?.get(file.path);
    if (known?.judged?.size === size) return known.judged.verdict;
    const verdict = await withSegment(this.place.fs, file, (handle) =>
      judgeBytes(handle, file, index.parsed, size),
    );
    if (known !== undefined) known.judged = { size, verdict };
    return verdict;
  }

  /**
   * What a frame is whose payload is not what its head says: 'incomplete' when it was written again
   * in a later segment or never acknowledged, 'corrupt' when it was whole once.
   */
  async judgeFrame(
    view: WriterView,
    segment: SegmentView,
    head: FrameHead,
  ): Promise<'incomplete' | 'corrupt'> {
    const { index, nextFirst } = segment;
    if (nextFirst !== undefined) return nextFirst <= head.ordinal ? 'incomplete' : 'corrupt';
    const counted = view.endProven && view.end !== undefined && head.ordinal <= view.end;
    return counted || index.proven > head.position ? 'corrupt' : this.judgeTail(segment);
  }

  /** Frames of `dataset` in `block` with ordinals in (after, through]; reads a part of one again. */
  async tally(
    segment: SegmentView,
    block: Block,
    range: { readonly dataset: DatasetName; readonly after: bigint; readonly through: bigint },
  ): Promise<Tally | undefined> {
    const { dataset, after, through } = range;
    const whole = block.tallies.get(dataset);
    if (whole === undefined || whole.last <= after || whole.first > through) return undefined;
    if (whole.first > after && whole.last <= through) return whole;
    const { file } = segment;
    return withSegment(this.place.fs, file, async (handle) => {
      let part: Tally | undefined;
      for await (const head of readHeads(handle, file, block.start, block.end)) {
        if (head.kind === 'mark' || head.dataset !== dataset) continue;
        if (head.ordinal > after && head.ordinal <= through) part = plusFrame(part, head);
      }
      return part;
    });
  }

  async #segmentsOf(id: WriterId, files: readonly SegmentFile[]): Promise<SegmentView[]> {
    const before = this.#known.get(id);
    const known = new Map<string, Known>();
    for (const [at, file] of files.entries()) {
      const later = at < files.length - 1;
      known.set(file.path, await this.#indexOf(file, before?.get(file.path), later));
    }
    this.#known.set(id, known);
    const indexes = [...known.values()].map((each) => each.index);
    let reached = 0n;
    return indexes.flatMap((index, at) => {
      const file = files[at];
      if (file === undefined) return [];
      const own = index.firstOrdinal === undefined ? 0n : index.nextOrdinal - 1n;
      if (own > reached) reached = own;
      const next = indexes.slice(at + 1).find((later) => later.firstOrdinal !== undefined);
      return [{ file, index, size: index.size, nextFirst: next?.firstOrdinal, reached }];
    });
  }

  async #indexOf(file: SegmentFile, known: Known | undefined, hasLater: boolean): Promise<Known> {
    if (known?.final === true) return known;
    const stat = await this.place.fs.stat(file.path);
    if (known !== undefined && stat?.size === known.index.size) {
      known.final = hasLater;
      return known;
    }
    const index = await withSegment(this.place.fs, file, (handle) =>
      indexSegment(handle, file, known?.index),
    );
    return { index, final: hasLater };
  }
}

/** The first segment whose beginning is beyond what all before it have reached. */
function gapIn(segments: readonly SegmentView[]): SegmentFile | undefined {
  let reached: bigint | undefined;
  for (const { file, index, reached: after } of segments) {
    if (index.firstOrdinal === undefined) continue;
    if (reached !== undefined && index.firstOrdinal > reached + 1n) return file;
    reached = after;
  }
  return undefined;
}

/** E_CORRUPT for a gap: frames that were whole once are missing before `file`. */
export function gapError(file: SegmentFile): Error {
  return corruptSegment(file.path, 0, 'frames are missing before the first one');
}
