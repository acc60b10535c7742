/**
 * Owns: leases: who does something now, so that others wait instead of working in vain.
 * Liveness only (I11): a lease may be lost, stolen or held by two. Callers that do not get one go
 * on without it, and nothing here ever throws because of a lock.
 *
 * | proper-lockfile 4.1.2, measured (reference) | what follows here |
 * | two holders after a pause, a clock step, a race for a stale lock | holding is not ownership |
 * | `release` removes whatever lock is there | only after the holder beside it was seen to be us |
 * | a compromised lock throws from a timer by default | it sets `lost` |
 * | its timer does not keep the process alive; its exit hook removes the lock | neither do we |
 * | importing it installs signal hooks | imported when the first lease is taken |
 * | raw ENOENT while several take over a stale lock | tried again like a lock that is held |
 *
 * | a crash leaves | what follows |
 * | the lock directory, the holder file | whoever finds that its process is gone from this machine
 *   takes it over at once; otherwise it counts for LIMITS.leaseStaleMs (up to 1 s more) |
 * llp/0015
 */
import { mkdir, readFile, rmdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type lockfile from 'proper-lockfile';
import { z } from 'zod';
import type { Clock } from '../src/core/clock.ts';
import { unobserved } from '../src/core/events.ts';
import type { Observe } from '../src/core/events.ts';
import { systemCode } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';

/** Refreshed five times before it is stale, so one busy second costs nothing. */
const REFRESH_MS = LIMITS.leaseStaleMs / 5;
const POLL_MS = 50;
const DIR_MODE = 0o700;
const FILE_MODE = 0o600;

export interface LeaseOptions {
  /** How long to try; 0: once. */
  readonly waitMs: number;
  /** What it is held for, told to whoever asks who holds it. */
  readonly purpose: string;
  readonly clock: Clock;
  readonly observe?: Observe | undefined;
}

export interface Lease {
  /** True once another process may hold it. Going on is safe, only perhaps in vain. */
  readonly lost: boolean;
  /** Idempotent; never rejects; leaves a lock alone that is another's by now. */
  release(): Promise<void>;
}

/** Who holds a lease, as far as one can tell: advisory. */
export interface LeaseHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, by the holder's clock. */
  readonly since: string;
  readonly purpose: string;
}

/** Leases as the engine takes them: a simulated disk comes with simulated leases, or with none. */
export interface Leases {
  /** undefined when it was not got within `waitMs`: go on without it. Never rejects. */
  acquire(
    path: string,
    options: { readonly waitMs: number; readonly purpose: string },
  ): Promise<Lease | undefined>;
  isHeld(path: string): Promise<boolean>;
  holder(path: string): Promise<LeaseHolder | undefined>;
  /** Removes what is left of a lease nobody can want any more. Never rejects. */
  forget(path: string): Promise<void>;
}

/** Leases on this machine's disk. */
export function fileLeases(ports: Omit<LeaseOptions, 'waitMs' | 'purpose'>): Leases {
  return {
    acquire: (path, options) => acquireLease(path, { ...ports, ...options }),
    isHeld,
    holder: leaseHolder,
    forget: async (path) => {
      await unlink(holderPath(path)).catch(() => undefined);
      await rmdir(lockPath(path)).catch(() => undefined);
    },
  };
}

const holderJson = z.object({
  pid: z.number(),
  host: z.string(),
  since: z.string(),
  purpose: z.string(),
  /** Tells two leases of one process apart. */
  taken: z.number(),
});
type HolderFile = z.infer<typeof holderJson>;

let leasesTaken = 0;

/** Paths of leases this process holds: a holder with our pid that is not here died before us. */
const heldHere = new Set<string>();

/**
 * The lease at `path` (files `<path>.lock` and `<path>.json`), or undefined when it was not got
 * within `waitMs`, for whatever reason: go on without it. Never rejects.
 */
export async function acquireLease(
  path: string,
  options: LeaseOptions,
): Promise<Lease | undefined> {
  const { clock, waitMs } = options;
  const observe = options.observe ?? unobserved;
  const deadlineMs = clock.monotonicMs() + waitMs;
  for (;;) {
    try {
      return await take(path, options, observe);
    } catch (error) {
      if (await removeIfDead(path, observe)) continue;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) {
        const reason = error instanceof Error ? error.message : String(error);
        tell(observe, 'lease not got', { path, purpose: options.purpose, waitMs, reason });
        return undefined;
      }
      await clock.sleep(Math.min(leftMs, POLL_MS));
    }
  }
}

