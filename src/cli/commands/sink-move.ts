/**
 * Owns: `hyp sink move`: a destination whose files a person moved. Without `--moved` it says what it
 * found and changes nothing.
 * llp/0010, llp/0022
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import { toSinkName } from '../../core/ids.ts';
import type { MoveReport } from '../../engine/by-hand/report.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';

interface MoveOptions {
  readonly moved?: boolean;
}

function moveText(report: MoveReport): string {
  const { name, from, to, label, missing } = report;
  if (label === 'here') return `${name} is at ${to} already\n`;
  if (label === 'stay') return `${name} goes on at ${to}; the move that was begun is given up\n`;
  const gone =
    missing === 0 ? '' : `; ${plural(missing, 'object')} there no more, all in manifests`;
  return `${name} goes on at ${to}${gone}; what is at ${from} is not touched any more\n`;
}

function asked({ name, from, to, reasons }: MoveReport): HypError {
  const what = `${name} is registered for ${from}, hyp.yaml says ${to}`;
  if (reasons.length === 0) {
    return new HypError('E_USAGE', `${what}: all it delivered is proven to be there`, {
      hint: `Nothing was changed. If you moved its files there, \`hyp sink move ${name} --moved\`.`,
    });
  }
  const list = reasons.map((reason) => `\n  ${plain(reason)}`).join('');
  return new HypError('E_REFUSED', `${what}, which is not what it delivered:${list}`, {
    hint: `Nothing was changed. Copy the whole old destination there and run it again; put the old path back; or give the new place a sink of its own name, which gets every row.`,
  });
}

async function move(task: Task, name: string, options: MoveOptions): Promise<number> {
  const sink = toSinkName(name);
  const engine = await task.open({ mustExist: true });
  if (options.moved !== true) {
    const would = await engine.byHand.move({ sink, dryRun: true });
    if (would.label === 'ask') throw asked(would);
  }
  const report = await engine.byHand.move({ sink });
  const { from, to, label, missing } = report;
  await task.result(moveText(report), { sink, from, to, label, missing });
  return EXIT.ok;
}

const MOVE_PAGE = manual({
  about: `
Move the files first, with _hyp-owner.json and every _hyp directory, then write the new path into
hyp.yaml. The sink goes on there only when every plan and manifest of what it delivered is there, with
the same rows; whoever still has the old path is refused. Nothing is sent again. The prefix stays.
Without --moved it says what it finds and changes nothing. With the old path back in hyp.yaml it gives
up a move that was stopped.`,
  writes:
    'versions of the registry and of the progress records of the sink; durable when it returns.',
  exits: [
    [1, 'what is there is not what was delivered; nothing was changed'],
    [2, 'all is there: say --moved'],
  ],
  examples: ['hyp sink move archive --moved'],
});

/** Adds the command below `hyp sink`. */
export function addSinkMove(sink: Command, run: Run): void {
  sink
    .command('move')
    .argument('<sink>', 'name of the sink')
    .description('go on at another path, to which its files were moved')
    .option('--moved', 'they were: go on there, if it is so')
    .addHelpText('after', MOVE_PAGE)
    .action((name: string, options: MoveOptions, command: Command) =>
      run(command, (task) => move(task, name, options)),
    );
}
