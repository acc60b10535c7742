/** LZ4 blocks written by hand, by the letter of the format. llp/0005 */
import { describe, expect, it } from 'vitest';
import { UNPACK_SLACK_BYTES, unpackLz4 } from '../../../src/codec/lz4.ts';
import { isHypError } from '../../../src/core/errors.ts';

/** What of a length does not fit its four bits. */
function more(length: number): number[] {
  if (length < 15) return [];
  const bytes: number[] = [];
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) bytes.push(255);
  return [...bytes, rest];
}

/** Literals, and perhaps a match of `length` bytes that stand `back` bytes before. */
function sequence(literals: string, match?: { back: number; length: number }): number[] {
  const text = [...Buffer.from(literals, 'latin1')];
  const extra = match === undefined ? 0 : match.length - 4;
  const token = (Math.min(text.length, 15) << 4) | Math.min(extra, 15);
  const head = [token, ...more(text.length), ...text];
  if (match === undefined) return head;
  return [...head, match.back & 0xff, match.back >> 8, ...more(extra)];
}

function unpacked(block: readonly number[], size: number): string {
  const out = new Uint8Array(size + UNPACK_SLACK_BYTES);
  try {
    unpackLz4(Uint8Array.from(block), out, size);
  } catch (error) {
    return isHypError(error) ? error.code : `crash: ${String(error)}`;
  }
  return Buffer.from(out.subarray(0, size)).toString('latin1');
}

describe('an LZ4 block', () => {
  it.each([1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 300])('repeats what stands %i bytes before', (back) => {
    const text = Array.from({ length: back }, (_, at) => String.fromCharCode(33 + (at % 90))).join(
      '',
    );
    for (const length of [4, 5, 18, 19, 20, 64, 65, 273, 274, 275, 1_000]) {
      const block = [...sequence(text, { back, length }), ...sequence('the end')];
      const whole = text.repeat(Math.ceil(length / back) + 1).slice(0, back + length);
      expect(unpacked(block, back + length + 7)).toBe(`${whole}the end`);
    }
  });

  it.each([0, 1, 14, 15, 16, 64, 65, 269, 270, 271, 2_000])('holds %i literals', (length) => {
    const text = 'x'.repeat(length);
    expect(unpacked(sequence(text), length)).toBe(text);
  });

  it('is E_CORRUPT when it reaches before its start, or has another size', () => {
    const match = (back: number) => [...sequence('abcd', { back, length: 6 }), ...sequence('z')];
    expect(unpacked(match(4), 11)).toBe('abcdabcdabz');
    for (const back of [0, 5, 6, 60_000]) expect(unpacked(match(back), 11)).toBe('E_CORRUPT');
    for (const size of [0, 3, 4, 9, 10, 12]) expect(unpacked(match(4), size)).toBe('E_CORRUPT');
    expect(unpacked([], 0)).toBe('');
    expect(unpacked([], 1)).toBe('E_CORRUPT');
  });

  it('is E_CORRUPT wherever it is cut', () => {
    const block = [...sequence('a'.repeat(20), { back: 3, length: 300 }), ...sequence('end')];
    for (let end = 0; end < block.length; end++) {
      expect(unpacked(block.slice(0, end), 323)).toBe('E_CORRUPT');
    }
  });
});
