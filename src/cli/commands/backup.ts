/**
 * Owns: `hyp backup`: a copy of the store beside whatever works on it.
 * llp/0010, llp/0017
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
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

const PAGE = manual({
  about: `
A backup is a store: move it to where the store was, or open it with --root. A sink that was restored
with an older store parks and says so: hyp sink resolve.`,
  writes: `
DIR, durable when it returns, and a flush of the store itself. Killed half way it leaves a directory
that is no store: remove it and run it again.`,
  exits: [[2, 'the directory is not empty']],
  examples: ['hyp backup ../backup-monday'],
});

export function addBackup(program: Command, run: Run): void {
  program
    .command('backup')
    .argument('<dir>', 'a new or empty directory')
    .description('flush, then copy the store consistently beside a running daemon')
    .addHelpText('after', PAGE)
    .action((dir: string, _options: object, command: Command) =>
      run(command, (task) => backup(task, dir)),
    );
}
