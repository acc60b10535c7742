/** What `hyp --help` and the README promise is what the built command does. llp/0010 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT_MEANINGS } from '../../src/cli/exit-codes.ts';
import { hyp } from '../support/cli.ts';
import { helpPages, makeSite, runExample } from '../support/examples.ts';
import type { HelpPage, Site } from '../support/examples.ts';
import { tempDir } from '../support/tmp.ts';

const pages = await helpPages();
const commands = pages.filter(({ command }) => command !== 'hyp');

/** Verbs that begin in an empty directory. */
const FROM_NOTHING = ['hyp', 'hyp init'];
/** Printed by the command, not by hyp. */
const PIPED = /\|(?! hyp\b)[^|]*$/;

interface Outcome {
  readonly example: string;
  readonly wrong: string;
}

/** stdout as JSON lines; what is wrong with them, if anything. */
function jsonProblem(stdout: string): string | undefined {
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return 'nothing on stdout';
  const broken = lines.find((line) => {
    try {
      JSON.parse(line);
      return false;
    } catch {
      return true;
    }
  });
  return broken === undefined ? undefined : `not JSON: ${broken}`;
}

async function problemOf(site: Site, example: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await runExample(site, example);
  if (code !== 0) return `exit ${code ?? 'by a signal'}: ${stdout}${stderr}`;
  if (stdout === '') return 'says nothing on stdout';
  return example.includes('--json') && !PIPED.test(example) ? jsonProblem(stdout) : undefined;
}

/** The examples of a page, and one with --json if none of them has it. */
function linesOf({ command, examples }: HelpPage): string[] {
  const plain = examples.find((example) => !PIPED.test(example));
  const told = examples.some((example) => example.includes('--json'));
  return told || plain === undefined || command === 'hyp'
    ? [...examples]
    : [...examples, `${plain} --json`];
}

async function tryPage(site: Site, page: HelpPage): Promise<readonly Outcome[]> {
  const how = FROM_NOTHING.includes(page.command) ? 'empty' : 'prepared';
  const outcomes: Outcome[] = [];
  for (const [at, example] of linesOf(page).entries()) {
    // The one that was added stands for itself.
    if (at === 0 || at >= page.examples.length) await site.begin(how);
    outcomes.push({ example, wrong: (await problemOf(site, example)) ?? '' });
  }
  return outcomes;
}

/** Two at a time: that is how many cores there are. */
async function tryAll(): Promise<Outcome[]> {
  const queue = [...pages];
  const outcomes: Outcome[] = [];
  const lane = async (base: string): Promise<void> => {
    const site = await makeSite(base);
    for (let page = queue.shift(); page !== undefined; page = queue.shift()) {
      outcomes.push(...(await tryPage(site, page)));
    }
  };
  await Promise.all([lane(await tempDir()), lane(await tempDir())]);
  return outcomes;
}

test('every command has a page: purpose, what it writes, exit status, examples, --json', () => {
  expect(commands.length).toBeGreaterThanOrEqual(18);
  for (const { command, text, examples } of pages) {
    expect(text, command).toMatch(/^Exit status:$/m);
    expect(text, command).toMatch(/^ +--json +/m);
    expect(examples.length, command).toBeGreaterThan(0);
    expect(text.match(/^ *\$ /gm)?.length, `${command}: examples stand below Examples:`).toBe(
      examples.length,
    );
    if (command === 'hyp') continue;
    expect(text, command).toMatch(/^Writes:\n {2}\S/m);
    for (const example of examples) expect(example).toContain(command);
  }
});

test('every example runs as it is printed, and every command speaks JSON', async () => {
  const outcomes = await tryAll();
  expect(outcomes.filter(({ wrong }) => wrong !== '')).toEqual([]);
  expect(outcomes.length).toBe(pages.flatMap(linesOf).length);
  expect(outcomes.length).toBeGreaterThanOrEqual(40);
  const speaking = outcomes.filter(({ example }) => example.includes('--json'));
  expect(speaking.length).toBeGreaterThanOrEqual(commands.length);
});

test('the built command prints these pages', async () => {
  const cwd = await tempDir();
  const printed = await hyp(['sink', 'resolve', '--help'], { cwd });
  const page = pages.find(({ command }) => command === 'hyp sink resolve');
  expect(printed).toMatchObject({ code: 0, stderr: '', stdout: page?.text });
});

test('exit statuses are the same in hyp --help, the README and llp/0010', async () => {
  const listed = EXIT_MEANINGS.map(([status, meaning]) => [String(status), meaning]);
  const help = pages.find(({ command }) => command === 'hyp')?.text ?? '';
  const root = join(import.meta.dirname, '../..');
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const paper = await readFile(join(root, 'llp/0010-config-and-commands.md'), 'utf8');
  const found = (text: string, row: RegExp): (string | undefined)[][] =>
    [...text.matchAll(row)].map((match) => [match[1], match[2]]);
  expect(listed.length).toBe(10);
  expect(found(help, /^ {2}(\d+) {2,}(.+)$/gm)).toEqual(listed);
  expect(found(readme, /^\| (\d+) \| (.+) \|$/gm)).toEqual(listed);
  expect(found(paper, /^\| (\d+) \| (.+) \|$/gm)).toEqual(listed);
  const known = new Set(listed.map(([status]) => status));
  for (const { command, text } of commands) {
    const [, own = ''] = /^Exit status:\n((?: {2}.+\n)+)/m.exec(text) ?? [];
    const statuses = [...own.matchAll(/^ {2}(\d+) /gm)].map((match) => match[1]);
    expect(statuses.length, command).toBeGreaterThan(0);
    for (const status of statuses) expect(known, `${command}: ${status ?? ''}`).toContain(status);
  }
});
