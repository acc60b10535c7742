/**
 * Owns: `hyp validate`: everything wrong with the configuration at once, then whether the places it
 * names can be used. Changes nothing.
 * llp/0010
 */
import type { Command } from 'commander';
import { isHypError } from '../../core/errors.ts';
import type { HypError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import { nodeFs } from '../../core/node-fs.ts';
import { describeConfig } from '../../config/describe.ts';
import { probeConfig } from '../../config/probe.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { plain } from '../print.ts';
import type { Run, Task } from '../run.ts';

/** The problems are the result of this command, so they go to stdout. */
async function showProblems(task: Task, error: HypError): Promise<number> {
  const { file, problems } = error.details as { readonly file: Json; readonly problems: Json };
  await task.result(`${error.message}\n`, { valid: false, file, problems, probes: [] });
  return EXIT.badConfig;
}

async function validate(task: Task): Promise<number> {
  let config;
  try {
    config = await task.config();
  } catch (error) {
    if (!isHypError(error, 'E_CONFIG')) throw error;
    return showProblems(task, error);
  }
  const probes = await probeConfig(config, nodeFs, task.world.random);
  const lines = probes.map(
    (probe) => `${probe.what}: ${plain(probe.path)}: ${plain(probe.message)}\n`,
  );
  const file = config.path ?? 'no hyp.yaml, defaults';
  const text = lines.length === 0 ? `${file}: valid\n` : `${file}: valid, but\n${lines.join('')}`;
  await task.result(text, {
    valid: true,
    problems: [],
    probes: probes.map((probe) => ({ ...probe })),
    config: describeConfig(config),
  });
  return lines.length === 0 ? EXIT.ok : EXIT.unavailable;
}

const PAGE = manual({
  about: `
Prints every problem at once, each with line and column, then tries the places the configuration
names. With --json also the configuration in force; values from the environment are not shown.`,
  writes: 'nothing: a probe file in each place is removed again.',
  exits: [
    [69, 'the store or a sink could not be written where it is said to be'],
    [78, 'the configuration has problems'],
  ],
  examples: ['hyp validate', 'hyp validate --config ./site.yaml --json'],
});

export function addValidate(program: Command, run: Run): void {
  program
    .command('validate')
    .description('check the configuration and the places it names; changes nothing')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, validate));
}
