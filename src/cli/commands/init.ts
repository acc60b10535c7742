/**
 * Owns: `hyp init [DIR]`: a commented hyp.yaml, if there is none, and the store it names.
 * A crash leaves the file without the store, or both; running it again makes what is missing.
 * llp/0010
 */
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { mkdirDurable } from '../../core/durable-fs.ts';
import { HypError } from '../../core/errors.ts';
import { nodeFs } from '../../core/node-fs.ts';
import { DEFAULTS } from '../../config/config.ts';
import { CONFIG_FILE, loadConfig } from '../../config/load.ts';
import { configTemplate } from '../config-template.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import type { Run, Task } from '../run.ts';

const FILE_MODE = 0o600;

/** `mkdir -p`, each new name durable in its parent. */
async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  let base = path;
  for (;;) {
    const found = await nodeFs.stat(base);
    if (found?.kind === 'directory') break;
    if (found !== undefined) throw new HypError('E_USAGE', `not a directory: ${base}`);
    missing.unshift(base.slice(base.lastIndexOf('/') + 1));
    base = dirname(base);
  }
  await mkdirDurable(nodeFs, base, ...missing);
}

function nextSteps(dir: string, cwd: string): string {
  const there = relative(cwd, dir);
  const cd = there === '' ? '' : `  cd ${there}\n`;
  return `
Next:
${cd}  echo '{"hello":"world"}' | hyp append events
  hyp tick                # rows are in ./exports now, each once
  hyp daemon              # or continuously
`;
}

async function init(task: Task, directory: string | undefined): Promise<number> {
  const { cwd, env } = task.world;
  const dir = resolve(cwd, directory ?? '.');
  const file =
    task.given.config === undefined ? join(dir, CONFIG_FILE) : resolve(cwd, task.given.config);
  await makeDirectory(dirname(file));
  const madeFile = (await nodeFs.stat(file)) === undefined;
  if (madeFile) {
    const root = task.given.root === undefined ? DEFAULTS.root : resolve(cwd, task.given.root);
    const { default: writeFileAtomic } = await import('write-file-atomic');
    await writeFileAtomic(file, configTemplate(root), { mode: FILE_MODE });
  }
  const config = await loadConfig({ config: file, root: task.given.root, cwd, env });
  await makeDirectory(dirname(config.root));
  const madeStore = (await nodeFs.stat(join(config.root, 'store.json'))) === undefined;
  const engine = await task.openWith(config, { mustExist: false });
  const say = (made: boolean, what: string) => `${made ? 'made' : 'found'} ${what}\n`;
  await task.result(
    say(madeFile, file) + say(madeStore, `the store ${engine.root}`) + nextSteps(dir, cwd),
    { config: file, root: engine.root, made: { config: madeFile, store: madeStore } },
  );
  return EXIT.ok;
}

const PAGE = manual({
  about: 'What is there already stays as it is; run again, it makes what is missing.',
  writes:
    'hyp.yaml (mode 0600), the store it names, and the directories above; durable when it returns.',
  exits: [[78, 'the hyp.yaml that is there has problems']],
  examples: ['hyp init', 'hyp init ./site'],
});

export function addInit(program: Command, run: Run): void {
  program
    .command('init')
    .description('make a store and a commented hyp.yaml in a directory')
    .argument('[dir]', 'directory of hyp.yaml (default: here)')
    .addHelpText('after', PAGE)
    .action((dir: string | undefined, _options: object, command: Command) =>
      run(command, (task) => init(task, dir)),
    );
}
