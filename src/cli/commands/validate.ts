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

const HELP = `
Exit status 78: the configuration has problems, each with line and column; 69: the store or a sink
could not be written where it is said to be.

Examples:
  $ hyp validate
  $ hyp validate --config ./site.yaml --json`;

export function addValidate(program: Command, run: Run): void {
  program
    .command('validate')
    .description('check the configuration and the places it names; changes nothing')
    .addHelpText('after', HELP)
    .action((_options: object, command: Command) => run(command, validate));
}
