/**
 * Pause, resume and forget: one durable step each, obeyed by every process, and no row lost or
 * doubled whatever stops in between. llp/0018
 */
import { describe, expect, test } from 'vitest';
import { SEQ_ZERO, toDatasetName, toSinkName } from '../../src/core/ids.ts';
import { sinkGate } from '../../src/engine/export/exporters.ts';
import { forgetAction } from '../../src/engine/sink-commands.ts';
import type { Unsent } from '../../src/engine/sink-commands.ts';
import type { RegisteredSink } from '../../state/registry.ts';
import { everyPause, pausingFs } from '../support/fault-fs.ts';
import { World, dies, everybodyLives, exportedRows } from '../support/world.ts';

const SINK = toSinkName('archive');
/** Durable steps between two of the steps at which somebody pauses the sink. */
const STRIDE = 7;

async function change(world: World, verb: 'pause' | 'resume' | 'forget', sinks?: []) {
  const engine = await world.open(sinks === undefined ? {} : { sinks });
  const report = await engine.changeSink({ verb, sink: SINK });
  await engine.close();
  return report;
}

async function stateOf(world: World): Promise<string | undefined> {
  const engine = await world.open();
  const [sink] = (await engine.status()).sinks;
  await engine.close();
  return sink?.state;
}

/** One unit of four rows is out. */
async function started(): Promise<World> {
  const world = new World();
  const engine = await world.open({ leases: everybodyLives });
  await world.append(engine, 4);
  await engine.tick();
  await engine.close();
  return world;
}

describe('a paused sink', () => {
  test('sends nothing, keeps its rows, and sends each once when it is resumed', async () => {
    const world = await started();
    expect(await change(world, 'pause')).toMatchObject({ changed: true });
    expect(await change(world, 'pause')).toMatchObject({ changed: false });
    const engine = await world.open();
    await world.append(engine, 3);
    const report = await engine.tick();
    expect(report.exported).toMatchObject([{ state: 'paused', units: 0, watermark: 4n }]);
    const [sink] = (await engine.status()).sinks;
    expect(sink).toMatchObject({ state: 'paused', datasets: [{ state: 'paused', lagRows: 3n }] });
    await engine.close();
    expect(await exportedRows(world.disk)).toHaveLength(4);
    expect(await change(world, 'resume')).toMatchObject({ changed: true });
    expect(await change(world, 'resume')).toMatchObject({ changed: false });
    await world.settle();
    await world.expectWhole();
  });

  test('is obeyed by a process that has it open already, from its next step on', async () => {
    const world = await started();
    const running = await world.open();
    await world.append(running, 2);
    await running.tick();
    await change(world, 'pause');
    await world.append(running, 2);
    expect((await running.tick()).exported).toMatchObject([{ state: 'paused', watermark: 6n }]);
    await change(world, 'resume');
    expect((await running.tick()).exported).toMatchObject([{ state: 'idle', watermark: 8n }]);
    await running.close();
    await world.expectWhole();
  });

  test('whose export was stopped by the pause at any step sends each row once', async () => {
    let places = 0;
    for (let fired = true; fired; places += 1) {
      const world = await started();
      const fs = pausingFs(world.disk.process());
      fs.at(places * STRIDE, 'after', async () => {
        await change(world, 'pause');
      });
      const engine = await world.open({ fs });
      await world.append(engine, 2);
      await engine.tick();
      await engine.close();
      fired = fs.fired;
      if (fired) await change(world, 'resume');
      await world.settle();
      expect(await exportedRows(world.disk)).toHaveLength(6);
    }
    expect(places).toBeGreaterThan(8);
  });

  test('is one only once the change is linked, and stays one after a kill at any step', async () => {
    const seen = new Set<string | undefined>();
    await everyPause(async (pauseHere) => {
      const world = await started();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(async () => {
        const engine = await world.open({ fs });
        await engine.changeSink({ verb: 'pause', sink: SINK });
      });
      const state = await stateOf(world);
      seen.add(state);
      expect(['idle', 'paused']).toContain(state);
    });
    expect([...seen].sort()).toEqual(['idle', 'paused']);
  });
});

