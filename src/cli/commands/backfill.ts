/**
 * Owns: `hyp backfill`: files, directories and globs into a table, with progress, stoppable.
 * What is committed stays; the same command again goes on from there.
 * llp/0010
 */
import { Option } from 'commander';
import type { Command } from 'commander';
import { INPUT_FORMATS } from '../../engine/backfill/report.ts';
import type {
  BackfillFileReport,
  BackfillReport,
  InputFormat,
} from '../../engine/backfill/report.ts';
import { isHypError } from '../../core/errors.ts';
import { signalExitCode } from '../../daemon/signals.ts';
import type { StopSignal } from '../../daemon/signals.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { expandInputs } from '../inputs.ts';
import { formatBytes, plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';
import { stopOnSignal } from '../stop.ts';
import { followFiles } from './backfill-follow.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly again?: boolean;
  readonly follow?: boolean;
  readonly format?: InputFormat;
  readonly workers?: string;
}

function fileLine(file: BackfillFileReport, dryRun: boolean): string {
  const name = plain(file.path);
  switch (file.outcome) {
    case 'added': {
      const added = `${plural(file.rows, 'row')}${dryRun ? ' would be' : ''} added`;
      return `${name}: ${added} (${formatBytes(file.bytes)})\n`;
    }
    case 'unchanged':
      return `${name}: all in already\n`;
    case 'same-bytes':
      return `${name}: skipped, the same bytes came from ${plain(file.firstPath ?? 'another path')}\n`;
    case 'failed':
      return `${name}: not read to its end, ${plural(file.rows, 'row')}${dryRun ? ' would be' : ''} added\n`;
  }
}

function reportText(report: BackfillReport, dryRun: boolean): string {
  const lines = report.files.map((file) => fileLine(file, dryRun));
  const files = plural(report.files.length, 'file');
  const rows = `${plural(report.rows, 'row')}${dryRun ? ' would be' : ''} added`;
  return `${lines.join('')}${report.dataset}: ${rows} from ${files}\n`;
}

function reportJson(report: BackfillReport, dryRun: boolean) {
  return {
    dataset: report.dataset,
    dryRun,
    rows: report.rows,
    rejected: report.rejected,
    rejectsPath: report.rejectsPath ?? null,
    files: report.files.map((file) => ({
      ...file,
      firstPath: file.firstPath ?? null,
      problem:
        file.problem === undefined ? null : { ...file.problem, hint: file.problem.hint ?? null },
      unfinished: file.unfinished ?? null,
    })),
  };
}

const SHOWN_UNFINISHED = 10;
const SHOWN_FAILED = 10;

function noteUnfinished(task: Task, report: BackfillReport): void {
  const left = report.files.filter((file) => file.unfinished !== undefined);
  for (const { path, unfinished } of left.slice(0, SHOWN_UNFINISHED)) {
    const line = unfinished?.line ?? 0;
    task.note(
      `hyp: ${plain(path)}: line ${line}, the last one, has no end and is not a whole row: it was left`,
    );
  }
  const more = left.length - SHOWN_UNFINISHED;
  if (more > 0) task.note(`hyp: … and the last line of ${plural(more, 'other file')}`);
  if (left.length === 0) return;
  task.note('hyp: run it again once the rest is written; add a line feed to have it rejected');
}

function noteFailed(task: Task, failed: readonly BackfillFileReport[]): void {
  for (const { path, problem } of failed.slice(0, SHOWN_FAILED)) {
    task.note(`hyp: ${plain(problem?.message ?? `${path}: not read to its end`)}`);
    if (problem?.hint !== undefined) task.note(`hint: ${problem.hint}`);
  }
  const more = failed.length - SHOWN_FAILED;
  if (more > 0) task.note(`hyp: … and ${plural(more, 'other file')}`);
  if (failed.length === 0) return;
  const files = plural(failed.length, 'file');
  task.note(`hyp: ${files} not read to the end; all other files are in`);
}

function exitOf(task: Task, report: BackfillReport): number {
  noteUnfinished(task, report);
  const failed = report.files.filter((file) => file.outcome === 'failed');
  noteFailed(task, failed);
  if (report.rejected > 0) {
    const where = report.rejectsPath === undefined ? '' : `; see ${report.rejectsPath}`;
    task.note(`hyp: ${plural(report.rejected, 'line')} rejected${where}`);
    return EXIT.badInput;
  }
  if (failed.length > 0) return EXIT.badInput;
  if (!report.files.some((file) => file.outcome === 'same-bytes')) return EXIT.ok;
  task.note('hyp: files with the same bytes were skipped; --again loads them');
  return EXIT.sameBytes;
}

