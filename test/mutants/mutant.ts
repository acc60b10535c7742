/**
 * Owns: what a seeded bug is, and one trial of it: a private copy of the tree, the bug in it, and what
 * the suites that must notice said. The work tree is never touched.
 * llp/0013
 */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runVitest } from '../support/child-vitest.ts';
import type { SuiteRun } from '../support/child-vitest.ts';
import { ROOT } from '../architecture/tree.ts';

/** A bug somebody could make, as the smallest change of the code. */
export interface Mutant {
  /** What is wrong with the code then: "the directory is not fsynced after a commit". */
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly text: string;
  readonly becomes: string;
  /** A quick suite that must fail: a test file, and which tests of it where all would take long. */
  readonly killedBy: string;
  readonly tests?: RegExp | undefined;
}

/** A file written as createSynced writes it, but for the fsync. */
export const unsynced = (fs: string, path: string, bytes: string): string =>
  `const unsafe = await ${fs}.create(${path});
    await unsafe.write(${bytes});
    await unsafe.close();`;

export type Verdict =
  | { readonly kind: 'killed'; readonly by: string }
  | { readonly kind: 'survived'; readonly ran: number }
  /** The suite could not say: it ran no test, did not load, or did not end. */
  | { readonly kind: 'untried'; readonly why: string };

/** What the suites need of the tree. */
const COPIED = [
  ...['src', 'storage', 'state', 'sinks', 'test'],
  ...['package.json', 'tsconfig.json', 'vitest.config.ts'],
];

/** The tree in a directory of its own. One trial at a time. */
export class Copy {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** A copy in the new directory `dir`; its owner removes it. */
  static async make(dir: string): Promise<Copy> {
    await mkdir(dir);
    for (const name of COPIED) await cp(join(ROOT, name), join(dir, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    return new Copy(dir);
  }

  /** Puts the bug in, runs the suite that must notice, and takes the bug out again. */
  async try(mutant: Mutant): Promise<Verdict> {
    const path = join(this.#dir, mutant.file);
    const whole = await readFile(path, 'utf8');
    await writeFile(path, mutated(whole, mutant));
    try {
      return verdictOf(await this.run([mutant.killedBy], mutant.tests));
    } finally {
      await writeFile(path, whole);
    }
  }

  run(files: readonly string[], tests?: RegExp): Promise<SuiteRun> {
    return runVitest(this.#dir, { files, tests, bail: true });
  }
}

/** The file with the bug; throws when its text is no longer there once. */
export function mutated(whole: string, { name, file, text, becomes }: Mutant): string {
  const times = whole.split(text).length - 1;
  if (times !== 1) throw new Error(`"${name}": its text is ${times} times in ${file}, not once`);
  return whole.replace(text, () => becomes);
}

export function verdictOf(run: SuiteRun): Verdict {
  if (run.kind === 'broken') return { kind: 'untried', why: run.why };
  const [by] = run.failed;
  if (by !== undefined) return { kind: 'killed', by };
  if (run.passed === 0) return { kind: 'untried', why: 'no test ran' };
  return { kind: 'survived', ran: run.passed };
}
