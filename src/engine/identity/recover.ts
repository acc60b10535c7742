/**
 * Owns: a progress record that is lost or damaged, made again from evidence (DESIGN §9): one pure
 * table, and the looking.
 *
 * | label | exported before | local receipts | destination | action |
 * | begin | no | - | - | a new record, from the first row; a damaged one is left where it is |
 * | resume | yes | some | has the last one's unit, and perhaps more of our rows | record behind them |
 * | resume | yes | none | units or a plan of our rows, from the start | record behind them |
 * | emptied | yes | some | has not the last one's unit | park where the receipts end |
 * | no evidence | yes | none | nothing | park at the start |
 * | contradiction | yes | any | other rows than ours | park where both agree last |
 *
 * | step | durable then | a crash right after leaves |
 * | 1 mark of record n+1 | the number is taken | n+2 next time |
 * | 2 directory of record n+1 | an empty record | rebuilt again, as n+2 |
 * | 3 v1 of record n+1 linked | **the rebuilt record** | - |
 *
 * A record is lost when it still is behind all evidence: what another process made again meanwhile may
 * have announced what we took for evidence. What is above our largest seq is asked of the newest head.
 * What a destination says counts when its chain is ours and our own rows have its digests. Whoever
 * slept over this goes on linking to record n, which nobody reads any more; its units are plans at
 * the destination like all others, and are taken over.
 * llp/0017
 */
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Unit } from '../../core/unit.ts';
import {
  beginProgress,
  openProgress,
  park,
  passed,
  progressNumbers,
  withOpenUnit,
} from '../../../state/progress.ts';
import type { Progress, ProgressKey, ProgressRecord } from '../../../state/progress.ts';
import { highestMark, keptReceipts, markExported } from '../../../state/receipts.ts';
import type { EngineContext } from '../context.ts';
import { digestOfRange } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';
import { sameRows } from '../export/decide.ts';
import { reachedSource } from '../export/run-unit.ts';
import { loadOrLost } from './lost.ts';

export type RecoveryLabel = 'begin' | 'resume' | 'emptied' | 'no evidence' | 'contradiction';

export interface RecoveryEvidence {
  readonly exportedBefore: boolean;
  readonly receipts: boolean;
  /** Of the last receipt's unit, or of the first unit when there is no receipt. */
  readonly atDestination: 'ours' | 'nothing' | 'others';
}

export function recoveryOf(evidence: RecoveryEvidence): RecoveryLabel {
  if (!evidence.exportedBefore) return 'begin';
  if (evidence.atDestination === 'others') return 'contradiction';
  if (evidence.atDestination === 'ours') return 'resume';
  return evidence.receipts ? 'emptied' : 'no evidence';
}

/** The record of `key` as it can be proven, linked in a directory of its own. */
export interface Recovered {
  readonly label: RecoveryLabel;
  readonly record: ProgressRecord;
  /**
   * undefined: a new record, nothing of it linked yet; or another process was first. 'begin' with a
   * head: another process began it, or has made it again, and nothing is lost any more.
   */
  readonly head: RecordHead<Progress> | undefined;
}

/** Makes the record of `key` again. Idempotent; two processes that race make one record. */
export async function recoverProgress(
  context: EngineContext,
  source: UnitSource,
  key: ProgressKey,
  lost: 'absent' | 'damaged',
): Promise<Recovered> {
  const { fs, state, random, clock } = context;
  const mark = await highestMark(fs, state, key);
  const numbers = await progressNumbers(fs, state, key);
  const known = await localEvidence(context, key, numbers);
  const exportedBefore = mark > 0 || known !== undefined;
  const start = known ?? beginProgress(key);
  const isNew = !exportedBefore && lost === 'absent';
  const walk = isNew ? undefined : await walkDestination(source, start);
  // Once more, behind all evidence: another process may have begun it, or made it again, meanwhile.
  const newest = await openProgress(fs, state, key, random);
  const { base } = await loadOrLost(newest);
  if (base !== undefined) return { label: 'begin', record: newest, head: base };
  if (walk === undefined) return { label: 'begin', record: newest, head: undefined };
  const receipts = start.receipt !== undefined;
  const label = recoveryOf({ exportedBefore, receipts, atDestination: walk.found });
  const sinceMs = clock.nowMs();
  const why = whyParked(label, walk, { sink: source.sink.name, dataset: key.dataset });
  const parked = why === undefined ? undefined : { ...why, why: label, sinceMs };
  const progress = parked === undefined ? walk.progress : park(walk.progress, parked);
  const number = 1 + Math.max(mark, ...numbers);
  await markExported(fs, state, key, number);
  const record = await openProgress(fs, state, { ...key, number }, random);
  const linked = await record.append(undefined, progress);
  context.observe({
    type: 'decision',
    action: 'progress rebuilt',
    level: 'warn',
    facts: {
      sink: source.sink.name,
      dataset: key.dataset,
      label,
      watermark: `${progress.watermark}`,
    },
  });
  return { label, record, head: linked.kind === 'linked' ? linked.head : undefined };
}

