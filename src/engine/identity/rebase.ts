/**
 * Owns: a table going on under a new lineage, with the records of all its sinks: after a fork, so
 * that two histories never share a name again.
 * Commit point: the link of the table version that says the new lineage.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 each sink's old record parked | nobody plans or advances under the old lineage | parked; run it again |
 * | 2 the unit after the branch ended at each destination (close-unit), planned or not | its manifest | the same again |
 * | 3 each sink's record of the new lineage, its mark first | nobody reads them | run it again |
 * | 4 v<N+1> of the table | **the new lineage, for all sinks at once** | - |
 *
 * A process that slept with an intent of the old lineage finds a unit ended where its own begins, even
 * one that no record knows any more: where nothing is planned, our next unit is sent and ended there.
 * One that slept before its intent is refused by step 1 (I9). Rows appended meanwhile are above every start and stay.
 * llp/0017
 */
import { HypError } from '../../core/errors.ts';
import { SEQ_ZERO, toLineage, toSeq } from '../../core/ids.ts';
import type { Lineage, Seq, SinkName } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Unit } from '../../core/unit.ts';
import type { SinkConfig } from '../../config/config.ts';
import { beginProgress, openProgress, park, progressNumbers } from '../../../state/progress.ts';
import type { Progress, ProgressKey } from '../../../state/progress.ts';
import { highestMark, markExported } from '../../../state/receipts.ts';
import { touched } from '../../../storage/iceberg/snapshot.ts';
import type { TableMetadata } from '../../../storage/iceberg/metadata.ts';
import type { Table } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import { longestThrough } from '../export/due.ts';
import { digestOfRange, encodeNewUnit, encoderOf } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';
import { branchOf } from './branch.ts';
import { closeUnit } from './close-unit.ts';

/** Where one sink goes on. */
export interface Start {
  readonly key: ProgressKey;
  readonly watermark: Seq;
  readonly chain: string;
}

/** restored: the other history is over. copied: it goes on, in another store. */
export type ForkChoice = 'restored' | 'copied';

/** One sink of a dataset that is rebased. */
export interface Ending {
  readonly source: UnitSource;
  readonly config: SinkConfig;
  readonly owner: string;
}

/** Step 2 for one sink that was fenced: ends what is open, and answers where the sink goes on. Idempotent. */
export async function startOf(
  context: EngineContext,
  at: Ending,
  key: ProgressKey,
  choice: ForkChoice,
): Promise<Start> {
  const { fs, state, random } = context;
  const { source } = at;
  const record = await openProgress(fs, state, key, random);
  const progress = (await record.load())?.value ?? beginProgress(key);
  await source.sink.stands(at.owner, progress.receipt);
  let branch = await branchOf(source, progress);
  if (!branch.forked && branch.at < progress.watermark)
    throw missing(source.sink.name, progress, branch.at);
  let ends = choice === 'restored' || !branch.forked;
  if (branch.last === undefined && !branch.forked) {
    // Somebody may sleep with an intent that starts here, ours or one that a lost version held.
    const { open } = progress;
    const next = open?.after === branch.at ? open : await nextUnit(at, progress, branch.at);
    if (next !== undefined) await source.sink.announce(next);
    branch = await branchOf(source, progress);
    ends = true;
  }
  if (branch.last !== undefined && ends) await closeUnit(source, branch.last, branch.at);
  const chain = await digestOfRange(source, SEQ_ZERO, branch.at);
  return { key, watermark: branch.at, chain };
}

/** Our unit after `after`, for those who may hold another from there; undefined when we have no row. */
async function nextUnit(
  { source, config }: Ending,
  progress: Progress,
  after: Seq,
): Promise<Unit | undefined> {
  const { maxSeq } = source.head.value.hyp;
  if (maxSeq <= after) return undefined;
  const chain = await digestOfRange(source, SEQ_ZERO, after);
  const { unit } = await encodeNewUnit(source, {
    progress: { ...progress, watermark: after, chain },
    through: longestThrough({ watermark: after, maxSeq: toSeq(maxSeq) }, config.rotate.rows),
    cuts: { bytes: config.rotate.bytes },
    encoder: encoderOf(config, source.head),
  });
  return unit;
}

function missing(sink: SinkName, { dataset, watermark }: Progress, at: Seq): HypError {
  return new HypError(
    'E_PARKED',
    `the destination of ${sink} has no manifest after seq ${at} of ${dataset}, but rows were exported through ${watermark}`,
    { hint: 'Nothing was changed. Put the manifests back, then run it again.' },
  );
}

/** Steps 3 and 4. `change` is what else the table version says. E_CONFLICT: run it again. */
export async function rebase(
  context: EngineContext,
  table: Table,
  { from, starts }: { readonly from: Lineage; readonly starts: readonly Start[] },
  change: (metadata: TableMetadata) => TableMetadata,
): Promise<Lineage> {
  const lineage = toLineage(context.random.uuid());
  for (const start of starts) await begin(context, start, lineage);
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const base = await table.load();
    if (base?.value.hyp.lineage !== from) break;
    const next = change(touched(base.value, context.clock.nowMs()));
    const linked = await table.record.append(base, { ...next, hyp: { ...next.hyp, lineage } });
    if (linked.kind === 'linked') return lineage;
  }
  throw new HypError('E_CONFLICT', `${table.dataset} was changed by somebody else meanwhile`, {
    hint: 'Nothing is sent until it is settled: run the command again.',
  });
}

/** Step 1: parks the record of `key`, so that nothing it says changes any more. Idempotent. */
export async function fence(context: EngineContext, key: ProgressKey): Promise<void> {
  const { fs, state, random, clock } = context;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const record = await openProgress(fs, state, key, random);
    const base = await record.load();
    if (base?.value.parked?.why === 'rebased') return;
    const parked = {
      reason: `${key.dataset} goes on under a new lineage, or was to: the command that does it was stopped`,
      hint: 'Run that command again: `hyp sink resolve`, or `hyp dataset drop`.',
      sinceMs: clock.nowMs(),
      why: 'rebased',
    };
    const next = park(base?.value ?? beginProgress(key), parked);
    if ((await record.append(base, next)).kind === 'linked') return;
  }
  throw new HypError('E_CONFLICT', `progress of ${key.sink} for ${key.dataset} changes too fast`, {
    hint: 'Run the command again.',
  });
}

async function begin(context: EngineContext, start: Start, lineage: Lineage): Promise<void> {
  const key = { ...start.key, lineage };
  const { watermark, chain } = start;
  const progress: Progress = {
    ...beginProgress(key),
    watermark,
    chain,
    exportedRows: watermark,
    origin: watermark,
  };
  await startRecord(context, key, progress, watermark > SEQ_ZERO);
}

/** Links `progress` as a record of its own, above all there are of `key`. */
export async function startRecord(
  context: EngineContext,
  key: ProgressKey,
  progress: Progress,
  marked: boolean,
): Promise<void> {
  const { fs, state, random } = context;
  const numbers = await progressNumbers(fs, state, key);
  const number = 1 + Math.max(await highestMark(fs, state, key), ...numbers);
  if (marked) await markExported(fs, state, key, number);
  const record = await openProgress(fs, state, { ...key, number }, random);
  const linked = await record.append(undefined, progress);
  const newest = (await progressNumbers(fs, state, key)).at(-1);
  // Whoever met the directory without a version has made another record, above it.
  if (linked.kind === 'linked' && newest === number) return;
  throw new HypError('E_CONFLICT', `another command settles ${key.sink} and ${key.dataset}`, {
    hint: 'Run it again when that one is done.',
  });
}
