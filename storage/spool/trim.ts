/**
 * Owns: removing from the spool what every table has committed.
 * Invariants: I3, I11. Only the first segments of a writer go, so that a gap is always corruption;
 * of an open writer the last segment with a frame stays, and what is behind it: its writer may be
 * about to write there.
 *
 * | a finished writer (ended, all up to the end committed), step | a crash right after leaves |
 * | 1 closed by another process: `tomb` linked, directory fsynced | a tomb; segments in it are void |
 * | 2 segments removed, directory fsynced | a tomb |
 * | 3 a week later, or at once when closed by itself: renamed to .gone-<id>, spool fsynced | **gone** |
 * | 4 contents and directory removed | leftovers of 3, removed by the next trim |
 *
 * The tomb is for a writer that was paused all the while: it finds its end there. One that wakes
 * after step 3 finds nothing and answers E_UNKNOWN_OUTCOME. The rename makes the directory go at
 * once: no one ever sees it without its end. The week is a courtesy, not a safety (I11).
 * llp/0007
 */
import type { Clock } from '../../src/core/clock.ts';
import { isMissing, readdirIfAny, unlinkIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isHypError } from '../../src/core/errors.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { SpoolPlace } from './close.ts';
import { propose, readMark, segmentName } from './marks.ts';
import { SpoolReader } from './reader.ts';
import type { SegmentView, SpoolViews, WriterView } from './view.ts';

export interface TrimPlace extends SpoolPlace {
  readonly clock: Clock;
  /** The process's reader: what it learnt of the segments is not read again. */
  readonly reader?: SpoolReader | undefined;
}

export interface TrimReport {
  readonly removedSegments: number;
  /** Their directories are durably gone: nothing of them can come again. */
  readonly goneWriters: WriterId[];
}

type Committed = (writer: WriterId, dataset: DatasetName) => bigint;

const GONE = '.gone-';

/**
 * Removes segments whose every frame is committed, by `committed` of all datasets, and directories
 * of finished writers. Idempotent; several processes may do it at once. A writer that cannot be read
 * is left as it is, all others have their turn; then the first system error of the disk is thrown.
 */
export async function trim(place: TrimPlace, committed: Committed): Promise<TrimReport> {
  const reader = place.reader ?? new SpoolReader(place);
  const goneWriters: WriterId[] = [];
  let removedSegments = 0;
  let failure: Error | undefined;
  await removeLeftovers(place);
  for (const { id } of await reader.writers()) {
    try {
      // Somebody else's, closed or damaged: whoever wants its rows says so.
      if (reader.unreadable.has(id)) continue;
      const view = await reader.views.view(id, true);
      if (view === undefined) continue;
      const done = await trimWriter(place, reader.views, view, (name) => committed(id, name));
      removedSegments += done.removed;
      if (done.gone) goneWriters.push(id);
    } catch (error) {
      if (!isMissing(error) && !isHypError(error, 'E_CORRUPT', 'E_UNSUPPORTED_FORMAT')) {
        failure ??= error instanceof Error ? error : new Error(String(error));
      }
    }
  }
  if (failure !== undefined) throw failure;
  return { removedSegments, goneWriters };
}

async function trimWriter(
  place: TrimPlace,
  views: SpoolViews,
  view: WriterView,
  committed: (dataset: DatasetName) => bigint,
): Promise<{ readonly removed: number; readonly gone: boolean }> {
  if (view.look.tomb) return tendTomb(place, view);
  const free = await committedSegments(views, view, committed);
  const finished =
    view.end !== undefined && free.length === view.segments.length && reachesEnd(view);
  if (!finished) {
    const numbers = free.slice(0, lastWithFrames(view)).map((each) => each.file.segment);
    return { removed: await removeSegments(place.fs, view.dir, numbers), gone: false };
  }
  // Whoever made the end may not have synced it yet; what follows rests on it.
  await place.fs.syncDir(view.dir);
  const removed = view.look.segments.length;
  const seal = await readMark(place.fs, view.dir, 'seal');
  if (seal?.by === 'writer') {
    await bury(place, view.id);
    return { removed, gone: true };
  }
  const atMs = place.clock.nowMs();
  await propose(place, view.dir, 'tomb', { atMs });
  return { removed: await removeSegments(place.fs, view.dir, view.look.segments), gone: false };
}

