/**
 * A writer that has just begun, a closer, and one that flushes or trims: each stopped at every step
 * of its own while the others go on, so that two are paused at a time. llp/0007
 */
import { describe, expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { LOSE_ALL, MemoryFs } from '../support/memory-fs.ts';
import type { Fractions } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';
import { A, SPOOL, SpoolStore, startStepped } from '../support/spool.ts';

const TO_THE_END = Infinity;
const TIMEOUT_MS = 300_000;

type Work = (store: SpoolStore, fs: DurableFs) => Promise<unknown>;

const THIRD: Readonly<Record<string, Work>> = {
  trims: (store, fs) => store.trim(fs),
  flushes: (store, fs) => store.flush(fs, A),
};

/** Steps each takes before the next one begins; then the writer and the third end, in this order. */
interface Schedule {
  readonly writer: number;
  readonly closer: number;
  readonly third: number;
}

/** What happens once all are stopped. */
type Ending = 'the closer wakes again' | 'the closer was killed' | 'the power fails';

const ENDINGS: readonly Ending[] = [
  'the closer wakes again',
  'the closer was killed',
  'the power fails',
];

/** What a disk has kept of what was not synced: nothing, or some. All is as if the closer was killed. */
const POWER: readonly Fractions[] = [LOSE_ALL, seededRandom(1)];

/** Who was stopped before it ended, and what came of it all. */
async function play(schedule: Schedule, third: Work, ending: Ending, power: Fractions) {
  const memory = new MemoryFs(SPOOL);
  const store = new SpoolStore();
  const writing = startStepped(memory.process(), async (fs) => {
    await store.append(store.writer(fs), A, 'one');
  });
  const closing = startStepped(memory.process(), (fs) => store.closeAll(fs));
  const working = startStepped(memory.process(), (fs) => third(store, fs));
  const stopped = {
    writer: (await writing.advance(schedule.writer)) === 'waiting',
    closer: (await closing.advance(schedule.closer)) === 'waiting',
    third: (await working.advance(schedule.third)) === 'waiting',
  };
  if (ending === 'the power fails') memory.crash(power);
  else {
    await writing.advance(TO_THE_END);
    await working.advance(TO_THE_END);
  }
  if (ending === 'the closer wakes again') await closing.advance(TO_THE_END);
  await store.trim(memory.process());
  const wrong = await store.settle(memory.process());
  return { stopped, wrong };
}

/** Every number of steps from 0 on, as long as `visit` was stopped before its end. */
async function eachPlace(visit: (steps: number) => Promise<boolean>): Promise<void> {
  for (let steps = 0; await visit(steps); steps++);
}

async function everySchedule(third: Work, ending: Ending, power = LOSE_ALL): Promise<number> {
  let schedules = 0;
  await eachPlace(async (writer) => {
    let writerStopped = false;
    await eachPlace(async (closer) => {
      let closerStopped = false;
      await eachPlace(async (steps) => {
        const schedule = { writer, closer, third: steps };
        const { stopped, wrong } = await play(schedule, third, ending, power);
        expect(wrong, JSON.stringify(schedule)).toEqual([]);
        schedules += 1;
        writerStopped = stopped.writer;
        closerStopped = stopped.closer;
        return stopped.third;
      });
      return closerStopped;
    });
    return writerStopped;
  });
  return schedules;
}

describe('a writer, a closer and a process', () => {
  for (const [name, third] of Object.entries(THIRD)) {
    for (const ending of ENDINGS) {
      test(
        `that ${name}, each stopped at each of its steps, lose and double nothing when ${ending}`,
        { timeout: TIMEOUT_MS },
        async () => {
          for (const power of ending === 'the power fails' ? POWER : [LOSE_ALL]) {
            expect(await everySchedule(third, ending, power)).toBeGreaterThan(3_000);
          }
        },
      );
    }
  }
});
