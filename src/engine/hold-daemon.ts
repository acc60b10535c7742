/**
 * Owns: one daemon per store, for good manners only: two of them are safe (I9, I11), just wasteful.
 * llp/0008
 */
import { HypError } from '../core/errors.ts';
import { daemonLeasePath } from '../../state/layout.ts';
import type { EngineContext } from './context.ts';

/** Claims the store for this daemon; E_HELD names the holder. The answer releases the claim. */
export async function holdDaemon(context: EngineContext): Promise<() => Promise<void>> {
  const path = daemonLeasePath(context.state);
  const lease = await context.leases.acquire(path, { waitMs: 0, purpose: 'daemon' });
  if (lease !== undefined) return () => lease.release();
  const holder = await context.leases.holder(path);
  const who =
    holder === undefined
      ? 'another daemon'
      : `the daemon with pid ${holder.pid} on ${holder.host}, since ${holder.since}`;
  throw new HypError('E_HELD', `${context.root} is held by ${who}`, {
    hint: 'One daemon serves a store. Stop that one, or leave it running.',
    details: { ...holder },
  });
}
