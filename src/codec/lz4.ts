/**
 * Owns: LZ4 blocks (Parquet's LZ4_RAW) back to bytes.
 * Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 * Invariant (I12): any bytes give exactly the stated size or E_CORRUPT; nothing is read or written
 * outside of them.
 * llp/0005
 */
import { HypError } from '../core/errors.ts';

const MIN_MATCH = 4;
/** A length of 15 in the token goes on in the bytes behind it, up to one below 255. */
const LONG = 15;
const MORE = 255;

function corrupt(): HypError {
  return new HypError('E_CORRUPT', 'not a whole LZ4 block');
}

/** What unpacking may write, and leave as it likes, behind the content. */
export const UNPACK_SLACK_BYTES = 8;

/** Shorter runs are copied by words: a native copy costs more than most runs have bytes. */
const NATIVE_COPY_BYTES = 64;

/** What the bytes from `at` on add to a length of 15. They are one more than 255 goes into it. */
function moreLength(block: Uint8Array, at: number): number {
  let more = 0;
  for (;;) {
    const byte = block[at++];
    if (byte === undefined) throw corrupt();
    more += byte;
    if (byte < MORE) return more;
  }
}

/** Copies what stands `back` bytes before `to`; it may reach into what it writes itself. */
// eslint-disable-next-line max-params -- once per few bytes: an object would cost more than they do
function copyMatch(out: Uint8Array, into: DataView, to: number, stop: number, back: number): void {
  if (back < 4) {
    for (let i = to; i < stop; i++) out[i] = out[i - back] ?? 0;
  } else if (back >= stop - to && stop - to > NATIVE_COPY_BYTES) {
    out.copyWithin(to, to - back, stop - back);
  } else {
    for (let i = to; i < stop; i += 4) into.setInt32(i, into.getInt32(i - back, true), true);
  }
}

/**
 * Fills `out` from its start with the content of `block`, which must be `size` bytes; `out` has
 * UNPACK_SLACK_BYTES more. E_CORRUPT otherwise.
 */
export function unpackLz4(block: Uint8Array, out: Uint8Array, size: number): void {
  const from = new DataView(block.buffer, block.byteOffset, block.length);
  const into = new DataView(out.buffer, out.byteOffset, out.length);
  const end = block.length;
  let at = 0;
  let to = 0;
  while (at < end) {
    const token = block[at++] ?? 0;
    let length = token >> 4;
    if (length === LONG) {
      const more = moreLength(block, at);
      length += more;
      at += Math.floor(more / MORE) + 1;
    }
    if (length > end - at || length > size - to) throw corrupt();
    if (length > NATIVE_COPY_BYTES || at + length + 4 > end) {
      out.set(block.subarray(at, at + length), to);
    } else {
      for (let i = 0; i < length; i += 4) into.setInt32(to + i, from.getInt32(at + i, true), true);
    }
    at += length;
    to += length;
    // The last sequence has no match.
    if (at === end) break;
    const back = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    length = (token & 15) + MIN_MATCH;
    if (length === LONG + MIN_MATCH) {
      const more = moreLength(block, at);
      length += more;
      at += Math.floor(more / MORE) + 1;
    }
    if (at > end || back === 0 || back > to || length > size - to) throw corrupt();
    copyMatch(out, into, to, to + length, back);
    to += length;
  }
  if (to !== size) throw corrupt();
}
