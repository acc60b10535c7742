/**
 * Owns: one course of events in a simulated world, from a seed: appenders, flushers, exporters and
 * loaders beside each other on one disk, killed, paused, robbed of their leases, met by errors and
 * by power failures; then one process that does what is left, and the account of every row.
 * llp/0013
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SinkConfig } from '../../src/config/config.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { count } from './counted.ts';
import type { FsOp } from './intercept-fs.ts';
import { seededRandom } from './random.ts';
import type { SeededRandom } from './random.ts';
import { Schedule } from './schedule.ts';
import type { Harm, HarmDone } from './schedule.ts';
import { tempDir } from './tmp.ts';
import { World, everybodyLives, noLeases } from './world.ts';

/** Each round begins with processes that know nothing of the one before. */
const ROUNDS = 3;

const SINKS: readonly Partial<SinkConfig>[] = [
  { format: 'ndjson', partition: 'part={part}' },
  { format: 'ndjson.gz' },
];

interface Course {
  readonly world: World;
  readonly random: SeededRandom;
  /** A log that grows; on the real disk, as sources are. */
  readonly log: string;
}

type Work = (course: Course, fs: DurableFs) => Promise<void>;

const WORKS: Readonly<Record<string, Work>> = {
  appender: async ({ world, random }, fs) => {
    const engine = await open(world, random, fs);
    for (let turn = random.integer(4); turn >= 0; turn--) {
      await world.append(engine, 1 + random.integer(3), { part: random.integer(2) });
    }
    if (random.fraction() < 0.5) await engine.close();
  },
  flusher: async ({ world, random }, fs) => {
    const engine = await open(world, random, fs);
    for (let turn = random.integer(2); turn >= 0; turn--) await engine.flush();
  },
  ticker: async ({ world, random }, fs) => {
    const engine = await open(world, random, fs);
    for (let turn = random.integer(2); turn >= 0; turn--) await engine.tick();
  },
  loader: async ({ world, random, log }, fs) => {
    const engine = await open(world, random, fs);
    await engine.backfill('events', [log]);
  },
};

function open(world: World, random: SeededRandom, fs: DurableFs) {
  const leases = random.fraction() < 0.7 ? noLeases : everybodyLives;
  return world.open({ fs, sinks: SINKS, leases });
}

/** What happened in courses, in sum. */
export interface CourseSum extends HarmDone {
  rows: number;
}

/** Plays `courses` of them from `seed` on; rejects with the first seed that ends badly. */
export async function playCourses(seed: number, courses: number): Promise<CourseSum> {
  const sum: CourseSum = { rows: 0, turns: 0, kills: 0, powerFailures: 0, faults: 0 };
  for (let at = seed; at < seed + courses; at++) {
    const end = await playCourse(at);
    count('seeds', 1);
    for (const key of Object.keys(sum) as (keyof CourseSum)[]) sum[key] += end[key];
  }
  return sum;
}

const OPS: readonly FsOp[] = [
  ...['readdir', 'readFile', 'open', 'size', 'read', 'create', 'write', 'sync', 'datasync'],
  ...['link', 'rename', 'unlink', 'mkdir', 'syncDir'],
] as const;

/** Some courses are rough, some are calm; in each, processes stop at other places most of all. */
function harmOf(random: SeededRandom): Harm {
  const up = (to: number): number => to * random.fraction() ** 2;
  return {
    yields: up(0.3),
    hot: {
      ops: [random, random].map(() => OPS[random.integer(OPS.length)] ?? 'link'),
      yields: 0.5 * random.fraction() + 0.2,
    },
    kill: up(0.04),
    power: up(0.01),
    fault: up(0.01),
  };
}

/** Plays the course of `seed`; rejects with what is wrong and how it came to it. */
async function playCourse(seed: number): Promise<CourseSum> {
  const random = seededRandom(seed);
  const world = new World(seed, '/out1');
  const course = { world, random, log: join(await tempDir(), 'log.ndjson') };
  const schedule = new Schedule(world.disk, random.integer(2 ** 31), harmOf(random));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      writeLog(course);
      await schedule.run(cast(course));
      if (random.fraction() < 0.2) world.clock.leap(random.integer(86_400_000) - 43_200_000);
    }
    const loading = await world.open({ sinks: SINKS });
    await loading.backfill('events', [course.log]);
    await loading.close();
    await world.settle(SINKS);
    await world.expectWhole(SINKS);
    return { ...schedule.done, rows: world.acknowledged.size };
  } catch (cause) {
    const trail = schedule.trail.slice(-4000).join('\n');
    throw new Error(`HYP_SEED=${seed}: ${String(cause)}\n${trail}`, { cause });
  }
}

/** Two to five processes of a round; an appender and a ticker are always among them. */
function cast(course: Course): Record<string, (fs: DurableFs) => Promise<void>> {
  const names = ['appender', 'ticker'];
  const kinds = Object.keys(WORKS);
  for (let more = course.random.integer(4); more > 0; more--) {
    names.push(kinds[course.random.integer(kinds.length)] ?? 'flusher');
  }
  return Object.fromEntries(
    names.map((name, index) => [
      `${name} ${index}`,
      (fs: DurableFs) => WORKS[name]?.(course, fs) ?? Promise.resolve(),
    ]),
  );
}

/** Rows of the log are known from now on: the last backfill must have brought them all. */
function writeLog({ world, random, log }: Course): void {
  const rows = world.rowsToCome(1 + random.integer(4));
  appendFileSync(log, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
