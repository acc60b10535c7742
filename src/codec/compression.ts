/**
 * Owns: gzip out and in, streamed with bounded memory (I13).
 * Out: the header holds no name, no time and no system, so the same bytes give the same file with
 * the same zlib. In: files of several members, as `cat a.gz b.gz` and log rotation make them;
 * damage is an error and never an early end (I12).
 * llp/0005
 */
import { createGunzip, createGzip } from 'node:zlib';
import type { Gunzip, Gzip } from 'node:zlib';
import { HypError, isHypError } from '../core/errors.ts';

/** 8 % smaller than level 1 for 9 % of its speed; 6 halves the speed (llp/0005). */
const DEFAULT_LEVEL = 3;
/** Position of the operating system in a gzip header, and its value for "unknown". */
const SYSTEM_AT = 9;
const SYSTEM_UNKNOWN = 0xff;
/** Compressed bytes unpacked at a time: at most a thousand times as many come out. */
const UNPACK_BYTES = 16 * 1024;
const OUTPUT_BYTES = 64 * 1024;

export interface GzipEncoder {
  /** Compresses `bytes`; what is complete goes to the sink before it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends the rest and the trailer. The encoder is done. */
  finish(): Promise<void>;
  /** Frees what it holds; nothing more is sent. Idempotent. */
  abandon(): Promise<void>;
}

/** One zlib stream, fed piece by piece; answers what each piece brought out. */
interface Driver {
  feed(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  end(): Promise<readonly Uint8Array[]>;
}

function drive(stream: Gzip | Gunzip): Driver {
  let out: Uint8Array[] = [];
  let failure: Error | undefined;
  let fail: (error: Error) => void = () => undefined;
  stream.on('data', (chunk: Uint8Array) => {
    out.push(chunk);
  });
  // The callback of a write is not called when the stream fails under it.
  stream.on('error', (error) => {
    failure = error;
    fail(error);
  });
  const once = (start: (resolve: () => void) => void): Promise<readonly Uint8Array[]> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      fail = reject;
      start(() => {
        const taken = out;
        out = [];
        resolve(taken);
      });
    });
  return {
    feed: (bytes) =>
      once((resolve) => {
        stream.write(bytes, (error) => {
          if (!error) resolve();
        });
      }),
    end: () =>
      once((resolve) => {
        if (stream.readableEnded) {
          resolve();
          return;
        }
        stream.once('end', resolve);
        stream.end();
      }),
  };
}

/**
 * Gzip pushed to `sink`; level 1 (fast) to 9 (small). One call at a time; after an error only
 * `abandon`.
 */
export function openGzip(
  sink: (bytes: Uint8Array) => Promise<void>,
  level = DEFAULT_LEVEL,
): GzipEncoder {
  const stream = createGzip({ level, chunkSize: OUTPUT_BYTES });
  const driver = drive(stream);
  let begun = false;
  const send = async (pieces: readonly Uint8Array[]): Promise<void> => {
    for (const piece of pieces) {
      if (!begun) piece[SYSTEM_AT] = SYSTEM_UNKNOWN;
      begun = true;
      await sink(piece);
    }
  };
  return {
    write: async (bytes) => send(await driver.feed(bytes)),
    finish: async () => {
      await send(await driver.end());
      stream.destroy();
    },
    abandon: () => {
      stream.destroy();
      return Promise.resolve();
    },
  };
}

function damaged(what: string, cause?: unknown): HypError {
  return new HypError('E_BAD_INPUT', `damaged gzip data: ${what}`, {
    cause,
    hint: 'Rows before the damage are whole; get the file again from where it came from.',
  });
}

/** Zeros may pad the end of a gzip file; anything else there is content that zlib ignored. */
function assertPadding(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw damaged('there are bytes behind its end');
}

async function* unpack(
  stream: Gunzip,
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const driver = drive(stream);
  let fed = 0;
  let ended = false;
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; at += UNPACK_BYTES) {
      const piece = chunk.subarray(at, at + UNPACK_BYTES);
      if (ended) {
        assertPadding(piece);
        continue;
      }
      yield* await driver.feed(piece);
      const used = stream.bytesWritten - fed;
      fed += piece.length;
      if (used === piece.length) continue;
      ended = true;
      assertPadding(piece.subarray(used));
    }
  }
  yield* await driver.end();
}

/**
 * The content of gzip data, of all its members. Throws E_BAD_INPUT when the data is cut off,
 * changed or followed by something else; what was yielded before is right as far as it goes.
 * Errors of `input` pass through.
 */
export async function* gunzip(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  try {
    yield* unpack(stream, input);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (isHypError(error) || typeof code !== 'string' || !code.startsWith('Z_')) throw error;
    throw damaged(code === 'Z_BUF_ERROR' ? 'it ends too soon' : 'its checksum or form', error);
  } finally {
    stream.destroy();
  }
}
