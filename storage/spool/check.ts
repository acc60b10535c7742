/**
 * Owns: proving the spool at rest (`hyp check`): every frame read, every sum verified. Changes
 * nothing, closes nobody. A torn tail that nobody was told of is not a finding.
 * llp/0007
 */
import type { DurableFs, ReadHandle } from '../../src/core/durable-fs.ts';
import { readHeads, readPayload, withSegment } from './segment.ts';
import { SpoolReader } from './reader.ts';
import type { SegmentView, SpoolViews, WriterView } from './view.ts';

export interface SpoolFinding {
  /** Path, and the byte where it is known. */
  readonly where: string;
  readonly what: string;
}

export interface SpoolCheck {
  readonly frames: number;
  readonly bytes: number;
  readonly findings: readonly SpoolFinding[];
}

interface Walk {
  frames: number;
  bytes: number;
  readonly findings: SpoolFinding[];
}

/** Walks every frame of every writer; a damaged place is one finding and the walk goes on. */
export async function checkSpool(fs: DurableFs, dir: string): Promise<SpoolCheck> {
  const walk: Walk = { frames: 0, bytes: 0, findings: [] };
  const reader = new SpoolReader({ fs, dir });
  const { views } = reader;
  for (const { id } of await reader.writers()) {
    try {
      const view = await views.view(id, false);
      if (view !== undefined) await checkWriter(walk, views, view);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      walk.findings.push({ where: `${dir}/${id}`, what });
    }
  }
  for (const [id, error] of reader.unreadable) {
    walk.findings.push({ where: `${dir}/${id}`, what: error.message });
  }
  return walk;
}

async function checkWriter(walk: Walk, views: SpoolViews, view: WriterView): Promise<void> {
  let before: SegmentView | undefined;
  for (const segment of view.segments) {
    const { file, index, nextFirst } = segment;
    if (file === view.gap) {
      walk.findings.push({ where: file.path, what: 'frames are missing before the first one' });
    }
    await withSegment(views.place.fs, file, (handle) =>
      checkFrames(walk, views, { view, segment, handle }),
    );
    const judge = index.firstOrdinal === undefined || nextFirst === undefined;
    if (judge && (await views.judgeTail(segment)) === 'corrupt') {
      walk.findings.push({ where: `${file.path}:${index.parsed}`, what: 'damaged bytes' });
    }
    if (before !== undefined) await checkRepeats(walk, views, before, segment);
    before = segment;
  }
  const last = view.segments.findLast((each) => each.index.firstOrdinal !== undefined);
  if (last !== undefined && view.end !== undefined && last.reached < view.end) {
    const what = `frames ${last.reached + 1n} through ${view.end} are missing`;
    walk.findings.push({ where: last.file.path, what });
  }
}

interface CheckedSegment {
  readonly view: WriterView;
  readonly segment: SegmentView;
  readonly handle: ReadHandle;
}

async function checkFrames(walk: Walk, views: SpoolViews, at: CheckedSegment): Promise<void> {
  const { view, segment, handle } = at;
  const { file, index } = segment;
  for await (const head of readHeads(handle, file, headerEnd(segment), index.parsed)) {
    if (head.kind === 'mark') continue;
    if ((await readPayload(handle, head)) !== undefined) {
      walk.frames += 1;
      walk.bytes += head.end - head.position;
    } else if ((await views.judgeFrame(view, segment, head)) === 'corrupt') {
      const what = `damaged frame ${head.ordinal} of dataset ${head.dataset}`;
      walk.findings.push({ where: `${file.path}:${head.position}`, what });
    }
  }
}

/** A group written again must be the same frames. */
async function checkRepeats(
  walk: Walk,
  views: SpoolViews,
  before: SegmentView,
  segment: SegmentView,
): Promise<void> {
  const first = segment.index.firstOrdinal;
  if (first === undefined || first >= before.index.nextOrdinal) return;
  const earlier = await framesFrom(views, before, first);
  for (const [ordinal, content] of await framesFrom(views, segment, first)) {
    if ((earlier.get(ordinal) ?? content) === content) continue;
    const what = `frame ${ordinal} differs from the one in ${before.file.path}`;
    walk.findings.push({ where: segment.file.path, what });
  }
}

/** Ordinal → what identifies the content, of the frames from `first` on, at most a group of them. */
async function framesFrom(
  views: SpoolViews,
  segment: SegmentView,
  first: bigint,
): Promise<Map<bigint, string>> {
  const { file, index } = segment;
  return withSegment(views.place.fs, file, async (handle) => {
    const found = new Map<bigint, string>();
    for await (const head of readHeads(handle, file, headerEnd(segment), index.parsed)) {
      if (head.kind === 'mark' || head.ordinal < first) continue;
      if (segment.index.firstOrdinal === first && found.size > MOST_REPEATS) break;
      found.set(head.ordinal, `${head.dataset} ${head.rows} ${head.payloadSum}`);
    }
    return found;
  });
}

/** More frames than a group of LIMITS.groupCommitBytes can hold. */
const MOST_REPEATS = 100_000;

function headerEnd(segment: SegmentView): number {
  return segment.index.blocks[0]?.start ?? segment.index.parsed;
}
