/**
 * Owns: how much disk the spool takes, by the sizes of its segments: an upper bound of what waits,
 * without reading a byte of it. Not its job: what of it is committed (reader.ts).
 * llp/0020
 */
import { readdirIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { systemCode } from '../../src/core/errors.ts';

/** Bytes of all segments in `spoolDir`; counting ends once there are `enough`. */
export async function spoolUsage(fs: DurableFs, spoolDir: string, enough: number): Promise<number> {
  let bytes = 0;
  for (const writer of await readdirIfAny(fs, spoolDir)) {
    for await (const size of sizesOf(fs, `${spoolDir}/${writer}`)) {
      bytes += size;
      if (bytes >= enough) return bytes;
    }
  }
  return bytes;
}

/** A directory that this user may not read, or that fails, keeps nobody from appending elsewhere. */
async function* sizesOf(fs: DurableFs, writerDir: string): AsyncGenerator<number> {
  try {
    for (const name of await readdirIfAny(fs, writerDir)) {
      // One that was trimmed since the listing takes nothing.
      if (name.endsWith('.seg')) yield (await fs.stat(`${writerDir}/${name}`))?.size ?? 0;
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}