/** Who holds the lease at `path` now, undefined when nobody does or it cannot be told. */
export async function leaseHolder(path: string): Promise<LeaseHolder | undefined> {
  if (!(await isHeld(path))) return undefined;
  const holder = await readHolder(path);
  if (holder === undefined) return undefined;
  const { pid, host, since, purpose } = holder;
  return { pid, host, since, purpose };
}

/**
 * True when somebody refreshed the lock lately, unless its process is gone from this machine. False,
 * too, when that cannot be told.
 */
export async function isHeld(path: string): Promise<boolean> {
  try {
    const { check } = await locking();
    if (!(await check(path, { stale: LIMITS.leaseStaleMs, realpath: false }))) return false;
    return !isDead(path, await readHolder(path));
  } catch {
    return false;
  }
}

async function take(path: string, options: LeaseOptions, observe: Observe): Promise<Lease> {
  const { clock, purpose } = options;
  const state = { lost: false };
  await mkdir(dirname(path), { recursive: true, mode: DIR_MODE });
  const { lock } = await locking();
  const unlock = await lock(path, {
    stale: LIMITS.leaseStaleMs,
    update: REFRESH_MS,
    realpath: false,
    onCompromised: (error) => {
      state.lost = true;
      heldHere.delete(path);
      tell(observe, 'lease lost', { path, purpose, reason: error.message });
    },
  });
  heldHere.add(path);
  const since = new Date(clock.nowMs()).toISOString();
  const holder = { pid: process.pid, host: hostname(), since, purpose, taken: ++leasesTaken };
  await writeHolder(path, holder, observe);
  let released: Promise<void> | undefined;
  return {
    get lost() {
      return state.lost;
    },
    release: () => (released ??= release(path, holder, { state, unlock })),
  };
}

/**
 * A lock taken over meanwhile is left alone, as far as can be seen: its holder wrote a file of its own.
 * What cannot be seen costs the other process its lock, never its work.
 */
async function release(
  path: string,
  ours: HolderFile,
  held: { readonly state: { lost: boolean }; readonly unlock: () => Promise<void> },
): Promise<void> {
  if (held.state.lost) return;
  heldHere.delete(path);
  try {
    const holder = await readHolder(path);
    if (holder !== undefined && JSON.stringify(holder) !== JSON.stringify(ours)) {
      held.state.lost = true;
      return;
    }
    await unlink(holderPath(path)).catch(() => undefined);
    await held.unlock();
  } catch {
    // Lost in this very moment, or the directory is gone: it is not held any more either way.
    held.state.lost = true;
  }
}

/**
 * Removes a lock whose process is gone, so that whoever follows a `kill -9` need not wait. Of those
 * who see it dead only the one that removes the holder file removes the lock, too, and only if it
 * is still the lock that was dead: the others would remove the lock of whoever took it since.
 */
async function removeIfDead(path: string, observe: Observe): Promise<boolean> {
  const seen = await lockIdentity(path);
  const holder = await readHolder(path);
  if (holder === undefined || !isDead(path, holder)) return false;
  try {
    await unlink(holderPath(path));
    if (seen === undefined || (await lockIdentity(path)) !== seen) return false;
    await rmdir(lockPath(path));
  } catch {
    return false;
  }
  const { pid, purpose } = holder;
  tell(observe, 'lease of a dead process removed', { path, pid, purpose });
  return true;
}

/** Differs for every lock that was ever made at `path`; undefined when there is none. */
async function lockIdentity(path: string): Promise<string | undefined> {
  try {
    const { ino, ctimeNs } = await stat(lockPath(path), { bigint: true });
    return `${ino}-${ctimeNs}`;
  } catch {
    return undefined;
  }
}

/** True only when it is certain: a process of this machine that is not there any more. */
function isDead(path: string, holder: HolderFile | undefined): boolean {
  if (holder?.host !== hostname()) return false;
  if (holder.pid === process.pid) return !heldHere.has(path);
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

function holderPath(path: string): string {
  return `${path}.json`;
}

async function readHolder(path: string): Promise<HolderFile | undefined> {
  try {
    return holderJson.parse(JSON.parse(await readFile(holderPath(path), 'utf8')));
  } catch {
    return undefined;
  }
}

async function writeHolder(path: string, holder: HolderFile, observe: Observe): Promise<void> {
  try {
    const { default: writeFileAtomic } = await import('write-file-atomic');
    const text = `${JSON.stringify(holder)}\n`;
    await writeFileAtomic(holderPath(path), text, { mode: FILE_MODE, fsync: false });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell(observe, 'lease holder not written', { path, purpose: holder.purpose, reason });
  }
}

async function locking(): Promise<typeof lockfile> {
  return (await import('proper-lockfile')).default;
}

function tell(observe: Observe, action: string, facts: Record<string, string | number>): void {
  observe({ type: 'decision', action, level: 'warn', facts });
}
