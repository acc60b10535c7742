/**
 * A table that is given other names, again and back, goes on behind what went out under all of them,
 * whoever slept with a unit of an old name, and wherever the command was stopped. llp/0017
 */
import { expect, test } from 'vitest';
import { toSinkName } from '../../src/core/ids.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { Engine } from '../../src/engine/api.ts';
import { everyPause } from '../support/fault-fs.ts';
import { copyTree, emptyTree, sentIds } from '../support/trees.ts';
import { ROOT, World, dies, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;
const ARCHIVE = toSinkName('archive');
const PROGRESS = `${ROOT}/state/progress/archive`;

async function oneProcess<T>(
  world: World,
  work: (engine: Engine) => Promise<T>,
  fs: DurableFs = world.disk.process(),
): Promise<T> {
  const engine = await world.open({ leases, fs });
  const result = await work(engine);
  await engine.close();
  return result;
}

/** Two rows of `events`, delivered and flushed. */
async function exported(): Promise<World> {
  const world = new World();
  await oneProcess(world, async (engine) => {
    await world.append(engine, 2);
    await engine.tick();
  });
  await oneProcess(world, tickWell);
  return world;
}

async function tickWell(engine: Engine): Promise<void> {
  const { failures, exported: reports } = await engine.tick();
  expect(failures).toEqual([]);
  expect(reports.flatMap(({ problem }) => problem ?? [])).toEqual([]);
}

async function rename(world: World, from: string, to: string): Promise<void> {
  await world.disk.rename(`${ROOT}/tables/${from}`, `${ROOT}/tables/${to}`);
}

/** The table `from` is `to` from now on, gets a row, and a person goes on with what was delivered. */
async function goOnAs(world: World, from: string, to: string, id: number): Promise<void> {
  await rename(world, from, to);
  await oneProcess(world, async (engine) => {
    await engine.append(to, [{ id }]);
    const { exported: reports } = await engine.tick();
    expect(reports.map(({ state }) => state)).toContain('parked');
    await engine.resolveSink(ARCHIVE, 'delivered');
    await tickWell(engine);
  });
  await oneProcess(world, tickWell);
}

async function expectVerified(world: World): Promise<void> {
  await oneProcess(world, async (engine) => {
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
  });
}

test.each([
  ['moved twice', ['fb', 'gc']],
  ['moved and moved back', ['fb', 'events']],
  ['moved there and back for two years', ['fb', 'events', 'fb', 'events']],
])('a table that was %s goes on behind its newest name, not its first', async (_how, names) => {
  const world = await exported();
  const ids = [1, 2];
  let from = 'events';
  for (const [index, to] of names.entries()) {
    const id = 3 + index;
    await goOnAs(world, from, to, id);
    expect(await sentIds(world.disk)).toEqual([...ids, id]);
    ids.push(id);
    from = to;
  }
  await expectVerified(world);
});

test('a table that was moved back and never asked about has sent nothing and waits', async () => {
  const world = await exported();
  await goOnAs(world, 'events', 'fb', 3);
  await rename(world, 'fb', 'events');
  await oneProcess(world, async (engine) => {
    await engine.append('events', [{ id: 4 }]);
    const { exported: reports } = await engine.tick();
    expect(reports).toMatchObject([{ state: 'parked', watermark: 2n }]);
    expect(reports[0]?.problem).toContain('moved: the table events goes on as fb');
    expect(reports[0]?.problem).toContain('hyp sink resolve archive --delivered');
  });
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('an exporter that sleeps at any step of a unit while its table gets another name doubles nothing', async () => {
  let refused = 0;
  const places = await everyPause(async (pauseHere) => {
    const world = await exported();
    await oneProcess(world, async (engine) => {
      await world.append(engine, 2);
      await engine.flush();
    });
    // Its spool is trimmed: frames of a table that went away would be rows of another.
    await oneProcess(world, (engine) => engine.flush());
    const fs = pauseHere(world.disk.process(), async () => {
      await rename(world, 'events', 'fb');
      await oneProcess(world, async (engine) => {
        await engine.tick();
        try {
          await engine.resolveSink(ARCHIVE, 'delivered');
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_PARKED' });
          refused += 1;
        }
        await engine.tick();
      });
    });
    const sleeper = await world.open({ leases, fs });
    await dies(() => sleeper.tick());
    const sent = await sentIds(world.disk);
    expect(new Set(sent).size, `sent ${sent.join(', ')}`).toBe(sent.length);
  }, 9);
  expect(places.length).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(2);
});

test('a command for a moved table that is killed at any step is run again, and no row is there twice', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await exported();
    await goOnAs(world, 'events', 'fb', 3);
    await rename(world, 'fb', 'events');
    await oneProcess(world, async (engine) => {
      await engine.append('events', [{ id: 4 }]);
      await engine.tick();
    });
    const process = world.disk.process();
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(() => oneProcess(world, (engine) => engine.resolveSink(ARCHIVE, 'delivered'), fs));
    await oneProcess(world, async (engine) => {
      const { exported: reports } = await engine.tick();
      if (reports.some(({ state }) => state === 'parked')) {
        await engine.resolveSink(ARCHIVE, 'delivered');
      }
      await tickWell(engine);
    });
    expect(await sentIds(world.disk)).toEqual([1, 2, 3, 4]);
    await expectVerified(world);
  }, 31);
  expect(places.length).toBeGreaterThan(4);
});

test('progress lost right after a table got another name is made again behind what its old name sent', async () => {
  const world = await exported();
  await rename(world, 'events', 'fb');
  await oneProcess(world, async (engine) => {
    await engine.append('fb', [{ id: 3 }]);
    await engine.tick();
    await engine.resolveSink(ARCHIVE, 'delivered');
  });
  await emptyTree(world.disk, PROGRESS);
  await oneProcess(world, async (engine) => {
    await engine.tick();
    await tickWell(engine);
  });
  expect(await sentIds(world.disk)).toEqual([1, 2, 3]);
});

test('a copy beside the table that got another name is not taken for its old name', async () => {
  const world = await exported();
  await copyTree(world.disk, `${ROOT}/tables/events`, `${ROOT}/tables/copy`);
  await oneProcess(world, async (engine) => {
    await engine.append('copy', [{ id: 10 }, { id: 11 }, { id: 12 }]);
    await engine.tick();
    await engine.tick();
  });
  const before = await sentIds(world.disk);
  await goOnAs(world, 'events', 'fb', 3);
  expect(await sentIds(world.disk)).toEqual([...before, 3].sort((a, b) => a - b));
  await oneProcess(world, async (engine) => {
    await engine.append('copy', [{ id: 13 }]);
    await tickWell(engine);
  });
  expect(await sentIds(world.disk)).toContain(13);
});
