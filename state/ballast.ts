/**
 * Owns: `state/ballast`: room held ready, so that progress records, intents and small flushes can
 * still be written when the disk is full.
 *
 * | step | a crash right after leaves |
 * | 1 created, written | a ballast that is too small: taken away and made again |
 * | 2 fsynced, directory fsynced | the ballast |
 * | 3 unlinked (release), directory fsynced | the room, until it is made again |
 *
 * No row and no promise depends on it; any process may make it or release it at any time.
 * Not its job: when it is released or made (src/engine/room).
 * llp/0020
 */
import { unlinkIfAny } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { systemCode } from '../src/core/errors.ts';
import { ballastPath } from './layout.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Bytes the ballast holds now; 0 when there is none. */
export async function ballastSize(fs: DurableFs, state: string): Promise<number> {
  return (await fs.stat(ballastPath(state)))?.size ?? 0;
}

/**
 * Makes the ballast `bytes` long. Durable when it answers true; false: another process is at it, or
 * the disk has no room after all. Idempotent: one of another size is replaced.
 */
export async function makeBallast(fs: DurableFs, state: string, bytes: number): Promise<boolean> {
  const path = ballastPath(state);
  await unlinkIfAny(fs, path);
  try {
    const handle = await fs.create(path);
    try {
      const noise = noiseOf(Math.min(bytes, CHUNK_BYTES));
      for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
        await handle.write(noise.subarray(0, Math.min(left, noise.length)));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.syncDir(state);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    await unlinkIfAny(fs, path).catch(() => undefined);
    return false;
  }
}

/** Gives the room back. True when there was any to give. */
export async function releaseBallast(fs: DurableFs, state: string): Promise<boolean> {
  if ((await ballastSize(fs, state)) === 0) return false;
  await unlinkIfAny(fs, ballastPath(state));
  // The room is there already; the name may come back with the power, and is then there to release.
  await fs.syncDir(state).catch(() => undefined);
  return true;
}

/** Bytes a file system that compresses cannot make smaller: zeros would hold nothing ready. */
function noiseOf(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 0x9e37_79b9;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
