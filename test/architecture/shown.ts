/**
 * Owns: what the papers promise that no test shows, as functions from files to plain sentences: a
 * limit nobody keeps or meets, an error code, state, label or exit status nobody has seen.
 * llp/0013
 */
import { headOf, isShipped } from './tree.ts';
import type { SourceFile } from './tree.ts';

const COMMENTS = /\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g;

/** A mention in a comment or in the name of a test shows nothing. */
const SAID = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

/** Code without its comments and plain strings. */
export function codeOf(text: string): string {
  return text.replace(SAID, '');
}

/** Names of the limits that the code of `files` looks at. */
function limitsNamed(files: readonly SourceFile[]): ReadonlySet<string> {
  const names = files.flatMap(({ text }) => [...codeOf(text).matchAll(/\bLIMITS\.(\w+)/g)]);
  return new Set(names.map(([, name = '']) => name));
}

/** Limits that no shipped code looks at: they bound nothing. */
export function limitsUnkept(files: readonly SourceFile[], limits: readonly string[]): string[] {
  const shipped = files.filter(({ path }) => isShipped(path) && path !== 'src/core/limits.ts');
  const kept = limitsNamed(shipped);
  return limits
    .filter((limit) => !kept.has(limit))
    .map((limit) => `LIMITS.${limit} is kept by no code: keep it, or take it out of limits.ts`);
}

/** Limits that no test compares anything with. */
export function limitsUnmet(files: readonly SourceFile[], limits: readonly string[]): string[] {
  const tests = files.filter(
    ({ path }) => /^test\/.*\.test\.ts$/.test(path) && !path.startsWith('test/architecture/'),
  );
  const met = limitsNamed(tests);
  return limits
    .filter((limit) => !met.has(limit))
    .map((limit) => `LIMITS.${limit} is met by no test: reach it, as test/unit/limits does`);
}

/** Tests that say in their head which paper they are of. */
function testsOf(files: readonly SourceFile[], number: string): string {
  return files
    .filter(({ path }) => /^test\/(?!architecture\/).*\.test\.ts$/.test(path))
    .filter(({ text }) => headOf(text).includes(`llp/${number}`))
    .map(({ text }) => text.replace(COMMENTS, ''))
    .join('\n');
}

/** First cells of the tables whose first column has this heading. */
export function firstCells(paper: string, heading: string): string[] {
  const cells: string[] = [];
  let inside = false;
  for (const line of paper.split('\n')) {
    const cell = /^\|([^|]*)\|/.exec(line)?.[1]?.trim();
    if (cell === undefined) inside = false;
    else if (cell === heading) inside = true;
    else if (inside && !/^-+$/.test(cell)) cells.push(cell);
  }
  return cells;
}

/** `a`, `b` (deep) → a, b */
function wordsOf(cell: string): string[] {
  return cell
    .replace(/\(.*?\)|`/g, '')
    .split(',')
    .map((word) => word.trim());
}

/** Labels of the decision tables in the papers that no test of that paper compares with. */
export function labelsUnseen(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const number = /^llp\/(\d{4})-/.exec(path)?.[1];
    if (number === undefined) return [];
    const labels = firstCells(text, 'label').flatMap(wordsOf);
    if (labels.length === 0) return [];
    const tests = testsOf(files, number);
    return [...new Set(labels)]
      .filter((label) => !new RegExp(`'${label}'|\\b${label}: `).test(tests))
      .map(
        (label) => `${path} has the label "${label}"; no test with llp/${number} in its head does`,
      );
  });
}

/** Error codes without an entry in the one test that makes each of them happen. */
export function codesUnproduced(files: readonly SourceFile[], codes: readonly string[]): string[] {
  const path = 'test/sim/error-codes.test.ts';
  const text = files.find((file) => file.path === path)?.text ?? '';
  return codes
    .filter((code) => !new RegExp(`^ +${code}: `, 'm').test(text))
    .map((code) => `${code} is produced by no test: say in ${path} how it comes about`);
}

/** Error codes that README, changelog or papers speak of and no code raises. */
export function codesUnknown(files: readonly SourceFile[], codes: readonly string[]): string[] {
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\bE_[A-Z_]+\b/g)]
        .filter(([code]) => !codes.includes(code))
        .map(([code]) => `${path} speaks of ${code}, which is no error code`),
    );
}

/** What README says one may see of a sink: states, and the beginnings of reasons. */
export function sightsUnproduced(files: readonly SourceFile[]): string[] {
  const readme = files.find(({ path }) => path === 'README.md')?.text ?? '';
  const tests = files
    .filter(({ path }) => /^test\/(?!architecture\/).*\.test\.ts$/.test(path))
    .map(({ path, text }) => ({ path, text: text.replace(COMMENTS, '') }));
  const states = tests.find(({ path }) => path === 'test/sim/sink-states.test.ts')?.text ?? '';
  return firstCells(readme, 'what you see').flatMap((cell) => {
    const state = /^sink `(\w+)`$/.exec(cell)?.[1];
    if (state !== undefined) {
      const known = new RegExp(`^ +${state}: async`, 'm').test(states);
      return known ? [] : [`README has the state "${state}"; test/sim/sink-states.test.ts has not`];
    }
    if (!cell.startsWith('…')) return [];
    return [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, reason = '']) =>
      tests.some(({ text }) => text.includes(reason))
        ? []
        : [`README tells of "${reason}"; no test sees it`],
    );
  });
}

/** Exit statuses, as the tables of README and llp/0010 have them. */
export function exitStatuses(files: readonly SourceFile[]): { readme: number[]; paper: number[] } {
  const readme = files.find(({ path }) => path === 'README.md')?.text ?? '';
  const paper = files.find(({ path }) => path.startsWith('llp/0010-'))?.text ?? '';
  const cells = (text: string, heading: string): number[] =>
    firstCells(text, heading).flatMap(wordsOf).map(Number);
  return { readme: cells(readme, 'exit'), paper: cells(paper, 'status') };
}

/** Exit statuses no test has seen a real process end with. */
export function exitsUnseen(files: readonly SourceFile[], statuses: readonly number[]): string[] {
  const tests = files
    .filter(({ path }) => /^test\/acceptance\/.*\.test\.ts$/.test(path))
    .map(({ text }) => text.replace(COMMENTS, ''))
    .join('\n');
  return statuses
    .filter((status) => !new RegExp(`code\\b[^\\n]*(?:toBe\\(|: )${status}\\b`).test(tests))
    .map((status) => `no process ends with exit status ${status} in test/acceptance`);
}
