/**
 * Owns: `hyp dataset drop`: when a dataset may be dropped, and dropping it.
 *
 * | label | evidence | action |
 * | none | no table, or dropped already and nothing left of it | E_UNKNOWN_DATASET |
 * | unsent | a sink that holds rows back never got rows of it, or has a unit on its way | refused |
 * | renewed | dropped since the command began, and rows came after it | E_UNKNOWN_DATASET; they stay |
 * | go | all rows are out, or the person abandons them | storage/iceberg/dropped |
 *
 * | step | a crash right after leaves |
 * | 1 spooled rows flushed | the dataset |
 * | 2 asked of every sink, against the head that is dropped | the dataset |
 * | 3 the table's version (commit point), old files removed | dropped; files, until it is run again |
 *
 * A commit between 2 and 3 is a conflict: all is asked again, of the same dataset only. Rows appended after 3 are the first of a
 * new dataset: its lineage is another, and its table names the old one as dropped, so that the sinks
 * begin with it unasked. Their records of the old lineage stay, and nobody goes on with them.
 * llp/0022
 */
import { HypError } from '../../core/errors.ts';
import { SEQ_ZERO, toLineage } from '../../core/ids.ts';
import type { DatasetName } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import { keptProgress } from '../../../state/kept-progress.ts';
import { instanceOf, openRegistry, registeredSinks } from '../../../state/registry.ts';
import { currentSnapshot } from '../../../storage/iceberg/metadata.ts';
import { dropTable, droppedLineages, isDropped } from '../../../storage/iceberg/dropped.ts';
import { dataDir } from '../../../storage/layout.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import { flushDataset, isSpoolSource } from '../flush/flush.ts';
import { settleTable } from '../identity/directory.ts';
import { assertAllRead, spoolPending, tidySpool } from '../spool-care.ts';
import { unknownDataset } from './replay.ts';
import type { DropReport, DropRequest, NeverSent } from './report.ts';

/** Drops one dataset. Durable when it resolves. Throws as `ByHand.drop` says. */
export async function dropDataset(
  context: EngineContext,
  request: DropRequest,
): Promise<DropReport> {
  const { dataset, abandon = false, dryRun = false } = request;
  const table = context.table(dataset);
  const drops = timesDropped(await table.load());
  let first: TableHead | undefined;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const waitingRows = await spooledRows(context, request);
    if (waitingRows > 0 && !dryRun) await flushDataset(context, dataset);
    const head = await table.load();
    if (head === undefined || (await isGone(table, head))) {
      throw unknownDataset(dataset);
    }
    first ??= head;
    if (isRenewed({ drops, first }, head)) throw renewed(dataset);
    const neverSent = await neverSentOf(context, dataset, head);
    const spoolRows = BigInt(dryRun ? waitingRows : 0);
    const lineage = toLineage(head.value.hyp.lineage);
    const rows = BigInt(currentSnapshot(head.value)?.summary['total-records'] ?? 0);
    const report = { dataset, dryRun, lineage, rows, spoolRows, neverSent };
    if (dryRun) return report;
    if (neverSent.length > 0 && !abandon) throw refused(dataset, neverSent);
    if ((await settleTable(context, table, head)) === 'conflict') continue;
    if ((await dropOnce(context, table, head)) === 'conflict') continue;
    await tidySpool(context, true);
    const facts = { dataset, lineage, rows: rows.toString() };
    context.observe({ type: 'decision', action: 'dataset dropped', level: 'warn', facts });
    return report;
  }
  throw new HypError('E_CONFLICT', `${dataset} changes too fast to be dropped`, {
    hint: 'Nothing was changed. Stop whoever appends to it, then run the command again.',
  });
}

/** Rows of the dataset that wait; whoever abandons none must see all of the spool. */
async function spooledRows(
  context: EngineContext,
  { dataset, abandon = false }: DropRequest,
): Promise<number> {
  const pending = await spoolPending(context);
  if (!abandon) assertAllRead(context);
  return pending.find((each) => each.dataset === dataset)?.rows ?? 0;
}

/** As its lineage may change otherwise, too (llp/0017), datasets of one name are told by this. */
function timesDropped(head: TableHead | undefined): number {
  return head === undefined ? 0 : droppedLineages(head.value).length;
}

/** What the command found when it began, and at its first attempt, when all was flushed. */
interface Asked {
  readonly drops: number;
  readonly first: TableHead;
}

/**
 * True when `head` has rows that came after the dataset that is to be dropped was dropped: by another
 * process meanwhile, or before, so that only its files were left to remove.
 */
function isRenewed({ drops, first }: Asked, head: TableHead): boolean {
  if (isDropped(head.value)) return false;
  return timesDropped(head) !== drops || isDropped(first.value);
}

function renewed(dataset: DatasetName): HypError {
  return new HypError(
    'E_UNKNOWN_DATASET',
    `${dataset} is dropped, by another process; rows that came after it begin a new dataset`,
    { hint: 'The new one was not changed. `hyp dataset list` shows it.' },
  );
}

/** A commit beside it may trim what it had written: that is a conflict, too. */
async function dropOnce(
  context: EngineContext,
  table: Table,
  head: TableHead,
): Promise<'dropped' | 'conflict'> {
  try {
    return await dropTable(table, context, head, isSpoolSource);
  } catch (error) {
    if (await table.hasPassed(head, error)) return 'conflict';
    throw error;
  }
}

/** True when it was dropped before, and no file is left to remove. */
async function isGone(table: Table, head: TableHead): Promise<boolean> {
  if (!isDropped(head.value)) return false;
  const data = await table.fs.readdir(dataDir(table.dir));
  return data.length === 0 && (await table.record.survivors()).length <= 1;
}

async function neverSentOf(
  context: EngineContext,
  dataset: DatasetName,
  head: TableHead,
): Promise<NeverSent[]> {
  const { fs, state, random } = context;
  const { maxSeq } = head.value.hyp;
  const lineage = toLineage(head.value.hyp.lineage);
  const found: NeverSent[] = [];
  for (const sink of await registeredSinks(openRegistry(fs, state, random))) {
    if (sink.datasets?.includes(dataset) === false) continue;
    const key = { sink: instanceOf(sink), dataset, lineage };
    const kept = await keptProgress(fs, state, key, random);
    // A record that cannot be read says nothing: as far as anybody knows nothing was sent.
    const after = kept.head?.watermark ?? SEQ_ZERO;
    const openUnit = kept.head?.open !== undefined;
    if (maxSeq > after) found.push({ sink: sink.name, after, through: maxSeq, openUnit });
  }
  return found;
}

function refused(dataset: DatasetName, neverSent: readonly NeverSent[]): HypError {
  const text = neverSent.map(
    ({ sink, after, through }) => `${sink} never got (${after}, ${through}]`,
  );
  return new HypError('E_REFUSED', `${dataset} was not dropped: ${text.join('; ')}`, {
    hint: 'Run `hyp tick` (and `hyp status`, if that does not help) first; or give these rows up for them with --abandon.',
  });
}
