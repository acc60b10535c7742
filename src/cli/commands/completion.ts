/**
 * Owns: `hyp completion SHELL`, the script a shell loads, and the hidden `hyp complete -- <words…>`,
 * which the script asks at every press of the Tab key: it says what it can find and never complains.
 * llp/0010
 */
import { Argument } from 'commander';
import type { Command } from 'commander';
import { nodeFs } from '../../core/node-fs.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { SCRIPTS, SHELLS } from '../completion-scripts.ts';
import type { Shell } from '../completion-scripts.ts';
import { placeOf } from '../completion.ts';
import type { Place, Word } from '../completion.ts';
import { plain } from '../print.ts';
import type { Run, Task } from '../run.ts';

interface Known {
  readonly datasets: readonly string[];
  readonly sinks: readonly string[];
}

/** Names of the configuration and of the store, as far as they can be read. */
async function knownNames(task: Task, given: Place['given']): Promise<Known> {
  const { cwd, env } = task.world;
  const { loadConfig } = await import('../../config/load.ts');
  const { storeNames } = await import('../../engine/names.ts');
  const config = await loadConfig({ ...given, cwd, env });
  const store = await storeNames(nodeFs, config.root);
  const declared = [...(config.declared?.keys() ?? [])].filter((name) => name !== '*');
  const configured = config.sinks.map(({ name }) => String(name));
  return {
    datasets: [...new Set([...declared, ...store.datasets])],
    sinks: [...new Set([...configured, ...store.sinks])],
  };
}

async function wordsOf(task: Task, { wanted, given }: Place): Promise<readonly Word[]> {
  if (wanted.kind === 'words') return wanted.words;
  if (wanted.kind !== 'datasets' && wanted.kind !== 'sinks') return [];
  try {
    const about = wanted.kind.slice(0, -1);
    return (await knownNames(task, given))[wanted.kind].map((word) => ({ word, about }));
  } catch {
    // A configuration that cannot be read has commands of its own that say so.
    return [];
  }
}

async function complete(task: Task, program: Command, words: readonly string[]): Promise<number> {
  const place = placeOf(program, words);
  const found = await wordsOf(task, place);
  const kind = ['files', 'directories'].includes(place.wanted.kind) ? place.wanted.kind : 'words';
  const lines = found
    .filter(({ word }) => word.startsWith(place.begun))
    .map(({ word, about }) => `${word}\t${plain(about)}\n`);
  await task.world.stdout.write([`:${kind}\n`, ...lines].join(''));
  return EXIT.ok;
}

async function completion(task: Task, shell: Shell): Promise<number> {
  await task.result(SCRIPTS[shell], { shell, script: SCRIPTS[shell] });
  return EXIT.ok;
}

const PAGE = manual({
  about: `
Commands, options, choices, the datasets and sinks of the store that is meant, and file names where
files are expected. For this shell only: source <(hyp completion bash), in zsh too; in fish
hyp completion fish | source. For every shell put the script where its first line says.`,
  writes: 'nothing; the script goes to stdout.',
  examples: ['hyp completion bash', 'hyp completion fish --json'],
});

export function addCompletion(program: Command, run: Run): void {
  program
    .command('completion')
    .description('print the script that completes hyp at the Tab key')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', PAGE)
    .action((shell: Shell, _options: object, command: Command) =>
      run(command, (task) => completion(task, shell)),
    );
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[], _options: object, command: Command) =>
      run(command, (task) => complete(task, program, words)),
    );
}
