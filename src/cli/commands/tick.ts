/**
 * Owns: `hyp tick`: everything that can be done now, once, and what came of it.
 * llp/0010
 */
import type { Command } from 'commander';
import type { ExportReport, FlushReport, TickReport } from '../../engine/api.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { plain, plural } from '../print.ts';
import { errorText } from '../run.ts';
import type { Run, Task } from '../run.ts';

function flushLine(report: FlushReport): string {
  return `${report.dataset}: ${plural(report.rows, 'row')} flushed, through ${report.maxSeq}\n`;
}

function exportLine(report: ExportReport): string {
  const done = `${plural(report.rows, 'row')} exported in ${plural(report.units, 'unit')}`;
  const problem = report.problem === undefined ? '' : `, ${report.state}: ${plain(report.problem)}`;
  return `${report.sink} ${report.dataset}: ${done}, watermark ${report.watermark}${problem}\n`;
}

function reportText(report: TickReport): string {
  const flushes = report.flushed.filter((flush) => flush.rows > 0);
  const exports = report.exported.filter((it) => it.units > 0 || it.problem !== undefined);
  const lines = [...flushes.map(flushLine), ...exports.map(exportLine)];
  return lines.length === 0 ? 'nothing to do\n' : lines.join('');
}

function reportJson(report: TickReport) {
  return {
    flushed: report.flushed.map((flush) => ({ ...flush, maxSeq: flush.maxSeq.toString() })),
    exported: report.exported.map((it) => ({
      ...it,
      watermark: it.watermark.toString(),
      problem: it.problem ?? null,
    })),
    failures: report.failures.map(({ what, error }) => ({ what, message: error.message })),
  };
}

/** A parked sink needs a person; one that waits for a retry needs only another tick. */
function exitOf(report: TickReport): number {
  const failure = report.failures[0];
  if (failure !== undefined) return exitCodeOf(failure.error);
  if (report.exported.some((it) => it.state === 'parked')) return EXIT.failed;
  return report.exported.some((it) => it.state === 'retrying') ? EXIT.tryAgain : EXIT.ok;
}

async function tick(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const report = await engine.tick();
  for (const { what, error } of report.failures) {
    task.note(`${what}: ${errorText(error, false).trimEnd()}`);
  }
  await task.result(reportText(report), reportJson(report));
  return exitOf(report);
}

const PAGE = manual({
  about:
    'Does not wait for flush delays or rotation ages. Made for cron, and for scripts beside a daemon.',
  writes: `
what the spool holds into the tables, what is new to every sink. What it reports is durable, here
and at the destination.`,
  exits: [
    [1, 'a sink is parked, or a dataset failed'],
    [75, 'a sink waits for a retry: run it again'],
  ],
  examples: ['hyp tick', 'hyp tick --json'],
});

export function addTick(program: Command, run: Run): void {
  program
    .command('tick')
    .description('flush and export everything that can be done now, then return')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, tick));
}
