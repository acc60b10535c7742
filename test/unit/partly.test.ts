/** What an append says that ends before its end: never "append again" when a part is in. llp/0020 */
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { HypError, isHypError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { allStored } from '../../src/engine/partly.ts';
import { interceptFs, systemError } from '../support/intercept-fs.ts';
import { World, everybodyLives, tableRows } from '../support/world.ts';

const stored = { rows: 2, storing: Promise.resolve() };

function failed(code: ErrorCode) {
  return { rows: 2, storing: Promise.reject(new HypError(code, 'the disk fails')) };
}

async function errorOf(work: Promise<unknown>): Promise<HypError> {
  try {
    await work;
  } catch (error) {
    if (isHypError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('of the parts of an append', () => {
  test('none stored is the error itself', async () => {
    const error = await errorOf(allStored(0, [failed('E_DISK_FULL'), failed('E_DISK_FULL')]));
    expect([error.code, error.details['storedRows']]).toEqual(['E_DISK_FULL', undefined]);
    expect(exitCodeOf(error)).toBe(69);
  });

  test('the first ones stored are counted, with those of earlier calls', async () => {
    const parts = [stored, failed('E_UNAVAILABLE'), failed('E_UNAVAILABLE')];
    const error = await errorOf(allStored(3, parts));
    expect([error.code, error.details['storedRows']]).toEqual(['E_UNAVAILABLE', 5]);
    expect(error.message).toContain('the first 5 rows of this append are stored');
    expect(exitCodeOf(error)).toBe(1);
  });

  test('a later one stored, or one that cannot be told, is an unknown outcome', async () => {
    for (const parts of [
      [failed('E_DISK_FULL'), stored],
      [stored, failed('E_UNKNOWN_OUTCOME')],
    ]) {
      const error = await errorOf(allStored(0, parts));
      expect([error.code, error.details['storedRows']]).toEqual(['E_UNKNOWN_OUTCOME', 2]);
      expect(exitCodeOf(error)).toBe(1);
    }
  });

  test('none is answered for while another one is under way', async () => {
    let end = (): void => undefined;
    const storing = new Promise<void>((resolve) => (end = resolve));
    let answered = false;
    const work = errorOf(allStored(0, [failed('E_DISK_FULL'), { rows: 1, storing }])).then(() => {
      answered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    end();
    await work;
  });
});

describe('a stream that ends early behind two rows', () => {
  async function* lines(then: () => Promise<string>): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"id":1}\n{"id":2}\n');
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.from(await then());
  }

  test.each([
    ['because its input fails', 'input'],
    ['because the disk fails', 'disk'],
  ])('%s says so, and they are stored once', async (_why, what) => {
    const world = new World();
    let full = false;
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      const refuses = full && step.path.includes('/spool/') && step.op === 'write';
      if (refuses) throw systemError('ENOSPC', step.op, step.path);
      return run();
    });
    const engine = await world.open({ fs, leases: everybodyLives });
    const input = lines(() => {
      if (what === 'input') return Promise.reject(systemError('ECONNRESET', 'read', 'socket'));
      full = true;
      return Promise.resolve('{"id":3}\n');
    });
    const error = await errorOf(engine.appendNdjson('events', input));
    expect(error.details['storedRows']).toBe(2);
    expect(error.message).toContain(
      'the first 2 rows of this append are stored, the others are not',
    );
    expect(error.hint).toContain('behind them');
    expect(exitCodeOf(error)).toBe(1);
    full = false;
    await engine.flush();
    expect((await tableRows(engine)).map(({ id }) => id)).toEqual([1, 2]);
    await engine.close();
  });
});
