/**
 * Owns: `hyp sink rename`: another name for a sink that is registered. Nothing at its destination
 * changes, and it can be renamed back: nothing is asked.
 * llp/0010, llp/0022
 */
import type { Command } from 'commander';
import { toSinkName } from '../../core/ids.ts';
import type { SinkName } from '../../core/ids.ts';
import type { RenameReport } from '../../engine/by-hand/report.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import type { Run, Task } from '../run.ts';

function renameText(from: SinkName, to: SinkName, report: RenameReport): string {
  const done = report.changed ? `${from} is ${to} now` : `${from} is ${to} already`;
  const place = `its plans and manifests stay in _hyp/${report.instance}/\n`;
  const next = {
    old: `hyp.yaml still says ${from}: write ${to}, then restart the daemon; nothing is sent until then\n`,
    neither: `hyp.yaml does not have ${to}: its rows are kept until it has\n`,
    new: '',
  }[report.configuredAs];
  return `${done}; ${place}${next}`;
}

async function rename(task: Task, name: string, newName: string): Promise<number> {
  const [sink, to] = [toSinkName(name), toSinkName(newName)];
  const engine = await task.open({ mustExist: true });
  const report = await engine.byHand.rename({ sink, to });
  await task.result(renameText(sink, to, report), { from: sink, sink: to, ...report });
  return EXIT.ok;
}

const RENAME_PAGE = manual({
  about: `
Nothing is sent again and nothing at the destination moves: plans and manifests stay in the directory
of its first name. Write the new name into hyp.yaml before or after; a process that still runs under
the old one is refused from its next step on. A name that a sink once had goes to no other.`,
  writes: 'one version of the registry of sinks; durable when it returns.',
  examples: ['hyp sink rename archive cold-archive'],
});

/** Adds the command below `hyp sink`. */
export function addSinkRename(sink: Command, run: Run): void {
  sink
    .command('rename')
    .argument('<old>', 'its name')
    .argument('<new>', 'a name no sink of this store ever had')
    .description('give a sink another name; it goes on where it is')
    .addHelpText('after', RENAME_PAGE)
    .action((old: string, to: string, _options: object, command: Command) =>
      run(command, (task) => rename(task, old, to)),
    );
}
