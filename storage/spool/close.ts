/**
 * Owns: closing a writer's id from the outside. "That process is dead" is a guess, so closing must
 * be right when it is wrong (protocol model S2, S4).
 * Invariants: I3, I11. Commit point: the link of `end`.
 *
 * | step | a crash right after leaves |
 * | 1 `seal` linked, directory fsynced | a sealed writer: the next reader goes on from here |
 * | 2 every segment measured, fdatasynced and read to its last whole frame | the same |
 * | 3 `end` proposed, directory fsynced | a closed writer |
 *
 * A writer looks for the seal after each fdatasync and before it acknowledges. So what was
 * acknowledged before step 1 is read in step 2; what was not is measured against the end that won.
 * llp/0007
 */
import { isMissing } from '../../src/core/durable-fs.ts';
import type { DurableFs, ReadHandle } from '../../src/core/durable-fs.ts';
import { HypError } from '../../src/core/errors.ts';
import type { WriterId } from '../../src/core/ids.ts';
import type { Random } from '../../src/core/random.ts';
import { lookAt, propose, readMark, segmentFile } from './marks.ts';
import {
  corruptSegment,
  indexSegment,
  judgeBytes,
  readHeads,
  readPayload,
  withSegment,
} from './segment.ts';
import type { SegmentFile } from './segment.ts';

export interface SpoolPlace {
  readonly fs: DurableFs;
  /** The spool directory. */
  readonly dir: string;
  readonly random: Random;
}

/** Segments that change faster than they can be read are a bug, not a race. */
const ATTEMPTS = 100;

/**
 * Closes writer `id` for good and answers the last ordinal that counts: nothing beyond it is ever
 * flushed or acknowledged under this id. Durable when it resolves; idempotent, safe to run by many.
 * A live writer that is closed takes a new id and goes on. 0n when the directory is gone.
 * E_CORRUPT when a frame is damaged that was whole once: then there is a seal but no end.
 */
export async function closeWriter(place: SpoolPlace, id: WriterId): Promise<bigint> {
  const { fs } = place;
  const writerDir = `${place.dir}/${id}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await propose(place, writerDir, 'seal', { by: 'other' });
      const standing = await readMark(fs, writerDir, 'end');
      const last = standing?.ordinal ?? (await lastWhole(fs, writerDir, id));
      const ordinal = String(last);
      return (await propose(place, writerDir, 'end', { ordinal, by: 'other' })).ordinal;
    } catch (error) {
      if (!isMissing(error)) throw error;
      if ((await lookAt(fs, writerDir)) === undefined) return 0n;
    }
  }
  throw new HypError('E_CONFLICT', `spool writer changes faster than it can be read: ${writerDir}`);
}

/** The largest ordinal of a whole frame in any segment, after fdatasyncing them all. */
async function lastWhole(fs: DurableFs, writerDir: string, id: WriterId): Promise<bigint> {
  const look = await lookAt(fs, writerDir);
  let last = 0n;
  for (const number of look?.segments ?? []) {
    const file = segmentFile(writerDir, id, number);
    const through = await withSegment(fs, file, (handle) => lastWholeOf(handle, file));
    if (through > last) last = through;
  }
  return last;
}

async function lastWholeOf(handle: ReadHandle, file: SegmentFile): Promise<bigint> {
  // The size is taken before the sync: what came later may not be durable, and must not be the end.
  const index = await indexSegment(handle, file, undefined);
  await handle.sync();
  let last = index.nextOrdinal > 0n ? index.nextOrdinal - 1n : 0n;
  let bad = index.parsed < index.size ? index.parsed : undefined;
  // Below a proof the bytes were synced; above it a head may be whole and its payload not.
  for await (const head of readHeads(handle, file, index.proven, index.parsed)) {
    if (head.kind === 'mark' || (await readPayload(handle, head)) !== undefined) continue;
    last = head.ordinal - 1n;
    bad = head.position;
    break;
  }
  if (bad !== undefined && (await judgeBytes(handle, file, bad, index.size)) === 'corrupt') {
    throw corruptSegment(file.path, bad, 'damaged frame');
  }
  return last;
}
