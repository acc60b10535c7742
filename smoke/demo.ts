/**
 * Owns: the demo (`npm run demo`): a daemon exports a web server's log and live rows, is killed
 * while it exports, and every row is then counted at the destination, without asking hyp.
 * Works in ./hyp-demo, made anew each time; a directory of that name it did not make is left alone.
 * Exit status: 0 every number is as it should be, 1 one is not.
 * llp/0016
 */
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { freemem, uptime } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import {
  ACCESS_LOG,
  HYP,
  ending,
  freePort,
  hyp,
  hypOk,
  startHyp,
  tailOf,
  waitUntil,
  within,
} from './harness.ts';
import type { Running } from './harness.ts';
import { bold, count, dim, event, green, heading, red, say, table, yellow } from './print.ts';
import { compare, countFiles, linesOf, multisetOf, openUnits, readExported } from './proof.ts';
import type { Comparison, Exported } from './proof.ts';

const DIR = join(process.cwd(), 'hyp-demo');
const MARKER = '.made-by-hyp-demo';
const EXPORTS = join(DIR, 'exports');
const DAEMON_LOG = join(DIR, 'daemon.log');
const SINK = 'archive';
const DATASETS = ['access', 'live'] as const;

const KILLS = 3;
const UNIT_ROWS = 250;
const LIVE_ROWS = 2_000;
const LIVE_ROWS_MAX = 20_000;
const LIVE_CHUNK_ROWS = 20;
const LIVE_PAUSE_MS = 40;
const START_LIMIT_MS = 20_000;
const DRAIN_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;

type Dataset = (typeof DATASETS)[number];

/** Everything the story needs to know of itself. */
interface Story {
  readonly url: string;
  /** What was given to hyp, line by line, as this process made or read it. */
  readonly input: Record<Dataset, string[]>;
  daemon: Running | undefined;
  kills: number;
  /** Kills that left a unit planned and not complete. */
  caught: number;
}

function configText(port: number): string {
  return `# Written by the demo.
root: ./store
datasets:
  '*': { flush: { maxDelay: 200ms } }
sinks:
  ${SINK}:
    type: fs
    path: ./exports
    format: ndjson
    partition: 'dt={_hyp_ingested_at:day}'
    rotate: { rows: ${UNIT_ROWS}, interval: 1s }
daemon: { tick: 100ms, http: '127.0.0.1:${port}' }
`;
}

async function freshDir(): Promise<void> {
  const own = !existsSync(DIR) || existsSync(join(DIR, MARKER)) || readdirSync(DIR).length === 0;
  if (!own) throw new Error(`${DIR} is there and was not made by the demo: move it away first`);
  await rm(DIR, { recursive: true, force: true });
  await mkdir(DIR);
  await writeFile(join(DIR, MARKER), '');
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

/** Starts the daemon and waits until it is ready; one that another still seems to hold is retried. */
async function startDaemon(story: Story): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const running = startHyp(['daemon'], { cwd: DIR, logTo: DAEMON_LOG });
    story.daemon = running;
    const ended = running.finished.then((done) => done);
    const ready = waitUntil('the daemon to be ready', START_LIMIT_MS, async () => {
      return running.child.exitCode !== null || (await answers(story.url));
    });
    await ready;
    if (running.child.exitCode === null) {
      event(`daemon up, pid ${running.child.pid ?? '?'}`);
      return;
    }
    const done = await ended;
    if (done.code !== 75 || performance.now() > deadline) {
      throw new Error(`the daemon ended with ${ending(done)}`);
    }
    await sleep(200);
  }
}

async function backfill(story: Story): Promise<void> {
  const done = await hypOk(['backfill', 'access', ACCESS_LOG, '--json'], { cwd: DIR });
  const { rows } = JSON.parse(done.stdout) as { rows: number };
  event(`hyp backfill: ${count(rows)} rows of a real web server's log are in the table`);
  if (rows !== story.input.access.length) throw new Error(`backfill says ${rows} rows`);
}

function liveRow(index: number, access: readonly string[]): string {
  const model = JSON.parse(access[index % access.length] ?? '{}') as Record<string, unknown>;
  return JSON.stringify({
    id: `live-${index.toString().padStart(6, '0')}`,
    at: new Date(Date.now()).toISOString(),
    freeBytes: freemem(),
    uptimeSeconds: Math.round(uptime()),
    request: model['request'],
    status: model['status'],
  });
}

