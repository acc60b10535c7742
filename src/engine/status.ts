/**
 * Owns: the state of a store as people and programs ask for it (DESIGN §14): from heads, progress
 * records and spool headers; no manifest and no data file is opened except for the age of a lag.
 * llp/0008
 */
import { SEQ_ZERO, toLineage, toSeq } from '../core/ids.ts';
import type { DatasetName } from '../core/ids.ts';
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
import { spoolPending } from './spool-care.ts';

/** A picture of the whole store. Heads are read one after another: not one instant. */
export async function storeStatus(
  context: EngineContext,
  exporters: Exporters,
  names: readonly DatasetName[],
): Promise<StoreStatus> {
  const pending = new Map((await spoolPending(context)).map((each) => [each.dataset, each]));
  const datasets: DatasetStatus[] = [];
  for (const name of names) {
    const waiting = pending.get(name);
    datasets.push(await datasetStatus(context, name, waiting ?? { rows: 0, bytes: 0 }));
  }
  const sinks: SinkStatus[] = [];
  for (const { config, sink, exporter } of exporters.all()) {
    const own = names.filter((name) => config.datasets?.includes(name) ?? true);
    const states = [];
    for (const name of own) states.push(await sinkDatasetStatus(context, exporter, name));
    sinks.push({
      name: sink.name,
      type: sink.type,
      state: worst(states.map((each) => each.state)),
      destination: sink.destination,
      datasets: states.map((each) => each.status),
    });
  }
  return { root: context.root, datasets, sinks };
}

async function datasetStatus(
  context: EngineContext,
  name: DatasetName,
  waiting: { readonly rows: number; readonly bytes: number },
): Promise<DatasetStatus> {
  const head = await context.table(name).load();
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
  };
}

async function sinkDatasetStatus(
  context: EngineContext,
  exporter: Exporter,
  dataset: DatasetName,
): Promise<{ state: SinkState; status: SinkDatasetStatus }> {
  const head = await context.table(dataset).load();
  const progress = await exporter.progress(dataset);
  const watermark = progress?.watermark ?? SEQ_ZERO;
  const maxSeq = head?.value.hyp.maxSeq ?? 0n;
  const open = progress?.open;
  const { state, problem } =
    progress === undefined
      ? { state: 'idle' as const, problem: undefined }
      : exporter.stateOf(progress);
  return {
    state,
    status: {
      dataset,
      watermark,
      lagRows: maxSeq - watermark,
      lagSeconds: Math.max(0, (await exporter.ageMs(dataset, watermark)) / 1000),
      exportedRows: progress?.exportedRows ?? 0n,
      declinedRows: 0n,
      lostRows: 0n,
      openUnit: open && { after: open.after, through: open.through },
      lastError: problem,
    },
  };
}

/** The state that most wants a person's eye. */
function worst(states: readonly SinkState[]): SinkState {
  const order: readonly SinkState[] = ['parked', 'retrying', 'paused', 'exporting'];
  return order.find((state) => states.includes(state)) ?? 'idle';
}
