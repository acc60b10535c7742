/**
 * Many writers on one table, with the pauses enumerated: at every durable step of one process,
 * before and after it, another process does its whole work. Leases never hold.
 */
import { expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { LOSE_ALL } from '../support/memory-fs.ts';
import { everyPause, faultFs } from '../support/fault-fs.ts';
import { seededRandom } from '../support/random.ts';
import { World, dies, everybodyLives } from '../support/world.ts';

const LONG = 120_000;

test(
  'two processes that flush the same frames store each row once',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open();
      await world.append(writer, 3);
      const other = await world.open();
      const fs = pauseHere(world.disk.process(), async () => {
        await other.flush();
      });
      const paused = await world.open({ fs });
      await paused.flush();
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(30);
  },
);

test('a writer that stamped first and commits last loses nothing', { timeout: LONG }, async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    const other = await world.open();
    const fs = pauseHere(world.disk.process(), async () => {
      await world.append(other, 4);
      await other.tick();
    });
    const paused = await world.open({ fs });
    await world.append(paused, 3);
    await paused.tick();
    await world.settle();
    await world.expectWhole();
  });
  expect(places.length).toBeGreaterThan(60);
});

test(
  'a link that reports an error although it took effect is a commit',
  { timeout: LONG },
  async () => {
    let faults = 0;
    for (let nth = 1; ; nth++) {
      const world = new World();
      await world.settle();
      const fs = faultFs(world.disk.process(), { op: 'link', nth, code: 'EIO', when: 'after' });
      const engine = await world.open({ fs, leases: everybodyLives });
      await world.append(engine, 3).catch(() => undefined);
      await engine.tick();
      await engine.close().catch(() => undefined);
      await world.settle();
      await world.expectWhole();
      if (fs.failed.length === 0) break;
      faults += 1;
    }
    expect(faults).toBeGreaterThan(3);
  },
);

test(
  'what another process saw and sent outside is still there after a power failure',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const setup = await world.open();
      await world.append(setup, 2);
      await setup.close();
      const other = await world.open();
      const fs = pauseHere(world.disk.process(), async () => {
        await other.tick();
        world.disk.crash(LOSE_ALL);
      });
      await dies(async () => (await world.open({ fs })).tick());
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(40);
  },
);

test(
  'a power failure at any step loses no acknowledged row and doubles none',
  { timeout: LONG },
  async () => {
    let seed = 0;
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const fs = pauseHere(world.disk.process(), () => {
        world.disk.crash(seededRandom(seed++));
      });
      await appendAndTick(world, fs);
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(80);
  },
);

async function appendAndTick(world: World, fs: DurableFs): Promise<void> {
  await dies(async () => {
    const engine = await world.open({ fs });
    await world.append(engine, 2);
    await engine.tick();
    await world.append(engine, 2);
    await engine.tick();
    await engine.close();
  });
}

test('a failed fdatasync in the spool costs a segment, not a row', { timeout: LONG }, async () => {
  for (const times of [1, 2, 3]) {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives });
    await world.append(engine, 2);
    world.disk.failSyncs(/spool/, times);
    await world.append(engine, 3).catch(() => undefined);
    await world.append(engine, 4).catch(() => undefined);
    await engine.tick();
    await world.settle();
    await world.expectWhole();
  }
});
