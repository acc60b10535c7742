/**
 * Owns: question 3 (DESIGN §16): what a tick costs with nothing new and with 1,000 new rows, by how
 * many rows are held. Counted on the disk, not timed: a tick must not notice how much there is (I14).
 * llp/0016
 */
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultConfig } from '../src/config/config.ts';
import type { HypConfig } from '../src/config/config.ts';
import { systemClock } from '../src/core/clock.ts';
import { toSinkName } from '../src/core/ids.ts';
import { nodeFs } from '../src/core/node-fs.ts';
import type { Engine } from '../src/engine/api.ts';
import { openEngine } from '../src/engine/open.ts';
import { countFs } from './count-fs.ts';
import type { Counts } from './count-fs.ts';
import { count, fixed, median } from './report.ts';
import type { Answer } from './report.ts';
import type { Bench } from './bench.ts';
import { runTask } from './spawn.ts';
import { DATASET } from './tasks.ts';

const NEW_ROWS = 1_000;
const ROUNDS = 5;
/** Steps that may differ between two sizes without being growth: a trim falls due, a merge. */
const SLACK = 4;

interface TickCost extends Counts {
  readonly ms: number;
}

interface Held {
  readonly rows: number;
  readonly first: TickCost;
  readonly idle: readonly TickCost[];
  readonly busy: readonly TickCost[];
}

function configOf(root: string): HypConfig {
  const sink = {
    name: toSinkName('archive'),
    type: 'fs',
    path: `${root}-exports`,
    prefix: '',
    format: 'ndjson',
    partition: '',
    rotate: { rows: 1_000_000, bytes: 128 * 1024 * 1024, intervalMs: 60_000 },
    datasets: undefined,
    retry: { initialMs: 1_000, maxMs: 300_000 },
  } as const;
  return { ...defaultConfig(root), sinks: [sink] };
}

async function held(bench: Bench, rows: number): Promise<Held> {
  const root = join(bench.dir, `held-${rows}`);
  await mkdir(`${root}-exports`, { recursive: true });
  const file = await bench.data.ofRows(rows);
  await runTask({ kind: 'backfill', root, files: [file.path] });
  await rm(file.path);
  const config = configOf(root);
  const exporter = await openEngine({ root, config });
  await exporter.tick();
  await exporter.close();

  const counting = countFs(nodeFs);
  const engine = await openEngine({ root, config, fs: counting.fs });
  const cost = async (run: () => Promise<unknown>): Promise<TickCost> => {
    counting.take();
    const from = systemClock.monotonicMs();
    await run();
    return { ...counting.take(), ms: systemClock.monotonicMs() - from };
  };
  const first = await cost(() => engine.tick());
  const idle: TickCost[] = [];
  const busy: TickCost[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    idle.push(await cost(() => engine.tick()));
    await appendMore(bench, engine, rows + round * NEW_ROWS);
    busy.push(await cost(() => engine.tick()));
  }
  await engine.close();
  await rm(root, { recursive: true, force: true });
  await rm(`${root}-exports`, { recursive: true, force: true });
  return { rows, first, idle, busy };
}

async function appendMore(bench: Bench, engine: Engine, after: number): Promise<void> {
  const more = await bench.data.ofRows(NEW_ROWS, after);
  await engine.appendNdjson(DATASET, createReadStream(more.path));
}

/** The middle of several ticks, figure by figure. */
function middle(costs: readonly TickCost[]): TickCost {
  const of = (pick: (cost: TickCost) => number): number => median(costs.map(pick));
  return {
    opens: of((cost) => cost.opens),
    tableOpens: of((cost) => cost.tableOpens),
    reads: of((cost) => cost.reads),
    readBytes: of((cost) => cost.readBytes),
    lists: of((cost) => cost.lists),
    writtenBytes: of((cost) => cost.writtenBytes),
    creates: of((cost) => cost.creates),
    syncs: of((cost) => cost.syncs),
    ms: of((cost) => cost.ms),
  };
}

function rowOf(rows: number, what: string, cost: TickCost): string[] {
  const { opens, tableOpens, reads, readBytes, lists, creates, syncs, ms } = cost;
  const counts = [opens, tableOpens, reads, readBytes / 1024, lists, creates, syncs].map(count);
  return [count(rows), what, ...counts, fixed(ms, 1)];
}

function isFlat(all: readonly Held[], pick: (one: Held) => TickCost): boolean {
  const smallest = all[0];
  if (smallest === undefined) return false;
  const base = pick(smallest);
  return all.every((one) => {
    const cost = pick(one);
    const grown = (figure: 'opens' | 'reads' | 'syncs' | 'lists'): boolean =>
      cost[figure] > base[figure] + SLACK;
    return !(grown('opens') || grown('reads') || grown('syncs') || grown('lists'));
  });
}

export async function tick(bench: Bench): Promise<Answer> {
  const sizes = [10_000, 100_000, 1_000_000, ...(bench.large ? [10_000_000] : [])];
  const all: Held[] = [];
  for (const rows of sizes) all.push(await held(bench, rows));
  const idleOf = (one: Held): TickCost => middle(one.idle);
  const busyOf = (one: Held): TickCost => middle(one.busy);
  return {
    question: `a tick by rows held; with nothing new, and with ${count(NEW_ROWS)} new rows (one sink, medians of ${ROUNDS})`,
    titles: [
      'rows held',
      'new',
      'opens',
      'of tables',
      'reads',
      'KiB read',
      'lists',
      'creates',
      'syncs',
      'ms',
    ],
    rows: [
      ...all.map((one) => rowOf(one.rows, '0, fresh process', one.first)),
      ...all.map((one) => rowOf(one.rows, '0', idleOf(one))),
      ...all.map((one) => rowOf(one.rows, '1,000', busyOf(one))),
    ],
    notes: [],
    goals: [
      { what: 'a tick with nothing new opens, reads and syncs the same', met: isFlat(all, idleOf) },
      { what: 'so does one with 1,000 new rows', met: isFlat(all, busyOf) },
      {
        what: 'a tick with nothing new opens no manifest and no data file',
        met: all.every((one) => one.idle.every((cost) => cost.tableOpens === 0)),
      },
    ],
    figures: { held: all },
  };
}
