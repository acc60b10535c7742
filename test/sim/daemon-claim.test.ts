/** The claim of a daemon: for good manners, so what keeps it from being made ends nobody. llp/0008 */
import { expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import type { Leases } from '../../state/lease.ts';
import { World, noLeases } from '../support/world.ts';

async function held(leases: Leases): Promise<string> {
  const engine = await new World().open({ leases });
  try {
    await (
      await engine.holdDaemon()
    )();
    return 'goes on';
  } catch (error) {
    return isHypError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

test('a claim that cannot be made, with no other daemon there, is gone on without', async () => {
  expect(await held(noLeases)).toBe('goes on');
});

test('a claim another daemon has is refused, also when its holder cannot be read', async () => {
  const leases = { ...noLeases, isHeld: () => Promise.resolve(true) };
  expect(await held(leases)).toMatch(/^E_HELD: .* is held by another daemon$/);
});

test('room that was made meanwhile is used', async () => {
  let tries = 0;
  let released = 0;
  const release = (): Promise<void> => {
    released += 1;
    return Promise.resolve();
  };
  const lease = { lost: false, release };
  const acquire = () => Promise.resolve(tries++ === 0 ? undefined : lease);
  expect(await held({ ...noLeases, acquire })).toBe('goes on');
  expect([tries, released]).toEqual([2, 1]);
});
