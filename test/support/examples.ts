/**
 * Owns: the examples of every command's `--help`, and the directory in which they run as printed.
 *
 * What an example may count on (the convention; a new command keeps to it, or adds to it here):
 * | name | what is there |
 * | `hyp` | on PATH, the built command; `sh`, `echo`, `tail` and the like; nothing that is installed apart |
 * | `requests` | a dataset with 1,200 rows {path, ms}; 1,100 of them are delivered to each sink |
 * | `archive` | the sink of ./hyp.yaml, into ./exports |
 * | `old` | a sink that is registered, and not in ./hyp.yaml any more |
 * | `./site.yaml` | another configuration, with a store of its own |
 * | `./logs` | a directory with log files |
 * | any other name of a .ndjson, .jsonl, .json, .csv, .tsv file, also .gz, also a glob | is made, two rows each |
 * | `../…` | the parent directory is empty, but for this one |
 * The examples of one command run one after another in one such directory, but for those of BEFORE,
 * which need a state of their own. Those that go on until they are told to stop (ENDLESS) get SIGTERM
 * once they have said something on stdout, or on stderr that they are following.
 * llp/0013
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { openStore } from '../../src/index.ts';
import type { Run } from '../../src/cli/run.ts';
import type { Finished } from './cli.ts';

const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const PROGRAM = new URL('../../dist/src/cli/program.js', import.meta.url).href;
const ENDLESS = /^hyp daemon\b|--watch\b|--follow\b/;
const NAMED_FILE = /(?<=^|[\s'"])[\w./*-]+\.(ndjson|jsonl|json|csv|tsv|txt)(?:\.gz)?(?=$|[\s'"])/g;

/** One command without commands below it, or `hyp` itself: how it is called and what its help says. */
export interface HelpPage {
  readonly command: string;
  readonly text: string;
  readonly examples: readonly string[];
}

function pageOf(command: Command, name: string): HelpPage {
  let text = '';
  command.configureOutput({ writeOut: (more) => void (text += more) });
  command.outputHelp();
  const [, listed = ''] = text.split(/^Examples:$/m);
  const examples = [...listed.matchAll(/^ {2}\$ (.+)$/gm)].map((match) => match[1] ?? '');
  return { command: name, text, examples };
}

function leaves(command: Command, name: string): [Command, string][] {
  if (command.commands.length === 0) return [[command, name]];
  const below = command.createHelp().visibleCommands(command);
  return below
    .filter((it) => it.name() !== 'help')
    .flatMap((it) => leaves(it, `${name} ${it.name()}`));
}

/** The page of `hyp --help` and of every command that does something, from the built program. */
export async function helpPages(): Promise<HelpPage[]> {
  const built = (await import(PROGRAM)) as { buildProgram: (run: Run) => Command };
  const program = built.buildProgram(async () => undefined);
  return [[program, 'hyp'] as [Command, string], ...leaves(program, 'hyp')].map(([command, name]) =>
    pageOf(command, name),
  );
}

const CONFIG = `root: ./hyp-data
sinks:
  archive: { type: fs, path: ./exports }
daemon: { http: "127.0.0.1:0" }
`;
const WITH_OLD = CONFIG.replace('sinks:', 'sinks:\n  old: { type: fs, path: ./old }');

function requests(from: number, count: number): { path: string; ms: number }[] {
  return Array.from({ length: count }, (_, at) => ({ path: `/${from + at}`, ms: at % 100 }));
}

