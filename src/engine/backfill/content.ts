/**
 * Owns: a user's file as a stream of content: decompressed when it is gzip, with the stored bytes
 * counted for the progress bar, and the digest of every prefix that is committed.
 * llp/0012
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { HypError, isHypError, systemCode } from '../../core/errors.ts';
import { gunzip } from '../../codec/compression.ts';

/** What its lines cost once decoded is bounded by it: a file of bad lines is many rejects (I13). */
const CHUNK_BYTES = 256 * 1024;

/** Content of `path` from its first byte. E_BAD_INPUT when it cannot be read or unpacked. */
export async function* readContent(
  path: string,
  onStored: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stored = readStored(path, onStored);
  if (!(await isGzip(path))) {
    yield* stored;
    return;
  }
  try {
    yield* gunzip(stored);
  } catch (error) {
    if (!isHypError(error, 'E_BAD_INPUT')) throw error;
    const { hint, details } = error;
    throw new HypError('E_BAD_INPUT', `${path}: ${error.message}`, { cause: error, hint, details });
  }
}

async function* readStored(
  path: string,
  onStored: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      const bytes = chunk as Uint8Array;
      onStored(bytes.length);
      yield bytes;
    }
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw new HypError('E_BAD_INPUT', `cannot read ${path}`, {
      cause,
      hint: 'Rows before this point are stored; run the same command again to go on.',
    });
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new HypError('E_BAD_INPUT', `cannot open ${path}`, {
      cause,
      hint: 'Nothing of it was read. Check the path, and that this user may read it.',
    });
  });
  try {
    const magic = new Uint8Array(2);
    const { bytesRead } = await file.read(magic, 0, 2, 0);
    return bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/** SHA-256 of growing prefixes of a content: bytes are pushed, then hashed up to a mark. */
export class PrefixDigest {
  readonly #hash = createHash('sha256');
  readonly #waiting: Uint8Array[] = [];
  #hashed = 0;

  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
  }

  /** Digest of the first `end` bytes; `end` never goes back and is never beyond what was pushed. */
  at(end: number): string {
    while (this.#hashed < end) {
      const chunk = this.#waiting[0];
      if (chunk === undefined) throw new HypError('E_INTERNAL', 'a digest beyond what was read');
      const take = Math.min(chunk.length, end - this.#hashed);
      this.#hash.update(chunk.subarray(0, take));
      this.#hashed += take;
      if (take === chunk.length) this.#waiting.shift();
      else this.#waiting[0] = chunk.subarray(take);
    }
    return this.#hash.copy().digest('hex');
  }
}