/** Rows from a second process until the kills are over, at least LIVE_ROWS. */
async function appendLive(story: Story): Promise<void> {
  const { child, finished } = startHyp(['append', 'live', '-', '--json'], { cwd: DIR });
  const rows = story.input.live;
  while (rows.length < LIVE_ROWS || (story.kills < KILLS && rows.length < LIVE_ROWS_MAX)) {
    const chunk = Array.from({ length: LIVE_CHUNK_ROWS }, (_, index) =>
      liveRow(rows.length + index, story.input.access),
    );
    rows.push(...chunk);
    child.stdin?.write(`${chunk.join('\n')}\n`);
    await sleep(LIVE_PAUSE_MS);
    if (child.exitCode !== null) break;
  }
  child.stdin?.end();
  const done = await within(STOP_LIMIT_MS, 'hyp append', finished);
  if (done.code !== 0) throw new Error(`hyp append: ${ending(done)}\n${done.stderr}`);
  const acknowledged = (JSON.parse(done.stdout) as { rows: number }).rows;
  event(`hyp append: ${count(acknowledged)} live rows acknowledged`);
  if (acknowledged !== rows.length) throw new Error(`append says ${acknowledged} rows`);
}

function filesNow(): number {
  return DATASETS.reduce((sum, dataset) => sum + countFiles(EXPORTS, dataset), 0);
}

/** Kills the daemon at a random moment while files are appearing, and starts it again. */
async function killOnce(story: Story): Promise<void> {
  const before = filesNow();
  const more = randomInt(2, 9);
  await waitUntil('the daemon to export', DRAIN_LIMIT_MS, () => filesNow() >= before + more);
  await sleep(randomInt(0, 60));
  const { daemon } = story;
  if (daemon === undefined) throw new Error('no daemon to kill');
  daemon.child.kill('SIGKILL');
  await daemon.finished;
  story.kills += 1;
  const open = DATASETS.flatMap((dataset) => openUnits(EXPORTS, dataset, SINK));
  if (open.length > 0) story.caught += 1;
  const how = open.length > 0 ? 'a unit was half delivered' : 'between two units';
  event(yellow(`kill -9 no. ${story.kills}, ${filesNow()} files delivered so far; ${how}`));
  await startDaemon(story);
}

interface StatusAnswer {
  readonly datasets: readonly { readonly spoolRows: number; readonly rows: number }[];
  readonly sinks: readonly { readonly datasets: readonly { readonly lagRows: number }[] }[];
}

async function drain(story: Story): Promise<void> {
  const rows = story.input.access.length + story.input.live.length;
  await waitUntil('everything to be exported', DRAIN_LIMIT_MS, async () => {
    const answer = await fetch(`${story.url}/status`);
    const status = (await answer.json()) as StatusAnswer;
    const spooled = status.datasets.reduce((sum, each) => sum + each.spoolRows, 0);
    const stored = status.datasets.reduce((sum, each) => sum + each.rows, 0);
    const lags = status.sinks.flatMap((sink) => sink.datasets.map((each) => each.lagRows));
    return stored >= rows && spooled + lags.reduce((sum, lag) => sum + lag, 0) === 0;
  });
  event('everything is exported');
}

async function stop(story: Story): Promise<void> {
  const { daemon } = story;
  if (daemon === undefined) return;
  daemon.child.kill('SIGTERM');
  const done = await within(STOP_LIMIT_MS, 'SIGTERM', daemon.finished);
  story.daemon = undefined;
  if (done.code !== 0 && done.code !== 143) throw new Error(`SIGTERM: ${ending(done)}`);
  event('SIGTERM, daemon drained and gone');
}

interface Verdict {
  readonly ok: boolean;
  readonly compared: Record<Dataset, Comparison>;
}

function prove(story: Story): Verdict {
  heading('The proof: every exported file read, every row compared with what went in');
  say();
  const exported = new Map<Dataset, Exported>();
  const compared = {} as Record<Dataset, Comparison>;
  for (const dataset of DATASETS) {
    const found = readExported(EXPORTS, dataset);
    exported.set(dataset, found);
    compared[dataset] = compare(multisetOf(story.input[dataset]), found);
  }
  const each = [compared.access, compared.live];
  const line = (title: string, pick: (from: Comparison) => number): string[] => {
    const values = each.map(pick);
    return [title, ...[...values, values.reduce((sum, value) => sum + value, 0)].map(count)];
  };
  const found = [...exported.values()];
  const files = found.map((one) => one.files.length);
  const faults = found.flatMap((one) => one.rangeFaults);
  table([
    ['', 'access', 'live', 'together'],
    line('rows in', (from) => from.rowsIn),
    line('rows out', (from) => from.rowsOut),
    line('duplicates', (from) => from.duplicates),
    line('missing', (from) => from.missing),
    ['files written', ...[...files, files.reduce((sum, value) => sum + value, 0)].map(count)],
    ['gaps or overlaps in their ranges', '', '', count(faults.length)],
    ['kills -9', '', '', count(story.kills)],
    ['  of them with a unit half delivered', '', '', count(story.caught)],
  ]);
  for (const fault of faults) say(red(`  ${fault}`));
  const exact = each.every(
    (one) => one.duplicates === 0 && one.missing === 0 && one.rowsIn === one.rowsOut,
  );
  return { ok: exact && faults.length === 0 && story.kills === KILLS, compared };
}

