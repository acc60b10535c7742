/**
 * Owns: looking after the spool from the outside: what is waiting, closing writers whose process
 * is gone, and removing what every table has committed.
 * A wrong guess that a writer is dead costs it a new id and nothing else (llp/0007).
 * llp/0008
 */
import { isHypError, problemText, systemCode } from '../core/errors.ts';
import type { DatasetName, WriterId } from '../core/ids.ts';
import { leasedWriters, writerLeasePath } from '../../state/layout.ts';
import { SPOOL_DIR } from '../../storage/layout.ts';
import { closeWriter } from '../../storage/spool/close.ts';
import type { SpoolPending } from '../../storage/spool/reader.ts';
import { trim } from '../../storage/spool/trim.ts';
import type { EngineContext } from './context.ts';
import { committedOrdinals } from './flush/flush.ts';

type Committed = (writer: WriterId, dataset: DatasetName) => bigint;

/** What waits in the spool, per dataset, against the positions of the tables as they are now. */
export async function spoolPending(context: EngineContext): Promise<readonly SpoolPending[]> {
  return context.spool.pending(await committedOf(context, await context.spool.datasets()));
}

/**
 * Whoever answers for all rows of the spool calls it after `spoolPending`: throws why a writer could
 * not be read, since nobody knows whose rows it holds.
 */
export function assertAllRead(context: EngineContext): void {
  for (const error of context.spool.unreadable.values()) throw error;
}

/**
 * Closes abandoned writers and removes what is committed. When nothing was `flushed` and no writer
 * has ended there is nothing to remove, and no frame is read. Idempotent. A writer that cannot be
 * closed is left for the next time: its frames are flushed all the same, and none of it is removed.
 */
export async function tidySpool(context: EngineContext, flushed: boolean): Promise<void> {
  let ended = false;
  for (const writer of await context.spool.writers()) {
    const path = writerLeasePath(context.state, writer.id);
    if (!writer.ended && (await context.leases.isHeld(path))) continue;
    ended = writer.ended || (await closeLeft(context, writer.id)) || ended;
  }
  if (!flushed && !ended) return;
  const committed = await committedOf(context, await context.spool.datasets());
  await trim({ ...spoolPlace(context), reader: context.spool }, committed);
  await forgetLeases(context);
}

/** False when it could not be closed now. */
async function closeLeft(context: EngineContext, writer: WriterId): Promise<boolean> {
  try {
    await closeWriter(spoolPlace(context), writer);
    return true;
  } catch (error) {
    if (!isTrouble(error)) throw error;
    const facts = { writer, error: problemText(error) };
    context.observe({ type: 'decision', action: 'spool.not-closed', level: 'warn', facts });
    return false;
  }
}

/** A file that is damaged, or a disk that does not do what it is asked; anything else is a bug. */
function isTrouble(error: unknown): boolean {
  return isHypError(error) || systemCode(error) !== undefined;
}

/**
 * Leases of writers whose directory is gone: ids are never used again, and a writer has its directory
 * before its lease, so nobody can want them. Listed in this order for the same reason.
 */
async function forgetLeases(context: EngineContext): Promise<void> {
  const leased = await leasedWriters(context.fs, context.state);
  if (leased.length === 0) return;
  const there = new Set<string>(await context.fs.readdir(spoolPlace(context).dir));
  for (const writer of leased) {
    if (!there.has(writer)) await context.leases.forget(writerLeasePath(context.state, writer));
  }
}

function spoolPlace(context: EngineContext) {
  const { fs, clock, random } = context;
  return { fs, clock, random, dir: `${context.root}/${SPOOL_DIR}` };
}

/**
 * The positions of every dataset with frames in the spool, read once. Of a table that cannot be read
 * nothing counts as committed: its own flush says what is wrong, the others go on (I12).
 */
async function committedOf(
  context: EngineContext,
  datasets: readonly DatasetName[],
): Promise<Committed> {
  const through = new Map<DatasetName, (writer: WriterId) => bigint>();
  for (const dataset of datasets) {
    try {
      const table = context.table(dataset);
      const positions = await table.positions(await table.load());
      through.set(dataset, committedOrdinals(positions));
    } catch (error) {
      if (!isTrouble(error)) throw error;
    }
  }
  return (writer, dataset) => through.get(dataset)?.(writer) ?? 0n;
}
