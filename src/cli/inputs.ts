/**
 * Owns: which files the arguments of `hyp backfill` mean: files as named, directories walked for
 * what can be read, globs (* ** ? [abc] {a,b}) expanded here, so that no shell is needed. Sorted within each
 * argument, each file once.
 * llp/0010
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { HypError } from '../core/errors.ts';

export const READABLE = /\.(?:(?:ndjson|jsonl|json|csv|tsv)(?:\.gz|\.zst)?|parquet|pq)$/i;
export const MAGIC = /[*?[{]/;

async function kindOf(path: string): Promise<'file' | 'directory' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch {
    return 'missing';
  }
}

interface Entry {
  readonly name: string;
  /** False when the bytes of the name are not UTF-8: `name` opens another file, or none. */
  readonly exact: boolean;
  readonly dirent: Dirent<Buffer>;
}

async function entriesOf(dir: string): Promise<Entry[]> {
  const dirents = await readdir(dir, { withFileTypes: true, encoding: 'buffer' });
  return dirents.map((dirent) => {
    const name = dirent.name.toString('utf8');
    return { name, exact: dirent.name.equals(Buffer.from(name, 'utf8')), dirent };
  });
}

/** What to do with a name that cannot be opened; by default nothing is read at all. */
export type OnOddName = (problem: HypError) => void;

function refuse(problem: HypError): void {
  throw problem;
}

function oddName(path: string): HypError {
  return new HypError('E_BAD_INPUT', `the name of ${path} is not UTF-8: it cannot be opened`, {
    hint: 'Nothing of it was read. Rename it (`mv`, `convmv`), then run the command again.',
    details: { path },
  });
}

interface Walk {
  readonly wanted: (path: string) => boolean;
  readonly onOddName: OnOddName;
}

/** A hyp store's own files are no input: its rows would come back as new ones. */
function isStore(entries: readonly Entry[]): boolean {
  const names = entries.map((entry) => entry.name);
  return ['store.json', 'tables', 'spool'].every((name) => names.includes(name));
}

/**
 * Wanted files below `dir`, sorted by path; hidden ones, links to directories and hyp stores are
 * passed over.
 */
async function* walk(dir: string, depth: number, how: Walk): AsyncGenerator<string> {
  if (depth === 0) return;
  const entries = await entriesOf(dir);
  if (isStore(entries)) return;
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, exact, dirent } of entries) {
    const path = join(dir, name);
    if (name.startsWith('.')) continue;
    if (dirent.isDirectory()) {
      if (exact) yield* walk(path, depth - 1, how);
      else if (depth > 1) how.onOddName(oddName(path));
    } else if (!how.wanted(path)) continue;
    else if (!exact) how.onOddName(oddName(path));
    else if (dirent.isFile() || (await kindOf(path)) === 'file') yield path;
  }
}

/** `a{b,c}d` as abd and acd; braces may be nested. */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  if (open < 0) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    if ((character === ',' && depth === 1) || depth === 0) {
      parts.push(pattern.slice(from, at));
      from = at + 1;
    }
    if (depth > 0) continue;
    const tail = pattern.slice(at + 1);
    return parts.flatMap((part) => expandBraces(pattern.slice(0, open) + part + tail));
  }
  return [pattern];
}

function segmentSource(segment: string): string {
  return segment.replaceAll(/\*+|\?|\[[!^]?[^\]]+\]|[\\^$.*+?()[\]{}|]/g, (token) => {
    if (token.startsWith('*')) return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 1) {
      return `[${token.slice(1, -1).replace(/^[!^]/, '^').replaceAll(/[\\[]/g, '\\$&')}]`;
    }
    return `\\${token}`;
  });
}

/** Matches paths relative to where `segments` begin. `**` is any number of directories. */
export function globPattern(segments: readonly string[]): RegExp {
  const sources = segments.map((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === '**') return last ? '.*' : '(?:[^/]+/)*';
    return segmentSource(segment) + (last ? '' : '/');
  });
  return new RegExp(`^${sources.join('')}$`, 'u');
}

async function expandGlob(pattern: string, cwd: string, onOddName: OnOddName): Promise<string[]> {
  const segments = resolve(cwd, pattern).split(sep);
  const magic = segments.findIndex((segment) => MAGIC.test(segment));
  if (magic < 0) {
    const path = segments.join(sep);
    return (await kindOf(path)) === 'file' ? [path] : [];
  }
  const base = segments.slice(0, magic).join(sep) || sep;
  const rest = segments.slice(magic);
  if ((await kindOf(base)) !== 'directory') return [];
  const glob = globPattern(rest);
  const wanted = (path: string): boolean => {
    const relative = path.slice(base.endsWith(sep) ? base.length : base.length + 1);
    return glob.test(relative.split(sep).join('/'));
  };
  const depth = rest.includes('**') ? Number.POSITIVE_INFINITY : rest.length;
  const found: string[] = [];
  for await (const path of walk(base, depth, { wanted, onOddName })) found.push(path);
  return found;
}

async function expandOne(argument: string, cwd: string, onOddName: OnOddName): Promise<string[]> {
  const path = resolve(cwd, argument);
  switch (await kindOf(path)) {
    case 'file':
      return [path];
    case 'directory': {
      const found: string[] = [];
      const wanted = (file: string): boolean => READABLE.test(file);
      for await (const file of walk(path, Number.POSITIVE_INFINITY, { wanted, onOddName })) {
        found.push(file);
      }
      return found;
    }
    case 'missing': {
      const patterns = expandBraces(argument);
      const found = await Promise.all(
        patterns.map((pattern) => expandGlob(pattern, cwd, onOddName)),
      );
      return found.flat().sort();
    }
  }
}

/**
 * Absolute paths, in order, each once. E_USAGE when an argument means no file; E_BAD_INPUT for one
 * whose name is not UTF-8, unless `onOddName` takes it and it is passed over.
 */
export async function expandInputs(
  arguments_: readonly string[],
  cwd: string,
  onOddName: OnOddName = refuse,
): Promise<string[]> {
  const files = new Set<string>();
  for (const argument of arguments_) {
    const found = await expandOne(argument, cwd, onOddName);
    if (found.length === 0) {
      throw new HypError('E_USAGE', `nothing to read at ${argument}`, {
        hint: 'Name a file, a directory with .ndjson, .jsonl, .json, .csv, .tsv (also .gz, .zst) or .parquet files, or a glob.',
      });
    }
    for (const file of found) files.add(file);
  }
  return [...files];
}
