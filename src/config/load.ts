/**
 * Owns: where a configuration comes from: the named file, else ./hyp.yaml, else defaults.
 * llp/0010
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HypError, systemCode } from '../core/errors.ts';
import { DEFAULTS, defaultConfig } from './config.ts';
import type { HypConfig } from './config.ts';
import type { Environment } from './yaml-tree.ts';

export const CONFIG_FILE = 'hyp.yaml';

export interface ConfigSource {
  /** The file to read, relative to `cwd`; it must exist. undefined: ./hyp.yaml if there is one. */
  readonly config?: string | undefined;
  /** The store, relative to `cwd`; wins over the file's `root`. */
  readonly root?: string | undefined;
  readonly cwd: string;
  readonly env: Environment;
}

async function readConfigFile(path: string, mustExist: boolean): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT' && !mustExist) return undefined;
    const code = systemCode(cause);
    const why = code === 'ENOENT' ? 'no such file' : unreadable(code);
    throw new HypError('E_CONFIG', `configuration ${path}: ${why}`, {
      cause,
      hint: 'Name a file with --config, or run `hyp init` to make one.',
      details: { file: path, problems: [] },
    });
  }
}

/** A system code is the disk's answer; one of the decoder's begins with ERR. */
function unreadable(code: string | undefined): string {
  const isSystem = code !== undefined && !code.startsWith('ERR_');
  return isSystem ? `cannot be read (${code})` : 'is not UTF-8 text';
}

/** The configuration in force. Throws E_CONFIG: every problem of the file at once. */
export async function loadConfig(source: ConfigSource): Promise<HypConfig> {
  const path = resolve(source.cwd, source.config ?? CONFIG_FILE);
  const root = source.root === undefined ? undefined : resolve(source.cwd, source.root);
  const text = await readConfigFile(path, source.config !== undefined);
  if (text === undefined) return defaultConfig(root ?? resolve(source.cwd, DEFAULTS.root));
  // The parser is loaded for a file only: it is a quarter of what a command without one loads.
  const { parseConfig } = await import('./parse.ts');
  return parseConfig(text, { path, env: source.env, root });
}
