/**
 * Owns: directories of tests on the real disk, removed when the test is over.
 * llp/0013
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new empty directory; the caller removes it with `removeTempDir`. For hooks and programs. */
export async function makeTempDir(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'hyp-test-'));
}

export async function removeTempDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** A new empty directory for the running test, removed after it whatever its result. */
export async function tempDir(): Promise<string> {
  const path = await makeTempDir();
  onTestFinished(() => removeTempDir(path));
  return path;
}
