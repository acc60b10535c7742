/**
 * Owns: the DurableFs of a real disk: the only module that imports node:fs for durable files.
 * llp/0002
 */
import { constants } from 'node:fs';
import * as fsp from 'node:fs/promises';
import { HypError, systemCode } from './errors.ts';
import type { DurableFs, FileStat, ReadHandle, WriteHandle } from './durable-fs.ts';

const FILE_MODE = 0o600;
const DIR_MODE = 0o700;

class NodeReadHandle implements ReadHandle {
  readonly path: string;
  readonly #handle: fsp.FileHandle;

  constructor(path: string, handle: fsp.FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

class NodeWriteHandle implements WriteHandle {
  readonly path: string;
  readonly #handle: fsp.FileHandle;
  #written = 0;
  #poisoned = false;

  constructor(path: string, handle: fsp.FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.length - done,
        this.#written,
      );
      if (bytesWritten === 0) throw new HypError('E_UNAVAILABLE', `nothing written: ${this.path}`);
      done += bytesWritten;
      this.#written += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size !== this.#written) {
      throw new HypError('E_UNAVAILABLE', `size is ${size}, wrote ${this.#written}: ${this.path}`);
    }
    await this.#once(() => this.#handle.sync());
  }

  async datasync(): Promise<void> {
    await this.#once(() => this.#handle.datasync());
  }

  /** The kernel forgets a failed write-back: a second sync would report a success that is none. */
  async #once(sync: () => Promise<void>): Promise<void> {
    if (this.#poisoned) throw new HypError('E_UNAVAILABLE', `an earlier sync failed: ${this.path}`);
    try {
      await sync();
    } catch (error) {
      this.#poisoned = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function kindOf(stat: { isFile(): boolean; isDirectory(): boolean }): FileStat['kind'] {
  if (stat.isFile()) return 'file';
  return stat.isDirectory() ? 'directory' : 'other';
}

export const nodeFs: DurableFs = {
  readdir: async (path) => (await fsp.readdir(path)).sort(),
  stat: async (path) => {
    try {
      const stat = await fsp.stat(path);
      return { kind: kindOf(stat), size: stat.size, mtimeMs: stat.mtimeMs };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  readFile: async (path) => fsp.readFile(path),
  open: async (path) => new NodeReadHandle(path, await fsp.open(path, 'r')),
  create: async (path) => {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
    return new NodeWriteHandle(path, await fsp.open(path, flags, FILE_MODE));
  },
  link: (from, to) => fsp.link(from, to),
  rename: (from, to) => fsp.rename(from, to),
  unlink: (path) => fsp.unlink(path),
  mkdir: async (path) => {
    await fsp.mkdir(path, DIR_MODE);
  },
  rmdir: (path) => fsp.rmdir(path),
  syncDir: async (path) => {
    const handle = await fsp.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  freeBytes: async (path) => {
    const { bavail, bsize } = await fsp.statfs(path);
    return bavail * bsize;
  },
};