async function backfill(
  task: Task,
  dataset: string,
  named: readonly string[],
  options: Options,
): Promise<number> {
  if (options.follow === true) return followFiles(task, dataset, named, options);
  const files = await expandInputs(named, task.world.cwd);
  const dryRun = options.dryRun === true;
  const engine = await task.open({ mustExist: dryRun });
  const stop = stopOnSignal(task);
  const { showProgress } = await import('../progress.ts');
  const progress = showProgress(task);
  try {
    const report = await engine.backfill(dataset, files, {
      dryRun,
      again: options.again,
      format: options.format,
      workers: options.workers === undefined ? undefined : Number(options.workers || NaN),
      signal: stop.signal,
      onProgress: progress.show,
    });
    progress.end();
    const exitCode = exitOf(task, report);
    await task.result(reportText(report, dryRun), reportJson(report, dryRun));
    return stop.stoppedBy() === undefined ? exitCode : stoppedExit(task, stop.stoppedBy());
  } catch (error) {
    progress.end();
    // What failed while it was stopping is no end that was asked for.
    if (!isHypError(error, 'E_UNAVAILABLE') || error.details['stopped'] !== true) throw error;
    return stoppedExit(task, stop.stoppedBy());
  } finally {
    stop.unsubscribe();
  }
}

function stoppedExit(task: Task, signal: StopSignal | undefined): number {
  task.note(
    'hyp: stopped. What was committed stays; run the same command again to go on from there.',
  );
  return signalExitCode(signal ?? 'SIGINT');
}

const PAGE = manual({
  about: `
Reads NDJSON (.ndjson, .jsonl), CSV and TSV with a header, and JSON arrays (.json, told from NDJSON
by the first byte), each also packed (.gz, .zst), and Parquet (.parquet, .pq). Directories are
walked for these; globs may be quoted: * ** ? [abc] {a,b}. CSV values are text unless the table has
a typed column of that name.
A killed backfill goes on where it stopped, a repeated one adds nothing, a grown file adds its tail.
With --follow it goes on until SIGINT or SIGTERM (exit status 0), through rotation by rename or by
copy and truncate: name app.log, and app.log.1 or app-2026-11-21.log beside it are read too.
A Parquet file that was written again is another file: all its rows are added.
Large files are parsed by a worker thread; the rows are the same for any number of --workers.
Ctrl-C stops after the commit under way; a second one leaves at once, which is as safe.`,
  writes: `
the table, commit by commit; each is durable with the position in its file before the next begins.
Rejected lines go to rejects/ of the store, durable before the commit that passes them.`,
  exits: [
    [4, 'a file was skipped: its very bytes are in already from another path'],
    [65, 'lines were rejected or files not readable: named on stderr, all others are in'],
    [130, 'stopped by Ctrl-C; what was committed stays, run it again to go on'],
  ],
  examples: [
    'hyp backfill requests ./logs',
    "hyp backfill requests 'logs/2026-*/*.ndjson.gz' --dry-run",
    'hyp backfill sales export.txt --format csv',
    'hyp backfill requests ./logs --workers 1',
    'hyp backfill requests ./app.ndjson --follow',
  ],
});

export function addBackfill(program: Command, run: Run): void {
  program
    .command('backfill')
    .description('load files into a dataset; repeatable and resumable')
    .argument('<dataset>', 'it is made by its first row')
    .argument('<input...>', 'files, directories, globs')
    .option('--dry-run', 'read everything, store nothing, say what would be added')
    .option('--again', 'load a file although its very bytes are in already')
    .option('--workers <n>', 'threads beside this one; default: by cores and memory')
    .option('--follow', 'go on reading what grows, until Ctrl-C or SIGTERM')
    .addOption(
      new Option('--format <format>', 'of all files (default: of each by its name)').choices(
        INPUT_FORMATS,
      ),
    )
    .addHelpText('after', PAGE)
    .action((dataset: string, inputs: string[], options: Options, command: Command) =>
      run(command, (task) => backfill(task, dataset, inputs, options)),
    );
}
