/**
 * Owns: `hyp sink replay` and `hyp sink skip`: rows that are sent once more, and rows that are not to
 * be sent at all.
 * llp/0022
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import { toDatasetName, toSeq, toSinkName } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import type { ReplayReport, SkipReport } from '../../engine/by-hand/report.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { formatBytes, formatCount, plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';

interface ReplayOptions {
  readonly dataset: string;
  readonly after: string;
  readonly through: string;
  readonly dryRun?: boolean;
}

type Counted = ReplayReport['sent'];

function countedText({ objects, rows, bytes }: Counted): string {
  return `${plural(objects, 'object')} with ${plural(rows, 'row')}, ${formatBytes(bytes)}`;
}

const HINTS = {
  unknown: 'Put plan and manifest back from a copy of the destination.',
  damaged: 'Put the file back from a copy of the destination; hyp overwrites nothing.',
  differs: 'hyp overwrites nothing: move it away if it is not yours, then run this again.',
  'rows-gone': 'Put the object back from a copy of the destination.',
  'other-bytes': 'Put the object back from a copy, or run the hyp and Node.js that wrote it.',
} as const satisfies Record<ReplayReport['problems'][number]['label'], string>;

function replayText(report: ReplayReport): string {
  const { sent, there, units, unitFiles, absentRows, problems, found, dryRun } = report;
  const more = found - problems.length;
  return [
    `${dryRun ? 'would send' : 'sent'} ${countedText(sent)}\n`,
    `there already: ${countedText(there)}, in ${plural(units, 'unit')}\n`,
    ...(unitFiles === 0
      ? []
      : [`${dryRun ? 'would put' : 'put'} ${plural(unitFiles, 'unit file')} back\n`]),
    ...(absentRows === 0 ? [] : [`never in an object here: ${plural(absentRows, 'row')}\n`]),
    ...problems.map(
      ({ label, after, through, where, what }) =>
        `not sent, ${label} (${after}, ${through}]: ${plain(what)}\n` +
        (where === undefined ? '' : `  ${plain(where)}\n`) +
        `  ${HINTS[label]}\n`,
    ),
    ...(more === 0 ? [] : [`… and ${formatCount(more)} more\n`]),
  ].join('');
}

function replayJson(report: ReplayReport): Json {
  return {
    dryRun: report.dryRun,
    ok: report.found === 0,
    units: report.units,
    sent: { ...report.sent },
    there: { ...report.there },
    unitFiles: report.unitFiles,
    absentRows: report.absentRows,
    problems: report.problems.map(({ after, through, where, label, what }) => ({
      label,
      after: after.toString(),
      through: through.toString(),
      where: where ?? null,
      what,
      hint: HINTS[label],
    })),
    found: report.found,
  };
}

async function replay(task: Task, sink: string, options: ReplayOptions): Promise<number> {
  const request = {
    sink: toSinkName(sink),
    dataset: toDatasetName(options.dataset),
    after: toSeq(options.after),
    through: toSeq(options.through),
    dryRun: options.dryRun,
  };
  const engine = await task.open({ mustExist: true });
  const report = await engine.byHand.replay(request);
  await task.result(replayText(report), replayJson(report));
  return report.found === 0 ? EXIT.ok : EXIT.failed;
}

interface SkipOptions {
  readonly dataset: string;
  readonly through: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

function skipText(sink: string, dataset: string, report: SkipReport): string {
  const { dryRun, skippedRows, deliveredRows, from, watermark } = report;
  const first =
    deliveredRows === 0n
      ? ''
      : `${plural(deliveredRows, 'row')} of a unit on its way ${dryRun ? 'would be' : 'were'} delivered first\n`;
  if (dryRun) {
    return `${first}${plural(skippedRows, 'row')} of ${dataset} after seq ${from + deliveredRows} would never be sent to ${sink}\n`;
  }
  const what =
    skippedRows === 0n
      ? `nothing of ${dataset} was skipped`
      : `${plural(skippedRows, 'row')} of ${dataset} are not sent to ${sink}`;
  return `${first}${what}; ${sink} goes on after seq ${watermark}\n`;
}

async function skip(task: Task, name: string, options: SkipOptions): Promise<number> {
  const [sink, dataset] = [toSinkName(name), toDatasetName(options.dataset)];
  const through = toSeq(options.through);
  const dryRun = options.dryRun === true;
  const engine = await task.open({ mustExist: true });
  if (!dryRun && options.yes !== true) {
    const would = await engine.byHand.skip({ sink, dataset, through, dryRun: true });
    throw new HypError('E_USAGE', skipText(sink, dataset, would).trimEnd().replace('\n', '; '), {
      hint: 'Nothing was changed. Add --yes to decide it: there is no way back.',
    });
  }
  const report = await engine.byHand.skip({ sink, dataset, through, dryRun });
  await task.result(skipText(sink, dataset, report), {
    sink,
    dataset,
    dryRun,
    from: report.from.toString(),
    watermark: report.watermark.toString(),
    skippedRows: Number(report.skippedRows),
    deliveredRows: Number(report.deliveredRows),
  });
  return EXIT.ok;
}

const REPLAY_PAGE = manual({
  about: `
For files that were lost at the destination. Every unit that touches rows (N, M] is looked at: what is
there and right is left, what is gone is put back under its old name with its old bytes, and anything
else under such a name is named, never overwritten. The sink itself goes on where it was.`,
  writes: 'the missing objects, plans and manifests at the destination; durable when it returns.',
  exits: [[1, 'something could not be put back; it is named']],
  examples: [
    'hyp sink replay archive --dataset requests --after 0 --through 1000 --dry-run',
    'hyp sink replay archive --dataset requests --after 0 --through 1000',
  ],
});

const SKIP_PAGE = manual({
  about: `
Rows after the watermark of the sink, up to seq M, are never sent to it. A unit that is on its way is
delivered first. The rows stay in the table, and other sinks get them. There is no way back.`,
  writes: `
the decision: a version of the sink's progress record, and a manifest at the destination; durable when
it returns.`,
  examples: [
    'hyp sink skip archive --dataset requests --through 1150 --dry-run',
    'hyp sink skip archive --dataset requests --through 1150 --yes',
  ],
});

/** Adds the two commands below `hyp sink`. */
export function addSinkByHand(sink: Command, run: Run): void {
  sink
    .command('replay')
    .argument('<sink>', 'name of the sink')
    .description('send delivered rows once more whose files are gone from the destination')
    .requiredOption('--dataset <name>', 'the dataset')
    .requiredOption('--after <seq>', 'rows above this one')
    .requiredOption('--through <seq>', 'up to and with this one')
    .option('--dry-run', 'only say what would be sent')
    .addHelpText('after', REPLAY_PAGE)
    .action((name: string, options: ReplayOptions, command: Command) =>
      run(command, (task) => replay(task, name, options)),
    );
  sink
    .command('skip')
    .argument('<sink>', 'name of the sink')
    .description('never send rows to a sink that it has not got yet')
    .requiredOption('--dataset <name>', 'the dataset')
    .requiredOption('--through <seq>', 'all rows not yet sent, up to and with this one')
    .option('--dry-run', 'only say what would be skipped')
    .option('--yes', 'do it: there is no way back')
    .addHelpText('after', SKIP_PAGE)
    .action((name: string, options: SkipOptions, command: Command) =>
      run(command, (task) => skip(task, name, options)),
    );
}
