/** Where row groups end, and what waits for the next one. llp/0005 */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/codec/columns.ts';
import { cutRowGroups } from '../../../src/codec/row-groups.ts';
import type { HypEvent } from '../../../src/core/events.ts';

/** One text column; row `n` of it is `bytes` long. */
function texts(rows: number, bytes: number): Batch {
  const offsets = Int32Array.from({ length: rows + 1 }, (_, row) => row * bytes);
  const base = { name: 'text', fieldId: 1, validity: undefined, nullCount: 0 };
  const values = new Uint8Array(rows * bytes).fill(97);
  return { rows, columns: [{ ...base, type: 'string', offsets, values }] };
}

const sizes = (groups: readonly (readonly Batch[])[]): number[] =>
  groups.map((slices) => slices.reduce((sum, slice) => sum + slice.rows, 0));

describe('row groups', () => {
  it('end at both limits, however the rows come', () => {
    const cutter = cutRowGroups({ rows: 10, bytes: 1_000 });
    expect(sizes(cutter.add(texts(4, 2)))).toEqual([]);
    expect(sizes(cutter.add(texts(28, 2)))).toEqual([10, 10, 10]);
    expect(sizes(cutter.add(texts(5, 392)))).toEqual([4, 2]);
    expect(cutter.rest()?.map((slice) => slice.rows)).toEqual([1]);
  });

  it('are told of with their size, which is never above the limit', () => {
    const events: HypEvent[] = [];
    const cutter = cutRowGroups({ rows: 100, bytes: 1_000 }, (event) => void events.push(event));
    for (let turn = 0; turn < 10; turn++) cutter.add(texts(30, 17));
    cutter.rest();
    expect(events.length).toBeGreaterThan(5);
    for (const event of events) {
      if (event.type === 'buffer') expect(event.bytes).toBeLessThanOrEqual(event.limitBytes);
    }
  });

  it('join small slices while they wait, each row a few times only', () => {
    const cutter = cutRowGroups({ rows: 20_000, bytes: 1_000_000_000 });
    for (let row = 0; row < 3_000; row++) cutter.add(texts(1, 10));
    const slices = cutter.rest() ?? [];
    expect(slices.reduce((sum, slice) => sum + slice.rows, 0)).toBe(3_000);
    expect(slices.length).toBeLessThan(24);
  });

  it('count what waits, and what waits does not keep its whole batch in memory', () => {
    const cutter = cutRowGroups({ rows: 1_000, bytes: 1_000_000 });
    cutter.add(texts(600, 100));
    expect(cutter.pendingBytes).toBe(600 * 108);
    expect(sizes(cutter.add(texts(403, 100)))).toEqual([1_000]);
    expect(cutter.pendingBytes).toBe(3 * 108);
    const [left] = cutter.rest() ?? [];
    const [column] = left?.columns ?? [];
    expect(left?.rows).toBe(3);
    expect(column?.values.buffer.byteLength).toBe(300);
    expect(cutter.pendingBytes).toBe(0);
  });
});
