/**
 * Owns: a user's file as a stream of content: decompressed when it is compressed, with the stored
 * bytes counted for the progress bar. A file no longer than one read is read once and kept, since
 * it is looked at several times.
 * llp/0012
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { HypError, isHypError, systemCode } from '../../core/errors.ts';
import { gunzip } from '../../codec/compression.ts';
import { isZstd, unzstd } from '../../codec/zstd.ts';

/** What its lines cost once decoded is bounded by it: a file of bad lines is many rejects (I13). */
const CHUNK_BYTES = 256 * 1024;

export interface FileContent {
  readonly path: string;
  /** Content from the first byte, each time it is called. E_BAD_INPUT when it cannot be read. */
  read(onStored?: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Opens `path`. E_BAD_INPUT when it cannot be read. */
export async function openContent(path: string): Promise<FileContent> {
  const { start, whole } = await readStart(path);
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  return {
    path,
    read: async function* (onStored = () => undefined) {
      const stored = whole ? kept(start, onStored) : readStored(path, onStored);
      if (isGzip) yield* unpacked(path, gunzip(stored));
      else if (isZstd(start)) yield* unpacked(path, unzstd(stored));
      else yield* stored;
    },
  };
}

async function* kept(
  bytes: Uint8Array,
  onStored: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  onStored(bytes.length);
  if (bytes.length > 0) yield bytes;
}

async function* unpacked(
  path: string,
  content: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* content;
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
    throw unreadable(path, cause);
  }
}

/** The first bytes, and whether they were all there was. */
async function readStart(path: string): Promise<{ start: Uint8Array; whole: boolean }> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new HypError('E_BAD_INPUT', `cannot open ${path}`, {
      cause,
      hint: 'Nothing of it was read. Check the path, and that this user may read it.',
    });
  });
  try {
    const { size } = await file.stat();
    const bytes = Buffer.allocUnsafe(Math.min(size, CHUNK_BYTES) + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) return { start: bytes.subarray(0, length), whole: true };
      length += bytesRead;
    }
    return { start: bytes.subarray(0, length), whole: false };
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, cause: unknown): unknown {
  if (systemCode(cause) === undefined) return cause;
  return new HypError('E_BAD_INPUT', `cannot read ${path}`, {
    cause,
    hint: 'Rows before this point are stored; run the same command again to go on.',
  });
}
