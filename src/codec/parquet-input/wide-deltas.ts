/**
 * Owns: DELTA_BINARY_PACKED numbers whose values or steps need more than 53 bits, by halves of 32
 * bits: arithmetic on 64-bit bigints in a hot loop crashes the optimising compiler of Node 20. Sums
 * wrap around, as the format wants it.
 * Invariant (I12): any bytes give values or E_CORRUPT; nothing is read outside.
 * llp/0019
 */
import { corruptPage, readDeltaHead } from '../parquet-encodings.ts';
import type { Bits } from '../parquet-encodings.ts';

/** The number that was read last, by halves. */
interface Halves {
  low: number;
  high: number;
}

const VARINT_BITS = 70;

function readZigZagHalves(bits: Bits, into: Halves): void {
  let low = 0;
  let high = 0;
  for (let shift = 0; ; shift += 7) {
    if (bits.at >= bits.end || shift >= VARINT_BITS) throw corruptPage('a number without an end');
    const byte = bits.view.getUint8(bits.at++);
    const part = byte & 0x7f;
    if (shift < 28) low |= part << shift;
    else if (shift === 28) {
      low |= part << 28;
      high = part >> 4;
    } else high |= part << (shift - 32);
    if (byte < 0x80) break;
  }
  const sign = -(low & 1);
  into.low = ((low >>> 1) | (high << 31)) ^ sign;
  into.high = (high >>> 1) ^ sign;
}

/** Bits `at` … `at + width` of the bytes from `from` on, at most 32, unsigned. */
function readBits(view: DataView, from: number, at: number, width: number): number {
  let value = 0;
  for (let done = 0; done < width;) {
    const bit = at + done;
    const take = Math.min(8 - (bit & 7), width - done);
    const part = (view.getUint8(from + (bit >>> 3)) >> (bit & 7)) & ((1 << take) - 1);
    value += part * 2 ** done;
    done += take;
  }
  return value;
}

function addTo(sum: Halves, low: number, high: number): void {
  const whole = (sum.low >>> 0) + (low >>> 0);
  sum.low = whole | 0;
  sum.high = (sum.high + high + (whole > 0xffffffff ? 1 : 0)) | 0;
}

/** `count` numbers as the two words each has in memory. */
export function readWideDeltas(bits: Bits, count: number): Int32Array {
  const words = new Int32Array(2 * count);
  const { miniBlocks, perMini } = readDeltaHead(bits, count);
  const value: Halves = { low: 0, high: 0 };
  const least: Halves = { low: 0, high: 0 };
  let done = 0;
  const put = (): void => {
    words[2 * done] = value.low;
    words[2 * done + 1] = value.high;
    done++;
  };
  if (count > 0) {
    readZigZagHalves(bits, value);
    put();
  }
  while (done < count) {
    readZigZagHalves(bits, least);
    const widths = bits.at;
    bits.at += miniBlocks;
    if (bits.at > bits.end) throw corruptPage('deltas that end too soon');
    for (let mini = 0; mini < miniBlocks && done < count; mini++) {
      const width = bits.view.getUint8(widths + mini);
      const size = (width * perMini) / 8;
      if (width > 64 || size > bits.end - bits.at) throw corruptPage('deltas that end too soon');
      for (let i = 0; i < perMini && done < count; i++) {
        const low = readBits(bits.view, bits.at, i * width, Math.min(32, width));
        const high = width > 32 ? readBits(bits.view, bits.at, i * width + 32, width - 32) : 0;
        addTo(value, low | 0, high | 0);
        addTo(value, least.low, least.high);
        put();
      }
      bits.at += size;
    }
  }
  return words;
}
