/**
 * Owns: asking other programs (PyIceberg, fastavro) what they see of our files.
 * Only for tests under vitest.interop.config.ts, which prepares Python.
 * llp/0013
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';

export type PythonState =
  | { readonly kind: 'ready'; readonly python: string }
  | { readonly kind: 'missing'; readonly reason: string };

declare module 'vitest' {
  interface ProvidedContext {
    python: PythonState;
  }
}

const SCRIPT = fileURLToPath(new URL('../interop/read_table.py', import.meta.url));
const OUTPUT_BYTES = 256 * 1024 * 1024;

/** Why the interop tests cannot run here, or undefined: `describe.skipIf(pythonMissing())`. */
export function pythonMissing(): string | undefined {
  const state = inject('python');
  return state.kind === 'missing' ? state.reason : undefined;
}

/** The JSON value one command of read_table.py prints; rejects with what it wrote to stderr. */
export async function askPython(command: string, ...args: readonly string[]): Promise<unknown> {
  const state = inject('python');
  if (state.kind === 'missing') throw new Error(state.reason);
  const { stdout } = await promisify(execFile)(state.python, [SCRIPT, command, ...args], {
    maxBuffer: OUTPUT_BYTES,
  });
  return JSON.parse(stdout) as unknown;
}

/**
 * Rows of the current snapshot as PyIceberg reads them, sorted by `_hyp_seq`. A timestamp is
 * `{us: '<microseconds>'}`, an integer beyond 2^53 `{int: '<digits>'}`. `rowFilter` is PyIceberg's.
 */
export async function pythonRows(metadataPath: string, rowFilter?: string): Promise<unknown[]> {
  const filter = rowFilter === undefined ? [] : [rowFilter];
  return (await askPython('rows', metadataPath, ...filter)) as unknown[];
}
