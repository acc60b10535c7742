/**
 * Owns: what the papers promise that no test shows, as functions from files to plain sentences: a
 * limit nobody keeps or meets.
 * llp/0013
 */
import { isShipped } from './tree.ts';
import type { SourceFile } from './tree.ts';

/** A mention in a comment or in the name of a test shows nothing. */
const SAID = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

/** Code without its comments and plain strings. */
export function codeOf(text: string): string {
  return text.replace(SAID, '');
}

function naming(files: readonly SourceFile[], limit: string): SourceFile[] {
  const name = new RegExp(`\\bLIMITS\\.${limit}\\b`);
  return files.filter(({ text }) => name.test(codeOf(text)));
}

/** Limits that no shipped code looks at: they bound nothing. */
export function limitsUnkept(files: readonly SourceFile[], limits: readonly string[]): string[] {
  const shipped = files.filter(({ path }) => isShipped(path) && path !== 'src/core/limits.ts');
  return limits
    .filter((limit) => naming(shipped, limit).length === 0)
    .map((limit) => `LIMITS.${limit} is kept by no code: keep it, or take it out of limits.ts`);
}

/** Limits that no test compares anything with. */
export function limitsUnmet(files: readonly SourceFile[], limits: readonly string[]): string[] {
  const tests = files.filter(
    ({ path }) => /^test\/.*\.test\.ts$/.test(path) && !path.startsWith('test/architecture/'),
  );
  return limits
    .filter((limit) => naming(tests, limit).length === 0)
    .map((limit) => `LIMITS.${limit} is met by no test: reach it, as test/unit/limits does`);
}
