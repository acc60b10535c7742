/**
 * Owns: `hyp dataset list`: the datasets of the store and what they hold; and `hyp dataset drop`.
 * llp/0010, llp/0022
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import { toDatasetName } from '../../core/ids.ts';
import { datasetToJson } from '../../daemon/status-json.ts';
import type { DropReport } from '../../engine/by-hand/report.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { plural } from '../print.ts';
import type { Run, Task } from '../run.ts';
import { datasetTable } from './status.ts';

async function list(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const { datasets } = await engine.status();
  await task.result(datasetTable(datasets), datasets.map(datasetToJson));
  return EXIT.ok;
}

const PAGE = manual({
  about: 'SPOOLED rows are durable and wait for the next flush.',
  writes: 'nothing.',
  examples: ['hyp dataset list', 'hyp dataset list --json'],
});
interface DropOptions {
  readonly abandon?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

function dropText({ dataset, dryRun, rows, spoolRows, neverSent }: DropReport): string {
  const spooled = spoolRows === 0n ? '' : ` and ${plural(spoolRows, 'row')} in the spool`;
  const head = `${dataset} with ${plural(rows, 'row')}${spooled} ${dryRun ? 'would be' : 'is'} dropped`;
  const never = neverSent.map(
    ({ sink, after, through }) =>
      `${sink} ${dryRun ? 'has never got' : 'never got'} rows (${after}, ${through}]\n`,
  );
  return `${head}; what was delivered stays where it is\n${never.join('')}`;
}

function dropJson(report: DropReport) {
  return {
    dataset: report.dataset,
    dryRun: report.dryRun,
    lineage: report.lineage,
    rows: Number(report.rows),
    spoolRows: Number(report.spoolRows),
    neverSent: report.neverSent.map(({ sink, after, through, openUnit }) => ({
      sink,
      after: after.toString(),
      through: through.toString(),
      openUnit,
    })),
  };
}

async function drop(task: Task, name: string, options: DropOptions): Promise<number> {
  const dataset = toDatasetName(name);
  const { abandon, dryRun = false, yes = false } = options;
  const engine = await task.open({ mustExist: true });
  if (!dryRun && !yes) {
    const would = await engine.byHand.drop({ dataset, dryRun: true });
    throw new HypError('E_USAGE', dropText(would).trimEnd().replaceAll('\n', '; '), {
      hint: 'Nothing was changed. Add --yes to do it: its rows are gone then.',
    });
  }
  const report = await engine.byHand.drop({ dataset, abandon, dryRun });
  await task.result(dropText(report), dropJson(report));
  return EXIT.ok;
}

const DROP_PAGE = manual({
  about: `
Flushes what is spooled, then removes the rows of the table. Refused while a sink has rows of it still
to get. Destinations keep what they have; other datasets are not touched. Rows appended later begin a
new dataset of this name, which every sink gets from its first row on.`,
  writes:
    'one more version of the table, without rows; durable when it returns. After a crash, run it again.',
  examples: ['hyp dataset drop requests --dry-run', 'hyp dataset drop requests --abandon --yes'],
});

export function addDataset(program: Command, run: Run): void {
  const dataset = program.command('dataset').description('the datasets of the store');
  dataset
    .command('list')
    .description('datasets and what they hold')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, list));
  dataset
    .command('drop')
    .argument('<dataset>')
    .description('remove a dataset and all its rows from the store')
    .option('--abandon', 'although rows were never sent to a sink')
    .option('--dry-run', 'only say what would be dropped, and which sinks lack rows')
    .option('--yes', 'do it: there is no way back')
    .addHelpText('after', DROP_PAGE)
    .action((name: string, options: DropOptions, command: Command) =>
      run(command, (task) => drop(task, name, options)),
    );
}
