/**
 * Owns: the package as npm would publish it: what is in it, and that a program and a shell which
 * have nothing else can use it.
 * llp/0016
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, normalize } from 'node:path';
import { PACKAGE_ROOT, ending, inFreshDir, startNode, within } from '../harness.ts';
import { expectEqual, expectMatch } from './expect.ts';

const PROGRAM_LIMIT_MS = 30_000;
/** Every path of the package is one of these. */
const WANTED = [
  /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
  /^dist\/(?:src|storage|state|sinks)\/[\w./-]+\.(?:js|d\.ts|js\.map|d\.ts\.map)$/,
];
const IMPORT = /(?:from|import\()\s*'([^']+)'/g;

interface Packed {
  readonly files: readonly string[];
  /** Where it is unpacked. */
  readonly dir: string;
}

function runQuietly(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** Packs the package, unpacks it below `cwd` and lets it find its dependencies. */
function unpackPackage(cwd: string): Packed {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', cwd];
  const answer = runQuietly('npm', args, PACKAGE_ROOT);
  const [packed] = JSON.parse(answer) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error('npm pack named no package');
  runQuietly('tar', ['-xzf', packed.filename], cwd);
  const dir = join(cwd, 'package');
  symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(dir, 'node_modules'), 'dir');
  return { files: packed.files.map((file) => file.path).sort(), dir };
}

/** What the package holds is what it needs, and says nothing of the machine it was made on. */
export async function contentsFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const { files, dir } = unpackPackage(cwd);
    const held = new Set(files);
    expectEqual(
      'files that do not belong into the package',
      files.filter((path) => !WANTED.some((wanted) => wanted.test(path))),
      [],
    );
    const needed = ['README.md', 'CHANGELOG.md', 'LICENSE', 'dist/src/index.d.ts'];
    expectEqual(
      'files that are missing',
      [...needed, 'dist/src/index.js', 'dist/src/cli/main.js'].filter((path) => !held.has(path)),
      [],
    );
    const telling = files.filter((path) => readFileSync(join(dir, path)).includes(PACKAGE_ROOT));
    expectEqual('files that name a directory of this machine', telling, []);
    expectEqual('imports nothing in the package answers', unanswered(files, dir), []);
    expectMatch(
      'hyp',
      readFileSync(join(dir, 'dist/src/cli/main.js'), 'utf8'),
      /^#!\/usr\/bin\/env node\n/,
    );
  });
}

function unanswered(files: readonly string[], dir: string): string[] {
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'optionalDependencies',
    Record<string, string>
  >;
  const known = new Set([
    ...builtinModules.map((name) => `node:${name}`),
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.optionalDependencies),
  ]);
  const faults: string[] = [];
  for (const path of files.filter((name) => name.endsWith('.js'))) {
    for (const [, name = ''] of readFileSync(join(dir, path), 'utf8').matchAll(IMPORT)) {
      const bare = /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;
      const answered = name.startsWith('.')
        ? existsSync(normalize(join(dir, path, '..', name)))
        : known.has(name) || known.has(bare);
      if (!answered) faults.push(`${path}: ${name}`);
    }
  }
  return faults;
}

const PROGRAM = `
import { batchToRows, HypError, openStore, toSeq } from 'hyp';
const store = await openStore({ root: './data' });
const { rows } = await store.append('events', [{ a: 1, b: 'x' }, { a: 2 }, { a: 3 }]);
await store.tick();
const read = [];
for await (const batch of store.scan('events', { after: toSeq(1) })) read.push(...batchToRows(batch));
await store.close();
let code;
try { await store.append('events', [{ a: 4 }]); } catch (error) {
  if (error instanceof HypError) code = error.code;
}
console.log(JSON.stringify({ rows, read: read.map((row) => row.a), code }));
`;

/** openStore, append, tick, scan, close, from a program that has the unpacked package and no more. */
export async function libraryFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const { dir } = unpackPackage(cwd);
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(dir, join(cwd, 'node_modules/hyp'), 'dir');
    writeFileSync(join(cwd, 'program.mjs'), PROGRAM);
    const running = startNode(['program.mjs'], { cwd });
    const done = await within(PROGRAM_LIMIT_MS, 'the program', running.finished);
    if (done.code !== 0) throw new Error(`the program: ${ending(done)}\n${done.stderr}`);
    expectEqual('what the program saw', JSON.parse(done.stdout), {
      rows: 3,
      read: [2, 3],
      code: 'E_CLOSED',
    });
    const version = startNode([join(dir, 'dist/src/cli/main.js'), '--version'], { cwd });
    expectMatch('hyp --version', (await version.finished).stdout, /^\d+\.\d+\.\d+\n$/);
  });
}
