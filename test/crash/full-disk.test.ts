/**
 * A disk without room, in the simulator: at every single call that changes it, for one call, for
 * good, and as a disk that really has an end. Acknowledged rows stay, everything goes on by itself.
 * llp/0020
 */
import { describe, expect, test } from 'vitest';
import type { HypConfig } from '../../src/config/config.ts';
import { isDiskFull, isHypError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/api.ts';
import { faultFs } from '../support/fault-fs.ts';
import type { Fault } from '../support/fault-fs.ts';
import { World, everybodyLives, exportedRows } from '../support/world.ts';

const LONG = 120_000;
const KIB = 1024;
const RESERVE: Partial<HypConfig> = { disk: { minFreeBytes: 64 * KIB } };
const PAD = { pad: 'x'.repeat(1000) };

/** Appends and ticks that fail as they like: what failed without being a full disk is answered. */
async function strangeFailures(world: World, engine: Engine): Promise<unknown[]> {
  const strange: unknown[] = [];
  for (let round = 0; round < 2; round++) {
    try {
      await world.append(engine, 2);
    } catch (error) {
      if (!isDiskFull(error)) strange.push(error);
    }
    const { failures } = await engine.tick();
    strange.push(...failures.filter(({ error }) => !isDiskFull(error)));
  }
  return strange;
}

/** Runs a process on a disk that fails at the nth change, for each n, and answers how many there were. */
async function atEveryChange(fault: Omit<Fault, 'nth' | 'code'>): Promise<number> {
  for (let nth = 1; ; nth++) {
    const world = new World();
    await world.settle();
    const fs = faultFs(world.disk.process(), { ...fault, nth, code: 'ENOSPC' });
    const open = () => world.open({ fs, leases: everybodyLives, config: RESERVE });
    const engine = await open().catch((error: unknown) => {
      if (!isDiskFull(error)) throw error;
    });
    const strange = engine === undefined ? [] : await strangeFailures(world, engine);
    expect(strange, `change ${nth}`).toEqual([]);
    if (fs.failed.length === 0) return nth - 1;
    fs.mend();
    await goesOn(world, engine ?? (await open()));
    await world.expectWhole();
  }
}

/** The same process, with room again: nobody restarts it. */
async function goesOn(world: World, engine: Engine): Promise<void> {
  await world.append(engine, 1);
  const { failures, exported } = await engine.tick();
  expect(failures).toEqual([]);
  expect(exported.map(({ problem }) => problem)).toEqual([undefined]);
  await engine.close();
}

describe('ENOSPC at each change of the disk by append, flush, progress and export', () => {
  test(
    'once: every answer is true and the same process goes on by itself',
    { timeout: LONG },
    async () => {
      expect(await atEveryChange({ when: 'before' })).toBeGreaterThan(90);
    },
  );

  test('told only after it took effect: the same', { timeout: LONG }, async () => {
    const op = ['link', 'sync', 'datasync', 'syncDir'] as const;
    expect(await atEveryChange({ when: 'after', op })).toBeGreaterThan(50);
  });

  test('in the middle of a write: nothing half is taken for whole', { timeout: LONG }, async () => {
    expect(await atEveryChange({ when: 'half', op: 'write' })).toBeGreaterThan(15);
  });

  test('from there on: all is whole once there is room', { timeout: LONG }, async () => {
    expect(await atEveryChange({ when: 'before', sticky: true })).toBeGreaterThan(90);
  });
});

describe('a disk that fills up', () => {
  test(
    'refuses appends at minFree with the reason, exports go on, and takes rows again with room',
    { timeout: LONG },
    async () => {
      const world = new World();
      const engine = await world.open({ leases: everybodyLives, config: RESERVE });
      await world.append(engine, 3, PAD);
      await engine.flush();
      world.disk.setCapacity(world.disk.usedBytes + 128 * KIB);
      const refusal = await appendUntilRefused(world, engine);
      expect(refusal).toMatchObject({
        code: 'E_DISK_FULL',
        kind: 'unavailable',
        message: expect.stringMatching(/disk\.minFree is 64 KiB; nothing of this append/) as string,
        hint: expect.stringMatching(/acknowledged is safe.*Free space/) as string,
      });
      // The reserve is what the flush and the export of all of it live on.
      const report = await engine.tick();
      expect(report.failures).toEqual([]);
      expect(report.exported).toMatchObject([{ problem: undefined }]);
      expect((await exportedRows(world.disk)).length).toBe(world.acknowledged.size);
      world.disk.setCapacity(Number.POSITIVE_INFINITY);
      await goesOn(world, engine);
      await world.expectWhole();
    },
  );

  test(
    'to the last byte by others: the ballast lets the open unit and the spool go on',
    { timeout: LONG },
    async () => {
      const world = new World();
      const engine = await world.open({ leases: everybodyLives, config: RESERVE });
      await world.append(engine, 3);
      await engine.tick();
      await world.append(engine, 3);
      expect(await ballastOf(world)).toBe(64 * KIB);
      world.disk.setCapacity(world.disk.usedBytes);
      const report = await engine.tick();
      expect(report.failures).toEqual([]);
      expect(report.exported).toMatchObject([{ watermark: 6n, problem: undefined }]);
      expect(await ballastOf(world), 'given up').toBeUndefined();
      expect(await world.append(engine, 1).catch((error: unknown) => error)).toMatchObject({
        code: 'E_DISK_FULL',
      });
      world.disk.setCapacity(Number.POSITIVE_INFINITY);
      await goesOn(world, engine);
      expect(await ballastOf(world), 'made again').toBe(64 * KIB);
      await world.expectWhole();
    },
  );

  test(
    'at any byte, with nothing kept free: no acknowledged row is lost, none is doubled',
    { timeout: LONG },
    async () => {
      let refused = 0;
      for (let room = 0; room < 24 * KIB; room += 600) {
        const world = new World();
        const engine = await world.open({ leases: everybodyLives });
        await world.append(engine, 2);
        await engine.tick();
        world.disk.setCapacity(world.disk.usedBytes + room);
        const strange = await strangeFailures(world, engine);
        expect(strange, `${room} bytes of room`).toEqual([]);
        if (world.begun.size > world.acknowledged.size) refused += 1;
        world.disk.setCapacity(Number.POSITIVE_INFINITY);
        await goesOn(world, engine);
        await world.expectWhole();
      }
      expect(refused).toBeGreaterThan(3);
    },
  );
});

async function ballastOf(world: World): Promise<number | undefined> {
  return (await world.disk.stat('/home/store/state/ballast'))?.size;
}

async function appendUntilRefused(world: World, engine: Engine): Promise<unknown> {
  for (let round = 0; round < 1000; round++) {
    try {
      await world.append(engine, 1, PAD);
    } catch (error) {
      if (isHypError(error)) return error;
      throw error;
    }
  }
  throw new Error('never refused');
}
