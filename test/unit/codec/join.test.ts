/** Small batches becoming few, with the same rows. llp/0004 */
import { describe, expect, it } from 'vitest';
import { encodeIpc } from '../../../src/codec/arrow-ipc.ts';
import type { Batch } from '../../../src/codec/columns.ts';
import { joinBatches, sameShape } from '../../../src/codec/join.ts';
import { NdjsonDecoder } from '../../../src/codec/ndjson/decoder.ts';
import { batchToRows } from '../../../src/codec/rows.ts';
import { DueBatches } from '../../../src/engine/flush/due-batches.ts';

function batchOf(...rows: readonly object[]): Batch {
  const decoder = new NdjsonDecoder({});
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const batches = [...decoder.decode(Buffer.from(text)), decoder.finish()];
  const [found] = batches.flatMap((each) =>
    each !== undefined && each.batch.rows > 0 ? [each.batch] : [],
  );
  if (found === undefined) throw new Error('no rows');
  return found;
}

const rowsOf = (batches: readonly Batch[]): object[] =>
  batches.flatMap((each) => batchToRows(each));

describe('joined batches', () => {
  it('have the rows of all, nulls and texts too', () => {
    const rows = [
      { id: 1, text: 'ä', flag: true, part: { a: [1] } },
      { id: 2, text: '', flag: false, part: [] },
      { id: 3, text: 'three', flag: true, part: {} },
    ];
    const joined = joinBatches(rows.map((row) => batchOf(row)));
    expect(joined.rows).toBe(3);
    expect(batchToRows(joined)).toEqual(rows);
  });

  it('are of one shape: names, types and their order', () => {
    expect(sameShape(batchOf({ a: 1, b: 'x' }), batchOf({ a: 2, b: 'y' }))).toBe(true);
    expect(sameShape(batchOf({ a: 1, b: 'x' }), batchOf({ b: 'y', a: 2 }))).toBe(false);
    expect(sameShape(batchOf({ a: 1 }), batchOf({ a: 'x' }))).toBe(false);
    expect(sameShape(batchOf({ a: 1 }), batchOf({ a: 1, b: 1 }))).toBe(false);
  });
});

describe('the batches of a flush', () => {
  it('of ten thousand frames with one row each are few, in the order of the frames', () => {
    const due = new DueBatches();
    for (let id = 0; id < 10_000; id++) due.add(encodeIpc([batchOf({ id, text: `row ${id}` })]));
    const batches = due.end();
    expect(due.rows).toBe(10_000);
    expect(batches.length).toBeLessThan(10);
    expect(rowsOf(batches).map((row) => (row as { id: number }).id)).toEqual(
      Array.from({ length: 10_000 }, (_, id) => id),
    );
  });

  it('keep the order of frames of different shapes, which count with all their heads', () => {
    const due = new DueBatches();
    let payloads = 0;
    const rows = Array.from({ length: 100 }, (_, id) =>
      id % 2 === 0 ? { id } : { id, more: 'x' },
    );
    for (const row of rows) {
      const payload = encodeIpc([batchOf(row)]);
      payloads += payload.length;
      due.add(payload);
    }
    expect(due.bytes).toBe(payloads);
    expect(rowsOf(due.end())).toEqual(rows);
  });
});
