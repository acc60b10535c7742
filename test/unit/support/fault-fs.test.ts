/** The decorators that count, fail and pause must do so, or the tests on them prove nothing. llp/0013 */
import { describe, expect, test } from 'vitest';
import { createSynced, replaceDurable } from '../../../src/core/durable-fs.ts';
import { countingFs, everyPause, faultFs, pausingFs } from '../../support/fault-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { ManualClock, seededRandom } from '../../support/random.ts';

const BYTES = Buffer.from('0123456789');

describe('countingFs', () => {
  test('counts opens, creates, syncs and bytes by path, until it is reset', async () => {
    const fs = countingFs(new MemoryFs('/d'));
    await createSynced(fs, '/d/a.avro', BYTES);
    await createSynced(fs, '/d/b.json', BYTES);
    await fs.syncDir('/d');
    await fs.readFile('/d/a.avro');
    await (await fs.open('/d/b.json')).read(0, 1);
    expect(fs.count({ op: 'create' })).toBe(2);
    expect(fs.bytesWritten({ path: /json$/ })).toBe(10);
    expect(fs.readPaths()).toEqual(['/d/a.avro', '/d/b.json']);
    expect(fs.readPaths(/avro/)).toEqual(['/d/a.avro']);
    expect(fs.syncs()).toBe(3);
    expect(fs.report()).toContain('create 2');
    fs.reset();
    expect(fs.count()).toBe(0);
  });
});

describe('faultFs', () => {
  test('fails the n-th matching call before it takes effect', async () => {
    const memory = new MemoryFs('/d');
    const fs = faultFs(memory, { op: 'create', nth: 2, code: 'ENOSPC', when: 'before' });
    await fs.create('/d/a');
    await expect(fs.create('/d/b')).rejects.toMatchObject({ code: 'ENOSPC' });
    await fs.create('/d/c');
    expect(await memory.readdir('/d')).toEqual(['a', 'c']);
    expect(fs.failed).toHaveLength(1);
  });

  test('lets a call take effect and reports an error all the same', async () => {
    const memory = new MemoryFs('/d');
    await createSynced(memory, '/d/a', BYTES);
    const fs = faultFs(memory, { op: 'link', nth: 1, code: 'EIO', when: 'after' });
    await expect(fs.link('/d/a', '/d/b')).rejects.toMatchObject({ code: 'EIO' });
    expect(await memory.readdir('/d')).toEqual(['a', 'b']);
  });

  test('leaves half of a write in the file', async () => {
    const memory = new MemoryFs('/d');
    const fs = faultFs(memory, { op: 'write', nth: 1, code: 'ENOSPC', when: 'half' });
    const handle = await fs.create('/d/a');
    await expect(handle.write(BYTES)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(Buffer.from(await memory.readFile('/d/a')).toString()).toBe('01234');
  });

  test('stays full when it is sticky, and a failed replacement leaves the old file alone', async () => {
    const memory = new MemoryFs('/d');
    await replaceDurable(memory, '/d/a', BYTES, 'first');
    const fs = faultFs(memory, { op: 'write', nth: 1, code: 'ENOSPC', when: 'half', sticky: true });
    for (const id of ['x', 'y']) {
      await expect(replaceDurable(fs, '/d/a', Buffer.from('new'), id)).rejects.toMatchObject({
        code: 'ENOSPC',
      });
    }
    expect(await memory.readdir('/d')).toEqual(['a']);
    expect(BYTES.equals(await memory.readFile('/d/a'))).toBe(true);
  });
});

describe('pausingFs', () => {
  test('runs something else right before and right after a step, and names the steps', async () => {
    const memory = new MemoryFs('/d');
    const seen: string[][] = [];
    const fs = pausingFs(memory);
    const look = async () => {
      seen.push(await memory.readdir('/d'));
    };
    fs.at(0, 'before', look);
    fs.at(0, 'after', look);
    expect(fs.fired).toBe(false);
    await createSynced(fs, '/d/a', BYTES);
    expect(seen).toEqual([[], ['a']]);
    expect(fs.fired).toBe(true);
    expect(fs.report()).toBe('0 create /d/a\n1 write /d/a (10 bytes)\n2 sync /d/a');
  });

  test('visits both sides of every step exactly once', async () => {
    const places = await everyPause(async (pauseHere) => {
      const fs = pauseHere(new MemoryFs('/d'), () => undefined);
      await replaceDurable(fs, '/d/a', BYTES, 'id');
    });
    expect(places).toHaveLength(2 * 5);
    expect(places.at(-1)).toBe('after step 4: syncDir /d');
  });

  test('names the step when a scenario fails there', async () => {
    const run = everyPause(async (pauseHere) => {
      let renamed = false;
      const memory = new MemoryFs('/d');
      const fs = pauseHere(memory, async () => {
        renamed = (await memory.readdir('/d')).includes('a');
      });
      await replaceDurable(fs, '/d/a', BYTES, 'id');
      expect(renamed).toBe(false);
    });
    await expect(run).rejects.toThrow(/^after step 3: rename \/d\/a\.id\.tmp -> \/d\/a/);
  });
});

describe('chance and time', () => {
  test('the same seed gives the same ids, another seed others', () => {
    const ids = (seed: number) => {
      const random = seededRandom(seed);
      return [random.uuid(), random.uuid(), random.id63(), random.fraction()];
    };
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
    expect(ids(1)[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    const uuids = new Set(Array.from({ length: 2000 }, (_, seed) => seededRandom(seed).uuid()));
    expect(uuids.size).toBe(2000);
  });

  test('a loop that sleeps sees every turn of the time that passes', async () => {
    const clock = new ManualClock();
    const seen: number[] = [];
    const loop = async () => {
      for (let turn = 0; turn < 3; turn++) {
        await clock.sleep(1000);
        seen.push(clock.monotonicMs());
      }
    };
    const running = loop();
    await clock.advance(2500);
    expect(seen).toEqual([1000, 2000]);
    expect(clock.sleeping).toBe(1);
    await clock.advance(500);
    await running;
    expect(seen).toEqual([1000, 2000, 3000]);
  });

  test('an aborted sleep ends without time passing', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const sleep = clock.sleep(1000, stop.signal);
    stop.abort();
    await sleep;
    expect(clock.sleeping).toBe(0);
    expect(clock.monotonicMs()).toBe(0);
  });
});
