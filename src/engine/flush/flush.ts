/**
 * Owns: spooled rows becoming table rows, dataset by dataset.
 * Invariants: I3 (a commit asserts how far each writer is committed; frames whose start no longer
 * matches are in already), I13 (one commit's rows in memory at a time).
 * llp/0008
 */
import { toSeq } from '../../core/ids.ts';
import type { DatasetName, WriterId } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import { SPOOL_DIR } from '../../../storage/layout.ts';
import type { Move, Positions } from '../../../storage/positions/positions.ts';
import type { FlushReport } from '../api.ts';
import type { EngineContext } from '../context.ts';
import { commitRows } from './commit-rows.ts';
import type { DueRows } from './commit-rows.ts';
import { DueBatches } from './due-batches.ts';

const SOURCE = 'spool/';

/** The source name of a spool writer in a table's positions. */
export function spoolSource(writer: WriterId): string {
  return SOURCE + writer;
}

/** True for the position of a spool writer. */
export function isSpoolSource(source: string): boolean {
  return source.startsWith(SOURCE);
}

/** How far a writer is committed, from positions that were read just now. */
export function committedOrdinals(positions: Positions): (writer: WriterId) => bigint {
  const through = new Map(positions.active().map((at) => [at.source, at.through]));
  return (writer) => through.get(spoolSource(writer)) ?? 0n;
}

/**
 * Commits spooled rows of `dataset` until none is left (or once, with `once`). Resolves when they
 * are durable in the table. Idempotent; safe beside any number of other processes doing the same.
 */
export async function flushDataset(
  context: EngineContext,
  dataset: DatasetName,
  options: { readonly once?: boolean } = {},
): Promise<FlushReport> {
  const table = await context.writableTable(dataset);
  let rows = 0;
  let commits = 0;
  do {
    const committed = await commitRows(context, table, (positions) =>
      dueFrames(context, dataset, positions),
    );
    if (committed === undefined) break;
    rows += committed.rows;
    commits += 1;
  } while (options.once !== true);
  const head = await table.load();
  return { dataset, rows, commits, maxSeq: toSeq(head?.value.hyp.maxSeq ?? 0n) };
}

/**
 * Frames that are due against `positions`, read again from the spool each time: frames kept from
 * before a conflict may be in the table by now under a writer that is gone (protocol model F4c).
 */
async function dueFrames(
  context: EngineContext,
  dataset: DatasetName,
  positions: Positions,
): Promise<DueRows | undefined> {
  const committed = committedOrdinals(positions);
  const due = new DueBatches();
  const ends = new Map<WriterId, bigint>();
  // A writer nobody can read may hold rows of any dataset; the tick or flush tells of it, once.
  for await (const frame of context.spool.due(dataset, committed, context.spool.unreadable)) {
    const size = frame.payload.length;
    const full = due.rows + frame.rows > LIMITS.batchRows || due.bytes + size > LIMITS.batchBytes;
    if (due.rows > 0 && full) break;
    due.add(frame.payload);
    ends.set(frame.writer, frame.ordinal);
  }
  const { bytes } = due;
  context.observe({ type: 'buffer', name: 'flush', bytes, limitBytes: FLUSH_BUFFER_LIMIT });
  if (ends.size === 0) return undefined;
  const moves = [...ends].map(([writer, through]): Move => {
    const source = spoolSource(writer);
    const from = committed(writer);
    const to = { source, through, digest: '' };
    return { source, from: from === 0n ? undefined : from, to, finished: false };
  });
  return { batches: due.end(), moves, drop: await goneWriters(context, positions) };
}

/** One frame may come on top of a full batch: it is read before it is known to be too much. */
const FLUSH_BUFFER_LIMIT = LIMITS.batchBytes + LIMITS.frameBytes + LIMITS.rowBytes;

/**
 * Writers with a position whose directory is durably gone: nothing of them can come again. The
 * directory is synced after the listing that missed them (protocol model F4b).
 */
async function goneWriters(context: EngineContext, positions: Positions): Promise<string[]> {
  const dir = `${context.root}/${SPOOL_DIR}`;
  const there = new Set((await context.fs.readdir(dir)).map((name) => SOURCE + name));
  const gone = positions
    .active()
    .map((at) => at.source)
    .filter((source) => source.startsWith(SOURCE) && !there.has(source));
  if (gone.length > 0) await context.fs.syncDir(dir);
  return gone;
}
