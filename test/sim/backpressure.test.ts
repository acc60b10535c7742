/** A spool that is full: appends wait, are refused with the reason, and go on after a flush. llp/0020 */
import { describe, expect, test } from 'vitest';
import type { HypConfig } from '../../src/config/config.ts';
import { HypError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { spoolUsage } from '../../storage/spool/usage.ts';
import { ROOT, World, everybodyLives } from '../support/world.ts';

const KIB = 1024;
const PAD = { pad: 'x'.repeat(4 * KIB) };

function spool(maxBytes: number, maxWaitMs = 0): Partial<HypConfig> {
  return { disk: { minFreeBytes: 0 }, spool: { maxBytes, maxWaitMs } };
}

function usage(world: World): Promise<number> {
  return spoolUsage(world.disk, `${ROOT}/spool`, Number.POSITIVE_INFINITY);
}

/** Appends rows one by one until one is refused; the refusal. */
async function fill(world: World, engine: Engine, more: object = PAD): Promise<HypError> {
  for (let round = 0; round < 10_000; round++) {
    try {
      await world.append(engine, 1, more);
    } catch (error) {
      if (error instanceof HypError) return error;
      throw error;
    }
  }
  throw new Error('never refused');
}

describe('a spool with as many bytes as it may have', () => {
  test('refuses the append, says why and what to run, and never holds more', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(100 * KIB) });
    const refusal = await fill(world, engine);
    expect(refusal).toMatchObject({ code: 'E_SPOOL_FULL', kind: 'unavailable' });
    expect(refusal.message).toMatch(/100 KiB wait .*spool\.maxBytes.*nothing of this append/);
    expect(refusal.hint).toMatch(/acknowledged is safe. Run `hyp tick` or `hyp daemon`/);
    const used = await usage(world);
    expect(used).toBeGreaterThan(90 * KIB);
    expect(used).toBeLessThan(101 * KIB);
    await engine.tick();
    await world.expectWhole();
  });

  test('takes rows again after a flush, by whomever, again and again, in the same process', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(100 * KIB) });
    const other = await world.open({ leases: everybodyLives });
    for (let round = 1; round <= 4; round++) {
      const before = world.acknowledged.size;
      expect((await fill(world, engine)).code).toBe('E_SPOOL_FULL');
      expect(world.acknowledged.size - before, 'rows of one round').toBeGreaterThan(15);
      await other.flush();
    }
    await engine.tick();
    await world.expectWhole();
  });

  test('makes an append wait that a flush then lets in, without a word', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(100 * KIB, 60_000) });
    const other = await world.open({ leases: everybodyLives });
    while ((await usage(world)) < 90 * KIB) await world.append(engine, 1, PAD);
    let done = false;
    const waiting = world.append(engine, 3, PAD).then(() => (done = true));
    for (let turn = 0; turn < 200; turn++) await world.clock.sleep();
    expect(done).toBe(false);
    await other.flush();
    await waiting;
    await engine.tick();
    await world.expectWhole();
  });

  test('lets an append that is larger by itself in when nothing else waits', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(10 * KIB) });
    await world.append(engine, 5, PAD);
    expect((await fill(world, engine)).code).toBe('E_SPOOL_FULL');
    await engine.flush();
    await world.append(engine, 5, PAD);
    await engine.tick();
    await world.expectWhole();
  });

  test('ends a stream with the number of its rows that are stored', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(10_000 * KIB) });
    const line = `${JSON.stringify({ id: 1, pad: 'x'.repeat(64 * KIB) })}\n`;
    const input = async function* (): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 40; piece++) yield Buffer.from(line.repeat(10));
    };
    const refusal: unknown = await engine
      .appendNdjson('events', input())
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'E_SPOOL_FULL',
      message: expect.stringMatching(/the first \d+ rows of this append are stored/) as string,
    });
    const { storedRows } = (refusal as HypError).details;
    const [flushed] = await engine.flush();
    expect(flushed?.rows).toBe(storedRows);
    expect(storedRows).toBeGreaterThan(50);
  });

  test('of several processes that append at once goes beyond by what is stated, no further', async () => {
    const world = new World();
    const maxBytes = 2 * LIMITS.roomLookBytes;
    const config = spool(maxBytes);
    const rows = { pad: 'x'.repeat(64 * KIB) };
    const processes = [];
    for (let each = 0; each < 3; each++) {
      processes.push(await world.open({ leases: everybodyLives, config }));
    }
    const ends = await Promise.all(processes.map((engine) => fill(world, engine, rows)));
    expect(ends.map(({ code }) => code)).toEqual(Array(3).fill('E_SPOOL_FULL'));
    const used = await usage(world);
    expect(used).toBeGreaterThan(maxBytes - 128 * KIB);
    expect(used).toBeLessThan(maxBytes + 3 * (LIMITS.roomLookBytes + 80 * KIB));
  });

  test('keeps exports going: what is in tables has nothing to do with it', async () => {
    const world = new World();
    const engine = await world.open({ leases: everybodyLives, config: spool(50 * KIB) });
    await world.append(engine, 2);
    await engine.flush();
    await fill(world, engine);
    const step = await engine.exportStep(
      engine.sinkNames()[0] ?? expect.fail(),
      toDatasetName('events'),
    );
    expect(step.report?.problem).toBeUndefined();
  });
});
