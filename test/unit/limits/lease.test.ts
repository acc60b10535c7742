/** A lease that another process holds is waited for, and never longer than it may. llp/0001, llp/0015 */
import { expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/config.ts';
import type { Clock } from '../../../src/core/clock.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { toDatasetName } from '../../../src/core/ids.ts';
import { defined } from '../../../src/core/invariant.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { openEngine } from '../../../src/engine/open.ts';
import { appendLeasePath, stateDir } from '../../../state/layout.ts';
import { acquireLease } from '../../../state/lease.ts';
import { tempDir } from '../../support/tmp.ts';

/** Sleeping takes no time here and as long as asked on the clock. */
function hasty(): Clock & { readonly sleptMs: () => number } {
  let ms = 0;
  return {
    nowMs: () => Date.parse('2026-11-21T12:00:00Z') + ms,
    monotonicMs: () => ms,
    sleep: async (forMs) => {
      ms += forMs;
      await new Promise((resolve) => setImmediate(resolve));
    },
    sleptMs: () => ms,
  };
}

test('a commit waits LIMITS.leaseWaitMs for the append lease, then goes on without it', async () => {
  const root = await tempDir();
  const clock = hasty();
  const told: HypEvent[] = [];
  const observe = (event: HypEvent) => void told.push(event);
  const engine = await openEngine({ root, config: defaultConfig(root), clock, observe });
  const path = appendLeasePath(stateDir(root), toDatasetName('events'));
  const other = { waitMs: 0, purpose: 'another commit', clock };
  const held = defined(await acquireLease(path, other), 'the lease is free');
  const before = clock.sleptMs();
  await engine.append('events', [{ id: 1 }], { idempotencyKey: 'one commit' });
  const waited = clock.sleptMs() - before;
  expect(waited).toBeGreaterThanOrEqual(LIMITS.leaseWaitMs);
  expect(waited).toBeLessThan(LIMITS.leaseWaitMs + 200);
  expect((await engine.status()).datasets).toMatchObject([{ name: 'events', rows: 1n }]);
  const facts = expect.objectContaining({ path, waitMs: LIMITS.leaseWaitMs }) as object;
  expect(told).toContainEqual(expect.objectContaining({ action: 'lease not got', facts }));
  expect(held.lost).toBe(false);
  await held.release();
  await engine.close();
});

test('a lease that comes free within LIMITS.leaseWaitMs is waited for', async () => {
  const path = `${await tempDir()}/lease`;
  const clock = hasty();
  const held = defined(
    await acquireLease(path, { waitMs: 0, purpose: 'one', clock }),
    'the lease is free',
  );
  const late: Clock = {
    ...clock,
    sleep: async (ms) => {
      await clock.sleep(ms);
      if (clock.sleptMs() >= LIMITS.leaseWaitMs - 500) await held.release();
    },
  };
  const options = { waitMs: LIMITS.leaseWaitMs, purpose: 'two', clock: late };
  await defined(await acquireLease(path, options), 'got in time').release();
});
