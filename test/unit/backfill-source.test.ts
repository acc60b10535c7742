/** Which source a content is: prefixes are found by their halves (llp/0012). */
import { describe, expect, it } from 'vitest';
import { KnownSources } from '../../src/engine/backfill/known-sources.ts';
import { PrefixDigest } from '../../src/engine/prefix-digest.ts';
import {
  decideSource,
  firstRecord,
  matchPrefix,
  sourceBefore,
} from '../../src/engine/backfill/source.ts';
import { seededRandom } from '../support/random.ts';

function digestOf(content: Uint8Array): string {
  const digest = new PrefixDigest();
  digest.push(content);
  return digest.at(content.length);
}

function knownOf(contents: readonly Uint8Array[]): KnownSources {
  const known = new KnownSources('file/x#');
  for (const content of contents) {
    known.add({
      source: known.takeFree(),
      through: BigInt(content.length),
      digest: digestOf(content),
    });
  }
  return known;
}

async function* cut(content: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += bytes) {
    yield await Promise.resolve(content.subarray(at, at + bytes));
  }
}

describe('the match of a content with known ones', () => {
  it('is the longest that is a prefix of it, however both were cut', async () => {
    const random = seededRandom(3);
    const content = Buffer.from(Array.from({ length: 5_000 }, () => random.integer(256)));
    const lengths = [1, 3, 63, 64, 65, 100, 127, 128, 1_000, 1_024, 4_095, 4_096, 4_999, 5_000];
    for (const [number, length] of lengths.entries()) {
      const others = lengths.slice(0, number + 1).map((each) => content.subarray(0, each));
      const changed = lengths.map((each) => {
        const other = Buffer.from(content.subarray(0, each));
        other[each - 1] = (other[each - 1] ?? 0) ^ 1;
        return other;
      });
      for (const bytes of [1, 7, 64, 999, 5_000]) {
        const { source, bytes: read } = await matchPrefix(
          cut(content, bytes),
          knownOf([...changed, ...others]),
        );
        expect(source, `${length} in pieces of ${bytes}`).toBe(`file/x#${changed.length + number}`);
        expect(read).toBe(5_000);
      }
    }
  });

  it('takes digests of candidates only: with thousands of lengths it is still quick', async () => {
    const random = seededRandom(4);
    const line = Buffer.from('{"the same first line in all of them":1}\n');
    const contents = Array.from({ length: 5_000 }, (_, at) => {
      const own = Buffer.from(Array.from({ length: 100 }, () => random.integer(256)));
      return Buffer.concat([line, own, Buffer.alloc(at)]);
    });
    const known = knownOf(contents);
    let asked = 0;
    const counted = Object.assign(Object.create(known) as KnownSources, {
      sourceAt: (bytes: number, digest: string) => {
        asked += 1;
        return known.sourceAt(bytes, digest);
      },
      lengthsWith: (half: Parameters<KnownSources['lengthsWith']>[0]) => known.lengthsWith(half),
      lengthsWithoutHalf: () => known.lengthsWithoutHalf(),
    });
    const last = contents.at(-1) ?? line;
    expect((await matchPrefix(cut(last, 999), counted)).source).toBe('file/x#4999');
    expect(asked).toBeLessThan(300);
  });
});

describe('the first record', () => {
  it.each([
    ['{"a":1}\n{"b":2}\n', '{"a":1}'],
    ['{"a":1}', '{"a":1}'],
    ['{"a":1}\r\n', '{"a":1}'],
    ['{"a":1} and more\n', '{"a":1}'],
    ['{"a":"}\\"{","b":{}} \n', '{"a":"}\\"{","b":{}}'],
    ['{"a":\n{"b":2}\n', '{"a":'],
    ['[\n  {\n "a": [1, 2]\n },\n {"b":1}]', '[\n  {\n "a": [1, 2]\n }'],
    ['[{"a":1}]', '[{"a":1}'],
    ['id,name\r\n1,"{x}"\n', 'id,name\r'],
    ['\n\n{"a":1}\n', '\n\n{"a":1}'],
    ['no row', 'no row'],
    ['', ''],
  ])('of %j is %j, however it is cut', async (text, head) => {
    for (const bytes of [1, 3, 100]) {
      const found = await firstRecord(cut(Buffer.from(text), bytes));
      expect(Buffer.from(found).toString()).toBe(head);
    }
  });
});

describe('the decision', () => {
  const position = { source: 'file/x#0', through: 10n, digest: 'd', hint: '/a' };
  const free = (): string => 'file/x#1';

  it.each([
    ['new', '/a', { position: undefined, bytes: 10 }],
    ['resume', '/a', { position, bytes: 11 }],
    ['resume', '/b', { position, bytes: 11 }],
    ['unchanged', '/a', { position, bytes: 10 }],
    ['same-bytes', '/b', { position, bytes: 10 }],
  ])('is %s', (label, path, match) => {
    expect(decideSource(path, match, free).label).toBe(label);
  });

  it('numbers sources without holes', () => {
    expect([sourceBefore('file/x#0'), sourceBefore('file/x#10')]).toEqual([undefined, 'file/x#9']);
  });
});
