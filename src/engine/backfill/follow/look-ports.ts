/**
 * Owns: the two things following does to a user's file, as a port: looking at it from outside, and
 * opening it. Tests count them.
 * llp/0012
 */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { HypError, systemCode } from '../../../core/errors.ts';
import type { FileStat } from './action.ts';

export interface FollowFs {
  /** undefined when there is no file; E_BAD_INPUT when this user may not know. */
  stat(path: string): Promise<FileStat | undefined>;
  /** undefined when there is no file any more; E_BAD_INPUT when it cannot be opened. */
  open(path: string): Promise<FileHandle | undefined>;
}

const GONE = ['ENOENT', 'ENOTDIR', 'ESTALE', 'ELOOP'];

async function unlessGone<T>(path: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (GONE.includes(systemCode(cause) ?? '')) return undefined;
    throw new HypError('E_BAD_INPUT', `cannot open ${path}`, {
      cause,
      hint: 'It is passed over until it changes. Check that this user may read it.',
    });
  }
}

export function fileStat(found: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}): FileStat {
  return {
    device: found.dev,
    inode: found.ino,
    bytes: Number(found.size),
    modifiedNs: found.mtimeNs,
    changedNs: found.ctimeNs,
  };
}

export const nodeFollowFs: FollowFs = {
  stat: async (path) => {
    const found = await unlessGone(path, stat(path, { bigint: true }));
    // Opening a pipe would wait for its writer.
    return found?.isFile() === true ? fileStat(found) : undefined;
  },
  open: (path) => unlessGone(path, open(path, 'r')),
};
