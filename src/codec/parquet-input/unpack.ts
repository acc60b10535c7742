/**
 * Owns: the content of a page of any Parquet file: unpacked to exactly the size it states.
 * Invariants: I12 (other sizes are E_CORRUPT), I13 (never more than that size is made).
 * llp/0019
 */
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { HypError, isHypError } from '../../core/errors.ts';
import { UNPACK_SLACK_BYTES, unpackLz4 } from '../lz4.ts';
import { READ_SLACK_BYTES } from '../parquet-encodings.ts';
import { unpackSnappy } from '../snappy.ts';
import { unzstd } from '../zstd.ts';

const CODEC = { none: 0, snappy: 1, gzip: 2, lzo: 3, brotli: 4, oldLz4: 5, zstd: 6, lz4: 7 };

/** What packed numbers and LZ4 may touch behind the content. */
export const PAGE_SLACK_BYTES = Math.max(READ_SLACK_BYTES, UNPACK_SLACK_BYTES);

function corrupt(cause?: unknown): HypError {
  return new HypError('E_CORRUPT', 'a page cannot be unpacked', { cause });
}

function copied(content: Uint8Array, out: Uint8Array, size: number): void {
  if (content.length !== size) throw corrupt();
  out.set(content);
}

async function unpackZstd(packed: Uint8Array, out: Uint8Array, size: number): Promise<void> {
  let length = 0;
  async function* whole() {
    yield packed;
  }
  for await (const bytes of unzstd(whole())) {
    if (length + bytes.length > size) throw corrupt();
    out.set(bytes, length);
    length += bytes.length;
  }
  if (length !== size) throw corrupt();
}

/** `size` bytes with PAGE_SLACK_BYTES behind them. E_BAD_INPUT for a codec hyp does not have. */
export async function unpackPage(
  packed: Uint8Array,
  codec: number,
  size: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(size + PAGE_SLACK_BYTES);
  try {
    if (codec === CODEC.none) copied(packed, out, size);
    else if (codec === CODEC.snappy) unpackSnappy(packed, out, size);
    else if (codec === CODEC.lz4) unpackLz4(packed, out, size);
    else if (codec === CODEC.zstd) await unpackZstd(packed, out, size);
    else if (codec === CODEC.gzip)
      copied(unzipSync(packed, { maxOutputLength: Math.max(1, size) }), out, size);
    else if (codec === CODEC.brotli)
      copied(brotliDecompressSync(packed, { maxOutputLength: Math.max(1, size) }), out, size);
    else throw unknownCodec(codec);
  } catch (error) {
    if (isHypError(error, 'E_BAD_INPUT') && error.message.startsWith('packed by')) throw error;
    throw corrupt(error);
  }
  return out;
}

function unknownCodec(codec: number): HypError {
  const old = codec === CODEC.oldLz4 ? 'the old LZ4' : undefined;
  const name = old ?? (codec === CODEC.lzo ? 'LZO' : `codec ${codec}`);
  return new HypError('E_BAD_INPUT', `packed by ${name}, which hyp cannot read`, {
    hint: 'Write the file again with zstd, snappy, gzip, brotli or lz4_raw.',
  });
}
