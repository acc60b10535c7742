/**
 * Owns: what a person does to a sink: pause, resume, forget; and when that is refused because rows
 * would never be sent. The change itself is one version of the registry (state/registry-change).
 *
 * | verb | evidence | label |
 * | pause, resume | - | go |
 * | forget | the configuration still has the sink | configured: the next tick would register it again |
 * | forget | a unit is on its way, or rows were never exported | unsent: refused, unless abandoned |
 * | forget | a record or table that cannot be read | unknown: refused, unless abandoned |
 * | forget | all rows are out | go |
 *
 * llp/0018
 */
import { HypError, problemText } from '../core/errors.ts';
import { SEQ_ZERO, isDatasetName, toLineage } from '../core/ids.ts';
import type { DatasetName, SinkName } from '../core/ids.ts';
import { keptProgress, progressDatasets } from '../../state/kept-progress.ts';
import { instanceOf, openRegistry, registryEntry } from '../../state/registry.ts';
import type { RegisteredSink } from '../../state/registry.ts';
import { changeSink } from '../../state/registry-change.ts';
import type { SinkVerb } from '../../state/registry-change.ts';
import type { EngineContext } from './context.ts';
import { assertAllRead, spoolPending } from './spool-care.ts';

export interface SinkChange {
  readonly verb: SinkVerb;
  readonly sink: SinkName;
  /** Forget it although rows were never sent to it. */
  readonly abandon?: boolean | undefined;
}

export interface SinkChangeReport {
  /** False: it was so already. */
  readonly changed: boolean;
  /** Rows that were never sent and that it holds back no longer; 0 for other verbs. */
  readonly unsentRows: bigint;
}

/** What stands in the way of forgetting a sink, by dataset. */
export interface Unsent {
  readonly dataset: DatasetName;
  readonly rows: bigint;
  readonly openUnit: boolean;
  readonly problem: string | undefined;
}

export type ForgetDecision =
  | { readonly label: 'go'; readonly rows: bigint }
  | { readonly label: 'configured' }
  | { readonly label: 'unsent' | 'unknown'; readonly reason: string };

/** Whether a sink may be forgotten. */
export function forgetAction(
  unsent: readonly Unsent[],
  asked: { readonly configured: boolean; readonly abandon: boolean },
): ForgetDecision {
  if (asked.configured) return { label: 'configured' };
  const rows = unsent.reduce((sum, each) => sum + each.rows, 0n);
  if (asked.abandon) return { label: 'go', rows };
  const unknown = unsent.find(({ problem }) => problem !== undefined);
  if (unknown !== undefined) {
    return { label: 'unknown', reason: `${unknown.dataset}: ${unknown.problem ?? ''}` };
  }
  const open = unsent.find(({ openUnit }) => openUnit);
  if (open !== undefined) {
    return { label: 'unsent', reason: `a unit of ${open.dataset} is on its way` };
  }
  if (rows > 0n) return { label: 'unsent', reason: `${rows} rows were never sent to it` };
  return { label: 'go', rows };
}

/** Makes one change. Durable when it resolves; idempotent. E_USAGE, E_REFUSED, E_CONFLICT. */
export async function changeOneSink(
  context: EngineContext,
  store: {
    readonly datasets: readonly DatasetName[];
    readonly configured: ReadonlySet<SinkName>;
  },
  change: SinkChange,
): Promise<SinkChangeReport> {
  const { verb, sink } = change;
  const registry = openRegistry(context.fs, context.state, context.random);
  let unsentRows = 0n;
  if (verb === 'forget') {
    const entry = await registryEntry(registry, sink);
    const unsent = entry === undefined ? [] : await unsentOf(context, entry, store.datasets);
    if (change.abandon !== true) assertAllRead(context);
    const configured = store.configured.has(sink);
    const decision = forgetAction(unsent, { configured, abandon: change.abandon === true });
    if (decision.label !== 'go') throw refusedForget(sink, decision);
    unsentRows = decision.rows;
  }
  const atMs = context.clock.nowMs();
  const changed = await changeSink(registry, { name: sink, verb, atMs });
  if (changed) {
    const facts = { sink, unsentRows: unsentRows.toString() };
    context.observe({ type: 'decision', action: `sink ${verb}`, level: 'info', facts });
  }
  return { changed, unsentRows };
}

async function unsentOf(
  context: EngineContext,
  entry: RegisteredSink,
  datasets: readonly DatasetName[],
): Promise<Unsent[]> {
  const spooled = new Map((await spoolPending(context)).map((each) => [each.dataset, each.rows]));
  const started = await progressDatasets(context.fs, context.state, instanceOf(entry));
  const own = datasets.filter((name) => entry.datasets?.includes(name) ?? true);
  const unsent: Unsent[] = [];
  for (const dataset of new Set([...own, ...started.filter(isDatasetName)])) {
    const waiting = BigInt(spooled.get(dataset) ?? 0);
    try {
      unsent.push(await unsentRows(context, instanceOf(entry), dataset, waiting));
    } catch (error) {
      const problem = problemText(error);
      unsent.push({ dataset, rows: waiting, openUnit: false, problem });
    }
  }
  return unsent;
}

async function unsentRows(
  context: EngineContext,
  sink: SinkName,
  dataset: DatasetName,
  waiting: bigint,
): Promise<Unsent> {
  const head = await context.table(dataset).load();
  if (head === undefined) return { dataset, rows: waiting, openUnit: false, problem: undefined };
  const lineage = toLineage(head.value.hyp.lineage);
  const { fs, state, random } = context;
  const kept = await keptProgress(fs, state, { sink, dataset, lineage }, random);
  const behind = head.value.hyp.maxSeq - (kept.head?.watermark ?? SEQ_ZERO);
  const rows = (behind > 0n ? behind : 0n) + waiting;
  return { dataset, rows, openUnit: kept.head?.open !== undefined, problem: kept.problem };
}

function refusedForget(
  sink: SinkName,
  decision: Exclude<ForgetDecision, { label: 'go' }>,
): HypError {
  if (decision.label === 'configured') {
    return new HypError('E_USAGE', `the configuration still has sink ${sink}`, {
      hint: 'Take it out of hyp.yaml and restart the daemon: the next tick would register it again.',
    });
  }
  return new HypError('E_REFUSED', `sink ${sink} was not forgotten: ${decision.reason}`, {
    hint: 'Put it back into hyp.yaml and run `hyp tick`; or give these rows up for it with --abandon.',
  });
}
