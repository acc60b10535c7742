/** The scripts of `hyp completion`, in the shells themselves. llp/0010 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { SCRIPTS, SHELLS } from '../../src/cli/completion-scripts.ts';
import type { Shell } from '../../src/cli/completion-scripts.ts';
import { hyp } from '../support/cli.ts';
import { makeSite } from '../support/examples.ts';
import type { Site } from '../support/examples.ts';
import { tempDir } from '../support/tmp.ts';

const PATH = process.env['PATH'] ?? '';
const installed = SHELLS.filter((shell) =>
  PATH.split(':').some((dir) => existsSync(join(dir, shell))),
);

/** Prints what the shell offers for each command line, words of a line on one line of output. */
const ASK: Readonly<Record<Shell, (line: readonly string[]) => string>> = {
  bash: (line) =>
    `COMP_WORDS=(${quoted(line)}); COMP_CWORD=${line.length - 1}; _hyp hyp; echo "\${COMPREPLY[@]}"`,
  zsh: (line) => `words=(${quoted(line)}); CURRENT=${line.length}; _hyp; echo`,
  fish: (line) =>
    `complete -C "${line.join(' ')}" | string replace -r '\\t.*' '' | string join ' '`,
};
/** The parts of zsh that only a terminal has. */
const ZSH_STUBS = `compdef() { : }
_files() { print -n -- files "$@" }
_describe() { print -n -- "\${(@)\${(@P)2}%%:*}" }
`;

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(' ');
}

async function offers(shell: Shell, site: Site, lines: readonly string[]): Promise<string[]> {
  const script = join(site.cwd, '..', `completion.${shell}`);
  await writeFile(script, SCRIPTS[shell]);
  const asked = lines.map((line) => ASK[shell](line.split(' ')));
  const text = `${shell === 'zsh' ? ZSH_STUBS : ''}. ${script}\n${asked.join('\n')}\n`;
  const { stdout } = await promisify(execFile)(shell, ['-c', text], {
    cwd: site.cwd,
    env: { PATH: site.path, HOME: site.cwd },
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
}

const LINES = ['hyp bac', 'hyp sink pa', 'hyp sink pause ', 'hyp cat ', 'hyp append requests si'];

test('shells that are here complete commands, sinks, datasets and files', async () => {
  const site = await makeSite(await tempDir());
  await site.begin('prepared');
  const tried: Shell[] = [];
  for (const shell of installed) {
    const [verbs, below, sinks, datasets, files] = await offers(shell, site, LINES);
    expect(verbs?.split(' ').sort(), shell).toEqual(['backfill', 'backup']);
    expect(below, shell).toBe('pause');
    expect(sinks?.split(' ').sort(), shell).toEqual(['archive', 'old']);
    expect(datasets, shell).toBe('requests');
    // How zsh lists files is its own affair.
    expect(files, shell).toMatch(shell === 'zsh' ? /^files$/ : /\bsite\.yaml$/);
    tried.push(shell);
  }
  const missing = SHELLS.filter((shell) => !tried.includes(shell));
  if (missing.length > 0) console.info(`completion: not installed here: ${missing.join(', ')}`);
  expect(tried).toContain('bash');
  expect(tried).toEqual(installed);
});

test('a configuration that cannot be read completes what needs none, and says nothing', async () => {
  const cwd = await tempDir();
  await writeFile(join(cwd, 'hyp.yaml'), 'sinks: [');
  const names = await hyp(['complete', '--', 'cat', ''], { cwd });
  expect(names).toMatchObject({ code: 0, stdout: ':words\n', stderr: '' });
  const script = await hyp(['completion', 'bash'], { cwd });
  expect(script).toMatchObject({ code: 0, stdout: SCRIPTS.bash, stderr: '' });
});
