/**
 * Owns: `hyp sink list`: the configured sinks, where they export to and how they stand.
 * llp/0010
 */
import type { Command } from 'commander';
import { sinkToJson } from '../../daemon/status-json.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../print.ts';
import type { Run, Task } from '../run.ts';

async function list(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const { sinks } = await engine.status();
  const columns = ['SINK', 'TYPE', 'STATE', 'DESTINATION'].map((title) => ({ title }));
  const text = table(
    columns,
    sinks.map((sink) => [sink.name, sink.type, sink.state, sink.destination]),
  );
  await task.result(
    sinks.length === 0 ? 'no sinks: add one under `sinks:` in hyp.yaml\n' : text,
    sinks.map((sink) => Object.assign({}, sinkToJson(sink), { destination: sink.destination })),
  );
  return EXIT.ok;
}

export function addSink(program: Command, run: Run): void {
  program
    .command('sink')
    .description('the sinks rows are exported to')
    .command('list')
    .description('sinks, their state and destination')
    .addHelpText('after', '\nExamples:\n  $ hyp sink list\n  $ hyp sink list --json')
    .action((_options: object, command: Command) => run(command, list));
}
