/**
 * Owns: how much disk the spool takes, by the sizes of its segments: an upper bound of what waits,
 * without reading a byte of it. Not its job: what of it is committed (reader.ts).
 * llp/0020
 */
import { readdirIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';

/** Bytes of all segments in `spoolDir`; counting ends once there are `enough`. */
export async function spoolUsage(fs: DurableFs, spoolDir: string, enough: number): Promise<number> {
  let bytes = 0;
  for (const writer of await readdirIfAny(fs, spoolDir)) {
    for (const name of await readdirIfAny(fs, `${spoolDir}/${writer}`)) {
      if (!name.endsWith('.seg')) continue;
      // One that was trimmed since the listing takes nothing.
      bytes += (await fs.stat(`${spoolDir}/${writer}/${name}`))?.size ?? 0;
      if (bytes >= enough) return bytes;
    }
  }
  return bytes;
}
