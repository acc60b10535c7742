/**
 * Owns: a table that got another name going on behind what went out under its old ones: those records
 * parked first, read after, and their rows told of at the destination.
 *
 * | label | record of this lineage under another name | delivered | again |
 * | here | a table of this lineage has that name: a copy | left alone | left alone |
 * | lost | is damaged, or gone although something left | refused | left alone |
 * | waits | is parked, and not for a move | refused | parked |
 * | open | has an open unit | refused | parked |
 * | over | anything else, a directory without a version too | parked, its watermark counts | parked |
 *
 * | step | durable then | a crash right after leaves |
 * | 1 each old name's record parked | whoever slept with it links nothing more (I9) | both names parked: run it again |
 * | 2 a plan, then a manifest without objects, of the rows that went out | the same at the destination | the same units again |
 * | 3 a version behind each of them | - | goes on there |
 * | 4 the version without the park | **the sink goes on** | - |
 *
 * Read before it is parked, a watermark is passed by whoever slept before an intent: its rows left
 * under both names. The old names stay parked as moved, so a table that is moved back asks again.
 * The furthest of them counts whose chain our own rows have; the others are of copies that are gone.
 * llp/0017
 */
import { HypError } from '../../core/errors.ts';
import { SEQ_ZERO } from '../../core/ids.ts';
import type { DatasetName, Seq, SinkName } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import {
  beginProgress,
  exportedNames,
  openProgress,
  park,
  passed,
  unpark,
} from '../../../state/progress.ts';
import type { Progress, ProgressKey, ProgressRecord } from '../../../state/progress.ts';
import { highestMark, markExported } from '../../../state/receipts.ts';
import { absentUnit } from '../by-hand/absent-unit.ts';
import type { EngineContext } from '../context.ts';
import { sameRows } from '../export/decide.ts';
import { digestOfRange } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';
import { loadOrLost } from './lost.ts';

export type OldNameLabel = 'here' | 'lost' | 'waits' | 'open' | 'over';

export interface OldNameEvidence {
  readonly hasTable: boolean;
  readonly isLost: boolean;
  readonly parkedFor: string | undefined;
  readonly isOpen: boolean;
}

export function oldNameOf(evidence: OldNameEvidence): OldNameLabel {
  const { hasTable, isLost, parkedFor, isOpen } = evidence;
  if (hasTable) return 'here';
  if (isLost) return 'lost';
  if (parkedFor !== undefined && parkedFor !== 'moved') return 'waits';
  return isOpen ? 'open' : 'over';
}

/** The record of the name the table has now, parked as moved. */
export interface NewName {
  readonly sink: SinkName;
  readonly key: ProgressKey;
  readonly number: number;
  readonly record: ProgressRecord;
  readonly base: RecordHead<Progress>;
}

/**
 * Step 1: the records of all other names of `at`'s table, parked as they are answered. Idempotent.
 * With `delivered` E_PARKED when one of them is not over: nothing of it is parked then.
 */
export async function parkOldNames(
  context: EngineContext,
  at: NewName,
  choice: 'delivered' | 'again',
): Promise<Progress[]> {
  const { fs, state } = context;
  const over: Progress[] = [];
  for (const dataset of await exportedNames(fs, state, at.key.sink, at.key.lineage)) {
    if (dataset === at.key.dataset) continue;
    const parked = await parkOldName(context, at, dataset, choice);
    if (parked !== undefined) over.push(parked);
  }
  return over;
}

async function parkOldName(
  context: EngineContext,
  at: NewName,
  dataset: DatasetName,
  choice: 'delivered' | 'again',
): Promise<Progress | undefined> {
  const { fs, state, random, clock } = context;
  const key = { ...at.key, dataset };
  const named = await context.table(dataset).load();
  const hasTable = named?.value.hyp.lineage === key.lineage;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const record = await openProgress(fs, state, key, random);
    const { base, lost } = await loadOrLost(record);
    const isLost = lost === 'damaged' || (lost === 'absent' && (await hasMark(context, key)));
    const value = base?.value ?? beginProgress(key);
    const isOpen = value.open !== undefined;
    const label = oldNameOf({ hasTable, isLost, parkedFor: value.parked?.why, isOpen });
    if (label === 'here') return undefined;
    if (label !== 'over' && choice === 'delivered') throw notOver(at, value, label);
    if (label === 'lost') return undefined;
    const reason = `moved: the table ${dataset} goes on as ${at.key.dataset}`;
    const hint = `If it has its old name again: \`hyp sink resolve ${at.sink} --delivered\` goes on behind what went out under either name.`;
    const parked = { reason, hint, sinceMs: clock.nowMs(), why: 'moved' };
    const linked = await record.append(base, park(value, parked));
    if (linked.kind === 'linked') return linked.head.value;
  }
  throw new HypError('E_CONFLICT', `progress of ${at.sink} for ${dataset} changes too fast`, {
    hint: 'Run the command again.',
  });
}

