/**
 * An intent that somebody holds and no record knows any more, because the version that held it is
 * damaged: whatever a person decides meanwhile, its rows are there once. llp/0017
 */
import { expect, test } from 'vitest';
import { toDatasetName, toSinkName } from '../../src/core/ids.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { Engine } from '../../src/engine/api.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { copyTree, flipBit, removeTree, sentIds } from '../support/trees.ts';
import { OUT, ROOT, World, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;
const EVENTS = toDatasetName('events');
const ARCHIVE = toSinkName('archive');
const SECOND = toSinkName('archive1');

/** The newest version of the newest record of `sink` gets a flipped bit. */
async function damageNewest({ disk }: World, sink: string): Promise<void> {
  const dataset = `${ROOT}/state/progress/${sink}/events`;
  const dir = `${dataset}/${(await disk.readdir(dataset)).sort().at(-1) ?? ''}`;
  const versions = (await disk.readdir(dir)).filter((name) => /^v\d+\.json$/.test(name));
  const newest = Math.max(...versions.map((name) => Number(name.slice(1, -5))));
  await flipBit(disk, `${dir}/v${newest}.json`);
}

/** Runs `action` once, behind the intent of `sink` and before its plan is put. */
function beforePlan(inner: DurableFs, sink: string, action: () => Promise<void>): DurableFs {
  let reached: 'nothing' | 'intent' | 'plan' = 'nothing';
  return interceptFs(inner, async (step, run) => {
    if (reached === 'intent' && step.op === 'create' && step.path.includes(`/${sink}/.put-`)) {
      reached = 'plan';
      await action();
    }
    const done = await run();
    const isVersion = step.op === 'link' && step.to?.includes(`/progress/${sink}/`) === true;
    if (reached === 'nothing' && isVersion) reached = 'intent';
    return done;
  });
}

async function oneProcess(
  world: World,
  sinks: readonly object[],
  work: (engine: Engine) => Promise<unknown>,
): Promise<void> {
  const engine = await world.open({ leases, sinks });
  await work(engine);
  await engine.close();
}

test('a person resolves a fork of another sink while one sleeps with an intent its record forgot', async () => {
  const world = new World(1, `${OUT}1`);
  const both = [{}, {}];
  await oneProcess(world, both, async (engine) => {
    await world.append(engine, 2);
    await engine.tick();
  });
  await oneProcess(world, both, (engine) => engine.tick());
  await copyTree(world.disk, ROOT, '/home/kept');
  await oneProcess(world, [{}], async (engine) => {
    await world.append(engine, 1);
    await engine.tick();
  });
  await removeTree(world.disk, ROOT);
  await copyTree(world.disk, '/home/kept', ROOT);
  await oneProcess(world, both, async (engine) => {
    await engine.append('events', [{ id: 100 }, { id: 101 }]);
    await engine.flush();
  });
  let slept = false;
  const fs = beforePlan(world.disk.process(), SECOND, async () => {
    slept = true;
    await damageNewest(world, SECOND);
    await oneProcess(world, both, (engine) => engine.exportStep(SECOND, EVENTS));
    await oneProcess(world, both, async (engine) => {
      await engine.exportStep(ARCHIVE, EVENTS);
      await engine.resolveSink(ARCHIVE, 'restored');
    });
  });
  const sleeper = await world.open({ leases, fs, sinks: both });
  await sleeper.tick();
  expect(slept).toBe(true);
  await oneProcess(world, both, async (engine) => {
    const { failures, exported } = await engine.tick();
    expect(failures).toEqual([]);
    expect(exported.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    expect(await sentIds(world.disk)).toEqual([1, 2, 3, 100, 101]);
    expect(await sentIds(world.disk, `${OUT}1`)).toEqual([1, 2, 100, 101]);
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap(({ findings }) => findings)).toEqual([]);
  });
});
