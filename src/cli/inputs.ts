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

/** A hyp store's own files are no input: its rows would come back as new ones. */
function isStore(entries: readonly Dirent[]): boolean {
  const names = entries.map((entry) => entry.name);
  return ['store.json', 'tables', 'spool'].every((name) => names.includes(name));
}

/**
 * Files below `dir`, sorted by path; hidden ones, links to directories and hyp stores are passed
 * over.
 */
async function* walk(dir: string, depth: number): AsyncGenerator<string> {
  if (depth === 0) return;
  const entries = await readdir(dir, { withFileTypes: true });
  if (isStore(entries)) return;
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) yield* walk(path, depth - 1);
    else if (entry.isFile() || (await kindOf(path)) === 'file') yield path;
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

async function expandGlob(pattern: string, cwd: string): Promise<string[]> {
  const segments = resolve(cwd, pattern).split(sep);
  const magic = segments.findIndex((segment) => MAGIC.test(segment));
  if (magic < 0) {
    const path = segments.join(sep);
    return (await kindOf(path)) === 'file' ? [path] : [];
  }
  const base = segments.slice(0, magic).join(sep) || sep;
  const rest = segments.slice(magic);
  if ((await kindOf(base)) !== 'directory') return [];
  const wanted = globPattern(rest);
  const depth = rest.includes('**') ? Number.POSITIVE_INFINITY : rest.length;
  const found: string[] = [];
  for await (const path of walk(base, depth)) {
    const relative = path.slice(base.endsWith(sep) ? base.length : base.length + 1);
    if (wanted.test(relative.split(sep).join('/'))) found.push(path);
  }
  return found;
}

async function expandOne(argument: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, argument);
  switch (await kindOf(path)) {
    case 'file':
      return [path];
    case 'directory': {
      const found: string[] = [];
      for await (const file of walk(path, Number.POSITIVE_INFINITY)) {
        if (READABLE.test(file)) found.push(file);
      }
      return found;
    }
    case 'missing': {
      const patterns = expandBraces(argument);
      const found = await Promise.all(patterns.map((pattern) => expandGlob(pattern, cwd)));
      return found.flat().sort();
    }
  }
}

/** Absolute paths, in order, each once. E_USAGE when an argument means no file. */
export async function expandInputs(arguments_: readonly string[], cwd: string): Promise<string[]> {
  const files = new Set<string>();
  for (const argument of arguments_) {
    const found = await expandOne(argument, cwd);
    if (found.length === 0) {
      throw new HypError('E_USAGE', `nothing to read at ${argument}`, {
        hint: 'Name a file, a directory with .ndjson, .jsonl, .json, .csv, .tsv (also .gz, .zst) or .parquet files, or a glob.',
      });
    }
    for (const file of found) files.add(file);
  }
  return [...files];
}
