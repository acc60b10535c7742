/**
 * Owns: a file that is read in any order, and proven to be the file that was hashed: every block
 * that is read again is held against its digest of the first pass. So rows are never taken from
 * other bytes than the ones the source is named after, whoever writes to the file meanwhile.
 * Invariants: I12, I13 (32 bytes for each block of the file, and the newest blocks).
 * llp/0019
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { HypError, systemCode } from '../../core/errors.ts';
import { sha256Hex } from '../../core/digest.ts';
import type { ByteSource } from '../../codec/parquet-input/read.ts';

const BLOCK_BYTES = 64 * 1024;
/** Blocks that are kept: of each column the one its next page begins in. */
const KEPT_BLOCKS = 256;

export class ProvenFile implements ByteSource {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #sums: readonly string[];
  readonly size: number;
  /** SHA-256 of the whole file. */
  readonly digest: string;
  /** The one used last stands last. */
  readonly #blocks = new Map<number, Uint8Array>();

  private constructor(
    path: string,
    handle: FileHandle,
    read: { readonly sums: readonly string[]; readonly size: number; readonly digest: string },
  ) {
    this.path = path;
    this.#handle = handle;
    this.#sums = read.sums;
    this.size = read.size;
    this.digest = read.digest;
  }

  /** Opens and hashes the file. E_BAD_INPUT when it cannot be read. Close it. */
  static async open(path: string, beforeBlock: () => void): Promise<ProvenFile> {
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    try {
      return new ProvenFile(path, handle, await hashed(handle, beforeBlock));
    } catch (error) {
      await handle.close();
      throw unreadable(path, error);
    }
  }

  /** As ByteSource. E_CONFLICT when the bytes are not the ones that were hashed. */
  async read(at: number, length: number): Promise<Uint8Array> {
    const first = Math.floor(at / BLOCK_BYTES);
    const last = Math.floor((at + Math.max(length, 1) - 1) / BLOCK_BYTES);
    if (first === last) {
      const from = at - first * BLOCK_BYTES;
      return (await this.#block(first)).subarray(from, from + length);
    }
    const out = new Uint8Array(length);
    for (let index = first; index <= last; index++) {
      const block = await this.#block(index);
      const shift = index * BLOCK_BYTES - at;
      const part = block.subarray(Math.max(0, -shift), Math.min(block.length, length - shift));
      out.set(part, Math.max(0, shift));
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #block(index: number): Promise<Uint8Array> {
    const kept = this.#blocks.get(index);
    if (kept !== undefined) {
      this.#blocks.delete(index);
      this.#blocks.set(index, kept);
      return kept;
    }
    const at = index * BLOCK_BYTES;
    const bytes = new Uint8Array(Math.min(BLOCK_BYTES, this.size - at));
    const read = await readFully(this.#handle, bytes, at);
    if (read < bytes.length || sha256Hex(bytes) !== this.#sums[index]) throw changed(this.path);
    this.#blocks.set(index, bytes);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > KEPT_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    return bytes;
  }
}

function changed(path: string): HypError {
  return new HypError('E_CONFLICT', `${path} was changed while it was read`, {
    hint: 'Rows that are in are of the file as it was. Write Parquet files under another name and rename them; then run the same command again.',
  });
}

function unreadable(path: string, cause: unknown): unknown {
  if (systemCode(cause) === undefined) return cause;
  return new HypError('E_BAD_INPUT', `cannot read ${path}`, {
    cause,
    hint: 'Nothing of it was read. Check the path, and that this user may read it.',
  });
}

export async function readFully(handle: FileHandle, into: Uint8Array, at: number): Promise<number> {
  let length = 0;
  while (length < into.length) {
    const { bytesRead } = await handle.read(into, length, into.length - length, at + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

async function hashed(handle: FileHandle, beforeBlock: () => void) {
  const whole = createHash('sha256');
  const sums: string[] = [];
  const block = new Uint8Array(BLOCK_BYTES);
  for (let size = 0; ;) {
    beforeBlock();
    const length = await readFully(handle, block, size);
    size += length;
    if (length > 0) {
      whole.update(block.subarray(0, length));
      sums.push(sha256Hex(block.subarray(0, length)));
    }
    if (length < BLOCK_BYTES) return { sums, size, digest: whole.digest('hex') };
  }
}
