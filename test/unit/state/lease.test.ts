/** Leases: liveness only, and never a reason to fail. llp/0015 */
import { spawn } from 'node:child_process';
import { once as eventOnce } from 'node:events';
import { mkdir, readFile, readdir, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { acquireLease, isHeld, leaseHolder } from '../../../state/lease.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { defined } from '../../../src/core/invariant.ts';
import { tempDir } from '../../support/tmp.ts';

const once = { waitMs: 0, purpose: 'test', clock: systemClock };

async function taken(path: string) {
  return defined(await acquireLease(path, once), 'the lease is free');
}

/** The pid of a process that has just ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await eventOnce(child, 'exit');
  return defined(child.pid, 'it ran');
}

/** What `kill -9` leaves: a lock refreshed a moment ago and the file of its holder. */
async function leaveLease(path: string, holder: { pid: number; host?: string }): Promise<void> {
  await mkdir(`${path}.lock`);
  const facts = { host: hostname(), since: 'now', purpose: 'daemon', taken: 1, ...holder };
  await writeFile(`${path}.json`, JSON.stringify(facts));
}

describe('a lease', () => {
  it('is held by one at a time and tells who holds it', async () => {
    const dir = await tempDir();
    const path = `${dir}/leases/append-requests`;
    expect(await isHeld(path)).toBe(false);
    expect(await leaseHolder(path)).toBeUndefined();
    const lease = await taken(path);
    expect(await acquireLease(path, once)).toBeUndefined();
    expect(await isHeld(path)).toBe(true);
    expect(await leaseHolder(path)).toMatchObject({
      pid: process.pid,
      host: hostname(),
      purpose: 'test',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    });
    await lease.release();
    await lease.release();
    expect(lease.lost).toBe(false);
    expect(await isHeld(path)).toBe(false);
    expect(await readdir(`${dir}/leases`)).toEqual([]);
    await (await taken(path)).release();
  });

  it('is waited for, and got when it becomes free', async () => {
    const path = `${await tempDir()}/lease`;
    const lease = await taken(path);
    const second = acquireLease(path, { ...once, waitMs: 5_000 });
    await wait(120);
    await lease.release();
    await defined(await second, 'got in time').release();
  });

  it('is not waited for any longer than asked, and the reason is told', async () => {
    const path = `${await tempDir()}/lease`;
    const lease = await taken(path);
    const events: HypEvent[] = [];
    const startMs = systemClock.monotonicMs();
    const observe = (event: HypEvent) => void events.push(event);
    expect(await acquireLease(path, { ...once, waitMs: 150, observe })).toBeUndefined();
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(150);
    expect(systemClock.monotonicMs() - startMs).toBeLessThan(2_000);
    expect(events).toMatchObject([{ action: 'lease not got', facts: { path, waitMs: 150 } }]);
    await lease.release();
  });

  it('is not got, without an error, where nothing can be written', async () => {
    const dir = await tempDir();
    await writeFile(`${dir}/file`, '');
    const path = `${dir}/file/lease`;
    expect(await acquireLease(path, once)).toBeUndefined();
    expect(await isHeld(path)).toBe(false);
    expect(await leaseHolder(path)).toBeUndefined();
  });

  it('of a holder that stopped refreshing it is taken over', async () => {
    const path = `${await tempDir()}/lease`;
    await mkdir(`${path}.lock`);
    const longAgo = new Date(systemClock.nowMs() - 2 * LIMITS.leaseStaleMs);
    await utimes(`${path}.lock`, longAgo, longAgo);
    expect(await isHeld(path)).toBe(false);
    await (await taken(path)).release();
  });

  it('that another process took over is lost, is told so, and is left to it', async () => {
    const path = `${await tempDir()}/lease`;
    const events: HypEvent[] = [];
    const observe = (event: HypEvent) => void events.push(event);
    const lease = defined(await acquireLease(path, { ...once, observe }), 'free');
    const ours = await readFile(`${path}.json`, 'utf8');
    await rmdir(`${path}.lock`);
    await mkdir(`${path}.lock`);
    await utimes(`${path}.lock`, new Date(), new Date());
    await writeFile(`${path}.json`, ours.replace('"test"', '"other"'));
    await wait(LIMITS.leaseStaleMs / 5 + 500);
    expect(lease.lost).toBe(true);
    expect(events).toMatchObject([{ action: 'lease lost' }]);
    await lease.release();
    expect((await stat(`${path}.lock`)).isDirectory()).toBe(true);
  });

  it('that was taken over but a moment ago is not released from under its new holder', async () => {
    const path = `${await tempDir()}/lease`;
    const lease = await taken(path);
    await rmdir(`${path}.lock`);
    await mkdir(`${path}.lock`);
    await writeFile(
      `${path}.json`,
      JSON.stringify({ pid: 1, host: 'else', since: 'now', purpose: 'other', taken: 1 }),
    );
    await lease.release();
    expect(lease.lost).toBe(true);
    expect((await stat(`${path}.lock`)).isDirectory()).toBe(true);
    expect(await leaseHolder(path)).toMatchObject({ host: 'else' });
  });

  it('of a process that is gone from this machine is free at once', async () => {
    const path = `${await tempDir()}/lease`;
    await leaveLease(path, { pid: await deadPid() });
    expect(await isHeld(path)).toBe(false);
    expect(await leaseHolder(path)).toBeUndefined();
    const events: HypEvent[] = [];
    const observe = (event: HypEvent) => void events.push(event);
    const lease = defined(await acquireLease(path, { ...once, observe }), 'free at once');
    expect(events).toMatchObject([{ action: 'lease of a dead process removed' }]);
    expect(await leaseHolder(path)).toMatchObject({ pid: process.pid, purpose: 'test' });
    await lease.release();
  });

  it('of a process before us with the same pid, as in a container, is free at once', async () => {
    const path = `${await tempDir()}/lease`;
    await leaveLease(path, { pid: process.pid });
    await (await taken(path)).release();
  });

  it('of a dead process goes to one of those who want it', async () => {
    const path = `${await tempDir()}/lease`;
    const pid = await deadPid();
    for (let round = 0; round < 50; round++) {
      await leaveLease(path, { pid });
      const all = await Promise.all(Array.from({ length: 5 }, () => acquireLease(path, once)));
      const got = all.filter((lease) => lease !== undefined);
      expect(got).toHaveLength(1);
      expect(got[0]?.lost).toBe(false);
      await got[0]?.release();
    }
  });

  it('of another machine, or of a process that lives, is not taken away', async () => {
    const dir = await tempDir();
    await leaveLease(`${dir}/other`, { pid: await deadPid(), host: 'elsewhere' });
    await leaveLease(`${dir}/alive`, { pid: process.ppid });
    for (const path of [`${dir}/other`, `${dir}/alive`]) {
      expect(await acquireLease(path, once)).toBeUndefined();
      expect(await isHeld(path)).toBe(true);
    }
  });

  it('whose holder file is damaged is held by somebody unknown', async () => {
    const path = `${await tempDir()}/lease`;
    const lease = await taken(path);
    await writeFile(`${path}.json`, '{"pid":');
    expect(await isHeld(path)).toBe(true);
    expect(await leaseHolder(path)).toBeUndefined();
    await lease.release();
    expect(await isHeld(path)).toBe(false);
  });
});
