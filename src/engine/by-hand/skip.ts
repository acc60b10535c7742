/**
 * Owns: `hyp sink skip`: a person decides that rows are not to be sent to a sink. They become a unit
 * like any other, with its range, digest and commits, and no object: the units go on tiling (I6), the
 * chain goes on being that of all rows, and whoever walks the destination meets the decision there.
 * Commit point of each such unit: the version with its intent. From then on any process finishes it.
 *
 * | step | durable then | a crash right after leaves |
 * | 0 the open unit, if any, delivered to its end | what had begun to leave is whole | as an export |
 * | 1 intent: a version with a unit that has no object | **these rows are not sent** | any tick goes on |
 * | 2 plan put, if absent | the same, at the destination | any tick goes on |
 * | 3 manifest put, if absent | readers see that the rows are left out | any tick goes on |
 * | 4 version: receipt, watermark, declined rows | the sink goes on behind them | - |
 *
 * Whoever slept with an intent of its own is refused by step 1 (I9); whoever planned first is taken
 * over: those rows are delivered, and the rest is skipped.
 *
 * | label | progress | action |
 * | another | of another lineage than the table when the command began | E_RANGE: its rows are others |
 * | parked | waits for a person | refused |
 * | done | the watermark is there | nothing |
 * | finish | a unit is open | deliver it whole, then look again |
 * | begin | - | a unit without objects, up to 1,024 commits long |
 * llp/0022
 */
import { HypError } from '../../core/errors.ts';
import { toLineage } from '../../core/ids.ts';
import type { Seq } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import { absentRows } from '../../core/unit.ts';
import type { Unit } from '../../core/unit.ts';
import type { SinkConfig } from '../../config/config.ts';
import type { Sink } from '../../../sinks/sink.ts';
import { advance, cutOf, withIntent } from '../../../state/progress.ts';
import type { Progress } from '../../../state/progress.ts';
import { keepReceipt } from '../../../state/receipts.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import { runUnit } from '../export/run-unit.ts';
import { Standing } from '../identity/standing.ts';
import type { Work } from '../identity/standing.ts';
import { absentUnit } from './absent-unit.ts';
import { unknownDataset } from './replay.ts';
import type { SkipReport, SkipRequest } from './report.ts';

export type SkipDecision = 'parked' | 'done' | 'finish' | 'begin';

/** What is to be done next so that nothing up to `through` is sent any more. */
export function skipAction(
  progress: Pick<Progress, 'parked' | 'watermark' | 'open'>,
  through: Seq,
): SkipDecision {
  if (progress.parked !== undefined) return 'parked';
  if (progress.open !== undefined) return 'finish';
  return progress.watermark >= through ? 'done' : 'begin';
}

const REASON = 'skipped by a person';

interface Skipping {
  readonly context: EngineContext;
  readonly config: SinkConfig;
  readonly sink: Sink;
  readonly owner: string;
  readonly request: SkipRequest;
  /** Throws when the sink is not this process's to deliver to any more. */
  readonly assertOurs: () => Promise<void>;
}

/**
 * Declines the rows of `(watermark, through]` for one sink. Durable when it resolves; idempotent.
 * Throws E_USAGE, E_UNKNOWN_DATASET, E_RANGE above the table's end or when it got another, E_PARKED, E_FORK, E_CORRUPT when
 * the rows cannot be read (their digest belongs to the chain), E_UNAVAILABLE, E_CONFLICT.
 */
export async function skipRows(
  context: EngineContext,
  exporters: Exporters,
  request: SkipRequest,
): Promise<SkipReport> {
  const { dataset, through, dryRun = false } = request;
  const head = await context.table(dataset).load();
  if (head === undefined) throw unknownDataset(dataset);
  const { maxSeq } = head.value.hyp;
  if (through > maxSeq) {
    throw new HypError('E_RANGE', `${dataset} ends at seq ${maxSeq}, there is no row ${through}`, {
      hint: 'Nothing was changed. Rows still in the spool have no number yet: `hyp tick` first.',
    });
  }
  const { config, sink } = await exporters.byHand(request.sink);
  const assertOurs = async (): Promise<void> => {
    await exporters.byHand(request.sink);
  };
  const owner = exporters.ownerOf(sink);
  const skipping = { context, config, sink, owner, request, assertOurs };
  let from: Seq | undefined;
  let skippedRows = 0n;
  let deliveredRows = 0n;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const work = await workOf(skipping);
    if (work === undefined) continue;
    const { progress } = work;
    if (progress.lineage !== toLineage(head.value.hyp.lineage)) throw otherRows(request);
    from ??= progress.watermark;
    const action = skipAction(progress, through);
    if (dryRun) return planned(progress, through);
    if (action === 'parked') throw parked(sink, progress);
    if (action === 'done') {
      const { watermark } = progress;
      return { dryRun, from, watermark, skippedRows, deliveredRows };
    }
    const done = action === 'finish' ? await finish(skipping, work) : await begin(skipping, work);
    if (done === undefined) continue;
    // Only what went through counts: a race costs an attempt, a long way does not.
    attempt = 0;
    skippedRows += absentRows(done, 'skipped');
    deliveredRows += BigInt(done.rows);
  }
  throw new HypError('E_CONFLICT', `${request.sink} and ${dataset} change too fast to skip rows`, {
    hint: `Pause it first: \`hyp sink pause ${request.sink}\`, then run the command again.`,
  });
}