async function hasMark({ fs, state }: EngineContext, key: ProgressKey): Promise<boolean> {
  return (await highestMark(fs, state, key)) > 0;
}

function notOver(at: NewName, old: Progress, label: 'lost' | 'waits' | 'open'): HypError {
  const { dataset, open, parked } = old;
  const what = {
    lost: `the progress of ${at.sink} for ${dataset}, an old name of the table, is lost`,
    waits: `${at.sink} is parked for ${dataset}, an old name of the table: ${parked?.reason ?? ''}`,
    open: `a unit of ${dataset} (${open?.after ?? ''}, ${open?.through ?? ''}] is still open`,
  }[label];
  return new HypError('E_PARKED', what, {
    hint: `Nothing was sent. Give the table its name ${dataset} again, run \`hyp tick\`, settle what it says, then rename it.`,
  });
}

/**
 * Steps 1 to 4: the sink goes on behind the furthest that went out under any name. Answers where.
 * E_PARKED when an old record is not over, or none is of this table's rows; E_CONFLICT; E_FORK.
 */
export async function takeOver(
  context: EngineContext,
  source: UnitSource,
  at: NewName,
  prefix: string,
): Promise<Progress> {
  const { fs, state } = context;
  const over = await parkOldNames(context, at, 'delivered');
  const furthest = await furthestOf(source, over);
  if (furthest === undefined && over.some(({ watermark }) => watermark > SEQ_ZERO)) {
    throw otherTable(at, over);
  }
  let head = at.base;
  while (furthest !== undefined && head.value.watermark < furthest.watermark) {
    const from = { ...head.value, through: furthest.watermark, prefix };
    const reason = `delivered as ${furthest.dataset}`;
    const unit = await absentUnit(source, from, { why: 'elsewhere', reason });
    const found = await source.sink.announce(unit);
    if (found.kind === 'none' || !sameRows(found.unit, unit)) throw otherUnit(at, unit.after);
    await markExported(fs, state, at.key, at.number);
    await source.sink.complete(unit);
    head = await linked(at, head, passed(head.value, unit));
  }
  const next = unpark(head.value);
  if (furthest?.watermark !== next.watermark) return (await linked(at, head, next)).value;
  // Of the rows up to here that record knows which were declined.
  const { exportedRows, declinedRows } = furthest;
  return (await linked(at, head, { ...next, exportedRows, declinedRows })).value;
}

/** The one that is furthest among those that agree with our rows; of copies that are gone none does. */
async function furthestOf(
  source: UnitSource,
  over: readonly Progress[],
): Promise<Progress | undefined> {
  const down = [...over].sort((a, b) => Number(b.watermark - a.watermark));
  for (const old of down) {
    if (old.watermark > source.head.value.hyp.maxSeq) continue;
    if ((await digestOfRange(source, SEQ_ZERO, old.watermark)) === old.chain) return old;
  }
  return undefined;
}

async function linked(
  { record, sink, key }: NewName,
  head: RecordHead<Progress>,
  next: Progress,
): Promise<RecordHead<Progress>> {
  const result = await record.append(head, next);
  if (result.kind === 'linked') return result.head;
  throw new HypError('E_CONFLICT', `${sink} and ${key.dataset} were settled by somebody else`, {
    hint: 'Run `hyp status`.',
  });
}

function otherTable({ sink, key }: NewName, over: readonly Progress[]): HypError {
  const told = over.map(({ dataset, watermark }) => `${dataset} through seq ${watermark}`);
  return new HypError(
    'E_PARKED',
    `${sink} has delivered ${told.join(', ')}: not the rows ${key.dataset} has`,
    {
      hint: `Nothing was sent. Put the newer table back; or export all rows once more: \`hyp sink resolve ${sink} --again\`.`,
    },
  );
}

function otherUnit({ sink, key }: NewName, after: Seq): HypError {
  return new HypError(
    'E_FORK',
    `the destination of ${sink} has another unit after seq ${after} of ${key.dataset}`,
    { hint: `Nothing was sent. See \`hyp verify ${sink}\`.` },
  );
}
