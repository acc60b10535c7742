/**
 * Owns: zstd in, frame by frame and block by block: a block brings out at most 128 KiB (I13), and
 * every frame is held against its checksum and its end, which fzstd does not do (I12).
 * Files of several frames and skippable frames are read; dictionaries are refused.
 * llp/0019
 */
import { Decompress } from 'fzstd';
import xxhash from 'xxhash-wasm';
import { HypError, isHypError } from '../core/errors.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const CHECKSUM_FLAG = 4;
const RLE = 1;
const RESERVED = 3;
const BLOCK_BYTES = 128 * 1024;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const DICTIONARY_BYTES = [0, 1, 2, 4];

/** Bytes asked for in the sizes the format has. */
class Feed {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes; undefined at the very end; E_BAD_INPUT when it comes too soon. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.#bytes.length < count) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        if (this.#bytes.length === 0) return undefined;
        throw damaged('it ends too soon');
      }
      this.#bytes = Buffer.concat([this.#bytes, next.value]);
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  /** As `take`, inside a frame, where the end is always too soon. */
  async need(count: number): Promise<Buffer> {
    const taken = await this.take(count);
    if (taken === undefined) throw damaged('it ends too soon');
    return taken;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= BLOCK_BYTES) {
      await this.need(Math.min(left, BLOCK_BYTES));
    }
  }

  async end(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function damaged(what: string, cause?: unknown): HypError {
  return new HypError('E_BAD_INPUT', `damaged zstd data: ${what}`, {
    cause,
    hint: 'Rows before the damage are whole; get the file again from where it came from.',
  });
}

/** True when a file that begins so is zstd. */
export function isZstd(start: Uint8Array): boolean {
  if (start.length < 4) return false;
  const magic = Buffer.from(start.subarray(0, 4)).readUInt32LE(0);
  return magic === MAGIC || (magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE;
}

/**
 * The content of zstd data, of all its frames. Throws E_BAD_INPUT when the data is cut off, changed
 * or needs a dictionary; what was yielded before is right as far as it goes: the checksum of a frame
 * stands at its end. Errors of `input` pass through.
 */
export async function* unzstd(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const feed = new Feed(input);
  try {
    for (;;) {
      const magic = await feed.take(4);
      if (magic === undefined) return;
      const number = magic.readUInt32LE(0);
      if (number === MAGIC) yield* frame(feed, magic);
      else if ((number & SKIPPABLE_MASK) >>> 0 === SKIPPABLE) {
        await feed.skip((await feed.need(4)).readUInt32LE(0));
      } else throw damaged('there are other bytes between its frames');
    }
  } finally {
    await feed.end();
  }
}

async function* frame(feed: Feed, magic: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, hasChecksum } = await frameHead(feed);
  const sum = (await xxhash()).create64();
  let out: Uint8Array[] = [];
  const decoder = new Decompress((bytes) => out.push(bytes));
  let before: Uint8Array = Buffer.concat([magic, head]);
  for (let isLast = false; !isLast;) {
    const block = await blockOf(feed);
    isLast = block.isLast;
    push(decoder, Buffer.concat([before, block.bytes]), isLast);
    before = new Uint8Array(0);
    for (const bytes of out) {
      // The decoder uses its buffers again.
      const kept = bytes.slice();
      sum.update(kept);
      if (kept.length > 0) yield kept;
    }
    out = [];
  }
  if (!hasChecksum) return;
  const stated = (await feed.need(4)).readUInt32LE(0);
  if (Number(sum.digest() & 0xffffffffn) !== stated) throw damaged('its checksum is wrong');
}

function push(decoder: Decompress, bytes: Uint8Array, isLast: boolean): void {
  try {
    decoder.push(bytes, isLast);
  } catch (error) {
    if (isHypError(error)) throw error;
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
}

/** The rest of a frame's header behind its magic number. */
async function frameHead(feed: Feed): Promise<{ head: Buffer; hasChecksum: boolean }> {
  const first = await feed.need(1);
  const flags = first[0] ?? 0;
  const isSingle = (flags & 0x20) !== 0;
  const dictionary = DICTIONARY_BYTES[flags & 3] ?? 0;
  if (dictionary > 0) throw damaged('it needs a dictionary');
  const sizeBytes = CONTENT_SIZE_BYTES[flags >> 6] ?? 0;
  const length = (isSingle ? 0 : 1) + (isSingle && sizeBytes === 0 ? 1 : sizeBytes);
  const rest = length === 0 ? Buffer.alloc(0) : await feed.need(length);
  // The decoder is told of no checksum: it would only wait for one.
  const head = Buffer.concat([Buffer.of(flags & ~CHECKSUM_FLAG), rest]);
  return { head, hasChecksum: (flags & CHECKSUM_FLAG) !== 0 };
}

async function blockOf(feed: Feed): Promise<{ bytes: Uint8Array; isLast: boolean }> {
  const head = await feed.need(3);
  const bits = head.readUIntLE(0, 3);
  const type = (bits >> 1) & 3;
  const size = bits >> 3;
  if (type === RESERVED || size > BLOCK_BYTES) throw damaged('a block of no known form');
  const length = type === RLE ? 1 : size;
  const body = length === 0 ? Buffer.alloc(0) : await feed.need(length);
  return { bytes: Buffer.concat([head, body]), isLast: (bits & 1) === 1 };
}