/** Asked anew each time; undefined: somebody else was first. */
async function workOf({ context, sink, request }: Skipping): Promise<Work | undefined> {
  const stands = await new Standing(context, sink).of(request.dataset);
  switch (stands.kind) {
    case 'nothing':
      throw unknownDataset(request.dataset);
    case 'conflict':
      return undefined;
    case 'park':
      throw new HypError('E_PARKED', stands.reason, {
        hint: `Nothing was skipped. ${stands.hint}`,
      });
    case 'ready':
      return stands.work;
  }
}

/** The numbers a person gave are of one lineage: after a drop they are those of new rows. */
function otherRows({ dataset, through }: SkipRequest): HypError {
  return new HypError(
    'E_RANGE',
    `seq ${through} of ${dataset} is another row by now: it was dropped, or goes on under another lineage`,
    { hint: 'Nothing of it is skipped. Look at `hyp status`, then say up to which row to skip.' },
  );
}

function planned({ watermark, open }: Progress, through: Seq): SkipReport {
  const behind = open?.through ?? watermark;
  const skippedRows = through > behind ? through - behind : 0n;
  const deliveredRows = BigInt(open?.rows ?? 0);
  return { dryRun: true, from: watermark, watermark, skippedRows, deliveredRows };
}

function parked({ name }: Sink, { dataset, parked: why }: Progress): HypError {
  return new HypError('E_PARKED', `sink ${name} is parked for ${dataset}: ${why?.reason ?? ''}`, {
    hint: `Nothing was skipped. ${why?.hint ?? ''}`,
  });
}

/** Step 1, then the others. Answers the unit; undefined: somebody else was first. */
async function begin(skipping: Skipping, work: Work): Promise<Unit | undefined> {
  const { config, sink, owner, request } = skipping;
  await sink.stands(owner, work.progress.receipt);
  const { prefix } = config;
  const from = { ...work.progress, through: cutOf(work.progress, request.through), prefix };
  const unit = await absentUnit(work.source, from, { why: 'skipped', reason: REASON });
  const linked = await work.record.append(work.base, withIntent(work.progress, unit));
  if (linked.kind === 'conflict') return undefined;
  return finish(skipping, { ...work, base: linked.head, progress: linked.head.value });
}

/** The open unit to its end, and no other begun. */
async function finish(skipping: Skipping, work: Work): Promise<Unit | undefined> {
  const { context, sink, owner } = skipping;
  const { record, base, source, progress } = work;
  if (base === undefined) return undefined;
  await sink.stands(owner, progress.receipt);
  await skipping.assertOurs();
  const outcome = await runUnit(source, record, base);
  if (outcome.kind === 'conflict') return undefined;
  if (outcome.kind !== 'delivered') throw stopped(progress, outcome.reason, outcome.kind);
  const { open } = outcome.head.value;
  await source.announced?.(outcome.head.value);
  const linked = await record.append(outcome.head, advance(outcome.head.value, undefined));
  if (linked.kind === 'conflict') return undefined;
  const { fs, state, random, observe } = context;
  await keepReceipt(fs, state, linked.head.value, random.uuid());
  if (open?.absent !== undefined) {
    const { dataset, after, through, absent } = open;
    const range = { after: after.toString(), through: through.toString(), rows: absent.rows };
    const facts = { sink: sink.name, dataset, ...range };
    observe({ type: 'decision', action: 'skipped', level: 'warn', facts });
  }
  return open;
}

function stopped(progress: Progress, reason: string, kind: 'retry' | 'park' | 'fork'): HypError {
  const { dataset, open } = progress;
  const range = open === undefined ? '' : ` (${open.after}, ${open.through}]`;
  return new HypError(
    kind === 'fork' ? 'E_FORK' : 'E_UNAVAILABLE',
    `the unit${range} of ${dataset} could not be ended: ${reason}`,
    { hint: 'No more rows were skipped. Mend the destination, then run the command again.' },
  );
}
