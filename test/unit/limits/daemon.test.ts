/** A daemon at its limits: how many steps run at once, and when one counts as stuck. llp/0001, llp/0011 */
import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/config.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { runDaemon } from '../../../src/daemon/daemon.ts';
import { Counters } from '../../../src/daemon/metrics/counters.ts';
import { Schedule } from '../../../src/daemon/schedule.ts';
import type { StopSignal } from '../../../src/daemon/signals.ts';
import { NOTHING, fakeEngine } from '../../support/fake-engine.ts';
import { ManualClock, seededRandom } from '../../support/random.ts';

const CONFIG = defaultConfig('/store');
const DATASETS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Steps that take a second: how many run now, and the most there ever were. */
class Steps {
  most = 0;
  done = 0;
  readonly #clock: ManualClock;
  #running = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async take(): Promise<typeof NOTHING> {
    this.#running += 1;
    this.most = Math.max(this.most, this.#running);
    await this.#clock.sleep(1_000);
    this.#running -= 1;
    this.done += 1;
    return NOTHING;
  }
}

/** As many steps as begin within two seconds, to their end. */
async function run(clock: ManualClock, engine: ReturnType<typeof fakeEngine>): Promise<void> {
  const parts = { clock, random: seededRandom(1), observe: () => undefined };
  const schedule = new Schedule(engine, CONFIG, parts);
  await clock.advance(1_500);
  const stopped = schedule.stop();
  await clock.advance(100_000);
  await stopped;
}

describe('steps at once', () => {
  test('are LIMITS.daemonFlushWidth flushes, over all datasets', async () => {
    const clock = new ManualClock();
    const flushes = new Steps(clock);
    await run(clock, fakeEngine({ datasets: DATASETS }, { flushStep: () => flushes.take() }));
    const { most, done } = flushes;
    const width = LIMITS.daemonFlushWidth;
    expect({ most, done }).toEqual({ most: width, done: 2 * width });
  });

  test('are LIMITS.daemonExportWidth exports for each sink, whatever other sinks do', async () => {
    const clock = new ManualClock();
    const [s, t] = [new Steps(clock), new Steps(clock)];
    const names = { datasets: DATASETS, sinks: ['s', 't'] };
    const exportStep = (sink: string) => (sink === 's' ? s : t).take();
    await run(clock, fakeEngine(names, { exportStep }));
    const width = LIMITS.daemonExportWidth;
    expect([s.most, s.done, t.most, t.done]).toEqual([width, 2 * width, width, 2 * width]);
  });
});

test('a step of more than LIMITS.daemonStuckMs makes a daemon not ready, until it ends', async () => {
  const clock = new ManualClock();
  let end: () => void = () => undefined;
  const hangs = new Promise<void>((resolve) => (end = resolve));
  const flushStep = async () => {
    await hangs;
    return NOTHING;
  };
  const config = {
    ...CONFIG,
    daemon: { ...CONFIG.daemon, http: { host: '127.0.0.1', port: 0 } },
  };
  let stop: (signal: StopSignal) => void = () => undefined;
  let listening: (port: number) => void = () => undefined;
  const port = new Promise<number>((resolve) => (listening = resolve));
  const ended = runDaemon(fakeEngine({ datasets: ['a'] }, { flushStep }), config, {
    clock,
    random: seededRandom(1),
    observe: () => undefined,
    counters: new Counters(),
    signals: {
      subscribe: (tell) => {
        stop = tell;
        return () => undefined;
      },
    },
    onReady: ({ http }) => {
      listening(http?.port ?? 0);
    },
  });
  const url = `http://127.0.0.1:${await port}/ready`;
  const ready = async () => {
    const answer = await fetch(url, { headers: { connection: 'close' } });
    return { status: answer.status, text: await answer.text() };
  };
  await clock.advance(0);
  await clock.advance(LIMITS.daemonStuckMs);
  expect(await ready()).toMatchObject({ status: 200 });
  await clock.advance(1_000);
  expect(await ready()).toMatchObject({
    status: 503,
    text: expect.stringContaining('flush a: in one step for 121 s') as string,
  });
  end();
  await clock.advance(0);
  expect(await ready()).toMatchObject({ status: 200 });
  stop('SIGTERM');
  await clock.advance(1_000_000);
  expect(await ended).toMatchObject({ kind: 'drained' });
});
