/**
 * Owns: which metrics there are, from the status, the counters and the loops. Pure. One label set
 * per dataset and per sink × dataset: as many series as `hyp status` has lines, never one per row,
 * file or error text.
 * llp/0020
 */
import type { DatasetStatus, SinkDatasetStatus, SinkState, StoreStatus } from '../../engine/api.ts';
import type { LoopProgress } from '../loop.ts';
import type { CountedAction, Counters } from './counters.ts';
import type { Family, Sample } from './exposition.ts';

const STATES: readonly SinkState[] = ['idle', 'exporting', 'retrying', 'parked', 'paused'];

export interface DaemonFigures {
  readonly upMs: number;
  readonly ready: boolean;
  readonly loops: readonly LoopProgress[];
}

export function metricFamilies(
  status: StoreStatus,
  counters: Counters,
  daemon: DaemonFigures,
): readonly Family[] {
  return [
    ...daemonFamilies(daemon),
    ...storeFamilies(status),
    ...datasetFamilies(status.datasets),
    ...sinkFamilies(status),
    ...countedFamilies(counters),
  ];
}

function daemonFamilies({ upMs, ready, loops }: DaemonFigures): Family[] {
  return [
    gauge('hyp_uptime_seconds', 'Time since this daemon started.', [only(upMs / 1000)]),
    gauge('hyp_ready', '1 when /ready answers 200.', [only(Number(ready))]),
    gauge(
      'hyp_loop_failures',
      'Failures in a row of a loop of this daemon; 0 when its last step went well.',
      loops.map((loop) => ({ labels: { loop: loop.name }, value: loop.failures })),
    ),
  ];
}

function storeFamilies({ disk }: StoreStatus): Family[] {
  const free = disk.freeBytes === undefined ? [] : [only(disk.freeBytes)];
  const refused = Number(disk.appends === 'refused');
  return [
    gauge('hyp_disk_free_bytes', 'Room on the disk of the store.', free),
    gauge('hyp_disk_min_free_bytes', 'disk.minFree: appends are refused below it.', [
      only(disk.minFreeBytes),
    ]),
    gauge('hyp_appends_refused', '1 while the disk has too little room for appends.', [
      only(refused),
    ]),
    gauge('hyp_spool_limit_bytes', 'spool.maxBytes: appends wait beyond it.', [
      only(disk.spoolMaxBytes),
    ]),
  ];
}

function datasetFamilies(datasets: readonly DatasetStatus[]): Family[] {
  const each = (name: string, help: string, value: (it: DatasetStatus) => number | bigint) =>
    gauge(
      name,
      help,
      datasets.map((it) => ({ labels: { dataset: it.name }, value: value(it) })),
    );
  return [
    each('hyp_spool_bytes', 'What is durable in the spool and not yet in the table.', (it) => {
      return it.spoolBytes;
    }),
    each('hyp_spool_rows', 'Rows in the spool and not yet in the table.', (it) => it.spoolRows),
    each('hyp_dataset_rows', 'Rows in the table.', (it) => it.rows),
    each('hyp_dataset_max_seq', 'Largest seq of the table.', (it) => it.maxSeq),
    each('hyp_dataset_files', 'Data files of the current snapshot.', (it) => it.files),
    each('hyp_dataset_bytes', 'Bytes of these files.', (it) => it.bytes),
    each('hyp_dataset_rescued_rows', 'Rows with a value that did not fit its column.', (it) => {
      return it.rescuedRows;
    }),
    each('hyp_dataset_damaged', '1 when the table cannot be read: run hyp check.', (it) =>
      Number(it.problem !== undefined),
    ),
  ];
}

function sinkFamilies({ sinks }: StoreStatus): Family[] {
  const all = sinks.flatMap((sink) =>
    sink.datasets.map((it) => ({ labels: { sink: sink.name, dataset: it.dataset }, it })),
  );
  const each = (value: (it: SinkDatasetStatus) => number | bigint): Sample[] =>
    all.map(({ labels, it }) => ({ labels, value: value(it) }));
  const states = all.flatMap(({ labels, it }) =>
    STATES.map((state) => ({ labels: { ...labels, state }, value: Number(it.state === state) })),
  );
  return [
    gauge(
      'hyp_sink_watermark_seq',
      'Every row up to this seq is at the sink.',
      each((it) => it.watermark),
    ),
    gauge(
      'hyp_sink_lag_rows',
      'Rows of the table that are not at the sink.',
      each((it) => it.lagRows),
    ),
    gauge(
      'hyp_sink_lag_seconds',
      'Age of the oldest of them; 0 when there is none.',
      each((it) => it.lagSeconds),
    ),
    gauge('hyp_sink_state', '1 for the state the sink is in, 0 for the others.', states),
    counter(
      'hyp_sink_exported_rows_total',
      'Rows exported since the sink began; survives restarts.',
      each((it) => it.exportedRows),
    ),
    counter(
      'hyp_sink_declined_rows_total',
      'Rows the destination refused for good.',
      each((it) => it.declinedRows),
    ),
    counter(
      'hyp_sink_lost_rows_total',
      'Rows lost by policy.',
      each((it) => it.lostRows),
    ),
  ];
}

function countedFamilies(counters: Counters): Family[] {
  const times = (action: CountedAction): Sample[] =>
    counters.of(action).map(({ labels, times: value }) => ({ labels, value }));
  const sums = (action: CountedAction, name: string): Sample[] =>
    counters.of(action).map((count) => ({ labels: count.labels, value: count.sums[name] ?? 0 }));
  return [
    counter('hyp_sink_units_total', 'Units this daemon completed.', times('exported')),
    counter('hyp_sink_retries_total', 'Retries this daemon decided on.', times('retry')),
    counter('hyp_flushes_total', 'Flushes with rows, by this daemon.', times('flushed')),
    counter('hyp_commits_total', 'Table commits of its flushes.', sums('flushed', 'commits')),
    counter('hyp_flushed_rows_total', 'Rows its flushes committed.', sums('flushed', 'rows')),
  ];
}

function only(value: number): Sample {
  return { labels: {}, value };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'counter', samples };
}