describe('a forgotten sink', () => {
  test('is refused while hyp.yaml has it, and while rows were never sent to it', async () => {
    const world = await started();
    await expect(change(world, 'forget')).rejects.toMatchObject({ code: 'E_USAGE' });
    const engine = await world.open({ sinks: [] });
    await world.append(engine, 2);
    const forget = { verb: 'forget', sink: SINK } as const;
    // In the spool, then in the table: neither was sent.
    await expect(engine.changeSink(forget)).rejects.toMatchObject({ code: 'E_REFUSED' });
    await engine.flush();
    await expect(engine.changeSink(forget)).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('2 rows') as string,
    });
    expect(await engine.registeredSinks()).toEqual(['archive']);
    const given = await engine.changeSink({ ...forget, abandon: true });
    expect(given).toEqual({ changed: true, unsentRows: 2n });
    expect(await engine.registeredSinks()).toEqual([]);
    await engine.close();
  });

  test('comes back under its name and goes on where it was', async () => {
    const world = await started();
    expect(await change(world, 'forget', [])).toMatchObject({ changed: true });
    expect(await change(world, 'forget', [])).toMatchObject({ changed: false });
    await expect(change(world, 'resume', [])).rejects.toMatchObject({ code: 'E_USAGE' });
    const engine = await world.open();
    await world.append(engine, 2);
    await engine.close();
    await world.settle();
    await world.expectWhole();
  });

  test('for another destination is still a changed destination', async () => {
    const world = await started();
    await change(world, 'forget', []);
    const engine = await world.open({ sinks: [{ path: '/elsewhere' }] });
    const { failures } = await engine.tick();
    expect(failures).toMatchObject([{ error: { code: 'E_PARKED' } }]);
    await engine.close();
  });

  test('leaves its destination to no other sink by that alone', async () => {
    const world = await started();
    await change(world, 'forget', []);
    const engine = await world.open({ sinks: [{ name: toSinkName('other') }] });
    const { failures } = await engine.tick();
    expect(failures).toMatchObject([{ error: { code: 'E_FORK' } }]);
    await engine.close();
  });

  test('is not run on by a process that still has it', async () => {
    const world = await started();
    const running = await world.open();
    await running.tick();
    await change(world, 'forget', []);
    await world.append(running, 1);
    expect((await running.tick()).failures).toMatchObject([{ error: { code: 'E_PARKED' } }]);
    expect((await running.status()).sinks).toMatchObject([{ state: 'parked' }]);
    await running.close();
    expect(await exportedRows(world.disk)).toHaveLength(4);
  });
});

test('whether a sink may be forgotten is one table', () => {
  const dataset = toDatasetName('events');
  const out: Unsent = { dataset, rows: 0n, openUnit: false, problem: undefined };
  const asked = { configured: false, abandon: false };
  const label = (unsent: readonly Unsent[], more = {}) =>
    forgetAction(unsent, { ...asked, ...more }).label;
  expect(label([out])).toBe('go');
  expect(label([out], { configured: true, abandon: true })).toBe('configured');
  expect(label([{ ...out, rows: 1n }])).toBe('unsent');
  expect(label([{ ...out, openUnit: true }])).toBe('unsent');
  expect(label([{ ...out, problem: 'damaged' }])).toBe('unknown');
  expect(label([{ ...out, rows: 1n, problem: 'damaged' }], { abandon: true })).toBe('go');
});

test('what a step of a sink may do is one table', () => {
  const entry: RegisteredSink = {
    name: SINK,
    type: 'fs',
    destination: 'fs:/out',
    registeredAtMs: Number(SEQ_ZERO),
    datasets: undefined,
  };
  expect(sinkGate(undefined, false)).toBe('go');
  expect(sinkGate(undefined, true)).toBe('forgotten');
  expect(sinkGate({ ...entry, forgottenSinceMs: 1 }, false)).toBe('go');
  expect(sinkGate({ ...entry, forgottenSinceMs: 1 }, true)).toBe('forgotten');
  for (const ready of [true, false]) {
    expect(sinkGate(entry, ready)).toBe('go');
    expect(sinkGate({ ...entry, pausedSinceMs: 1 }, ready)).toBe('paused');
  }
});
