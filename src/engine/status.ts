/**
 * Owns: the state of a store as people and programs ask for it (DESIGN §14): from heads, progress
 * records and spool headers; no manifest and no data file is opened except for the age of a lag.
 * llp/0008
 */
import { problemText } from '../core/errors.ts';
import { SEQ_ZERO, toLineage, toSeq } from '../core/ids.ts';
import type { DatasetName } from '../core/ids.ts';
import type { Progress } from '../../state/progress.ts';
import { currentSnapshot } from '../../storage/iceberg/metadata.ts';
import type {
  DatasetStatus,
  SinkDatasetStatus,
  SinkState,
  SinkStatus,
  StoreStatus,
} from './api.ts';
import type { EngineContext } from './context.ts';
import type { Exporter } from './export/exporter.ts';
import type { Exporters } from './export/exporters.ts';
import { takesAppends } from './room/decide.ts';
import { spoolPending } from './spool-care.ts';

/** A picture of the whole store. Heads are read one after another: not one instant. */
export async function storeStatus(
  context: EngineContext,
  exporters: Exporters,
  names: readonly DatasetName[],
  spoolMaxBytes: number,
): Promise<StoreStatus> {
  const pending = new Map((await spoolPending(context)).map((each) => [each.dataset, each]));
  const datasets: DatasetStatus[] = [];
  for (const name of names) {
    const waiting = pending.get(name);
    datasets.push(await datasetStatus(context, name, waiting ?? { rows: 0, bytes: 0 }));
  }
  const sinks: SinkStatus[] = [];
  for (const { config, sink, exporter } of await exporters.all()) {
    const own = names.filter((name) => config.datasets?.includes(name) ?? true);
    const asked = await attempt(() => exporters.refusal(sink.name));
    const refusal = asked.problem ?? asked.value;
    const paused = (await attempt(() => exporters.isPaused(sink.name))).value === true;
    const states = [];
    for (const name of own) {
      states.push(await sinkDatasetStatus(context, { exporter, dataset: name, refusal, paused }));
    }
    sinks.push({
      name: sink.name,
      type: sink.type,
      state:
        refusal !== undefined
          ? 'parked'
          : worst([...states.map((each) => each.state), ...(paused ? (['paused'] as const) : [])]),
      destination: sink.destination,
      datasets: states,
    });
  }
  const { label, freeBytes } = await context.disk.look();
  const { minFreeBytes } = context.disk;
  const appends = takesAppends(label) ? 'taken' : 'refused';
  const disk = { freeBytes, minFreeBytes, appends, spoolMaxBytes } as const;
  return { root: context.root, disk, datasets, sinks };
}

async function datasetStatus(
  context: EngineContext,
  name: DatasetName,
  waiting: { readonly rows: number; readonly bytes: number },
): Promise<DatasetStatus> {
  const { value: head, problem } = await attempt(() => context.table(name).load());
  const hyp = head?.value.hyp;
  const summary = head === undefined ? undefined : currentSnapshot(head.value)?.summary;
  return {
    name,
    lineage: hyp && toLineage(hyp.lineage),
    rows: BigInt(summary?.['total-records'] ?? 0),
    maxSeq: toSeq(hyp?.maxSeq ?? 0n),
    prunedThrough: toSeq(hyp?.prunedThrough ?? 0n),
    files: Number(summary?.['total-data-files'] ?? 0),
    bytes: Number(summary?.['total-files-size'] ?? 0),
    snapshots: head?.value.snapshots.length ?? 0,
    spoolBytes: waiting.bytes,
    spoolRows: waiting.rows,
    rescuedRows: hyp?.rescuedRows ?? 0n,
    problem,
  };
}

async function sinkDatasetStatus(
  context: EngineContext,
  of: { exporter: Exporter; dataset: DatasetName; refusal: string | undefined; paused: boolean },
): Promise<SinkDatasetStatus> {
  const { exporter, dataset } = of;
  const head = await attempt(() => context.table(dataset).load());
  const read = await attempt(() => exporter.progress(dataset));
  const progress = read.value;
  const watermark = progress?.watermark ?? SEQ_ZERO;
  const lagRows = (head.value?.value.hyp.maxSeq ?? 0n) - watermark;
  const age = await attempt(() => exporter.ageMs(dataset, watermark));
  const broken = of.refusal ?? head.problem ?? read.problem ?? age.problem;
  const shown = stateOf(exporter, progress, broken);
  const { state, problem } =
    of.paused && shown.state !== 'parked'
      ? { state: 'paused' as const, problem: undefined }
      : shown;
  return {
    dataset,
    state,
    watermark,
    lagRows: lagRows > 0n ? lagRows : 0n,
    lagSeconds: Math.max(0, (age.value ?? 0) / 1000),
    exportedRows: progress?.exportedRows ?? 0n,
    declinedRows: progress?.declinedRows ?? 0n,
    lostRows: 0n,
    openUnit: progress?.open && { after: progress.open.after, through: progress.open.through },
    lastError: problem,
  };
}

/** What is damaged or refused waits for a person, as a parked sink does. */
function stateOf(
  exporter: Exporter,
  progress: Progress | undefined,
  broken: string | undefined,
): { state: SinkState; problem: string | undefined } {
  if (broken !== undefined) return { state: 'parked', problem: broken };
  return progress === undefined
    ? { state: 'idle', problem: undefined }
    : exporter.stateOf(progress);
}

/** One dataset that cannot be read must not hide how the others are. */
async function attempt<T>(
  read: () => Promise<T>,
): Promise<{ readonly value: T | undefined; readonly problem: string | undefined }> {
  try {
    return { value: await read(), problem: undefined };
  } catch (error) {
    return { value: undefined, problem: problemText(error) };
  }
}

/** The state that most wants a person's eye. */
function worst(states: readonly SinkState[]): SinkState {
  const order: readonly SinkState[] = ['parked', 'retrying', 'paused', 'exporting'];
  return order.find((state) => states.includes(state)) ?? 'idle';
}
