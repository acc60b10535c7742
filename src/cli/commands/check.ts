/**
 * Owns: `hyp check`: the findings of the engine's proof of a store, each with what to do.
 * llp/0010
 */
import type { Command } from 'commander';
import type { CheckReport } from '../../engine/api.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { formatCount, plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';

function reportText(report: CheckReport): string {
  const findings = report.findings.map(
    ({ where, what, hint }) => `${plain(where)}: ${plain(what)}\n  ${plain(hint)}\n`,
  );
  const counted = Object.entries(report.counted).map(
    ([kind, count]) => `${formatCount(count)} ${kind}`,
  );
  const verdict =
    findings.length === 0 ? 'nothing wrong found' : plural(findings.length, 'finding');
  return `${findings.join('')}${verdict}; looked at ${counted.join(', ')}\n`;
}

async function check(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const report = await engine.check();
  await task.result(reportText(report), {
    ok: report.findings.length === 0,
    findings: report.findings.map((finding) => ({ ...finding })),
    counted: { ...report.counted },
  });
  return report.findings.length === 0 ? EXIT.ok : EXIT.failed;
}

const PAGE = manual({
  about: `
Reads every record, frame, manifest and data file and proves checksums, counts and sequence numbers.
Each finding says which file and what to run. For what was delivered: hyp verify.`,
  writes: 'nothing.',
  exits: [[1, 'something is wrong']],
  examples: ['hyp check', 'hyp check --json'],
});

export function addCheck(program: Command, run: Run): void {
  program
    .command('check')
    .description('read and prove everything the store refers to; changes nothing')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, check));
}
