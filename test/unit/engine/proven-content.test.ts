/** A content that is read again is the one it was decided to be, or none of it is given. llp/0012 */
import { expect, test } from 'vitest';
import { KnownSources } from '../../../src/engine/backfill/known-sources.ts';
import { OtherContent, proven } from '../../../src/engine/backfill/proven-content.ts';
import { firstRecord, matchPrefix } from '../../../src/engine/backfill/source.ts';

async function* cut(content: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += bytes) {
    yield await Promise.resolve(content.subarray(at, at + bytes));
  }
}

/** What of `now` is given to whoever decided by `then`; `other`: the proof failed behind it. */
async function given(then: Uint8Array, now: Uint8Array, pieces: number) {
  const head = await firstRecord(cut(then, pieces));
  const { marks } = await matchPrefix(cut(then, 300_000), new KnownSources('file/x#'));
  const chunks: Uint8Array[] = [];
  let other = false;
  try {
    for await (const chunk of proven(cut(now, pieces), { head, marks })) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof OtherContent)) throw error;
    other = true;
  }
  return { bytes: Buffer.concat(chunks), other };
}

const LINE = Buffer.from('{"id":1,"text":"some"}\n');
const LONG = Buffer.alloc(150_000 * LINE.length, LINE);

test.each([70_000, 999_999, 5_000_000])(
  'the same content is given whole, in pieces of %i',
  async (pieces) => {
    const same = await given(LONG, LONG, pieces);
    expect(same.other).toBe(false);
    expect(same.bytes.equals(LONG)).toBe(true);
    const grown = Buffer.concat([LONG, LINE, LINE]);
    const found = await given(LONG, grown, pieces);
    expect(found.other).toBe(false);
    expect(found.bytes.equals(grown)).toBe(true);
  },
);

test.each([70_000, 999_999, 5_000_000])(
  'nothing is given from a mark on that differs, in pieces of %i',
  async (pieces) => {
    for (const at of [30, 1_500_000, LONG.length - 1]) {
      const changed = Buffer.from(LONG);
      changed[at] = 0;
      const { bytes, other } = await given(LONG, changed, pieces);
      expect(other).toBe(true);
      expect(bytes.length).toBeLessThanOrEqual(at);
      expect(bytes.equals(LONG.subarray(0, bytes.length))).toBe(true);
    }
    expect((await given(LONG, LONG.subarray(0, -1), pieces)).other).toBe(true);
  },
);

test('a first record that was cut short, or of which there was nothing, is another one', async () => {
  for (const length of [0, 1, LINE.length - 2]) {
    const { bytes, other } = await given(LINE.subarray(0, length), LINE, 10);
    expect([bytes.length, other]).toEqual([0, true]);
  }
});
