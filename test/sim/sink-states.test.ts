/** Every state of a sink that README and `hyp status` tell of, as it comes about. llp/0008 */
import { expect, test } from 'vitest';
import { toSinkName } from '../../src/core/ids.ts';
import type { Engine, SinkState } from '../../src/engine/api.ts';
import { faultFs } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { OUT, World, dies, everybodyLives } from '../support/world.ts';

const SINK = toSinkName('archive');

/** A store whose sink has the first row, and lags one behind. */
async function lagging(): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 1);
  await engine.tick();
  await world.append(engine, 1);
  await engine.flush();
  return world;
}

/** How a process comes to see it. */
const COMES: Readonly<Record<SinkState, (world: World) => Promise<Engine>>> = {
  idle: async (world) => {
    const engine = await world.open();
    await engine.tick();
    return engine;
  },
  exporting: async (world) => {
    const process = world.disk.process();
    const fs = interceptFs(process, (step, run) => {
      if (step.to?.startsWith(`${OUT}/events/`) === true && !step.to.includes('_hyp'))
        process.kill();
      return run();
    });
    await dies(async () => (await world.open({ fs })).tick());
    return world.open();
  },
  retrying: async (world) => {
    const path = new RegExp(`^${OUT}/events/`);
    const op = ['create', 'link'] as const;
    const fault = { op, path, nth: 1, code: 'EIO', when: 'before', sticky: true } as const;
    const engine = await world.open({ fs: faultFs(world.disk.process(), fault) });
    const { exported } = await engine.tick();
    expect(exported).toMatchObject([{ state: 'retrying', units: 0 }]);
    return engine;
  },
  parked: async (world) => world.open({ sinks: [{ path: '/elsewhere' }] }),
  paused: async (world) => {
    const engine = await world.open();
    await engine.changeSink({ verb: 'pause', sink: SINK });
    return engine;
  },
};

/** What stands beside it. */
const BESIDE: Readonly<Record<SinkState, object>> = {
  idle: { watermark: 2n, openUnit: undefined, lastError: undefined },
  exporting: { watermark: 1n, openUnit: { after: 1n, through: 2n }, lastError: undefined },
  retrying: { watermark: 1n, lastError: expect.stringContaining('EIO') as string },
  parked: { watermark: 1n, lastError: expect.stringContaining('registered for') as string },
  paused: { watermark: 1n, lagRows: 1n, lastError: undefined },
};

test.each(Object.keys(COMES) as SinkState[])('a sink is seen to be %s', async (state) => {
  const world = await lagging();
  const engine = await COMES[state](world);
  const [sink] = (await engine.status()).sinks;
  expect(sink).toMatchObject({ state, datasets: [{ state, ...BESIDE[state] }] });
  if (state === 'paused') await engine.changeSink({ verb: 'resume', sink: SINK });
  await world.settle();
  await world.expectWhole();
});
