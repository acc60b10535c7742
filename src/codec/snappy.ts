/**
 * Owns: raw Snappy blocks back to bytes.
 * Format: https://github.com/google/snappy/blob/main/format_description.txt
 * Invariant (I12): any bytes give exactly the stated size or E_CORRUPT; nothing is read or written
 * outside of them, and every step consumes something.
 * llp/0019
 */
import { HypError } from '../core/errors.ts';

/** Lengths above it stand in 1 … 4 bytes behind the tag. */
const SHORT_LITERAL = 60;
const SIZE_BYTES = 5;

function corrupt(): HypError {
  return new HypError('E_CORRUPT', 'not a whole Snappy block');
}

/** Where the content begins, behind its size. */
function afterSize(block: Uint8Array, size: number): number {
  let stated = 0;
  for (let at = 0; at < SIZE_BYTES; at++) {
    const byte = block[at];
    if (byte === undefined) break;
    stated += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (stated !== size) break;
      return at + 1;
    }
  }
  throw corrupt();
}

function littleEndian(block: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > block.length) throw corrupt();
  let value = 0;
  for (let i = 0; i < bytes; i++) value += (block[at + i] ?? 0) * 2 ** (8 * i);
  return value;
}

/** Unpacks `block` into the first `size` bytes of `out`. */
export function unpackSnappy(block: Uint8Array, out: Uint8Array, size: number): void {
  let at = afterSize(block, size);
  let to = 0;
  while (at < block.length) {
    const tag = block[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > SHORT_LITERAL) {
        const bytes = length - SHORT_LITERAL;
        length = littleEndian(block, at, bytes) + 1;
        at += bytes;
      }
      if (length > block.length - at || length > size - to) throw corrupt();
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const bytes = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = littleEndian(block, at, bytes) + (kind === 1 ? (tag >> 5) * 256 : 0);
    at += bytes;
    if (back === 0 || back > to || length > size - to) throw corrupt();
    if (back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - back] ?? 0;
    to += length;
  }
  if (to !== size) throw corrupt();
}
