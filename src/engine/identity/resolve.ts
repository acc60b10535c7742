/**
 * Owns: what a person's choice does to a sink that is parked, or whose destination was emptied.
 *
 * | parked for | restored, copied | delivered | again | retry |
 * | copied, rolled back, contradiction | rebase (./rebase) | - | - | unpark |
 * | rebased (a command that was stopped) | rebase | - | - | - |
 * | emptied (parked, or found so now) | - | last manifest put back, unpark | new record at the start | unpark |
 * | no evidence | - | - | new record at the start | unpark |
 * | moved | - | record of the old name taken over | unpark | - |
 * | foreign | - | - | unpark | - |
 * | anything else (a refused part) | - | - | - | unpark |
 *
 * | step of delivered, again | durable then | a crash right after leaves |
 * | 1 owner file put, if absent | whose destination it is | still no manifest there: refused as before |
 * | 2 manifest put (delivered) | what was sent counts | settled but for parked records: run it again |
 * | 3 version or new record linked | **the sink goes on** | - |
 * llp/0017
 */
import { HypError, isHypError } from '../../core/errors.ts';
import { toLineage } from '../../core/ids.ts';
import type { DatasetName, SinkName } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Sink } from '../../../sinks/sink.ts';
import { beginProgress, exportedNames, openProgress, unpark } from '../../../state/progress.ts';
import type { Progress, ProgressKey, ProgressRecord } from '../../../state/progress.ts';
import type { Resolution, ResolveChoice } from '../api.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import { fence, rebase, startOf, startRecord } from './rebase.ts';
import type { ForkChoice, Start } from './rebase.ts';

export interface Resolve {
  readonly name: SinkName;
  readonly choice: ResolveChoice;
  readonly datasets: readonly DatasetName[];
}

interface Parked {
  readonly sink: Sink;
  readonly owner: string;
  readonly key: ProgressKey;
  readonly record: ProgressRecord;
  readonly base: RecordHead<Progress>;
  readonly why: string;
}

const FITS: Readonly<Record<string, readonly ResolveChoice[]>> = {
  copied: ['restored', 'copied', 'retry'],
  'rolled back': ['restored', 'copied', 'retry'],
  contradiction: ['restored', 'copied', 'retry'],
  rebased: ['restored', 'copied'],
  emptied: ['delivered', 'again', 'retry'],
  'no evidence': ['again', 'retry'],
  moved: ['delivered', 'again'],
  foreign: ['again'],
};

/** The choices there are for a sink that is parked for `why`. */
export function choicesFor(why: string | undefined): readonly ResolveChoice[] {
  return FITS[why ?? ''] ?? ['retry'];
}

/** Settles each of `datasets` the sink is parked for. Throws as `Engine.resolveSink` says. */
export async function resolveSink(
  context: EngineContext,
  exporters: Exporters,
  { name, choice, datasets }: Resolve,
): Promise<Resolution[]> {
  const configured = (await exporters.all()).find(({ sink }) => sink.name === name);
  if (configured === undefined) {
    throw new HypError('E_USAGE', `no sink ${name} in the configuration`, {
      hint: 'Run `hyp sink list`.',
    });
  }
  const { sink } = configured;
  const owner = exporters.ownerOf(sink);
  const parked: Parked[] = [];
  for (const dataset of datasets) {
    const found = await findParked(context, sink, { owner, dataset });
    if (found !== undefined) parked.push(found);
  }
  if (parked.length === 0) {
    throw new HypError('E_USAGE', `sink ${name} waits for nobody: there is nothing to resolve`, {
      hint: 'Run `hyp status`.',
    });
  }
  for (const each of parked) assertFits(each, choice);
  const resolved: Resolution[] = [];
  for (const each of parked) {
    resolved.push(...(await settle(context, exporters, each, choice)));
  }
  return resolved;
}

async function findParked(
  context: EngineContext,
  sink: Sink,
  at: { readonly owner: string; readonly dataset: DatasetName },
): Promise<Parked | undefined> {
  const head = await context.table(at.dataset).load();
  if (head === undefined) return undefined;
  const { fs, state, random } = context;
  const lineage = toLineage(head.value.hyp.lineage);
  const key = { sink: sink.instance, dataset: at.dataset, lineage };
  const record = await openProgress(fs, state, key, random);
  const base = await record.load();
  if (base === undefined) return undefined;
  const { parked, receipt } = base.value;
  const found = { sink, owner: at.owner, key, record, base };
  if (parked !== undefined) return { ...found, why: parked.why ?? '' };
  try {
    if (receipt !== undefined) await sink.stands(at.owner, receipt);
    return undefined;
  } catch (error) {
    if (isHypError(error, 'E_PARKED')) return { ...found, why: 'emptied' };
    throw error;
  }
}

