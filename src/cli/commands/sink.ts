/**
 * Owns: `hyp sink list`: the sinks, where they export to and how they stand; and what a person does to
 * one: `pause`, `resume`, `forget`.
 * llp/0010
 */
import type { Command } from 'commander';
import { sinkToJson } from '../../daemon/status-json.ts';
import { toSinkName } from '../../core/ids.ts';
import type { SinkChange, SinkChangeReport } from '../../engine/sink-commands.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { plural, table } from '../print.ts';
import type { Run, Task } from '../run.ts';
import { addSinkByHand } from './sink-by-hand.ts';
import { addSinkMove } from './sink-move.ts';
import { addSinkRename } from './sink-rename.ts';
import { addSinkResolve } from './sink-resolve.ts';

async function list(task: Task): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const { sinks } = await engine.status();
  const columns = ['SINK', 'TYPE', 'STATE', 'DESTINATION'].map((title) => ({ title }));
  const text = table(
    columns,
    sinks.map((sink) => [sink.name, sink.type, sink.state, sink.destination]),
  );
  const configured = new Set(engine.sinkNames());
  const left = (await engine.registeredSinks()).filter((name) => !configured.has(name));
  const notes = left.map((name) => `${name} is not in hyp.yaml and still holds its rows back\n`);
  await task.result(
    (sinks.length === 0 ? 'no sinks: add one under `sinks:` in hyp.yaml\n' : text) + notes.join(''),
    sinks.map((sink) => Object.assign({}, sinkToJson(sink), { destination: sink.destination })),
  );
  return EXIT.ok;
}

const DONE = {
  pause: 'paused; what is on its way is finished, rows are kept for it',
  resume: 'goes on',
  forget: 'forgotten; it holds no rows back any more, its destination stays as it is',
} as const;
const ALREADY = { pause: 'is paused', resume: 'is not paused', forget: 'is forgotten' } as const;

function changeText({ sink, verb }: SinkChange, report: SinkChangeReport): string {
  if (!report.changed) return `${sink} ${ALREADY[verb]} already\n`;
  const rows = report.unsentRows === 0n ? '' : `; ${plural(report.unsentRows, 'row')} never sent`;
  return `${sink} ${verb === 'resume' ? '' : 'is '}${DONE[verb]}${rows}\n`;
}

async function change(task: Task, asked: SinkChange): Promise<number> {
  const engine = await task.open({ mustExist: true });
  const report = await engine.changeSink(asked);
  await task.result(changeText(asked, report), {
    sink: asked.sink,
    verb: asked.verb,
    changed: report.changed,
    unsentRows: Number(report.unsentRows),
  });
  return EXIT.ok;
}

function addChange(
  parent: Command,
  run: Run,
  texts: { readonly verb: SinkChange['verb']; readonly about: string; readonly page: string },
): Command {
  const { verb, about, page } = texts;
  return parent
    .command(verb)
    .description(about)
    .argument('<sink>', 'as in `hyp sink list`')
    .addHelpText('after', page)
    .action((name: string, options: { readonly abandon?: boolean }, command: Command) =>
      run(command, (task) => {
        const { abandon } = options;
        return change(task, { verb, sink: toSinkName(name), abandon });
      }),
    );
}

const LIST_PAGE = manual({
  about: 'Also names sinks that are not in hyp.yaml any more and still hold their rows back.',
  writes: 'nothing.',
  examples: ['hyp sink list', 'hyp sink list --json'],
});

const PAUSE_PAGE = manual({
  about: `
Every process obeys from its next step on; a unit that is being delivered is finished. Rows are kept
for the sink as long as it is paused.`,
  writes: 'the registry of sinks, durable when it returns; paused already is success.',
  exits: [[2, 'no such sink']],
  examples: ['hyp sink pause archive'],
});

const RESUME_PAGE = manual({
  about: 'Goes on with the unit that was open, then with what is new: a daemon within seconds.',
  writes: 'the registry of sinks, durable when it returns; not paused is success.',
  exits: [[2, 'no such sink']],
  examples: ['hyp sink resume archive'],
});

const FORGET_PAGE = manual({
  about: `
For a sink that is no longer in hyp.yaml: retention need not wait for it any more. Its record and its
destination stay; under the same name and destination it can come back and goes on where it was.`,
  writes: 'the registry of sinks, durable when it returns; forgotten already is success.',
  exits: [
    [1, 'rows were never sent to it: nothing was changed; --abandon gives them up'],
    [2, 'no such sink, or it is in hyp.yaml still'],
  ],
  examples: ['hyp sink forget old --abandon'],
});

export function addSink(program: Command, run: Run): void {
  const sink = program.command('sink').description('the sinks rows are exported to');
  addSinkResolve(sink, run);
  addSinkByHand(sink, run);
  addSinkRename(sink, run);
  addSinkMove(sink, run);
  sink
    .command('list')
    .description('sinks, their state and destination')
    .addHelpText('after', LIST_PAGE)
    .action((_options: object, command: Command) => run(command, list));
  const [pause, resume] = ['send nothing to a sink for now', 'go on with a paused sink'];
  addChange(sink, run, { verb: 'pause', about: pause, page: PAUSE_PAGE });
  addChange(sink, run, { verb: 'resume', about: resume, page: RESUME_PAGE });
  const about = 'keep no rows for a sink any more';
  addChange(sink, run, { verb: 'forget', about, page: FORGET_PAGE }).option(
    '--abandon',
    'although rows were never sent to it',
  );
}