async function withStore(
  config: string,
  work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<unknown>,
): Promise<void> {
  const store = await openStore({ config });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

/** A directory for examples, in a parent of its own. */
export interface Site {
  readonly cwd: string;
  readonly path: string;
  /** Makes it as at the start of an example: of the table above, or empty. */
  begin(how: 'prepared' | 'empty'): Promise<void>;
}

const KEPT = '.kept';
const BIN = '.bin';

/** A site in `base`, which must be empty. It is prepared once, and copied back to where it was made. */
export async function makeSite(base: string): Promise<Site> {
  const [bin, cwd, kept] = [join(base, BIN), join(base, 'site'), join(base, KEPT)];
  await mkdir(bin);
  const script = `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`;
  await writeFile(join(bin, 'hyp'), script, { mode: 0o755 });
  await mkdir(cwd);
  await prepare(cwd);
  await rename(cwd, kept);
  return {
    cwd,
    path: `${bin}:${process.env['PATH'] ?? ''}`,
    begin: async (how) => {
      for (const name of await readdir(base)) {
        if (name !== KEPT && name !== BIN) await rm(join(base, name), { recursive: true });
      }
      if (how === 'empty') await mkdir(cwd);
      else await cp(kept, cwd, { recursive: true });
    },
  };
}

async function prepare(cwd: string): Promise<void> {
  const at = (name: string): string => join(cwd, name);
  await writeFile(at('hyp.yaml'), WITH_OLD);
  await withStore(at('hyp.yaml'), async (store) => {
    await store.append('requests', requests(1, 1_100));
    await store.tick();
    await store.append('requests', requests(1_101, 100));
    await store.flush();
  });
  await writeFile(at('hyp.yaml'), CONFIG);
  await writeFile(at('site.yaml'), CONFIG.replaceAll(/\.\/(?=hyp-data|exports)/g, './site-'));
  await mkdir(at('logs'));
  await writeFile(at('logs/monday.ndjson'), '{"path":"/monday","ms":1}\n');
}

function contentOf(name: string, ending: string): string {
  const rows = requests(1, 2).map((row) => ({ ...row, path: `${name}${row.path}` }));
  if (ending === 'csv' || ending === 'txt') return `item,price\n${name},1\nother,2\n`;
  if (ending === 'tsv') return `item\tprice\n${name}\t1\nother\t2\n`;
  if (ending === 'json') return JSON.stringify(rows);
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Makes the files an example names, where there are none. */
async function makeNamedFiles(site: Site, example: string): Promise<void> {
  for (const [glob, ending = ''] of example.matchAll(NAMED_FILE)) {
    const name = glob.replaceAll(/\*+/g, '01');
    const path = join(site.cwd, name);
    await mkdir(dirname(path), { recursive: true });
    const text = contentOf(name, ending);
    await writeFile(path, name.endsWith('.gz') ? gzipSync(text) : text, { flag: 'wx' }).catch(
      (error: unknown) => {
        if ((error as { code?: string }).code !== 'EEXIST') throw error;
      },
    );
  }
}

/** Two stores with one past send to one destination: the first one parks. */
async function fork(site: Site): Promise<void> {
  await site.begin('prepared');
  const at = (name: string): string => join(site.cwd, name);
  await cp(at('hyp-data'), at('twin'), { recursive: true });
  await writeFile(at('twin.yaml'), CONFIG.replace('./hyp-data', './twin'));
  for (const [config, from] of [['twin.yaml', 5_000] as const, ['hyp.yaml', 6_000] as const]) {
    await withStore(at(config), async (store) => {
      await store.append('requests', requests(from, 10));
      await store.tick();
    });
  }
}

/** A person moved what a sink delivered. */
async function moveFiles(site: Site): Promise<void> {
  await site.begin('prepared');
  await rename(join(site.cwd, 'exports'), join(site.cwd, 'moved'));
  await writeFile(join(site.cwd, 'hyp.yaml'), CONFIG.replace('./exports', './moved'));
}

/** What must have happened before some examples make sense. */
const BEFORE: readonly (readonly [RegExp, (site: Site) => Promise<void>])[] = [
  [/^hyp sink resolve/, fork],
  [/^hyp sink move/, moveFiles],
];

/** Runs one example with a shell, as it is printed. */
export async function runExample(site: Site, example: string): Promise<Finished> {
  for (const [pattern, first] of BEFORE) if (pattern.test(example)) await first(site);
  await makeNamedFiles(site, example);
  const endless = ENDLESS.test(example);
  const child = spawn('sh', ['-c', endless ? `exec ${example}` : example], {
    cwd: site.cwd,
    env: { PATH: site.path, HOME: site.cwd },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk: string) => (text[name] += chunk));
  }
  if (endless) {
    child.stdout.once('data', () => child.kill('SIGTERM'));
    child.stderr.on('data', (said: string) => {
      if (said.includes('following')) child.kill('SIGTERM');
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, ...text });
    });
  });
}
