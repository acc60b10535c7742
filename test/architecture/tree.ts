/**
 * Owns: the repository as the architecture tests see it: paths and texts.
 * llp/0013
 */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export interface SourceFile {
  /** Relative to the repository, `/` between names. */
  readonly path: string;
  readonly text: string;
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Folders of code and papers; whatever else lies about is not the project's. */
const FOLDERS = ['src', 'storage', 'state', 'sinks', 'smoke', 'bench', 'test', 'llp', '.ci'];
const TEXT_FILES = /\.(ts|js|json|md|py|txt|yaml|yml|sh)$|\/run$/;

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/** Every text file of the project, test data left out, sorted by path. */
export function projectFiles(): SourceFile[] {
  const inRoot = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  const paths = [...inRoot, ...FOLDERS.flatMap(filesBelow)]
    .filter((path) => TEXT_FILES.test(path) && !/^(?:test|smoke)\/data\//.test(path))
    .sort();
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** The comment a source file begins with (a shebang line may come before it). */
export function headOf(text: string): string {
  const head = /^(?:#![^\n]*\n)?\s*(\/\*[\s\S]*?\*\/|(?:(?:#|\/\/)[^\n]*\n)+|\"{3}[\s\S]*?\"{3})/;
  return head.exec(text)?.[1] ?? '';
}

/** Code that is shipped: what the package consists of. */
export function isShipped(path: string): boolean {
  return /^(src|storage|state|sinks)\/.*\.ts$/.test(path);
}

export function isTest(path: string): boolean {
  return /^(test|smoke|bench)\/.*\.ts$/.test(path);
}
