/**
 * Owns: the JSON form of a store's status (DESIGN §14), the same for `hyp status --json` and
 * GET /status. Seqs are decimal strings, counts are numbers, what is absent is null.
 * llp/0010
 */
import type { Json } from '../core/json.ts';
import type { DatasetStatus, SinkDatasetStatus, SinkStatus, StoreStatus } from '../engine/api.ts';

/** A count of rows; far below 2^53, beyond which JSON readers would round it. */
function count(rows: bigint): number {
  return Number(rows);
}

/** One dataset as it stands in the status. */
export function datasetToJson(dataset: DatasetStatus): Json {
  return {
    name: dataset.name,
    lineage: dataset.lineage ?? null,
    rows: count(dataset.rows),
    maxSeq: dataset.maxSeq.toString(),
    prunedThrough: dataset.prunedThrough.toString(),
    files: dataset.files,
    bytes: dataset.bytes,
    snapshots: dataset.snapshots,
    spoolBytes: dataset.spoolBytes,
    spoolRows: dataset.spoolRows,
    rescuedRows: count(dataset.rescuedRows),
    problem: dataset.problem ?? null,
  };
}

function sinkDatasetJson(status: SinkDatasetStatus): Json {
  const { openUnit } = status;
  return {
    dataset: status.dataset,
    state: status.state,
    watermark: status.watermark.toString(),
    lagRows: count(status.lagRows),
    lagSeconds: status.lagSeconds,
    exportedRows: count(status.exportedRows),
    declinedRows: count(status.declinedRows),
    lostRows: count(status.lostRows),
    openUnit: openUnit
      ? { after: openUnit.after.toString(), through: openUnit.through.toString() }
      : null,
    lastError: status.lastError ?? null,
  };
}

/** One sink as it stands in the status. */
export function sinkToJson(sink: SinkStatus): Json {
  return {
    name: sink.name,
    type: sink.type,
    state: sink.state,
    datasets: sink.datasets.map(sinkDatasetJson),
  };
}

export function statusToJson(status: StoreStatus): Json {
  return {
    root: status.root,
    disk: { ...status.disk, freeBytes: status.disk.freeBytes ?? null },
    datasets: status.datasets.map(datasetToJson),
    sinks: status.sinks.map(sinkToJson),
  };
}
