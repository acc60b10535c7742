/**
 * Owns: what Parquet packs values into: runs of small numbers (levels, codes) and deltas of longs.
 * Format: https://github.com/apache/parquet-format/blob/master/Encodings.md
 * Invariant (I12): any bytes give values or E_CORRUPT; nothing is read or written outside.
 * llp/0005
 */
import { HypError } from '../core/errors.ts';

/** Bytes to be read one after the other; the view goes on for READ_SLACK_BYTES behind `end`. */
export interface Bits {
  readonly view: DataView;
  at: number;
  readonly end: number;
}

/** What reading a packed number may touch behind its last byte. */
export const READ_SLACK_BYTES = 8;

const TWO_32 = 2 ** 32;

export function corruptPage(what: string): HypError {
  return new HypError('E_CORRUPT', `not a Parquet page: ${what}`);
}

/** Longer ones are of no 64-bit number. */
const VARINT_BYTES = 10;

/** An unsigned number, low groups of seven bits first; above 2^53 it is not exact. */
export function readVarint(bits: Bits): number {
  let value = 0;
  let scale = 1;
  for (let read = 0; read < VARINT_BYTES; read++, scale *= 128) {
    if (bits.at >= bits.end) throw corruptPage('it ends too soon');
    const byte = bits.view.getUint8(bits.at++);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw corruptPage('a number out of range');
}

/** Signed, its sign in the lowest bit; undefined above 53 bits. */
function readZigZag(bits: Bits): number | undefined {
  const value = readVarint(bits);
  if (!Number.isSafeInteger(value)) return undefined;
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** `width` bits (1 … 32) at bit `at` of the bytes from `from` on. */
function packed(view: DataView, from: number, at: number, width: number): number {
  const byte = from + (at >>> 3);
  const shift = at & 7;
  let value = view.getUint32(byte, true) >>> shift;
  if (shift + width > 32) value |= view.getUint8(byte + 4) << (32 - shift);
  return width === 32 ? value >>> 0 : value & ((1 << width) - 1);
}

/**
 * Fills `out` from `to` on with `count` numbers of `width` bits (0 … 32) from runs of equal ones and
 * groups of eight packed ones. Numbers of 32 bits are taken as signed.
 */
// eslint-disable-next-line max-params -- once per page: what, how wide, where to, how many
export function readRuns(
  bits: Bits,
  width: number,
  out: Int32Array,
  to: number,
  count: number,
): void {
  const stop = to + count;
  const bytes = (width + 7) >> 3;
  while (to < stop) {
    const head = readVarint(bits);
    if (head % 2 === 0) {
      const end = to + head / 2;
      if (bits.at + bytes > bits.end || end === to) throw corruptPage('a run without a value');
      const value = bytes === 0 ? 0 : packed(bits.view, bits.at, 0, width);
      bits.at += bytes;
      out.fill(value, to, Math.min(end, stop));
      to = end;
    } else {
      const groups = (head - 1) / 2;
      const size = groups * width;
      if (size > bits.end - bits.at || groups === 0) throw corruptPage('a run that ends too soon');
      const end = Math.min(to + groups * 8, stop);
      for (let at = 0; to < end; to++, at += width) {
        out[to] = width === 0 ? 0 : packed(bits.view, bits.at, at, width);
      }
      bits.at += size;
    }
  }
}

/** How `count` deltas are laid out: miniblocks of a block, values of a miniblock. */
export function readDeltaHead(
  bits: Bits,
  count: number,
): { readonly miniBlocks: number; readonly perMini: number } {
  const blockValues = readVarint(bits);
  const miniBlocks = readVarint(bits);
  const total = readVarint(bits);
  if (miniBlocks === 0 || blockValues % (8 * miniBlocks) !== 0 || total !== count) {
    throw corruptPage('deltas of another count');
  }
  return { miniBlocks, perMini: blockValues / miniBlocks };
}

/**
 * `count` longs of DELTA_BINARY_PACKED as the two words each has in memory; undefined when they, or
 * the steps between them, need more than 53 bits.
 */
export function readDeltas(bits: Bits, count: number): Int32Array | undefined {
  const words = new Int32Array(2 * count);
  const { miniBlocks, perMini } = readDeltaHead(bits, count);
  let done = 0;
  const put = (value: number): void => {
    words[2 * done] = value | 0;
    words[2 * done + 1] = Math.floor(value / TWO_32);
    done++;
  };
  let value = count === 0 ? 0 : readZigZag(bits);
  if (value === undefined) return undefined;
  if (count > 0) put(value);
  while (done < count) {
    const least = readZigZag(bits);
    if (least === undefined) return undefined;
    const widths = bits.at;
    bits.at += miniBlocks;
    for (let mini = 0; mini < miniBlocks && done < count; mini++) {
      const width = bits.view.getUint8(widths + mini);
      if (width > 32) return undefined;
      const size = (width * perMini) / 8;
      if (size > bits.end - bits.at) throw corruptPage('deltas that end too soon');
      for (let i = 0; i < perMini && done < count; i++) {
        value += least + (width === 0 ? 0 : packed(bits.view, bits.at, i * width, width));
        if (!Number.isSafeInteger(value)) return undefined;
        put(value);
      }
      bits.at += size;
    }
  }
  return words;
}
