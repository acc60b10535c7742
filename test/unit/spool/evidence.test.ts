/**
 * What a reader of the spool may conclude: from an end, from a listing, from bytes that a power failure
 * left. Each rule by itself; together they hide each other's faults. llp/0007
 */
import { describe, expect, test } from 'vitest';
import { SpoolReader } from '../../../storage/spool/reader.ts';
import { interceptFs } from '../../support/intercept-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';
import { A, SPOOL, SpoolStore } from '../../support/spool.ts';

const never = () => new Promise<never>(() => undefined);

/** A writer whose process stops in the fdatasync of its n-th group, for good. */
function stopping(memory: MemoryFs, nth: number) {
  let left = nth;
  return interceptFs(memory.process(), (step, run) =>
    step.op === 'datasync' && --left === 0 ? never() : run(),
  );
}

/** Lets calls go on that nobody waits for. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('the end a closer states is durable by its own sync: no frame of it falls with the power', async () => {
  const memory = new MemoryFs(SPOOL);
  const store = new SpoolStore();
  const writer = store.writer(stopping(memory, 2));
  await store.append(writer, A, 'one');
  void store.append(writer, A, 'two');
  await turns();
  await store.closeAll(memory.process());
  const after = memory.crash(LOSE_ALL).process();
  await store.flush(after, A);
  expect(store.tableOf(A).rows).toEqual(['one', 'two']);
  expect(await store.settle(after)).toEqual([]);
});

test('a power failure before the first fdatasync of a segment is never taken for damage', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const memory = new MemoryFs(SPOOL);
    const store = new SpoolStore();
    const writer = store.writer(stopping(memory, 1));
    // One group of two frames, the second beyond the first sector.
    void store.append(writer, A, 'x'.repeat(600));
    void store.append(writer, A, 'two');
    await turns();
    const after = memory.crash(seededRandom(seed)).process();
    expect(await store.settle(after), `seed ${seed}`).toEqual([]);
  }
});

describe('an end', () => {
  test('comes with a listing that shows what it counts', async () => {
    const memory = new MemoryFs(SPOOL);
    const store = new SpoolStore();
    const writer = store.writer(memory);
    await store.append(writer, A, 'one');
    await writer.close();
    const id = writer.writerId;
    if (id === undefined) throw new Error('the writer has an id');
    // The first listing is from before all of it but the seal.
    let looks = 0;
    const late = interceptFs(memory, async (step, run) => {
      const names = await run();
      const old = step.op === 'readdir' && step.path.endsWith(id) && ++looks === 1;
      return old ? (['seal'] as typeof names) : names;
    });
    const view = await new SpoolReader({ fs: late, dir: SPOOL }).views.view(id, true);
    expect(view).toMatchObject({ end: 1n, segments: [{ reached: 1n }] });
  });

  test('that no segment reaches keeps its writer from being buried: it is evidence', async () => {
    const memory = new MemoryFs(SPOOL);
    const store = new SpoolStore();
    const writer = store.writer(memory);
    await store.append(writer, A, 'one');
    await store.closeAll(memory);
    const dir = `${SPOOL}/${writer.writerId ?? ''}`;
    await memory.unlink(`${dir}/00000001.seg`);
    await store.trim(memory);
    expect(await memory.readdir(dir)).toEqual(['end', 'seal']);
  });

  test('of the writer itself tells that all its segments are gone', async () => {
    const memory = new MemoryFs(SPOOL);
    const store = new SpoolStore();
    const writer = store.writer(memory);
    await store.append(writer, A, 'one');
    await writer.close();
    await memory.unlink(`${SPOOL}/${writer.writerId ?? ''}/00000001.seg`);
    await expect(store.flush(memory, A)).rejects.toThrow('frames through 1 are missing');
  });
});
