/** zstd in: frames, checksums, and every kind of damage (llp/0019). Made with zstd 1.5. */
import { describe, expect, it } from 'vitest';
import { isHypError } from '../../../src/core/errors.ts';
import { isZstd, unzstd } from '../../../src/codec/zstd.ts';

/** 100 rows, one block. */
const SMALL = Buffer.from(
  'KLUv/QRohQMAkgcTEMC3AV3Hvz+1yO7eiUkZhwXgtBaJZ0V3hUg8K7qbIvGs6C6KxLOiuycSz4rumkg8K7pbIvGs6C6JxLOiuxeJZ0V3LRLPig6ORyAlmGOoEOhuB+DXEBQB8wEMX5Pb1+T2Nbl9TUZdz/Fc5pUgpelCG6s=',
  'base64',
);
/** 40,000 equal rows, three blocks. */
const BLOCKS = Buffer.from(
  'KLUv/QRojAAASHsiaWQiOjF9CgEA9P/MyxFEAAAAAQD9/8wLEEUAAAABAD1+OQACv0q7UQ==',
  'base64',
);
const EMPTY = Buffer.from('KLUv/SQAAQAAmenYUQ==', 'base64');
/** A frame with something else in it, as tools put between the others. */
const SKIPPED = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

const smallText = Array.from({ length: 100 }, (_, at) => `{"id":${at + 1}}\n`).join('');

async function* cut(content: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += bytes) {
    yield await Promise.resolve(content.subarray(at, at + bytes));
  }
}

async function unpack(bytes: Uint8Array, size = 1_000): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of unzstd(cut(bytes, size))) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function answer(bytes: Uint8Array): Promise<string> {
  try {
    return await unpack(bytes);
  } catch (error) {
    return isHypError(error, 'E_BAD_INPUT') ? 'E_BAD_INPUT' : String(error);
  }
}

describe('zstd', () => {
  it('gives the content of all frames, however the data is cut', async () => {
    const all = Buffer.concat([SMALL, SKIPPED, EMPTY, SMALL]);
    for (const size of [1, 3, 1_000]) expect(await unpack(all, size)).toBe(smallText + smallText);
    expect(await unpack(BLOCKS, 7)).toBe('{"id":1}\n'.repeat(40_000));
    expect(await unpack(new Uint8Array(0))).toBe('');
  });

  it('is known by its first bytes', () => {
    expect([SMALL, SKIPPED, Buffer.from('{"a":1}'), Buffer.from('x')].map(isZstd)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('cut anywhere but between frames is an error', async () => {
    for (let length = 1; length < SMALL.length; length++) {
      expect(await answer(SMALL.subarray(0, length)), `${length} bytes`).toBe('E_BAD_INPUT');
    }
  });

  it('with any bit flipped is an error, or the same content', async () => {
    let errors = 0;
    for (let bit = 0; bit < 8 * SMALL.length; bit++) {
      const flipped = Buffer.from(SMALL);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found = await answer(flipped);
      if (found === 'E_BAD_INPUT') errors += 1;
      // The window may be larger, and a frame may say less of itself.
      else expect(found, `bit ${bit}`).toBe(smallText);
    }
    expect(errors).toBeGreaterThan(8 * SMALL.length - 48);
  });

  it('with other bytes behind it is an error', async () => {
    expect(await answer(Buffer.concat([SMALL, Buffer.from('more')]))).toBe('E_BAD_INPUT');
  });
});