/** The same table by SQL, its figures compared with the input. True when they agree. */
async function query(story: Story): Promise<boolean> {
  const sql = 'SELECT status, count(*) AS n FROM access GROUP BY status ORDER BY n DESC, status';
  heading('The same rows by SQL, straight from the Iceberg table');
  say(dim(`  $ hyp query '${sql.slice(0, 40)}…'`));
  const done = await hyp(['query', sql, '--json'], { cwd: DIR });
  if (done.code === 69) {
    say('  DuckDB is not installed (npm install @duckdb/node-api): left out');
    return true;
  }
  if (done.code !== 0) throw new Error(`hyp query: ${ending(done)}\n${done.stderr}`);
  const rows = linesOf(done.stdout).map((text) => JSON.parse(text) as Record<string, unknown>);
  const expected = new Map<number, number>();
  for (const text of story.input.access) {
    const { status } = JSON.parse(text) as { status: number };
    expected.set(status, (expected.get(status) ?? 0) + 1);
  }
  const answered = rows.map((row) => [Number(row['status']), Number(row['n'])] as const);
  say();
  table([
    ['status', 'rows'],
    ...answered.map(([status, rowCount]) => [status.toString(), count(rowCount)]),
  ]);
  const agrees =
    answered.length === expected.size &&
    answered.every(([status, n]) => expected.get(status) === n);
  if (!agrees) say(red('  These are not the counts of the input.'));
  return agrees;
}

function whereNext(): void {
  heading('Look around');
  say(`  ${dim('configuration')}  hyp-demo/hyp.yaml`);
  say(`  ${dim('the tables')}     hyp-demo/store/tables  (any Iceberg reader)`);
  say(`  ${dim('the exports')}    hyp-demo/exports, manifests of the units in */_hyp`);
  say(`  ${dim('the daemon')}     hyp-demo/daemon.log`);
  say();
  say(`  cd hyp-demo && alias hyp='node ${relative(DIR, HYP)}'`);
  say('  hyp status');
  say('  hyp cat live --after 1990');
  say('  hyp check');
}

async function tell(story: Story): Promise<boolean> {
  await startDaemon(story);
  const work = Promise.all([appendLive(story), backfill(story)]);
  // A failure of the work ends the story where it is awaited, at the latest after the kills.
  work.catch(() => undefined);
  for (let kill = 0; kill < KILLS; kill++) await killOnce(story);
  await work;
  await drain(story);
  await stop(story);
  const verdict = prove(story);
  const agrees = await query(story);
  whereNext();
  say();
  const ok = verdict.ok && agrees;
  say(
    ok
      ? green(bold('Every row arrived exactly once.'))
      : red(bold('This is not as it should be. hyp-demo/ is left as it is.')),
  );
  return ok;
}

async function main(): Promise<number> {
  say(bold('hyp demo: rows in, kill -9 while they go out, count what arrived'));
  say();
  await freshDir();
  const port = await freePort();
  await writeFile(join(DIR, 'hyp.yaml'), configText(port));
  const access = linesOf(gunzipSync(readFileSync(ACCESS_LOG)).toString('utf8'));
  const story: Story = {
    url: `http://127.0.0.1:${port}`,
    input: { access, live: [] },
    daemon: undefined,
    kills: 0,
    caught: 0,
  };
  try {
    return (await tell(story)) ? 0 : 1;
  } catch (error) {
    say();
    say(red(bold('The demo failed: ') + (error instanceof Error ? error.message : String(error))));
    const tail = tailOf(DAEMON_LOG, 20);
    if (tail !== '') say(`\nThe end of hyp-demo/daemon.log:\n${dim(tail)}`);
    return 1;
  }
}

// Ends children that are still there (harness.ts) and pending timers with it.
process.exit(await main());
