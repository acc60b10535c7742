/**
 * Owns: `hyp backup`: a copy of the store beside whatever works on it.
 * llp/0010, llp/0017
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { formatCount } from '../print.ts';
import type { Run, Task } from '../run.ts';

async function backup(task: Task, dir: string): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const report = await engine.backup(resolve(task.world.cwd, dir));
  const lines = report.datasets.map(
    ({ dataset, maxSeq }) => `${dataset}: rows through seq ${formatCount(maxSeq)}\n`,
  );
  await task.result(`${lines.join('')}backup made in ${report.dir}\n`, {
    dir: report.dir,
    datasets: report.datasets.map((each) => ({ ...each, maxSeq: each.maxSeq.toString() })),
  });
  return EXIT.ok;
}

export function addBackup(program: Command, run: Run): void {
  program
    .command('backup')
    .argument('<dir>', 'a new or empty directory')
    .description('flush, then copy the store consistently beside a running daemon')
    .addHelpText(
      'after',
      '\nA backup is a store: move it to where the store was, or open it with --root.' +
        '\n\nExamples:\n  $ hyp backup ../backup-monday',
    )
    .action((dir: string, _options: object, command: Command) =>
      run(command, (task) => backup(task, dir)),
    );
}
