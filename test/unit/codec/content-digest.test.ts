import { describe, expect, it } from 'vitest';
import {
  addDigests,
  contentDigest,
  digestFromHex,
  digestHex,
} from '../../../src/codec/content-digest.ts';
import { SEQ_COLUMN } from '../../../src/codec/columns.ts';
import type { Batch, ColumnType } from '../../../src/codec/columns.ts';
import { batchOf, wideBatch } from '../../support/wide-rows.ts';
import type { Cell } from '../../support/wide-rows.ts';

const seq = { name: SEQ_COLUMN, type: 'long', fieldId: 9 } as const;

function one(type: ColumnType, value: Cell, fieldId = 1): bigint {
  return contentDigest(batchOf([{ name: 'v', type, fieldId }, seq], [[value], [1n]]));
}

function rows(...cells: readonly (readonly Cell[])[]): Batch {
  const columns = [
    { name: 'a', type: 'string', fieldId: 1 } as const,
    { name: 'b', type: 'string', fieldId: 2 } as const,
    seq,
  ];
  return batchOf(
    columns,
    [0, 1, 2].map((index) => cells.map((row) => row[index] ?? null)),
  );
}

describe('the content digest', () => {
  it('never changes for the same rows', () => {
    const columns = [
      { name: 'ok', type: 'boolean', fieldId: 1 },
      { name: 'n', type: 'long', fieldId: 2 },
      { name: 'x', type: 'double', fieldId: 3 },
      { name: 't', type: 'string', fieldId: 1000 },
      seq,
    ] as const;
    const batch = batchOf(columns, [
      [true, false, null],
      [-1n, 2n ** 40n, null],
      [1.5, -0, null],
      ['', 'nineteen characters', '日本語'],
      [1n, 2n, 2n ** 40n],
    ]);
    expect(digestHex(contentDigest(batch))).toBe('9698ed814d3e27c124c0622ba8717be9');
  });

  it('is 0 for no rows, and 0 changes nothing', () => {
    expect(contentDigest(wideBatch(0))).toBe(0n);
    const digest = contentDigest(wideBatch(5));
    expect(addDigests(digest, 0n)).toBe(digest);
  });

  it('differs for a row without values and for another seq', () => {
    const empty = contentDigest(batchOf([seq], [[1n]]));
    expect(empty).not.toBe(0n);
    expect(contentDigest(batchOf([seq], [[2n]]))).not.toBe(empty);
    expect(contentDigest(batchOf([seq], [[1n + 2n ** 32n]]))).not.toBe(empty);
  });

  it('takes -0 for 0, every NaN for one, json for string, a timestamp for its long', () => {
    expect(one('double', -0)).toBe(one('double', 0));
    const odd = new Float64Array(BigUint64Array.of(0xfff8000000000123n).buffer);
    const column = { name: 'v', type: 'double', fieldId: 1, nullCount: 0 } as const;
    const [seqs] = batchOf([seq], [[1n]]).columns;
    const batch = { ...column, validity: undefined, values: odd };
    expect(contentDigest({ rows: 1, columns: seqs ? [batch, seqs] : [] })).toBe(
      one('double', Number.NaN),
    );
    expect(one('json', '[1]')).toBe(one('string', '[1]'));
    expect(one('timestamptz', 5n)).toBe(one('long', 5n));
  });

  it('tells types, fields, null and empty apart', () => {
    const digests = [
      one('boolean', true),
      one('boolean', false),
      one('long', 1n),
      one('long', 0n),
      one('double', 1),
      one('double', 0),
      one('string', '1'),
      one('string', ''),
      one('string', '\u0000'),
      one('string', '\u0000\u0000'),
      one('string', null),
      one('long', 1n, 2),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('changes when two values change places in a row or between rows', () => {
    const digest = contentDigest(rows(['x', 'y', 1n], ['z', 'w', 2n]));
    expect(contentDigest(rows(['y', 'x', 1n], ['z', 'w', 2n]))).not.toBe(digest);
    expect(contentDigest(rows(['z', 'y', 1n], ['x', 'w', 2n]))).not.toBe(digest);
    expect(contentDigest(rows(['z', 'w', 1n], ['x', 'y', 2n]))).not.toBe(digest);
  });

  it('sees every length and every bit of a text', () => {
    const text = 'abcdefghijklmnopqrstuvwxyzabcdefghijkl';
    const seen = new Set<bigint>();
    for (let length = 0; length <= text.length; length++) {
      seen.add(one('string', text.slice(0, length)));
    }
    for (let at = 0; at < text.length; at++) {
      for (let bit = 0; bit < 7; bit++) {
        const changed = text.charCodeAt(at) ^ (1 << bit);
        seen.add(
          one('string', text.slice(0, at) + String.fromCharCode(changed) + text.slice(at + 1)),
        );
      }
    }
    expect(seen.size).toBe(text.length + 1 + 7 * text.length);
  });

  it('does not let sums of neighbours cancel', () => {
    const seen = new Set<bigint>();
    for (let a = 0n; a < 40n; a++) {
      for (let b = 0n; b < 40n; b++) {
        const columns = [{ name: 'v', type: 'long', fieldId: 1 } as const, seq];
        seen.add(
          contentDigest(
            batchOf(columns, [
              [a, b],
              [1n, 2n],
            ]),
          ),
        );
      }
    }
    expect(seen.size).toBe(1600);
  });

  it('flips half of its bits when one bit of a value flips', () => {
    const counts = Array.from({ length: 128 }, () => 0);
    for (let bit = 0n; bit < 63n; bit++) {
      for (let base = 0n; base < 32n; base++) {
        const difference = one('long', base) ^ one('long', base ^ (1n << bit));
        counts.forEach((_, at) => {
          if (((difference >> BigInt(at)) & 1n) === 1n) counts[at] = (counts[at] ?? 0) + 1;
        });
      }
    }
    for (const count of counts) {
      expect(count / (63 * 32)).toBeGreaterThan(0.44);
      expect(count / (63 * 32)).toBeLessThan(0.56);
    }
  });

  it('needs field ids and seqs', () => {
    const batch = wideBatch(2);
    const bare = batch.columns.map((column) => ({ ...column, fieldId: undefined }));
    expect(() => contentDigest({ rows: 2, columns: bare })).toThrow(/field id/);
    const noSeq = batch.columns.filter((column) => column.name !== SEQ_COLUMN);
    expect(() => contentDigest({ rows: 2, columns: noSeq })).toThrow(/seq/);
  });
});

describe('a digest as text', () => {
  it('is 32 hex digits and back', () => {
    expect(digestHex(1n)).toBe('00000000000000000000000000000001');
    const digest = contentDigest(wideBatch(9));
    expect(digestFromHex(digestHex(digest))).toBe(digest);
  });

  it('is E_CORRUPT when it is anything else', () => {
    for (const text of ['', '12', 'G'.repeat(32), 'A'.repeat(32), '0'.repeat(33)]) {
      expect(() => digestFromHex(text)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }));
    }
  });
});
