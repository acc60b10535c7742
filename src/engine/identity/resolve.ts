/**
 * Owns: what a person's choice does to a sink that is parked, or whose destination was emptied.
 *
 * | parked for | restored, copied | delivered | again | retry |
 * | copied, rolled back, contradiction | rebase (./rebase) | - | - | unpark |
 * | rebased (a command that was stopped) | rebase | - | - | - |
 * | emptied (parked, or found so now) | - | last manifest put back, unpark | new record at the start | unpark |
 * | no evidence | - | - | new record at the start | unpark |
 * | moved | - | old names parked and taken over (./another-name) | old names parked, unpark | - |
 * | foreign | - | - | unpark | - |
 * | anything else (a refused part) | - | - | - | unpark |
 *
 * | step of delivered, again | durable then | a crash right after leaves |
 * | 1 owner file put, if absent | whose destination it is | still no manifest there: refused as before |
 * | 2 manifest put (delivered) | what was sent counts | settled but for parked records: run it again |
 * | 3 old record parked (again) | whoever slept with it links nothing more (I9) | parked: run it again |
 * | 4 plan of its open unit put (again) | whoever sleeps in it is met there | the same |
 * | 5 version or new record linked | **the sink goes on** | - |
 *
 * A new record begins at the first row of an emptied destination. Somebody may still hold a unit of
 * the old one, so its units end wherever one of the last units began: what is planned there by
 * whoever was first is taken over by the other (llp/0008).
 * llp/0017
 */
import { HypError, isHypError } from '../../core/errors.ts';
import { SEQ_ZERO, toLineage } from '../../core/ids.ts';
import type { DatasetName, Seq, SinkName } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { SinkConfig } from '../../config/config.ts';
import type { Sink } from '../../../sinks/sink.ts';
import {
  beginProgress,
  openProgress,
  park,
  progressNumbers,
  unpark,
} from '../../../state/progress.ts';
import type {
  Parked as ParkedFor,
  Progress,
  ProgressKey,
  ProgressRecord,
} from '../../../state/progress.ts';
import { keptReceipts } from '../../../state/receipts.ts';
import type { Resolution, ResolveChoice } from '../api.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import { parkOldNames, takeOver } from './another-name.ts';
import { fence, rebase, startOf, startRecord } from './rebase.ts';
import type { ForkChoice, Start } from './rebase.ts';

export interface Resolve {
  readonly name: SinkName;
  readonly choice: ResolveChoice;
  readonly datasets: readonly DatasetName[];
}

interface Parked {
  readonly config: SinkConfig;
  readonly sink: Sink;
  readonly owner: string;
  readonly key: ProgressKey;
  readonly number: number;
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
  const owner = exporters.ownerOf(configured.sink);
  const parked: Parked[] = [];
  for (const dataset of datasets) {
    const found = await findParked(context, configured, { owner, dataset });
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
  { config, sink }: Pick<Parked, 'config' | 'sink'>,
  at: { readonly owner: string; readonly dataset: DatasetName },
): Promise<Parked | undefined> {
  const head = await context.table(at.dataset).load();
  if (head === undefined) return undefined;
  const { fs, state, random } = context;
  const lineage = toLineage(head.value.hyp.lineage);
  const key = { sink: sink.instance, dataset: at.dataset, lineage };
  const number = (await progressNumbers(fs, state, key)).at(-1) ?? 1;
  const record = await openProgress(fs, state, { ...key, number }, random);
  const base = await record.load();
  if (base === undefined) return undefined;
  const { parked, receipt } = base.value;
  const found = { config, sink, owner: at.owner, key, number, record, base };
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
  const configs = new Map((await exporters.all()).map(({ config, sink }) => [sink.name, config]));
  for (const sink of sinks) await fence(context, { ...key, sink: sink.instance });
  const starts: Start[] = [];
  for (const sink of sinks) {
    const head = await table.load();
    if (head === undefined) return [];
    const source = { table, head, sink, observe: context.observe };
    const owner = exporters.ownerOf(sink);
    const own = { ...key, sink: sink.instance };
    const config = defined(configs.get(sink.name), 'each sink is configured');
    starts.push(await startOf(context, { source, config, owner }, own, choice));
  }
  const lineage = await rebase(context, table, { from, starts }, (metadata) => metadata);
  return sinks.map(({ name: sink, instance }) => {
    const start = starts.find(({ key: of }) => of.sink === instance);
    const { watermark } = defined(start, 'each sink has a start');
    return { sink, dataset, watermark, lineage };
  });
}

async function settleDelivered(context: EngineContext, parked: Parked): Promise<Resolution> {
  const { sink, owner, base, why } = parked;
  await sink.claim(owner);
  if (why === 'moved') return settleMoved(context, parked);
  const { receipt } = base.value;
  if (receipt !== undefined) await sink.close(receipt);
  return goOn(parked, unpark(base.value));
}

/** What went out under the old names is done. */
async function settleMoved(context: EngineContext, parked: Parked): Promise<Resolution> {
  const { config, sink, key } = parked;
  const table = context.table(key.dataset);
  const head = defined(await table.load(), 'a parked sink has a table');
  const source = { table, head, sink, observe: context.observe };
  const at = { ...parked, sink: sink.name };
  const { watermark } = await takeOver(context, source, at, config.prefix);
  return { ...key, sink: sink.name, watermark };
}

async function settleAgain(context: EngineContext, parked: Parked): Promise<Resolution> {
  const { sink, owner, key, base, why } = parked;
  if (why === 'moved') await parkOldNames(context, { ...parked, sink: sink.name }, 'again');
  if (why === 'foreign' || why === 'moved') return goOn(parked, unpark(base.value));
  await sink.claim(owner);
  await goOn(parked, park(base.value, stoppedAgain(parked, context.clock.nowMs())));
  if (base.value.open !== undefined) await sink.announce(base.value.open);
  const progress = { ...beginProgress(key), cuts: await startsHeld(context, parked) };
  await startRecord(context, key, progress, true);
  return { ...key, sink: sink.name, watermark: progress.watermark };
}

/** Where somebody may hold a unit of the old record: units of the new one end there. */
async function startsHeld(context: EngineContext, { key, base }: Parked): Promise<Seq[]> {
  const { watermark, receipt, cuts = [] } = base.value;
  const kept = await keptReceipts(context.fs, context.state, key);
  const starts = [...kept.map(({ unit }) => unit.after), receipt?.after ?? SEQ_ZERO, watermark];
  const held = new Set([...cuts, ...starts].filter((seq) => seq > SEQ_ZERO));
  return [...held].sort((a, b) => Number(a - b));
}

/** What the old record says when the command stops before the new one is linked. */
function stoppedAgain({ sink, key, why }: Parked, sinceMs: number): ParkedFor {
  const reason = `all rows of ${key.dataset} were to be sent again, and the command was stopped`;
  const resolve = `hyp sink resolve ${sink.name}`;
  const hint = `Nothing is sent until it is settled: \`${resolve} --again\` once more, or \`${resolve} --retry\`.`;
  return { reason, hint, sinceMs, why };
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
