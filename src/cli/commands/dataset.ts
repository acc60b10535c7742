/**
 * Owns: `hyp dataset list`: the datasets of the store and what they hold.
 * llp/0010
 */
import type { Command } from 'commander';
import { datasetToJson } from '../../daemon/status-json.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
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

export function addDataset(program: Command, run: Run): void {
  program
    .command('dataset')
    .description('the datasets of the store')
    .command('list')
    .description('datasets and what they hold')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, list));
}
