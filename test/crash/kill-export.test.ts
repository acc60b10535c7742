/** `hyp tick` killed while it exports, in every format: each row arrives exactly once. llp/0008 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { count } from '../support/counted.ts';
import { expectAllOf, expectNoneTwice, exportedIds, unitFaults } from '../support/oracle.ts';
import {
  asChild,
  backlog,
  expectSound,
  idsOf,
  jsonOf,
  settle,
  site,
  until,
} from '../support/processes.ts';
import type { Child, Site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';
import type { SeededRandom } from '../support/random.ts';

const SEED = Number(process.env['HYP_SEED'] ?? 1);
/** 18 units of each format, of which a kill takes one or two. */
const ROWS = 18_000;
/** Where the kills of one format fall; each is repeated until it fell there. */
const STEPS = [...['planned', 'in parts', 'any'], ...['planned', 'in parts', 'any']] as const;
const WITHIN_PER_FORMAT = STEPS.filter((step) => step !== 'any').length;
/** The unit was whole a moment before the kill: so often it is tried again at most. */
const MISSES_PER_FORMAT = 6;

/** In the order a tick serves them; each has its own partitions. */
const SINKS = [
  { name: 'plain', format: 'ndjson', partition: 'status={status}' },
  { name: 'zipped', format: 'ndjson.gz', partition: 'dt={_hyp_ingested_at:hour}/status={status}' },
  { name: 'columns', format: 'parquet', partition: 'status={status}' },
];

const CONFIG = `
sinks:
${SINKS.map(
  ({ name, format, partition }) =>
    `  ${name}: { type: fs, path: ./exports/${name}, format: ${format}, ` +
    `partition: "${partition}", rotate: { rows: 1000 } }`,
).join('\n')}
`;

/** How many versions of progress a sink ever had: it has a new one at each step of a unit. */
function progressOf(on: Site, sink: string): number {
  const dir = join(on.root, 'state/progress', sink, 'events');
  if (!existsSync(dir)) return 0;
  const versions = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) =>
    Number(/v(\d+)\.json$/.exec(name)?.[1] ?? 0),
  );
  return Math.max(0, ...versions);
}

/** What a unit being exported has at the destination: a plan, and no manifest yet. */
function openPlans(dir: string): string[] {
  const names = new Set(existsSync(dir) ? readdirSync(dir) : []);
  const plans = [...names].filter((name) => name.endsWith('.plan.json'));
  return plans.filter((name) => !names.has(name.replace('.plan.json', '.json')));
}

/** Resolves while `child` has planned a unit and not finished it, or once it has ended. */
async function untilWithinUnit(
  on: Site,
  sink: string,
  child: Child,
  step: 'planned' | 'in parts',
): Promise<void> {
  const destination = join(on.exports, sink);
  const dir = join(destination, 'events/_hyp', sink);
  // The unit that the last kill left open is closed first: it is not the one to wait for.
  const before = new Set(openPlans(dir));
  while (child.running) {
    const [plan] = openPlans(dir).filter((name) => !before.has(name));
    if (plan !== undefined) {
      if (step === 'planned') return;
      const { unit } = JSON.parse(readFileSync(join(dir, plan), 'utf8')) as {
        unit: { parts: { key: string }[] };
      };
      const middle = unit.parts[unit.parts.length >> 1]?.key ?? '';
      if (existsSync(join(destination, middle))) return;
    }
    await nextTurn();
  }
}

/** Starts a tick and kills it at a step of a unit; true when that unit is half delivered. */
async function killAt(
  on: Site,
  sink: string,
  step: (typeof STEPS)[number],
  random: SeededRandom,
): Promise<boolean> {
  const reached = progressOf(on, sink) + random.integer(2);
  const child = asChild(on.start(['tick']));
  if (step === 'any') {
    await until(`progress of ${sink}`, () => !child.running || progressOf(on, sink) > reached);
    // A unit takes some milliseconds.
    await wait(random.integer(10));
  } else await untilWithinUnit(on, sink, child, step);
  child.kill('SIGKILL');
  const { signal, stderr } = await child.ended;
  expect({ signal, stderr }, `a tick killed ${step}`).toEqual({ signal: 'SIGKILL', stderr: '' });
  return unitFaults(join(on.exports, sink), 'events', sink).length > 0;
}

test(
  `a tick killed ${3 * STEPS.length} times in the middle of its exports delivers every row once, in every format`,
  { timeout: 240_000 },
  async () => {
    const on = await site(CONFIG);
    const random = seededRandom(SEED);
    await backlog(on, ROWS);
    const kills: Record<string, { all: number; within: number; missed: number }> = {};
    for (const { name } of SINKS) {
      const count = { all: 0, within: 0, missed: 0 };
      kills[name] = count;
      for (const step of STEPS) {
        for (;;) {
          const within = await killAt(on, name, step, random);
          count.all += 1;
          if (step === 'any') break;
          if (within) count.within += 1;
          else count.missed += 1;
          if (within || count.missed > MISSES_PER_FORMAT) break;
        }
      }
    }
    await settle(on);
    count('seeds', 1);
    console.log(`kill-export: seed ${SEED}, kills ${JSON.stringify(kills)}`);
    for (const { name, format } of SINKS) {
      const sent = await exportedIds(join(on.exports, name), 'events');
      expectNoneTwice(sent, `in ${format}`);
      expectAllOf(idsOf([{ low: 1, high: ROWS }]), sent, `in ${format}`);
      expect(sent).toHaveLength(ROWS);
      expect(unitFaults(join(on.exports, name), 'events', name)).toEqual([]);
      expect(kills[name]?.all, `kills during ${format}`).toBeGreaterThanOrEqual(STEPS.length);
      const within = kills[name]?.within;
      expect(within, `kills that left a unit of ${format} half delivered`).toBe(WITHIN_PER_FORMAT);
    }
    const status = jsonOf(await on.ok(['status', '--json'])) as {
      sinks: { state: string; datasets: { watermark: string; exportedRows: number }[] }[];
    };
    for (const { state, datasets } of status.sinks) {
      expect(state).toBe('idle');
      expect(datasets).toMatchObject([{ watermark: String(ROWS), exportedRows: ROWS }]);
    }
    await expectSound(on);
  },
);
