/**
 * Owns: `hyp sink resolve`: a person's choice about a sink that is parked, or whose destination was
 * emptied. Naming the choice is the confirmation; nothing is asked.
 * llp/0010, llp/0017
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import { toDatasetName, toSinkName } from '../../core/ids.ts';
import type { Resolution, ResolveChoice } from '../../engine/api.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { formatCount } from '../print.ts';
import type { Run, Task } from '../run.ts';

const CHOICES: Readonly<Record<ResolveChoice, string>> = {
  restored: 'the store that sent those rows is gone for good: what it sent stays, this one goes on',
  copied: 'it goes on, and so does this one: rows both have are left to it, or sent already',
  delivered: 'what was at the destination, or went out under another name, counts as delivered',
  again: 'everything is sent from the first row, whatever was sent before',
  retry: 'the cause is mended: look again',
};

function choiceOf(options: Readonly<Record<string, unknown>>): ResolveChoice {
  const names = Object.keys(CHOICES) as ResolveChoice[];
  const given = names.filter((name) => options[name] === true);
  const [choice] = given;
  if (choice !== undefined && given.length === 1) return choice;
  throw new HypError('E_USAGE', 'hyp sink resolve needs exactly one choice', {
    hint: `Choose one of ${names.map((name) => `--${name}`).join(', ')}; \`hyp status\` says which fit.`,
  });
}

function lineOf({ sink, dataset, watermark, lineage }: Resolution): string {
  return `${sink} goes on with ${dataset} after seq ${formatCount(watermark)}, lineage ${lineage}\n`;
}

async function resolve(
  task: Task,
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const choice = choiceOf(options);
  const { dataset } = options;
  const only = typeof dataset === 'string' ? toDatasetName(dataset) : undefined;
  const engine = await task.open({ mustExist: true });
  const resolutions = await engine.resolveSink(toSinkName(name), choice, only);
  const json = resolutions.map((each) => ({ ...each, watermark: each.watermark.toString() }));
  await task.result(resolutions.map(lineOf).join(''), json);
  if (choice === 'restored' || choice === 'copied') {
    const { datasets } = await engine.status();
    for (const { name: of, spoolRows } of datasets) {
      if (spoolRows === 0 || !resolutions.some((each) => each.dataset === of)) continue;
      const rows = formatCount(spoolRows);
      task.note(
        `${of}: ${rows} rows are in the spool; if they were when it was copied, both stores send them`,
      );
    }
  }
  return EXIT.ok;
}

const PAGE = manual({
  about: `
Exactly one of --restored, --copied, --delivered, --again and --retry; \`hyp status\` says what the sink
waits for and which of them fit. After --restored and --copied the table goes on under a new lineage,
for all its sinks.`,
  writes: `
the progress of the sink (and the lineage of the table), durable when it returns; nothing that is at
the destination is changed or removed.`,
  exits: [[2, 'the sink waits for nobody, or the choice does not fit']],
  examples: [
    'hyp sink resolve archive --retry',
    'hyp sink resolve archive --restored --dataset requests',
  ],
});

/** Adds the command below `hyp sink`. */
export function addSinkResolve(sink: Command, run: Run): void {
  const command = sink
    .command('resolve')
    .argument('<sink>', 'name of the sink')
    .description('say how a parked sink goes on; hyp status says what it waits for')
    .option('--dataset <name>', 'only this dataset (default: each it is parked for)');
  for (const [name, text] of Object.entries(CHOICES)) command.option(`--${name}`, text);
  command
    .addHelpText('after', PAGE)
    .action((name: string, options: Record<string, unknown>, self: Command) =>
      run(self, (task) => resolve(task, name, options)),
    );
}
