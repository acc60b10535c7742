/** Keys of appends: the decision, the library, and how long a key is remembered. llp/0014 */
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isHypError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { keyedStep } from '../../src/engine/keyed-append.ts';
import { openEngine } from '../../src/engine/open.ts';
import { tempDir } from '../support/tmp.ts';

/** Two whole batches: the first one is in when the input breaks off behind the second. */
const ROWS = 2 * LIMITS.batchRows;
const DAY_MS = 24 * 60 * 60_000;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return isHypError(error) ? error.code : String(error);
  }
}

describe('the step of a batch', () => {
  const span = { start: 10, end: 20, digest: 'd' };

  it.each([
    [undefined, 0, false, 'overtaken'],
    [undefined, 0, true, 'overtaken'],
    ['part.b', 5, true, 'overtaken'],
    ['all.b', 5, true, 'other-rows'],
    ['part.c', 10, false, 'commit'],
    ['part.c', 10, true, 'commit'],
    ['all.c', 10, false, 'other-rows'],
    ['all.c', 10, true, 'other-rows'],
    ['part.d', 15, false, 'overtaken'],
    ['part.d', 15, true, 'overtaken'],
    ['all.d', 15, true, 'other-rows'],
    ['part.x', 20, false, 'other-rows'],
    ['all.x', 20, true, 'other-rows'],
    ['part.d', 20, false, 'is-in'],
    ['part.d', 20, true, 'mark'],
    ['all.d', 20, false, 'other-rows'],
    ['all.d', 20, true, 'is-in'],
    ['part.x', 30, false, 'is-in'],
    ['all.x', 30, false, 'is-in'],
    ['part.x', 30, true, 'other-rows'],
    ['all.x', 30, true, 'other-rows'],
  ] as const)('with the key %s at %i, last: %s, is %s', (digest, through, isLast, step) => {
    const known =
      digest === undefined ? undefined : { source: 's', through: BigInt(through), digest };
    expect(keyedStep(known, { ...span, isLast })).toBe(step);
  });
});

describe('the step of the first batch', () => {
  it('under a new key is commit', () => {
    const first = { start: 0, end: 20, digest: 'd' };
    expect(keyedStep(undefined, { ...first, isLast: false })).toBe('commit');
    expect(keyedStep(undefined, { ...first, isLast: true })).toBe('commit');
  });
});

describe('append of the library with a key', () => {
  it('stores all rows once, or none when one of them is bad', async () => {
    const root = await tempDir();
    const engine = await openEngine({ root, config: defaultConfig(root) });
    const key = { idempotencyKey: 'k' };
    const deep = JSON.parse('['.repeat(600) + ']'.repeat(600)) as unknown;
    expect(await codeOf(engine.append('events', [{ id: 1 }, { deep }], key))).toBe('E_BAD_ROW');
    const rows = [{ id: 1 }, { id: 2 }];
    const answer = { rows: 2, rejects: [], rejected: 0, duplicateKeyRows: 0 };
    expect(await engine.append('events', rows, key)).toEqual(answer);
    expect(await engine.append('events', rows, key)).toEqual(answer);
    expect(await codeOf(engine.append('events', [{ id: 3 }], key))).toBe('E_USAGE');
    expect(await engine.append('others', [{ id: 3 }], key)).toMatchObject({ rows: 1 });
    const long = { idempotencyKey: 'k'.repeat(LIMITS.appendKeyChars + 1) };
    expect(await codeOf(engine.append('events', rows, long))).toBe('E_USAGE');
    expect(await codeOf(engine.append('events', rows, { idempotencyKey: '' }))).toBe('E_USAGE');
    const [events] = (await engine.status()).datasets;
    expect(events).toMatchObject({ name: 'events', rows: 2n, spoolRows: 0 });
    await engine.close();
  });

  it('remembers a key for seven days and forgets it then; a clock that jumped forgets none', async () => {
    const root = await tempDir();
    let nowMs = Date.UTC(2026, 10, 21);
    const clock = { ...systemClock, nowMs: () => nowMs };
    const engine = await openEngine({ root, config: defaultConfig(root), clock });
    const use = (key: string) => engine.append('events', [{ key }], { idempotencyKey: key });
    const held = async () => (await engine.status()).datasets[0]?.rows;
    await use('old');
    for (let day = 1; day <= 6; day++) {
      nowMs += DAY_MS;
      await use(`day ${day}`);
    }
    await use('old');
    expect(await held()).toBe(7n);
    nowMs += 3 * DAY_MS;
    await use('after a rest');
    await use('old');
    expect(await held(), 'three days at once are not believed').toBe(8n);
    nowMs += DAY_MS;
    await use('the day after');
    await use('old');
    expect(await held()).toBe(10n);
    await use('day 6');
    expect(await held(), 'a younger key').toBe(10n);
    await engine.close();
  });

  it('finishes an append that was begun long ago without forgetting its key', async () => {
    const root = await tempDir();
    let nowMs = Date.UTC(2026, 10, 21);
    const clock = { ...systemClock, nowMs: () => nowMs };
    const engine = await openEngine({ root, config: defaultConfig(root), clock });
    const line = '{"id":1}\n';
    const rows = Buffer.from(line.repeat(ROWS));
    async function* dying(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.concat([rows, Buffer.from(line)]));
      throw new Error('the sender is gone');
    }
    async function* whole(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(rows);
    }
    const key = { idempotencyKey: 'k' };
    await engine.append('events', [{ id: 0 }], { idempotencyKey: 'another' });
    await expect(engine.appendNdjson('events', dying(), key)).rejects.toThrow('the sender is gone');
    nowMs += LIMITS.appendKeyKeepMs + DAY_MS;
    await engine.append('events', [{ id: 2 }]);
    await engine.flush();
    for (let turn = 0; turn < 2; turn++) {
      expect(await engine.appendNdjson('events', whole(), key)).toMatchObject({
        rows: ROWS,
      });
    }
    const [events] = (await engine.status()).datasets;
    expect(events?.rows).toBe(BigInt(ROWS + 2));
    await engine.close();
  });
});
