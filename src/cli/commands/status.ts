/**
 * Owns: `hyp status`: datasets, sinks, how far each is behind, and what to do about a parked one.
 * llp/0010
 */
import type { Command } from 'commander';
import type { DatasetStatus, SinkStatus, StoreStatus } from '../../engine/api.ts';
import { statusToJson } from '../../daemon/status-json.ts';
import { EXIT } from '../exit-codes.ts';
import { formatBytes, formatCount, formatSeconds, plain, table } from '../print.ts';
import type { Run, Task } from '../run.ts';

const right = (title: string) => ({ title, align: 'right' }) as const;
const left = (title: string) => ({ title });

/** The datasets as a table for people, and below it why one cannot be read. */
export function datasetTable(datasets: readonly DatasetStatus[]): string {
  if (datasets.length === 0) return 'no datasets yet: hyp append <dataset>\n';
  const problems = datasets.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${name}: ${plain(problem)}\n`],
  );
  const lines = table(
    [
      left('DATASET'),
      right('ROWS'),
      right('MAX SEQ'),
      right('FILES'),
      right('SIZE'),
      right('SPOOLED'),
    ],
    datasets.map((dataset) => [
      dataset.name,
      formatCount(dataset.rows),
      formatCount(dataset.maxSeq),
      formatCount(dataset.files),
      formatBytes(dataset.bytes),
      formatCount(dataset.spoolRows),
    ]),
  );
  return lines + (problems.length === 0 ? '' : `\n${problems.join('')}`);
}

/** The sinks, a line for each of their datasets, and below it what stands in the way of one. */
export function sinkTable(sinks: readonly SinkStatus[]): string {
  if (sinks.length === 0) return 'no sinks: add one under `sinks:` in hyp.yaml\n';
  const lines = sinks.flatMap((sink) => {
    const name = [sink.name, sink.type];
    if (sink.datasets.length === 0) return [[...name, sink.state, '-', '0', '0', '', '0']];
    return sink.datasets.map((it) => [
      ...name,
      it.state,
      it.dataset,
      formatCount(it.watermark),
      formatCount(it.lagRows),
      it.lagRows === 0n ? '' : formatSeconds(it.lagSeconds),
      formatCount(it.exportedRows),
    ]);
  });
  const columns = [
    left('SINK'),
    left('TYPE'),
    left('STATE'),
    left('DATASET'),
    right('WATERMARK'),
    right('BEHIND'),
    right('FOR'),
    right('EXPORTED'),
  ];
  const problems = sinks.flatMap((sink) =>
    sink.datasets
      .filter((it) => it.lastError !== undefined)
      .map((it) => `${sink.name} ${it.dataset}: ${plain(it.lastError ?? '')}\n`),
  );
  return table(columns, lines) + (problems.length === 0 ? '' : `\n${problems.join('')}`);
}

function statusText(status: StoreStatus): string {
  return `store ${status.root}\n\n${datasetTable(status.datasets)}\n${sinkTable(status.sinks)}`;
}

async function showStatus(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const status = await engine.status();
  await task.result(statusText(status), statusToJson(status));
  return status.datasets.some(({ problem }) => problem !== undefined) ? EXIT.failed : EXIT.ok;
}

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('datasets, sinks and how far each sink is behind')
    .addHelpText('after', '\nExamples:\n  $ hyp status\n  $ hyp status --json | jq .sinks')
    .action((_options: object, command: Command) => run(command, showStatus));
}