function assertFits({ key, why, base }: Parked, choice: ResolveChoice): void {
  const choices = choicesFor(why);
  if (choices.includes(choice)) return;
  const reason = base.value.parked?.reason ?? 'its destination was emptied';
  throw new HypError('E_USAGE', `--${choice} does not settle ${key.dataset}: ${reason}`, {
    hint: `Choose ${choices.map((each) => `--${each}`).join(' or ')}; --dataset names one dataset.`,
    details: { choices },
  });
}

async function settle(
  context: EngineContext,
  exporters: Exporters,
  parked: Parked,
  choice: ResolveChoice,
): Promise<Resolution[]> {
  switch (choice) {
    case 'restored':
    case 'copied':
      return settleFork(context, exporters, parked, choice);
    case 'delivered':
      return [await settleDelivered(context, parked)];
    case 'again':
      return [await settleAgain(context, parked)];
    case 'retry':
      return [await goOn(parked, unpark(parked.base.value))];
  }
}

/** All sinks of the dataset move to the new lineage together. */
async function settleFork(
  context: EngineContext,
  exporters: Exporters,
  { key }: Parked,
  choice: ForkChoice,
): Promise<Resolution[]> {
  const { dataset, lineage: from } = key;
  const table = context.table(dataset);
  const sinks = await exporters.readyFor(dataset);
  for (const sink of sinks) await fence(context, { ...key, sink: sink.instance });
  const starts: Start[] = [];
  for (const sink of sinks) {
    const head = await table.load();
    if (head === undefined) return [];
    const source = { table, head, sink, observe: context.observe };
    const owner = exporters.ownerOf(sink);
    const own = { ...key, sink: sink.instance };
    starts.push(await startOf(context, { source, owner }, own, choice));
  }
  const lineage = await rebase(context, table, { from, starts }, (metadata) => metadata);
  return sinks.map(({ name: sink, instance }) => {
    const start = starts.find(({ key: of }) => of.sink === instance);
    const { watermark } = defined(start, 'each sink has a start');
    return { sink, dataset, watermark, lineage };
  });
}

async function settleDelivered(context: EngineContext, parked: Parked): Promise<Resolution> {
  const { sink, owner, key, base, why } = parked;
  await sink.claim(owner);
  if (why === 'moved') return goOn(parked, await takenOver(context, key));
  const { receipt } = base.value;
  if (receipt !== undefined) await sink.close(receipt);
  return goOn(parked, unpark(base.value));
}

/** What went out under the old name, as the start of the new one. */
async function takenOver(context: EngineContext, key: ProgressKey): Promise<Progress> {
  const { fs, state, random } = context;
  const names = await exportedNames(fs, state, key.sink, key.lineage);
  for (const dataset of names.filter((name) => name !== key.dataset)) {
    const record = await openProgress(fs, state, { ...key, dataset }, random);
    const old = (await record.load())?.value;
    if (old === undefined) continue;
    if (old.open !== undefined) {
      throw new HypError(
        'E_PARKED',
        `a unit of ${dataset} (${old.open.after}, ${old.open.through}] is still open`,
        { hint: `Give the table its name ${dataset} again, run \`hyp tick\`, then rename it.` },
      );
    }
    const { watermark, chain, exportedRows, declinedRows } = old;
    const rows = { exportedRows, declinedRows };
    return { ...beginProgress(key), watermark, chain, ...rows, origin: watermark };
  }
  return beginProgress(key);
}

async function settleAgain(context: EngineContext, parked: Parked): Promise<Resolution> {
  const { sink, owner, key, base, why } = parked;
  if (why === 'foreign' || why === 'moved') return goOn(parked, unpark(base.value));
  await sink.claim(owner);
  const progress = beginProgress(key);
  await startRecord(context, key, progress, true);
  return { ...key, sink: sink.name, watermark: progress.watermark };
}

async function goOn({ record, base, key, sink }: Parked, next: Progress): Promise<Resolution> {
  const linked = await record.append(base, next);
  if (linked.kind === 'linked') return { ...key, sink: sink.name, watermark: next.watermark };
  throw new HypError(
    'E_CONFLICT',
    `${sink.name} and ${key.dataset} were settled by somebody else`,
    {
      hint: 'Run `hyp status`.',
    },
  );
}
