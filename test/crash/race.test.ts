/**
 * Many writers on one table: a daemon (sometimes two), ticks beside it, a backfill, two appenders,
 * all killed and paused at random while their leases are stolen. Every acknowledged row must be in the table and
 * at both destinations exactly once. HYP_RACE_SECONDS: how long; HYP_SEED: which course.
 * llp/0003, llp/0008, llp/0012
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { count } from '../support/counted.ts';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  exportedIds,
  tableRows,
  tableVersion,
  unitFaults,
} from '../support/oracle.ts';
import {
  asChild,
  expectSound,
  idsOf,
  journalRanges,
  jsonOf,
  settle,
  site,
  startAppender,
} from '../support/processes.ts';
import type { Child, Site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';
import type { SeededRandom } from '../support/random.ts';

const SECONDS = Number(process.env['HYP_RACE_SECONDS'] ?? 60);
const SEED = Number(process.env['HYP_SEED'] ?? 1);

/** Between two runs of a command: more of them would only wait for the cores. */
const BREATH_MS = 600;

const CONFIG = `
datasets: { "*": { flush: { maxDelay: 150ms } } }
sinks:
  archive:
    { type: fs, path: ./exports/archive, format: ndjson, partition: "part={part}",
      rotate: { rows: 5000, interval: 300ms } }
  lake:
    { type: fs, path: ./exports/lake, format: parquet, rotate: { rows: 20000, interval: 1s } }
daemon: { tick: 100ms, http: "off" }
`;

/** Ids say who sent a row: no two share one, and each knows what it may have sent. */
const API_IDS = 1_000_000_000;
const CLI_IDS = 2_000_000_000;
const FILE_IDS = 3_000_000_000;

interface Ranges {
  readonly begun: { low: number; high: number }[];
  readonly acknowledged: { low: number; high: number }[];
}

/** A process that is started again whenever it ends. */
interface Actor {
  readonly name: string;
  child: Child | undefined;
  kills: number;
  pauses: number;
  runs: number;
}

class Race {
  readonly on: Site;
  readonly random: SeededRandom;
  readonly ranges: Ranges = { begun: [], acknowledged: [] };
  /** Ends of processes that nobody killed and that are not good ends. */
  readonly faults: string[] = [];
  readonly actors: Actor[] = [];
  readonly paused = new Set<Child>();
  steals = 0;
  twoDaemons = 0;
  stopping = false;
  /** What runs beside the actors. */
  readonly #others: Promise<unknown>[] = [];
  #filesMade = 0;
  #nextFileId = FILE_IDS;
  #nextCliId = CLI_IDS;
  readonly #files: { name: string; text: string }[] = [];

  constructor(on: Site, random: SeededRandom) {
    this.on = on;
    this.random = random;
    mkdirSync(this.input);
  }

  get input(): string {
    return join(this.on.cwd, 'in');
  }

  actor(name: string): Actor {
    const actor = { name, child: undefined, kills: 0, pauses: 0, runs: 0 };
    this.actors.push(actor);
    return actor;
  }

  /** Runs one process of `actor` to its end; true when it ended by itself, with a good end. */
  async run(actor: Actor, child: Child, goodEnds: readonly number[]): Promise<boolean> {
    actor.child = child;
    actor.runs += 1;
    const { code, signal, stderr } = await child.ended;
    this.paused.delete(child);
    // At the end SIGTERM may come before the process listens to it.
    if (signal === 'SIGKILL' || (this.stopping && signal === 'SIGTERM')) return false;
    if (code !== null && goodEnds.includes(code)) return code === 0;
    this.faults.push(`${actor.name} ended with ${code ?? signal ?? ''}: ${stderr.slice(-500)}`);
    await wait(500);
    return false;
  }

  startDaemon(): Child {
    return asChild(this.on.start(['daemon', '--log-level', 'error']));
  }

  async keepDaemon(): Promise<void> {
    const actor = this.actor('daemon');
    while (!this.stopping) {
      await this.run(actor, this.startDaemon(), [0, 75]);
      // Somebody else has the store: a good end, and no reason to ask a hundred times.
      await wait(100);
    }
  }

  /** A daemon that finds the lease of a paused one stolen: then there are two at once. */
  async runSecondDaemon(): Promise<void> {
    this.twoDaemons += 1;
    const actor = this.actor('second daemon');
    await this.run(actor, this.startDaemon(), [0, 75]);
  }

