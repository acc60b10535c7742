/**
 * Owns: size and SHA-256 of a file in bounded memory.
 * llp/0009
 */
import { createHash } from 'node:crypto';
import { isMissing } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { ObjectDigest } from './store.ts';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Size and SHA-256 of the file at `path`, undefined when there is none. With `sync` its content is
 * made durable first: another process may have written it.
 */
export async function digestFile(
  fs: DurableFs,
  path: string,
  { sync }: { readonly sync: boolean },
): Promise<ObjectDigest | undefined> {
  let handle;
  try {
    handle = await fs.open(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    if (sync) await handle.sync();
    const hash = createHash('sha256');
    let bytes = 0;
    for (;;) {
      const chunk = await handle.read(bytes, CHUNK_BYTES);
      if (chunk.length === 0) break;
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}
