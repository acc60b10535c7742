import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitAfter } from '../../../src/daemon/backoff.ts';
import type { Outcome, Wait } from '../../../src/daemon/backoff.ts';
import { Gate, Loop } from '../../../src/daemon/loop.ts';
import { ManualClock, seededRandom } from '../../support/random.ts';

const NOTHING: Outcome = { kind: 'nothing', waitMs: 0 };

function loopOf(
  clock: ManualClock,
  step: () => Promise<Outcome>,
  wait: (outcome: Outcome, inARow: number) => Wait = () => ({ ms: 100, wakeable: true }),
  gate = new Gate(1),
): Loop {
  return new Loop({ name: 'test', clock, gate, step, waitAfter: wait });
}

describe('a loop', () => {
  it('steps at once and then whenever its wait is over', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const loop = loopOf(clock, () => {
      times.push(clock.monotonicMs());
      return Promise.resolve(NOTHING);
    });
    await clock.advance(350);
    expect(times).toEqual([0, 100, 200, 300]);
    loop.stop();
    await loop.ended;
  });

  it('never overlaps itself, however long a step takes', async () => {
    const clock = new ManualClock();
    let running = 0;
    let most = 0;
    let steps = 0;
    const loop = loopOf(clock, async () => {
      most = Math.max(most, ++running);
      await clock.sleep(450);
      running -= 1;
      steps += 1;
      return NOTHING;
    });
    await clock.advance(200);
    loop.wake();
    await clock.advance(2_000);
    expect(most).toBe(1);
    expect(steps).toBeGreaterThan(3);
    loop.stop();
    await clock.advance(1_000);
    await loop.ended;
  });

  it('goes on after a step that throws, counting failures until one succeeds', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    let call = 0;
    const loop = loopOf(
      clock,
      () => (++call % 3 === 0 ? Promise.resolve(NOTHING) : Promise.reject(new Error('disk'))),
      (outcome, inARow) => {
        seen.push(`${outcome.kind} ${inARow}`);
        return { ms: 100, wakeable: false };
      },
    );
    await clock.advance(350);
    expect(seen).toEqual(['failed 1', 'failed 2', 'nothing 1', 'failed 1']);
    expect(loop.progress).toMatchObject({ failures: 1, problem: 'disk' });
    loop.stop();
    await loop.ended;
  });

  it('is woken out of an ordinary wait but not out of a backoff', async () => {
    const clock = new ManualClock();
    let wakeable = true;
    let steps = 0;
    const loop = loopOf(
      clock,
      () => {
        steps += 1;
        return Promise.resolve(NOTHING);
      },
      () => ({ ms: 1_000, wakeable }),
    );
    await clock.advance(1);
    wakeable = false;
    loop.wake();
    await clock.advance(1);
    expect(steps).toBe(2);
    loop.wake();
    await clock.advance(500);
    expect(steps).toBe(2);
    loop.stop();
    await loop.ended;
  });

  it('steps again at once when news came during a step', async () => {
    const clock = new ManualClock();
    let steps = 0;
    const loop = loopOf(clock, async () => {
      steps += 1;
      await clock.sleep(50);
      return NOTHING;
    });
    await clock.advance(20);
    loop.wake();
    await clock.advance(40);
    expect(steps).toBe(2);
    loop.stop();
    await clock.advance(100);
    await loop.ended;
  });

  it('finishes the step that runs when it is stopped, and begins no other', async () => {
    const clock = new ManualClock();
    let begun = 0;
    let finished = 0;
    const loop = loopOf(clock, async () => {
      begun += 1;
      await clock.sleep(500);
      finished += 1;
      return NOTHING;
    });
    await clock.advance(10);
    loop.stop();
    let ended = false;
    void loop.ended.then(() => (ended = true));
    await clock.advance(400);
    expect({ begun, finished, ended }).toEqual({ begun: 1, finished: 0, ended: false });
    await clock.advance(200);
    expect({ begun, finished, ended }).toEqual({ begun: 1, finished: 1, ended: true });
    expect(loop.progress.phase).toBe('ended');
  });
});

describe('a gate', () => {
  it('lets no more loops step at once than it is wide, and all of them in the end', async () => {
    const clock = new ManualClock();
    const gate = new Gate(2);
    let inside = 0;
    let most = 0;
    const steps = new Map<number, number>();
    const loops = [1, 2, 3, 4, 5].map((id) =>
      loopOf(
        clock,
        async () => {
          most = Math.max(most, ++inside);
          await clock.sleep(10);
          inside -= 1;
          steps.set(id, (steps.get(id) ?? 0) + 1);
          return NOTHING;
        },
        undefined,
        gate,
      ),
    );
    await clock.advance(1_000);
    expect(most).toBe(2);
    expect([...steps.values()].every((count) => count >= 5)).toBe(true);
    expect(steps.size).toBe(5);
    for (const loop of loops) loop.stop();
    await clock.advance(1_000);
    await Promise.all(loops.map((loop) => loop.ended));
  });
});

describe('the wait after a step', () => {
  const options = {
    tickMs: 1_000,
    idleTicks: 8,
    retry: { initialMs: 100, maxMs: 5_000 },
    random: seededRandom(7),
  };

  it('is what the step says, but never longer than a tick when there is or was work', () => {
    expect(waitAfter({ kind: 'worked', waitMs: 0 }, 1, options)).toEqual({ ms: 0, wakeable: true });
    expect(waitAfter({ kind: 'worked', waitMs: 300 }, 9, options).ms).toBe(300);
    const never = { kind: 'nothing', waitMs: Number.POSITIVE_INFINITY } as const;
    expect(waitAfter(never, 1, options)).toEqual({ ms: 1_000, wakeable: true });
  });

  it('doubles up to the idle ticks while there is nothing, but never passes what is due', () => {
    const after = (waitMs: number) =>
      [1, 2, 3, 4, 5, 2_000].map((n) => waitAfter({ kind: 'nothing', waitMs }, n, options).ms);
    expect(after(60_000)).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(after(3_000)).toEqual([1_000, 2_000, 3_000, 3_000, 3_000, 3_000]);
  });

  it('is never nothing after nothing was done', () => {
    expect(waitAfter({ kind: 'nothing', waitMs: 0 }, 1, options).ms).toBeGreaterThan(0);
  });

  it('is what a destination asks for after a retry, also beyond the tick', () => {
    const asked = { kind: 'failed', waitMs: 30_000, reason: 'busy' } as const;
    expect(waitAfter(asked, 9, options)).toEqual({ ms: 30_000, wakeable: false });
  });

  it('doubles after each error, within half of the bound and the bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 20, max: 10_000 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (failures, initialMs, more, fraction) => {
          const maxMs = initialMs + more;
          const random = { ...seededRandom(1), fraction: () => fraction };
          const failed = { kind: 'failed', waitMs: undefined, reason: 'disk' } as const;
          const retry = { initialMs, maxMs };
          const { ms, wakeable } = waitAfter(failed, failures, {
            ...options,
            retry,
            random,
          });
          const bound = Math.min(maxMs, initialMs * 2 ** (failures - 1));
          expect(ms).toBeGreaterThanOrEqual(Math.floor(bound / 2));
          expect(ms).toBeLessThanOrEqual(bound);
          expect(wakeable).toBe(false);
        },
      ),
    );
  });
});