  /** As cron runs it beside the daemon: a second process that flushes and exports the same. */
  async keepTicking(): Promise<void> {
    const actor = this.actor('tick');
    while (!this.stopping) {
      await this.run(actor, asChild(this.on.start(['tick'])), [0, 75]);
      await wait(BREATH_MS);
    }
  }

  async keepBackfill(): Promise<void> {
    const actor = this.actor('backfill');
    while (!this.stopping) {
      if (this.#files.length === 0) this.feed();
      await this.run(actor, asChild(this.on.start(['backfill', 'events', 'in'])), [0]);
      await wait(BREATH_MS);
    }
  }

  async keepApiAppender(): Promise<void> {
    const actor = this.actor('appender');
    while (!this.stopping) {
      const journal = join(this.on.cwd, `journal-${actor.runs}`);
      const child = startAppender(this.on, journal, API_IDS + actor.runs * 1_000_000);
      await this.run(actor, child, [0]);
      for (const { word, low, high } of journalRanges(journal)) {
        (word === 'done' ? this.ranges.acknowledged : this.ranges.begun).push({ low, high });
      }
    }
  }

  async keepCliAppender(): Promise<void> {
    const actor = this.actor('hyp append');
    const random = seededRandom(SEED + 1);
    while (!this.stopping) {
      const count = 1 + random.integer(3_000);
      const range = { low: this.#nextCliId, high: this.#nextCliId + count - 1 };
      this.#nextCliId += count;
      this.ranges.begun.push(range);
      const input = rowsText(range.low, count, 'cli');
      const child = asChild(this.on.start(['append', 'events'], { input }));
      if (await this.run(actor, child, [0])) this.ranges.acknowledged.push(range);
      await wait(BREATH_MS);
    }
  }

  /** A new file for the backfill, or an old one with more rows; whole at its name at once. */
  feed(): void {
    const count = 500 + this.random.integer(8_000);
    const range = { low: this.#nextFileId, high: this.#nextFileId + count - 1 };
    this.#nextFileId += count;
    this.ranges.begun.push(range);
    this.ranges.acknowledged.push(range);
    const old = this.#files[this.random.integer(3 * this.#files.length + 1)];
    const file = old ?? { name: `log-${this.#filesMade++}.ndjson`, text: '' };
    if (old === undefined) this.#files.push(file);
    file.text += rowsText(range.low, count, 'file');
    writeFileSync(join(this.on.cwd, 'next'), file.text);
    renameSync(join(this.on.cwd, 'next'), join(this.input, file.name));
  }

  /** Leases are stolen again and again for a while: everyone works at once then. */
  async rob(): Promise<void> {
    const endMs = performance.now() + 2_000 * this.random.fraction();
    do {
      this.steal();
      await wait(20);
    } while (performance.now() < endMs && !this.stopping);
  }

  /** Takes every lease away from whoever holds it; now and then somebody unknown has it then. */
  steal(): void {
    const state = join(this.on.root, 'state');
    this.steals += existsSync(join(state, 'daemon.lock')) ? 1 : 0;
    rmSync(join(state, 'daemon.lock'), { recursive: true, force: true });
    for (const name of readdirSync(join(state, 'leases'))) {
      if (!name.endsWith('.lock')) continue;
      const lock = join(state, 'leases', name);
      this.steals += 1;
      rmSync(lock, { recursive: true, force: true });
      if (this.random.fraction() < 0.02) mkdirSync(lock, { recursive: true });
    }
  }

  async pause(actor: Actor, child: Child): Promise<void> {
    actor.pauses += 1;
    this.paused.add(child);
    child.kill('SIGSTOP');
    if (this.random.fraction() < 0.4) {
      this.#others.push(this.rob());
      if (actor.name === 'daemon') this.#others.push(this.runSecondDaemon());
    }
    await wait(3_000 * this.random.fraction() ** 3);
    this.paused.delete(child);
    child.kill('SIGCONT');
  }

  /** One thing that goes wrong. */
  harm(): void {
    const victims = this.actors.flatMap((actor) => {
      const { child } = actor;
      return child?.running === true && !this.paused.has(child) ? [{ actor, child }] : [];
    });
    // Every other time it hits the one that was killed least, so that nobody is spared.
    victims.sort((a, b) => a.actor.kills - b.actor.kills);
    const victim = victims[this.random.integer(this.random.fraction() < 0.5 ? 1 : victims.length)];
    const what = this.random.fraction();
    if (victim === undefined || what < 0.2) {
      this.#others.push(this.rob());
    } else if (what < 0.6) {
      victim.actor.kills += 1;
      victim.child.kill('SIGKILL');
    } else this.#others.push(this.pause(victim.actor, victim.child));
  }

  /** Nobody is hurt any more: everyone finishes what it does. */
  async finish(running: Promise<unknown>): Promise<void> {
    this.stopping = true;
    for (const child of this.paused) child.kill('SIGCONT');
    for (const { name, child } of this.actors) {
      if (name.includes('daemon') || name === 'appender') child?.kill('SIGTERM');
    }
    await running;
    await Promise.all(this.#others);
    await this.on.ok(['backfill', 'events', 'in']);
  }

  sum(what: 'kills' | 'pauses'): number {
    return this.actors.reduce((sum, actor) => sum + actor[what], 0);
  }
}

function rowsText(from: number, count: number, via: string): string {
  const lines = Array.from({ length: count }, (_, at) => {
    const id = from + at;
    return `{"id":${id},"part":${id % 3},"via":"${via}","text":"row ${id} of the race"}\n`;
  });
  return lines.join('');
}

test(
  `many writers on one table, killed, paused and robbed of their leases for ${SECONDS} s, lose no row and double none`,
  { timeout: SECONDS * 1_000 + 180_000 },
  async () => {
    const on = await site(CONFIG);
    const race = new Race(on, seededRandom(SEED));
    race.feed();
    await on.ok(['append', 'events'], { input: '' });
    const running = Promise.all([
      race.keepDaemon(),
      race.keepBackfill(),
      race.keepTicking(),
      race.keepApiAppender(),
      race.keepCliAppender(),
    ]);
    const endMs = performance.now() + SECONDS * 1_000;
    for (let turn = 0; performance.now() < endMs; turn++) {
      await wait(50 + race.random.integer(500));
      race.harm();
      if (turn % 2 === 0) race.feed();
    }
    await race.finish(running);
    await settle(on);
    expect(race.faults).toEqual([]);

    const { ids, seqs } = await tableRows(on.root, 'events');
    const { begun, acknowledged } = race.ranges;
    count('seeds', 1);
    console.log(
      `race: seed ${SEED}, ${SECONDS} s, ${race.sum('kills')} kills, ${race.sum('pauses')} pauses, ` +
        `${race.steals} steals, ${race.twoDaemons} times two daemons, ${ids.length} rows in ` +
        `${tableVersion(on.root, 'events')} commits; ` +
        race.actors
          .filter((actor) => actor.name !== 'second daemon')
          .map((actor) => `${actor.name} ${actor.runs} runs ${actor.kills} kills`)
          .join(', '),
    );
    expectDense(seqs);
    expectNoneTwice(ids, 'in the table');
    expectAllOf(idsOf(acknowledged), ids, 'in the table');
    expectAllOf(ids, idsOf(begun), 'among those that were sent');
    for (const sink of ['archive', 'lake']) {
      const destination = join(on.exports, sink);
      const sent = await exportedIds(destination, 'events');
      expectNoneTwice(sent, `at ${sink}`);
      expectAllOf(ids, sent, `at ${sink}`);
      expect(sent).toHaveLength(ids.length);
      expect(unitFaults(destination, 'events', sink)).toEqual([]);
    }
    const status = jsonOf(await on.ok(['status', '--json'])) as {
      datasets: { spoolRows: number }[];
    };
    expect(status.datasets.map((dataset) => dataset.spoolRows)).toEqual([0]);
    await expectSound(on);

    expect(race.sum('kills')).toBeGreaterThan(SECONDS / 2);
    expect(race.sum('pauses')).toBeGreaterThan(SECONDS / 2);
    expect(race.steals).toBeGreaterThan(SECONDS);
    for (const { name, kills } of race.actors) {
      if (name !== 'second daemon') expect(kills, `kills of ${name}`).toBeGreaterThan(SECONDS / 20);
    }
    // The CLI appender may be unlucky; all of its sorts of rows together may not.
    expect(ids.length).toBeGreaterThan(SECONDS * 500);
  },
);
