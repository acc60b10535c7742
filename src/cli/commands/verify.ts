/**
 * Owns: `hyp verify`: what every sink delivered against what is at its destination, as tiles and
 * findings, each with what to do.
 * llp/0018
 */
import type { Command } from 'commander';
import type { Json } from '../../core/json.ts';
import type {
  SeqRange,
  SinkVerification,
  VerifyFinding,
  VerifyReport,
} from '../../engine/verify/report.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { formatBytes, formatCount, plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';

interface Options {
  readonly deep?: boolean;
}

function rangeText(range: SeqRange | undefined): string {
  return range === undefined ? '' : ` (${range.after}, ${range.through}]`;
}

function findingText({ label, dataset, range, where, what, hint }: VerifyFinding): string {
  const head = `${label}${dataset === undefined ? '' : ` ${plain(dataset)}`}${rangeText(range)}`;
  return `${head}: ${plain(what)}\n  ${plain(where)}\n  ${plain(hint)}\n`;
}

function sinkText(sink: SinkVerification): string {
  const tiles = sink.datasets.flatMap(({ dataset, watermark, openUnit, tiles: own, absent }) => [
    ...own.map(
      (tile) =>
        `  ${dataset} tiles${rangeText(tile)}  ${plural(tile.units, 'unit')}, ` +
        `${plural(tile.objects, 'object')}, ${formatBytes(tile.bytes)}\n`,
    ),
    ...absent.map(
      (range) =>
        `  ${dataset} left out${rangeText(range)}  ${plural(range.rows, 'row')}: ${plain(range.reason)}\n`,
    ),
    ...(openUnit === undefined ? [] : [`  ${dataset} on its way${rangeText(openUnit)}\n`]),
    ...(watermark === undefined ? [] : [`  ${dataset} delivered through ${watermark}\n`]),
  ]);
  const counted = Object.entries(sink.counted).map(
    ([kind, count]) => `${formatCount(count)} ${kind}`,
  );
  const more = sink.found - sink.findings.length;
  const verdict = sink.found === 0 ? 'nothing wrong found' : plural(sink.found, 'finding');
  return [
    `${sink.sink}  ${plain(sink.destination)}\n`,
    ...tiles,
    ...sink.findings.map(findingText),
    ...(more === 0 ? [] : [`… and ${formatCount(more)} more\n`]),
    `${sink.sink}: ${verdict}; looked at ${counted.length === 0 ? 'nothing' : counted.join(', ')}\n`,
  ].join('');
}

function rangeJson(range: SeqRange | undefined): Json {
  if (range === undefined) return null;
  return { after: range.after.toString(), through: range.through.toString() };
}

function findingJson({ range, dataset, ...finding }: VerifyFinding): Json {
  return { ...finding, dataset: dataset ?? null, range: rangeJson(range) };
}

function rangesOf(sink: SinkVerification, label: VerifyFinding['label']): Json {
  const found = sink.findings.filter((finding) => finding.label === label);
  return found.map(({ dataset, range }) => ({ dataset: dataset ?? null, range: rangeJson(range) }));
}

function sinkJson(sink: SinkVerification): Json {
  const foreign = sink.findings.filter(({ label }) =>
    ['extra-object', 'foreign-object'].includes(label),
  );
  return {
    sink: sink.sink,
    destination: sink.destination,
    datasets: sink.datasets.map((each) => ({
      dataset: each.dataset,
      lineage: each.lineage,
      watermark: each.watermark?.toString() ?? null,
      openUnit: rangeJson(each.openUnit),
      absent: each.absent.map(({ why, rows, reason, after, through }) => ({
        after: after.toString(),
        through: through.toString(),
        why,
        rows: Number(rows),
        reason,
      })),
      tiles: each.tiles.map(({ units, rows, objects, bytes, ...range }) => ({
        after: range.after.toString(),
        through: range.through.toString(),
        units,
        rows: Number(rows),
        objects,
        bytes,
      })),
    })),
    holes: rangesOf(sink, 'hole'),
    doubles: rangesOf(sink, 'double'),
    foreign: foreign.map(({ where }) => where),
    findings: sink.findings.map(findingJson),
    found: sink.found,
    counted: { ...sink.counted },
  };
}

function reportText(report: VerifyReport): string {
  if (report.sinks.length === 0) return 'no sinks: add one under `sinks:` in hyp.yaml\n';
  const how = report.deep ? '' : 'sizes only; --deep reads every byte and row\n';
  return report.sinks.map(sinkText).join('\n') + how;
}

async function verify(task: Task, sink: string | undefined, options: Options): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const report = await engine.verify({ sink, deep: options.deep });
  const whole = report.sinks.every(({ found }) => found === 0);
  const { deep } = report;
  await task.result(reportText(report), { ok: whole, deep, sinks: report.sinks.map(sinkJson) });
  return whole ? EXIT.ok : EXIT.failed;
}

const PAGE = manual({
  about: `
Compares receipts, watermarks, rows, plans, manifests and objects: units that tile, holes, doubles
and files that are nobody's. Sizes only, unless --deep. Runs beside a daemon.`,
  writes: 'nothing, neither here nor at the destination.',
  exits: [[1, 'something differs']],
  examples: ['hyp verify', 'hyp verify archive --deep', 'hyp verify --json'],
});

export function addVerify(program: Command, run: Run): void {
  program
    .command('verify')
    .description('compare what was delivered with what is at the destinations; changes nothing')
    .argument('[sink]', 'default: every sink of the configuration')
    .option('--deep', 'read every object and row: sha256, content')
    .addHelpText('after', PAGE)
    .action((sink: string | undefined, options: Options, command: Command) =>
      run(command, (task) => verify(task, sink, options)),
    );
}