/** The furthest that local evidence reaches, its intent with it: whole versions of any record, and receipts. */
async function localEvidence(
  context: EngineContext,
  key: ProgressKey,
  numbers: readonly number[],
): Promise<Progress | undefined> {
  const { fs, state, random } = context;
  let best: Progress | undefined;
  for (const number of numbers) {
    const record = await openProgress(fs, state, { ...key, number }, random);
    for (const { value } of await record.survivors()) {
      if (best === undefined || value.watermark >= best.watermark) best = value;
    }
  }
  for (const { unit, exportedRows, declinedRows } of await keptReceipts(fs, state, key)) {
    if (best !== undefined && unit.through <= best.watermark) continue;
    const { through: watermark, chain } = unit;
    const rows = { exportedRows, declinedRows };
    const behind = { watermark, chain, ...rows, receipt: unit, open: undefined };
    best = { ...(best ?? beginProgress(key)), ...behind };
  }
  return best;
}

interface Walk {
  readonly found: RecoveryEvidence['atDestination'];
  /** Behind the last unit that is there and ours, with the plan that starts there as its intent. */
  readonly progress: Progress;
  readonly against: Unit | undefined;
}

/** Manifest after manifest from the end of `start`, then the plan that starts there. */
async function walkDestination(source: UnitSource, start: Progress): Promise<Walk> {
  const { dataset, lineage, receipt } = start;
  let found: Walk['found'] = 'nothing';
  let progress = start;
  if (receipt !== undefined) {
    const last = await source.sink.lookup(dataset, lineage, receipt.after);
    if (last.kind !== 'delivered') return { found: 'nothing', progress, against: undefined };
    if (!sameRows(last.unit, receipt)) return { found: 'others', progress, against: last.unit };
    found = 'ours';
  }
  for (;;) {
    const next = await source.sink.lookup(dataset, lineage, progress.watermark);
    if (next.kind === 'none') return { found, progress, against: undefined };
    if (!(await isOurs(source, progress, next.unit))) {
      return { found: 'others', progress, against: next.unit };
    }
    found = 'ours';
    if (next.kind === 'planned') {
      return { found, progress: withOpenUnit(progress, next.unit), against: undefined };
    }
    progress = passed(progress, next.unit);
  }
}

/** True when `unit` continues `progress` and has the rows our table has over its range. */
async function isOurs(at: UnitSource, progress: Progress, unit: Unit): Promise<boolean> {
  const source = await reachedSource(at, unit);
  return (
    unit.lineage === progress.lineage &&
    unit.after === progress.watermark &&
    unit.chainBefore === progress.chain &&
    unit.through <= source.head.value.hyp.maxSeq &&
    (await digestOfRange(source, unit.after, unit.through)) === unit.contentDigest
  );
}

function whyParked(
  label: RecoveryLabel,
  walk: Walk,
  key: Pick<ProgressKey, 'sink' | 'dataset'>,
): { readonly reason: string; readonly hint: string } | undefined {
  const resolve = `hyp sink resolve ${key.sink}`;
  const lost = `the progress of ${key.sink} for ${key.dataset} is lost`;
  const { watermark } = walk.progress;
  switch (label) {
    case 'emptied':
      return {
        reason: `${lost}: its receipts reach seq ${watermark}, but the destination has not the unit they end with`,
        hint: `Nothing was sent. Put the destination back and run \`${resolve} --retry\`. If what it held was taken away on purpose: \`${resolve} --delivered\` goes on behind seq ${watermark}, \`${resolve} --again\` sends everything once more.`,
      };
    case 'no evidence':
      return {
        reason: `${lost}, and neither a receipt nor the destination says how far it was`,
        hint: `Nothing was sent. Put the destination or \`state\` back from a backup and run \`${resolve} --retry\`. To send everything once more: \`${resolve} --again\`.`,
      };
    case 'contradiction':
      return {
        reason: `${lost}, and after seq ${watermark} the destination has other rows (through seq ${walk.against?.through ?? watermark})`,
        hint: `Nothing was sent. If the store that sent them is gone for good: \`${resolve} --restored\`. If both go on: \`${resolve} --copied\`. To look again: \`${resolve} --retry\`.`,
      };
    case 'begin':
    case 'resume':
      return undefined;
  }
}
