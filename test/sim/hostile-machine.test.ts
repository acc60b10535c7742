/**
 * A machine that misbehaves: no file descriptors left, no hard links, a clock set by a year. Nothing
 * that keeps rows safe depends on it, and what failed goes on by itself. llp/0020
 */
import { describe, expect, test } from 'vitest';
import { systemCode } from '../../src/core/errors.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { faultFs } from '../support/fault-fs.ts';
import type { Fault } from '../support/fault-fs.ts';
import { interceptFs, isDurableStep } from '../support/intercept-fs.ts';
import { seededRandom } from '../support/random.ts';
import { World, everybodyLives, objectKeys } from '../support/world.ts';

const LONG = 120_000;
const YEAR_MS = 365 * 24 * 3_600_000;

function causes(error: unknown): unknown[] {
  const all = [];
  for (let at = error; at instanceof Error; at = at.cause) all.push(at);
  return all;
}

/** What an append and a tick on it threw, but for what the fault itself caused. */
async function strangeFailures(world: World, engine: Engine, code: string): Promise<unknown[]> {
  const errors: unknown[] = [];
  await world.append(engine, 2).catch((error: unknown) => errors.push(error));
  errors.push(...(await engine.tick()).failures.map(({ error }) => error));
  return errors.filter((error) => !causes(error).some((each) => systemCode(each) === code));
}

describe('no file descriptors left', () => {
  test(
    'from any call on: every answer is true, nothing is called damaged, and the same process goes on',
    { timeout: LONG },
    async () => {
      const op = ['open', 'create', 'readFile', 'readdir', 'syncDir'] as const;
      const fault: Omit<Fault, 'nth'> = { op, code: 'EMFILE', when: 'before', sticky: true };
      let places = 0;
      // Every fifth call: neighbours are mostly of one step.
      for (let nth = 1; ; nth += 5) {
        const world = new World();
        await world.settle();
        const fs = faultFs(world.disk.process(), { ...fault, nth });
        const open = () => world.open({ fs, leases: everybodyLives });
        const engine = await open().catch((error: unknown) => {
          if (systemCode(error) !== 'EMFILE') throw error;
        });
        const strange = engine && (await strangeFailures(world, engine, 'EMFILE'));
        expect(strange ?? [], `call ${nth}`).toEqual([]);
        if (fs.failed.length === 0) break;
        places += 1;
        fs.mend();
        const mended = engine ?? (await open());
        await world.append(mended, 1);
        expect((await mended.tick()).failures).toEqual([]);
        await mended.close();
        await world.expectWhole();
      }
      expect(places).toBeGreaterThan(15);
    },
  );
});

describe('a file system without hard links', () => {
  const noLinks: Fault = { op: 'link', nth: 1, code: 'EPERM', when: 'before', sticky: true };

  test('is refused for a new store, which is not begun', async () => {
    const world = new World();
    const fs = faultFs(world.disk.process(), noLinks);
    await expect(world.open({ fs })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED_FS',
      hint: expect.stringMatching(/Nothing was changed.*ext4/) as string,
    });
    expect(await world.disk.readdir('/home/store')).toEqual([]);
  });

  test('under a store that was moved there commits nothing, says so, and loses nothing', async () => {
    const world = new World();
    await world.settle();
    const fs = faultFs(world.disk.process(), noLinks);
    const engine = await world.open({ fs, leases: everybodyLives });
    await world.append(engine, 3);
    const { failures } = await engine.tick();
    const codes = failures.map(({ error }) => systemCode(error));
    expect(codes, 'of the flush and of the sink').toEqual(Array(2).fill('E_UNSUPPORTED_FS'));
    fs.mend();
    expect((await engine.tick()).failures).toEqual([]);
    await engine.close();
    await world.expectWhole();
  });

  test('at a destination gets no object, and the sink says why', async () => {
    const world = new World();
    await world.settle();
    const fs = faultFs(world.disk.process(), { ...noLinks, path: /^\/out/ });
    const engine = await world.open({ fs, leases: everybodyLives });
    await world.append(engine, 3);
    const { failures } = await engine.tick();
    expect(failures.map(({ error }) => error)).toMatchObject([{ code: 'E_UNSUPPORTED_FS' }]);
    expect(await objectKeys(world.disk)).toEqual([]);
    expect((await engine.status()).sinks).toMatchObject([{ state: 'parked' }]);
    fs.mend();
    expect((await engine.tick()).failures).toEqual([]);
    await engine.close();
    await world.expectWhole();
  });
});

describe('a clock that is set by a year', () => {
  test(
    'back and forth at every step, while another process works: no row is lost or doubled',
    { timeout: LONG },
    async () => {
      let leaps = 0;
      for (let seed = 1; seed <= 15; seed++) {
        const world = new World(seed);
        const random = seededRandom(seed);
        const other = await world.open();
        await world.append(other, 1);
        const fs = interceptFs(world.disk.process(), async (step, run) => {
          if (isDurableStep(step)) {
            world.clock.leap(leaps++ % 2 === 0 ? YEAR_MS : -YEAR_MS);
            if (random.integer(20) === 0) await other.tick();
          }
          return run();
        });
        const engine = await world.open({ fs });
        for (let round = 0; round < 2; round++) {
          await world.append(engine, 2).catch(() => undefined);
          await world.append(other, 1).catch(() => undefined);
          await engine.tick();
        }
        await world.settle();
        await world.expectWhole();
      }
      expect(leaps).toBeGreaterThan(1000);
    },
  );

  test.each([YEAR_MS, -YEAR_MS])(
    'by %i ms between a flush and its export: rows are due all the same, and lag is never negative',
    async (leapMs) => {
      const world = new World();
      const interval = { rows: 1000, bytes: 1_000_000, intervalMs: 3_000 };
      const engine = await world.open({ leases: everybodyLives, sinks: [{ rotate: interval }] });
      await world.append(engine, 2);
      await engine.flush();
      world.clock.leap(leapMs);
      const [sink = expect.fail()] = engine.sinkNames();
      const { datasets } = (await engine.status()).sinks[0] ?? expect.fail();
      expect(datasets[0]?.lagSeconds).toBeGreaterThanOrEqual(0);
      const { report } = await engine.exportStep(sink, toDatasetName('events'));
      expect(report).toMatchObject({ watermark: 2n, problem: undefined });
      await engine.close();
      await world.expectWhole();
    },
  );
});
