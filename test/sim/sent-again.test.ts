/**
 * A destination was emptied and everything is sent again by `--again`, while somebody sleeps with a
 * unit of the record before: every row is there once, and verify finds nothing. llp/0017
 */
import { expect, test } from 'vitest';
import { toSinkName } from '../../src/core/ids.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { Engine } from '../../src/engine/api.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { removeTree, sentIds } from '../support/trees.ts';
import { OUT, World, dies, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;
const ARCHIVE = toSinkName('archive');

async function oneProcess(
  world: World,
  work: (engine: Engine) => Promise<unknown>,
  fs: DurableFs = world.disk.process(),
): Promise<void> {
  const engine = await world.open({ leases, fs });
  await work(engine);
  await engine.close();
}

/** Rows 1 and 2 are delivered, 3 and 4 in the table. */
async function halfExported(): Promise<World> {
  const world = new World();
  await oneProcess(world, async (engine) => {
    await world.append(engine, 2);
    await engine.tick();
    await world.append(engine, 2);
    await engine.flush();
  });
  return world;
}

/** `rm -rf OUT/*`: what begins with a dot stays. */
async function emptyDestination({ disk }: World): Promise<void> {
  for (const name of (await disk.readdir(OUT)).filter((each) => !each.startsWith('.'))) {
    const path = `${OUT}/${name}`;
    if ((await disk.stat(path))?.kind === 'directory') await removeTree(disk, path);
    else await disk.unlink(path);
  }
}

async function sendAgain(world: World): Promise<void> {
  await emptyDestination(world);
  await oneProcess(world, async (engine) => {
    await engine.resolveSink(ARCHIVE, 'again');
    await world.append(engine, 1);
    await engine.tick();
  });
}

async function expectOnce(world: World, ids: readonly number[]): Promise<void> {
  await oneProcess(world, async (engine) => {
    const { failures, exported } = await engine.tick();
    expect(failures).toEqual([]);
    expect(exported.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    expect(await sentIds(world.disk)).toEqual(ids);
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
  });
}

test('an exporter sleeps at any step of a unit while its destination is emptied and everything sent again', async () => {
  let settled = 0;
  const places = await everyPause(async (pauseHere) => {
    const world = await halfExported();
    const process = world.disk.process();
    const before = settled;
    const paused = pauseHere(process, async () => {
      await sendAgain(world);
      settled += 1;
    });
    const sleeper = await world.open({ leases, fs: paused });
    await dies(() => sleeper.tick());
    await expectOnce(world, settled === before ? [1, 2, 3, 4] : [1, 2, 3, 4, 5]);
  }, 17);
  expect(places.length).toBeGreaterThan(5);
  expect(settled).toBe(places.length);
});

test('one sleeps with an intent that another carried out before the destination was emptied', async () => {
  const world = await halfExported();
  let plans = 0;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (step.op === 'link' && step.to?.endsWith('.plan.json') === true && ++plans === 1) {
      await oneProcess(world, (engine) => engine.tick());
      await sendAgain(world);
    }
    return run();
  });
  await oneProcess(world, (engine) => engine.tick(), fs);
  expect(plans).toBe(1);
  await expectOnce(world, [1, 2, 3, 4, 5]);
});

test('an --again that is killed at any step is run again, and every row is there once', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await halfExported();
    await emptyDestination(world);
    const process = world.disk.process();
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(() => oneProcess(world, (engine) => engine.resolveSink(ARCHIVE, 'again'), fs));
    await oneProcess(world, async (engine) => {
      const { exported, failures } = await engine.tick();
      const waits = exported.some(({ state }) => state === 'parked') || failures.length > 0;
      if (waits) await engine.resolveSink(ARCHIVE, 'again');
    });
    await expectOnce(world, [1, 2, 3, 4]);
  }, 23);
  expect(places.length).toBeGreaterThan(2);
});