/**
 * Place of the segment that stays in any case. One behind it without a frame may come to nothing;
 * then this one is what shows how far the writer has reached.
 */
function lastWithFrames({ segments }: WriterView): number {
  return Math.max(
    0,
    segments.findLastIndex(({ index }) => index.nextOrdinal > (index.firstOrdinal ?? 0n)),
  );
}

/** The segments from the first on that are whole and committed. */
async function committedSegments(
  views: SpoolViews,
  view: WriterView,
  committed: (dataset: DatasetName) => bigint,
): Promise<SegmentView[]> {
  const free: SegmentView[] = [];
  for (const segment of view.segments) {
    if (segment.file === view.gap || !(await isCommitted(views, view, segment, committed))) break;
    free.push(segment);
  }
  return free;
}

async function isCommitted(
  views: SpoolViews,
  view: WriterView,
  segment: SegmentView,
  committed: (dataset: DatasetName) => bigint,
): Promise<boolean> {
  const { index } = segment;
  const judge = index.firstOrdinal === undefined || segment.nextFirst === undefined;
  if (judge && (await views.judgeTail(segment)) === 'corrupt') return false;
  const through = view.end ?? index.nextOrdinal;
  for (const block of index.blocks) {
    for (const dataset of block.tallies.keys()) {
      const range = { dataset, after: committed(dataset), through };
      if ((await views.tally(segment, block, range)) !== undefined) return false;
    }
  }
  return true;
}

/**
 * False when frames up to the end are missing: damage, whose evidence stays, or frames that a paused
 * writer is about to write again, which a tomb would hide.
 */
function reachesEnd(view: WriterView): boolean {
  const last = view.segments.findLast((each) => each.index.firstOrdinal !== undefined);
  return (last?.reached ?? 0n) >= (view.end ?? 0n);
}

async function tendTomb(
  place: TrimPlace,
  view: WriterView,
): Promise<{ readonly removed: number; readonly gone: boolean }> {
  const removed = await removeSegments(place.fs, view.dir, view.look.segments);
  const tomb = await readMark(place.fs, view.dir, 'tomb');
  const ageMs = place.clock.nowMs() - (tomb?.atMs ?? Infinity);
  if (ageMs < LIMITS.deadWriterKeepMs) return { removed, gone: false };
  await bury(place, view.id);
  return { removed, gone: true };
}

async function removeSegments(
  fs: DurableFs,
  writerDir: string,
  numbers: readonly number[],
): Promise<number> {
  for (const number of numbers) {
    // What went before, by whomever, is durable first: a power failure must not leave a gap.
    await fs.syncDir(writerDir);
    await unlinkIfAny(fs, `${writerDir}/${segmentName(number)}`);
  }
  if (numbers.length > 0) await fs.syncDir(writerDir);
  return numbers.length;
}

/** The directory is durably gone when it resolves, whoever took it away. */
async function bury(place: TrimPlace, id: WriterId): Promise<void> {
  const { fs, dir } = place;
  try {
    await fs.rename(`${dir}/${id}`, `${dir}/${GONE}${id}`);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await fs.syncDir(dir);
  await removeDirectory(fs, `${dir}/${GONE}${id}`);
}

async function removeLeftovers({ fs, dir }: TrimPlace): Promise<void> {
  const left = (await readdirIfAny(fs, dir)).filter((name) => name.startsWith(GONE));
  // Whoever renamed them may have ended before the rename was durable.
  if (left.length > 0) await fs.syncDir(dir);
  for (const name of left) await removeDirectory(fs, `${dir}/${name}`);
}

/** Another trim may be at it too; what is left is left for the next one. */
async function removeDirectory(fs: DurableFs, path: string): Promise<void> {
  try {
    for (const name of await readdirIfAny(fs, path)) await unlinkIfAny(fs, `${path}/${name}`);
    await fs.rmdir(path);
  } catch {
    return;
  }
}
