import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { toDatasetName } from '../../../src/core/ids.ts';
import { readiness } from '../../../src/daemon/health.ts';
import { Schedule } from '../../../src/daemon/schedule.ts';
import type { Engine } from '../../../src/engine/api.ts';
import { NOTHING, exported, fakeEngine, flushed } from '../../support/fake-engine.ts';
import { ManualClock, seededRandom } from '../../support/random.ts';

const config = defaultConfig('/store');

function start(engine: Engine, clock: ManualClock, used = config) {
  const said: string[] = [];
  const observe = (event: HypEvent) => {
    if (event.type === 'decision')
      said.push(`${event.action} ${Object.values(event.facts).join(' ')}`);
  };
  const schedule = new Schedule(engine, used, { clock, random: seededRandom(3), observe });
  return { schedule, said };
}

/** Stops it and lets what still runs run out. */
async function end(schedule: Schedule, clock: ManualClock): Promise<void> {
  const stopped = schedule.stop();
  await clock.advance(1_000_000);
  await stopped;
}

describe('the schedule', () => {
  it('has one loop for each dataset to flush and for each sink of it to export', async () => {
    const clock = new ManualClock();
    const { schedule } = start(fakeEngine({ datasets: ['a', 'b'], sinks: ['s', 't'] }), clock);
    await clock.advance(0);
    expect(
      schedule
        .progress()
        .map((loop) => loop.name)
        .sort(),
    ).toEqual([
      'discover',
      'export s a',
      'export s b',
      'export t a',
      'export t b',
      'flush a',
      'flush b',
    ]);
    await end(schedule, clock);
  });

  it('leaves out datasets a sink does not take', async () => {
    const clock = new ManualClock();
    const used = parseConfig('sinks: {s: {type: fs, path: /x, datasets: [b]}}', {
      path: '/hyp.yaml',
      env: {},
    });
    const { schedule } = start(fakeEngine({ datasets: ['a', 'b'], sinks: ['s'] }), clock, used);
    await clock.advance(0);
    expect(schedule.progress().map((loop) => loop.name)).toContain('export s b');
    expect(schedule.progress().map((loop) => loop.name)).not.toContain('export s a');
    await end(schedule, clock);
  });

  it('finds a new dataset within a tick', async () => {
    const clock = new ManualClock();
    const datasets: string[] = [];
    const steps: string[] = [];
    const engine = fakeEngine(
      { datasets, sinks: [] },
      {
        flushStep: (dataset) => {
          steps.push(dataset);
          return Promise.resolve(NOTHING);
        },
      },
    );
    const { schedule } = start(engine, clock);
    await clock.advance(500);
    datasets.push('late');
    await clock.advance(600);
    expect(steps).toEqual(['late']);
    await end(schedule, clock);
  });

  it('tells how long a loop has failed on end, whatever is tried again meanwhile', async () => {
    const clock = new ManualClock();
    let broken = true;
    const names = () => (broken ? Promise.reject(new Error('EACCES: spool')) : Promise.resolve([]));
    const { schedule } = start(fakeEngine({}, { datasetNames: names }), clock);
    const ready = () => readiness('running', schedule.progress(), clock.monotonicMs(), 120_000);
    await clock.advance(100_000);
    expect(ready().ready).toBe(true);
    await clock.advance(100_000);
    expect(ready().reasons).toEqual([
      expect.stringMatching(/^discover: fails for \d+ s: EACCES: spool$/),
    ]);
    broken = false;
    await clock.advance(61_000);
    expect(ready().ready).toBe(true);
    await end(schedule, clock);
  });

  it('looks again when the step says, and each tick when it says later', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const waits = [300, 60_000, 60_000];
    const engine = fakeEngine(
      { datasets: ['a'] },
      {
        flushStep: () => {
          times.push(clock.monotonicMs());
          return Promise.resolve({ report: undefined, waitMs: waits.shift() ?? 60_000 });
        },
      },
    );
    const { schedule } = start(engine, clock);
    await clock.advance(2_500);
    expect(times).toEqual([0, 300, 1_300, 2_300]);
    await end(schedule, clock);
  });

  it('exports as soon as a flush has committed rows', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    let pending = 0;
    const engine = fakeEngine(
      { datasets: ['a', 'b'], sinks: ['s'] },
      {
        flushStep: (dataset) => {
          const rows = dataset === 'a' ? pending : 0;
          pending = 0;
          return Promise.resolve(rows > 0 ? flushed(dataset, rows) : { ...NOTHING, waitMs: 70 });
        },
        exportStep: (_sink, dataset) => {
          if (dataset === 'a') times.push(clock.monotonicMs());
          return Promise.resolve(NOTHING);
        },
      },
    );
    const { schedule, said } = start(engine, clock);
    await clock.advance(100);
    pending = 5;
    await clock.advance(100);
    expect(times).toEqual([0, 140]);
    expect(said).toEqual(['flushed a 5 1 5']);
    await end(schedule, clock);
  });

  it('delays no sink because another one hangs, fails or waits for a retry', async () => {
    const clock = new ManualClock();
    const steps = { good: 0, hung: 0, broken: 0, retrying: 0 };
    const engine = fakeEngine(
      {
        datasets: ['a', 'b', 'c', 'd'],
        sinks: ['hung', 'broken', 'retrying', 'good'],
      },
      {
        exportStep: (sink, dataset) => {
          if (sink === 'hung') {
            steps.hung += 1;
            return new Promise(() => undefined);
          }
          if (sink === 'broken') {
            steps.broken += 1;
            return Promise.reject(new Error('no route'));
          }
          if (sink === 'retrying') {
            steps.retrying += 1;
            const problem = 'busy';
            return Promise.resolve(
              exported(sink, dataset, { state: 'retrying', units: 0, waitMs: 20_000, problem }),
            );
          }
          steps.good += 1;
          return Promise.resolve(exported(sink, dataset, { waitMs: 100 }));
        },
      },
    );
    const { schedule, said } = start(engine, clock);
    await clock.advance(10_000);
    expect(steps.good).toBe(4 * 101);
    expect(steps.hung).toBe(2);
    expect(steps.broken).toBeLessThan(4 * 6);
    expect(steps.broken).toBeGreaterThan(4 * 3);
    expect(steps.retrying).toBe(4);
    expect(said.some((line) => line.startsWith('failed export broken a no route 1'))).toBe(true);
    expect(said.some((line) => line.includes('retrying'))).toBe(false);
    const waiting = schedule.progress().find((loop) => loop.name === 'export retrying a');
    expect(waiting).toMatchObject({ failures: 1, problem: 'busy', dueMs: 20_000 });
    void schedule.stop();
  });

  it('says an error that stays at its 1st, 2nd, 4th, 8th time, and once that it is over', async () => {
    const clock = new ManualClock();
    let broken = true;
    const engine = fakeEngine(
      { datasets: ['a'] },
      {
        flushStep: () =>
          broken ? Promise.reject(new Error('disk full')) : Promise.resolve(NOTHING),
      },
    );
    const { schedule, said } = start(engine, clock);
    await clock.advance(600_000);
    broken = false;
    await clock.advance(120_000);
    const counts = said.map((line) => /disk full (\d+)/.exec(line)?.[1]).filter(Boolean);
    expect(counts.slice(0, 4)).toEqual(['1', '2', '4', '8']);
    expect(said.filter((line) => line.startsWith('recovered'))).toHaveLength(1);
    expect(said.at(-1)).toMatch(/^recovered flush a/);
    await end(schedule, clock);
  });

  it('keeps looking for datasets after looking failed', async () => {
    const clock = new ManualClock();
    let calls = 0;
    const engine = fakeEngine(
      {},
      {
        datasetNames: () =>
          ++calls < 3 ? Promise.reject(new Error('EIO')) : Promise.resolve([toDatasetName('a')]),
      },
    );
    const { schedule } = start(engine, clock);
    await clock.advance(10_000);
    expect(schedule.progress().map((loop) => loop.name)).toContain('flush a');
    await end(schedule, clock);
  });

  it('when stopped, waits for the steps that run and begins no other', async () => {
    const clock = new ManualClock();
    let begun = 0;
    let finished = 0;
    const engine = fakeEngine(
      { datasets: ['a', 'b', 'c'], sinks: ['s'] },
      {
        exportStep: async (sink, dataset) => {
          begun += 1;
          await clock.sleep(5_000);
          finished += 1;
          return exported(sink, dataset);
        },
      },
    );
    const { schedule } = start(engine, clock);
    await clock.advance(100);
    expect(begun).toBe(2);
    let stopped = false;
    void schedule.stop().then(() => (stopped = true));
    await clock.advance(4_000);
    expect({ finished, stopped }).toEqual({ finished: 0, stopped: false });
    await clock.advance(1_000);
    expect({ begun, finished, stopped }).toEqual({ begun: 2, finished: 2, stopped: true });
  });
});
