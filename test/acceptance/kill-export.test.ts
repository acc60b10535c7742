/** `hyp tick` killed while it exports, in every format: each row arrives exactly once. llp/0008 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
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
import type { Site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';

const SEED = Number(process.env['HYP_SEED'] ?? 1);
const ROWS = 60_000;
const KILLS_PER_FORMAT = 9;

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
    `partition: "${partition}", rotate: { rows: 2500 } }`,
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

test(
  `a tick killed ${3 * KILLS_PER_FORMAT} times in the middle of its exports delivers every row once, in every format`,
  { timeout: 240_000 },
  async () => {
    const on = await site(CONFIG);
    const random = seededRandom(SEED);
    await backlog(on, ROWS);
    const kills: Record<string, number> = {};
    let openUnits = 0;
    for (const { name } of SINKS) {
      for (let kill = 0; kill < KILLS_PER_FORMAT; kill++) {
        const before = progressOf(on, name);
        const child = asChild(on.start(['tick']));
        await until(`progress of ${name}`, () => !child.running || progressOf(on, name) > before);
        // A unit takes some tens of milliseconds: kills fall on each of its steps.
        await wait(random.integer(80));
        child.kill('SIGKILL');
        const { signal, stderr } = await child.ended;
        if (signal !== 'SIGKILL') break;
        expect(stderr).toBe('');
        kills[name] = (kills[name] ?? 0) + 1;
        openUnits += unitFaults(join(on.exports, name), 'events', name).length > 0 ? 1 : 0;
      }
    }
    await settle(on);
    console.log(
      `kill-export: seed ${SEED}, kills ${JSON.stringify(kills)}, ${openUnits} within a unit`,
    );
    for (const { name, format } of SINKS) {
      const sent = await exportedIds(join(on.exports, name), 'events');
      expectNoneTwice(sent, `in ${format}`);
      expectAllOf(idsOf([{ low: 1, high: ROWS }]), sent, `in ${format}`);
      expect(sent).toHaveLength(ROWS);
      expect(unitFaults(join(on.exports, name), 'events', name)).toEqual([]);
      expect(kills[name], `kills during ${format}`).toBeGreaterThanOrEqual(KILLS_PER_FORMAT - 1);
    }
    expect(openUnits, 'kills that left a unit half delivered').toBeGreaterThanOrEqual(5);
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
