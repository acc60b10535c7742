/**
 * Owns: the rules of the house that no other tool checks, as functions from files to violations,
 * so that each is shown to fail on a text that breaks it.
 * llp/0013
 */
import { headOf, isShipped, isTest } from './tree.ts';
import type { SourceFile } from './tree.ts';

export const FILE_LINES_MAX = 400;
export const TEST_LINES_MAX = 600;

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

export function tooLong(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    if (!isShipped(path) && !isTest(path)) return [];
    const lines = lineCount(text);
    const max = isTest(path) ? TEST_LINES_MAX : FILE_LINES_MAX;
    return lines > max ? [`${path} has ${lines} lines, ${max} are allowed`] : [];
  });
}

function linesMatching(files: readonly SourceFile[], pattern: RegExp, what: string): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        pattern.test(line) ? [`${path}:${at + 1} ${what}: ${line.trim()}`] : [],
      ),
  );
}

/** Tests that do not run, or that keep others from running. */
export function skippedTests(files: readonly SourceFile[]): string[] {
  const tests = files.filter(({ path }) => isTest(path));
  return linesMatching(
    tests,
    /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|only|todo)\b|\bx(?:it|describe|test)\(|\bf(?:it|describe)\(/,
    'skipped',
  );
}

export function leftOpen(files: readonly SourceFile[]): string[] {
  return linesMatching(files, /\b(?:T[O]DO|F[I]XME|X{3})\b/, 'left open');
}

/** A catch that hides every error in silence. */
export function swallowedErrors(files: readonly SourceFile[]): string[] {
  const shipped = files.filter(({ path }) => isShipped(path));
  return linesMatching(shipped, /catch\s*(?:\([^)]*\))?\s*\{\s*\}/, 'error swallowed');
}

/** Paths of one machine have no place in the tree. */
export function machinePaths(files: readonly SourceFile[]): string[] {
  return linesMatching(files, /(?:^|[\s"'`(=])\/(?:Users|root|work)\/[a-z]/, 'machine path');
}

/** Values re-exported outside src/index.ts: the package has one barrel. */
export function barrels(files: readonly SourceFile[]): string[] {
  const others = files.filter(({ path }) => isShipped(path) && path !== 'src/index.ts');
  return linesMatching(others, /^export\s+(?:\*|\{[^}]*\})\s+from\b/, 're-export');
}

export function lockfileAddresses(lockfile: string): string[] {
  return lockfile
    .split('\n')
    .flatMap((line, at) => (line.includes('"resolved"') ? [`line ${at + 1}: ${line.trim()}`] : []));
}

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export function inexactVersions(packageJson: string): string[] {
  const parsed = JSON.parse(packageJson) as PackageJson;
  const all = { ...parsed.dependencies, ...parsed.devDependencies, ...parsed.optionalDependencies };
  return Object.entries(all)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} ${version} is not one exact version`);
}

const LISTED_PATH =
  /(?<=^|[\s`(])(?:(?:src|storage|state|sinks|test|smoke|bench|\.ci)\/[\w./-]*[\w/]|[\w.]+\.(?:ts|js|json))(?=$|[\s`),:;])/g;

/** Files and folders (with a `/` at the end) under "Code:" of a paper. */
export function codePaths(paper: string): string[] {
  const section = /^(?:#+ )?Code:?[ \t]*$([\s\S]*?)(?=^#|(?![\s\S]))/m.exec(paper)?.[1] ?? '';
  return [...section.matchAll(LISTED_PATH)].map((match) => match[0]);
}

interface Paper {
  readonly path: string;
  readonly number: string;
  readonly code: readonly string[];
}

const PAPER = /^llp\/(\d{4})-[a-z0-9-]+\.md$/;

function papersOf(files: readonly SourceFile[]): Paper[] {
  return files.flatMap(({ path, text }) => {
    const number = PAPER.exec(path)?.[1];
    return number === undefined ? [] : [{ path, number, code: codePaths(text) }];
  });
}

function covers(entry: string, path: string): boolean {
  return entry === path || (entry.endsWith('/') && path.startsWith(entry));
}

function mentions(text: string): string[] {
  return [...headOf(text).matchAll(/llp\/(\d{4})/g)].map((match) => match[1] ?? '');
}

/** Papers → code: what a paper governs is there and says so in its head. */
export function brokenCodeLists(files: readonly SourceFile[]): string[] {
  return papersOf(files).flatMap(({ path, number, code }) => {
    if (number === '0000') return [];
    if (code.length === 0) return [`${path} lists no code`];
    return code.flatMap((entry) => {
      const covered = files.filter((file) => covers(entry, file.path));
      if (covered.length === 0) return [`${path} lists ${entry}, which does not exist`];
      return covered
        .filter(
          (file) => /\.(?:ts|js|sh)$/.test(file.path) && !mentions(file.text).includes(number),
        )
        .map((file) => `${file.path} does not name llp/${number} in its head, but is listed there`);
    });
  });
}

/** Code → papers: every shipped file names a paper that lists it. */
export function unownedFiles(files: readonly SourceFile[]): string[] {
  const papers = papersOf(files);
  return files
    .filter(({ path }) => isShipped(path))
    .flatMap(({ path, text }) => {
      const numbers = mentions(text);
      if (numbers.length === 0) return [`${path} names no llp document in its head`];
      const listed = papers.some(
        ({ number, code }) => numbers.includes(number) && code.some((entry) => covers(entry, path)),
      );
      return listed ? [] : [`${path} names llp/${numbers.join()}, which does not list it`];
    });
}

const SECTIONS = ['Context', 'Decision', 'Rejected', 'Consequences', 'Code'];

/** Papers have the same sections, and the map lists them all. */
export function brokenPapers(files: readonly SourceFile[]): string[] {
  const papers = papersOf(files);
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const map = texts.get(papers.find(({ number }) => number === '0000')?.path ?? '') ?? '';
  return papers.flatMap(({ path, number }) => {
    const found: string[] = [];
    if (!map.includes(path.slice('llp/'.length))) found.push(`the map does not list ${path}`);
    if (papers.some((other) => other.number === number && other.path !== path)) {
      found.push(`${path}: its number is taken twice`);
    }
    if (number === '0000') return found;
    const text = texts.get(path) ?? '';
    for (const section of SECTIONS) {
      if (!new RegExp(`^(?:#+ )?${section}\\b:?[ \\t]*$`, 'm').test(text)) {
        found.push(`${path} has no section ${section}`);
      }
    }
    return found;
  });
}
