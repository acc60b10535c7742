/**
 * Owns: the Python environment of the interop run, made once and kept in `.venv-interop`.
 * A crash while it is made leaves no `ready` file, so the next run makes it again.
 * llp/0013
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import type { PythonState } from '../support/pyiceberg.ts';

const run = promisify(execFile);
const VENV = fileURLToPath(new URL('../../.venv-interop', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const INSTALL_MS = 10 * 60_000;

/** Called by vitest before the first test file. HYP_INTEROP_REQUIRED=1 makes a skip a failure. */
export async function setup(project: TestProject): Promise<void> {
  const state = await prepare();
  if (state.kind === 'missing') {
    if (process.env['HYP_INTEROP_REQUIRED'] === '1') throw new Error(state.reason);
    process.stderr.write(`\nSKIPPED all interop tests: ${state.reason}\n`);
  }
  project.provide('python', state);
}

async function prepare(): Promise<PythonState> {
  const wanted = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  const ready = `${VENV}/ready-${wanted.slice(0, 16)}`;
  const python = `${VENV}/bin/python`;
  if (await exists(ready)) return { kind: 'ready', python };
  await rm(VENV, { recursive: true, force: true });
  try {
    await run('python3', ['-m', 'venv', VENV], { timeout: INSTALL_MS });
  } catch (error) {
    return { kind: 'missing', reason: `no usable python3 with venv (${firstLine(error)})` };
  }
  try {
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    await run(python, [...install, '-r', REQUIREMENTS], { timeout: INSTALL_MS });
  } catch (error) {
    return { kind: 'missing', reason: `PyPI gave no PyIceberg (${firstLine(error)})` };
  }
  await writeFile(ready, '');
  return { kind: 'ready', python };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function firstLine(error: unknown): string {
  return String(error).split('\n')[0] ?? '';
}
