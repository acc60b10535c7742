/**
 * Owns: `hyp status`: datasets, sinks, how far each is behind, and what to do about a parked one.
 * llp/0010
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import type { DatasetStatus, Engine, SinkStatus, StoreStatus } from '../../engine/api.ts';
import { statusToJson } from '../../daemon/status-json.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
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

/** Empty unless the disk stands in somebody's way. */
function diskLine({ disk }: StoreStatus): string {
  if (disk.appends === 'taken') return '';
  const free = formatBytes(disk.freeBytes ?? 0);
  const least = formatBytes(disk.minFreeBytes);
  return `appends are refused: ${free} free on its disk, disk.minFree is ${least}\n`;
}

function statusText(status: StoreStatus): string {
  return `store ${status.root}\n${diskLine(status)}\n${datasetTable(status.datasets)}\n${sinkTable(status.sinks)}`;
}

interface Options {
  readonly watch?: string | true;
}

/** Home, and what is below it cleared: the lines change in place. */
const CLEAR = '\u001b[H\u001b[J';
const WATCH_SECONDS = '2';
const MAX_WATCH_SECONDS = 86_400;

function watchMs(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= MAX_WATCH_SECONDS) return seconds * 1000;
  throw new HypError('E_USAGE', `not a number of seconds: ${JSON.stringify(text)}`, {
    hint: 'Use 0.1 to 86400, as in `hyp status --watch 5`.',
  });
}

interface Shown {
  readonly exitCode: number;
  /** False: whoever looked has gone away. */
  readonly taken: boolean;
}

async function show(task: Task, engine: Engine, before: string): Promise<Shown> {
  const status = await engine.status();
  const taken = await task.result(before + statusText(status), statusToJson(status));
  const bad = status.datasets.some(({ problem }) => problem !== undefined);
  return { exitCode: bad ? EXIT.failed : EXIT.ok, taken };
}

/** Shows the status again and again until Ctrl-C; the exit status is that of the last one shown. */
async function showStatus(task: Task, options: Options): Promise<number> {
  const { watch } = options;
  const everyMs = watch === undefined ? undefined : watchMs(watch === true ? WATCH_SECONDS : watch);
  const engine = await task.open({ mustExist: true });
  if (everyMs === undefined) return (await show(task, engine, '')).exitCode;
  const { clock, signals, stdout } = task.world;
  const ended = new AbortController();
  const unsubscribe = signals.subscribe(() => {
    ended.abort();
  });
  try {
    for (;;) {
      const { exitCode, taken } = await show(task, engine, stdout.isTty ? CLEAR : '');
      if (!taken) return exitCode;
      await clock.sleep(everyMs, ended.signal);
      if (ended.signal.aborted) return exitCode;
    }
  } finally {
    unsubscribe();
  }
}

const PAGE = manual({
  about: `
BEHIND is rows in the table that the sink does not have, FOR how long the oldest of them waits. With
--watch and --json each look is one line.`,
  writes: 'nothing.',
  exits: [
    [0, 'done; with --watch: Ctrl-C'],
    [1, 'a dataset cannot be read'],
  ],
  examples: ['hyp status', 'hyp status --json', 'hyp status --watch 5'],
});

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('datasets, sinks and how far each sink is behind')
    .option(
      '--watch [seconds]',
      `show it again every so many seconds (default ${WATCH_SECONDS}) until Ctrl-C`,
    )
    .addHelpText('after', PAGE)
    .action((options: Options, command: Command) =>
      run(command, (task) => showStatus(task, options)),
    );
}
