/** What is due, what waits and what it costs to know. llp/0007 */
import { describe, expect, test } from 'vitest';
import { closeWriter } from '../../../storage/spool/close.ts';
import { countingFs } from '../../support/fault-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { A, B, SPOOL, SpoolStore } from '../../support/spool.ts';

async function filled(count: number, limits: { segmentBytes?: number } = {}) {
  const store = new SpoolStore();
  const memory = new MemoryFs(SPOOL);
  const writer = store.writer(memory, limits);
  for (let i = 0; i < count; i++) await store.append(writer, i % 2 === 0 ? A : B, `row ${i}`);
  return { store, memory, writer };
}

describe('due', () => {
  test('syncs a segment before it yields a frame of it', async () => {
    const { store, memory } = await filled(3);
    const fs = countingFs(memory);
    for await (const frame of store.reader(fs).due(A, () => 0n)) {
      expect(frame.dataset).toBe(A);
      expect(fs.count({ op: 'sync', path: /\.seg$/ })).toBe(1);
    }
    expect(fs.count({ op: 'open' })).toBe(fs.count({ op: 'close' }));
  });

  test('yields only frames above what is committed', async () => {
    const { store, memory } = await filled(6);
    const ordinals: bigint[] = [];
    for await (const frame of store.reader(memory).due(A, () => 2n)) ordinals.push(frame.ordinal);
    expect(ordinals).toEqual([3n, 5n]);
  });

  test('closes its segment when the caller stops early', async () => {
    const { store, memory } = await filled(6);
    const fs = countingFs(memory);
    for await (const frame of store.reader(fs).due(A, () => 0n)) {
      expect(frame.ordinal).toBe(1n);
      break;
    }
    expect(fs.count({ op: 'open' })).toBe(fs.count({ op: 'close' }));
  });

  test('opens nothing when nothing is due and nothing has changed', async () => {
    const { store, memory } = await filled(40, { segmentBytes: 400 });
    const fs = countingFs(memory);
    const reader = store.reader(fs);
    const drain = async () => {
      for await (const frame of reader.due(A, () => 40n)) expect(frame).toBeUndefined();
    };
    await drain();
    fs.reset();
    await drain();
    expect(fs.readPaths()).toEqual([]);
    expect(fs.count({ op: 'stat' })).toBe(1);
  });

  test('finds segments that were trimmed under it gone, and goes on', async () => {
    const { store, memory } = await filled(40, { segmentBytes: 400 });
    const reader = store.reader(memory);
    const seen: bigint[] = [];
    for await (const frame of reader.due(A, () => 0n)) {
      if (seen.length === 1) {
        await store.flushAll(memory);
        await store.trim(memory);
      }
      seen.push(frame.ordinal);
    }
    expect(seen[0]).toBe(1n);
    expect(seen.at(-1)).toBe(39n);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('leaves out what is beyond the end of a closed writer', async () => {
    const { store, memory, writer } = await filled(4);
    const id = writer.writerId;
    if (id === undefined) throw new Error('the writer has an id');
    const place = { fs: memory, dir: SPOOL, random: store.random };
    expect(await closeWriter(place, id)).toBe(4n);
    expect(await store.append(writer, A, 'late')).toBe('stored');
    expect(writer.writerId).not.toBe(id);
    for await (const frame of store.reader(memory).due(A, () => 0n)) {
      if (frame.writer === id) expect(frame.ordinal).toBeLessThanOrEqual(4n);
    }
    expect(await store.settle(memory)).toEqual([]);
  });
});

describe('pending', () => {
  test('counts what waits per dataset, committed frames left out', async () => {
    const { store, memory } = await filled(6);
    const pending = await store.reader(memory).pending((_, dataset) => (dataset === A ? 1n : 0n));
    expect(pending.map(({ dataset, frames, rows }) => [dataset, frames, rows])).toEqual([
      [A, 2, 2],
      [B, 3, 3],
    ]);
    expect(await store.reader(memory).datasets()).toEqual([A, B]);
  });

  test('is empty when all is committed', async () => {
    const { store, memory } = await filled(6);
    expect(await store.reader(memory).pending(() => 6n)).toEqual([]);
  });

  test('reads only what came since, and nothing when nothing came', async () => {
    const { store, memory, writer } = await filled(400, { segmentBytes: 4000 });
    const fs = countingFs(memory);
    const reader = store.reader(fs);
    await reader.pending(() => 0n);
    fs.reset();
    await reader.pending(() => 0n);
    expect(fs.readPaths()).toEqual([]);
    await store.append(writer, A, 'one more');
    fs.reset();
    const [a] = await reader.pending(() => 0n);
    expect(a?.frames).toBe(201);
    expect(fs.readPaths()).toHaveLength(1);
  });

  test('leaves a damaged writer to due, which says what it has', async () => {
    const { store, memory, writer } = await filled(3);
    await writer.close();
    const path = `${SPOOL}/${writer.writerId}/end`;
    await memory.unlink(path);
    const handle = await memory.create(path);
    await handle.write(Buffer.from('{"hyp":"spool-end"}'));
    await handle.close();
    expect(await store.reader(memory).pending(() => 0n)).toEqual([]);
    await expect(store.flush(memory, A)).rejects.toMatchObject({ code: 'E_CORRUPT' });
  });
});
