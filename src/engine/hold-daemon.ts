/**
 * Owns: one daemon per store, for good manners only: two of them are safe (I9, I11), just wasteful.
 * llp/0008
 */
import { HypError } from '../core/errors.ts';
import { daemonLeasePath } from '../../state/layout.ts';
import type { EngineContext } from './context.ts';

/**
 * Claims the store for this daemon; E_HELD names the holder. The answer releases the claim. A claim
 * that cannot be made (a full disk, a directory that may not be written) is gone on without: the
 * daemon is what makes room, and what keeps rows safe says itself what it cannot write.
 */
export async function holdDaemon(context: EngineContext): Promise<() => Promise<void>> {
  const path = daemonLeasePath(context.state);
  const claim = () => context.leases.acquire(path, { waitMs: 0, purpose: 'daemon' });
  let lease = await claim();
  if (lease === undefined && !(await context.leases.isHeld(path))) {
    await context.disk.tend();
    lease = await claim();
  }
  if (lease !== undefined) {
    const held = lease;
    return () => held.release();
  }
  if (!(await context.leases.isHeld(path))) {
    const facts = { root: context.root, path };
    context.observe({ type: 'decision', action: 'unclaimed', level: 'warn', facts });
    return () => Promise.resolve();
  }
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
