import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gunzip, openGzip } from '../../../src/codec/compression.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../support/random.ts';

function lines(count: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const texts = Array.from({ length: count }, (_, n) => `{"n":${n},"r":${random.integer(1e6)}}\n`);
  return Buffer.from(texts.join(''));
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    await Promise.resolve();
  }
}

async function compress(bytes: Uint8Array, size: number): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const gzip = openGzip((piece) => {
    out.push(piece);
    return Promise.resolve();
  });
  for await (const piece of inPieces(bytes, size)) await gzip.write(piece);
  await gzip.finish();
  return Buffer.concat(out);
}

async function unpack(bytes: Uint8Array, size = 1000): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const piece of gunzip(inPieces(bytes, size))) out.push(piece);
  return Buffer.concat(out);
}

describe('gzip out', () => {
  it('is the same bytes for the same pieces, without name, time or system', async () => {
    const first = await compress(lines(20_000), 10_000);
    const second = await compress(lines(20_000), 10_000);
    expect(first.equals(second)).toBe(true);
    expect([...first.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect(first[9]).toBe(255);
    expect(gunzipSync(first).equals(lines(20_000))).toBe(true);
  });

  it('is a valid file of nothing when nothing was written', async () => {
    expect(gunzipSync(await compress(Buffer.alloc(0), 1))).toHaveLength(0);
  });

  it('hands bytes on while it is written, not all at the end', async () => {
    const noise = Uint8Array.from({ length: 400_000 }, (_, n) => seededRandom(n).integer(256));
    let sent = 0;
    const gzip = openGzip((piece) => {
      sent += piece.length;
      return Promise.resolve();
    });
    await gzip.write(noise);
    expect(sent).toBeGreaterThan(100_000);
    await gzip.abandon();
    await gzip.abandon();
  });

  it('passes the error of its sink on', async () => {
    const gzip = openGzip(() => Promise.reject(new Error('disk full')));
    await expect(gzip.finish()).rejects.toThrow('disk full');
    await gzip.abandon();
  });
});

describe('gzip in', () => {
  const one = gzipSync(lines(300, 1));
  const two = gzipSync(lines(300, 2));
  const both = Buffer.concat([lines(300, 1), lines(300, 2)]);

  async function codeOf(bytes: Uint8Array, size: number): Promise<string> {
    try {
      await unpack(bytes, size);
      return 'whole';
    } catch (error) {
      return isHypError(error) ? error.code : String(error);
    }
  }

  it('gives the content of all members, however the bytes arrive', async () => {
    for (const size of [1, 7, one.length, 1 << 20]) {
      expect((await unpack(Buffer.concat([one, two]), size)).equals(both)).toBe(true);
    }
  });

  it('allows zeros behind the end, as tapes and block devices leave them', async () => {
    const padded = Buffer.concat([one, Buffer.alloc(70_000)]);
    for (const size of [512, one.length, 1 << 20]) {
      expect((await unpack(padded, size)).equals(lines(300, 1))).toBe(true);
    }
  });

  it('is E_BAD_INPUT for anything else behind the end', async () => {
    for (const size of [1, 512, one.length, 1 << 20]) {
      expect(await codeOf(Buffer.concat([one, Buffer.from('tail')]), size)).toBe('E_BAD_INPUT');
      expect(await codeOf(Buffer.concat([one, Buffer.alloc(4), two]), size)).toBe('E_BAD_INPUT');
    }
  });

  it('is E_BAD_INPUT when it is cut anywhere', async () => {
    const small = Buffer.concat([gzipSync('first\n'), gzipSync('second\n')]);
    const firstEnds = gzipSync('first\n').length;
    for (let end = 0; end < small.length; end++) {
      // A cut between members leaves a whole file: nothing in it says that there was more.
      const expected = end === firstEnds ? 'whole' : 'E_BAD_INPUT';
      expect(await codeOf(small.subarray(0, end), 3)).toBe(expected);
    }
  });

  it('is E_BAD_INPUT when a byte of content, checksum or a later header was changed', async () => {
    const whole = Buffer.concat([one, two]);
    const places = [0, 1, 2, 10, one.length - 8, one.length - 1, one.length, one.length + 1];
    for (const at of [...places, whole.length - 1]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(await codeOf(changed, 1000)).toBe('E_BAD_INPUT');
    }
  });

  it('does not swallow a member whose first byte became zero', async () => {
    const changed = Buffer.concat([one, two]);
    changed[one.length] = 0;
    expect(await codeOf(changed, 1 << 20)).toBe('E_BAD_INPUT');
  });

  it('passes the error of its input on', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield one.subarray(0, 100);
      await Promise.resolve();
      throw new Error('cable pulled');
    }
    const drain = async (): Promise<void> => {
      for await (const piece of gunzip(broken())) expect(piece.length).toBeGreaterThan(0);
    };
    await expect(drain()).rejects.toThrow('cable pulled');
  });

  it('can be left early', async () => {
    for await (const piece of gunzip(inPieces(one, 100))) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });
});
