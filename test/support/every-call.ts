/**
 * Owns: a scenario killed and failed at every call by which it changes the disk, and what must hold
 * after each: every acknowledged row once, in the table and at the destination, by readers that are
 * not hyp's; a second recovery changes nothing; `hyp check` finds nothing.
 *
 * | case | the process | then |
 * | kill before, kill after | dies at the n-th call | a new process repeats the scenario |
 * | EIO, ENOSPC, short, cut | meets the fault at the n-th call, goes on or answers | the same |
 * | each 10th of them | … and the recovery is killed, too | a third process recovers |
 *
 * n goes from 1 until a run ends unharmed: how many calls there are is found, not assumed.
 * llp/0013
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { count } from './counted.ts';
import { KINDS, faultyProcesses, isKill } from './faulty-process.ts';
import type { Answer, Course, FaultyProcesses, Kind } from './faulty-process.ts';
import { exportedIds, tableRows, tableVersion, unitFaults } from './oracle.ts';
import { tempDir } from './tmp.ts';

type Command = readonly string[];

export interface Scenario {
  readonly name: string;
  /** Lines of hyp.yaml behind `root` and `disk`. */
  readonly config: string;
  /** Files beside hyp.yaml, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** What is there before; ids of rows are unique over a scenario. */
  readonly prepare?: (on: Bench) => Promise<void>;
  /** Run in one process, one after the other; it is this process that is harmed. */
  readonly commands: readonly Command[];
  /** What is run before the tick that recovers; default: the same commands, were they not a tick. */
  readonly again?: readonly Command[];
  /** Exit statuses of `commands` when nothing is harmed; default: each 0. */
  readonly exits?: readonly number[];
  /** Exit statuses of `again`: what was done already may say so. */
  readonly againExits?: readonly number[];
  /** Ids in the table when `commands` have done all they say, and in the end whatever happened. */
  readonly table: readonly number[];
  /** Ids that only `again` brings: what is tried again must not take them in. */
  readonly later?: readonly number[];
  /** Ids that `commands[command]` appends: in the table once when it said so, else at most once. */
  readonly appends?: readonly { readonly command: number; readonly ids: readonly number[] }[];
  /** Name of the sink, and ids it sent that the table does not hold. */
  readonly sink?: { readonly name: string; readonly gone?: readonly number[] };
  /** There are at least so many calls: a scenario that does nothing cannot pass. */
  readonly floor: number;
}

/** A store, its destination and what is beside them. */
export interface Bench {
  readonly cwd: string;
  readonly root: string;
  readonly exports: string;
  /** Runs commands in one process each; every one must end with `exit`. */
  ok(commands: readonly Command[], exit?: number): Promise<void>;
}

interface Lane extends Bench {
  readonly processes: FaultyProcesses;
  /** Puts everything back as `prepare` left it. */
  restore(): Promise<void>;
}

interface Figures {
  readonly calls: number;
  readonly kills: number;
  readonly secondKills: number;
  readonly faults: number;
}

/** Of one scenario, on a machine that does other things, too. */
export const LONG_MS = 900_000;
/** A failing disk is unavailable, or the outcome is unknown; that it is told is no failure. */
const FAULT_EXITS = [69, 75];
/** Two at a time: one waits for a lease or the disk while the other works. */
const LANES = 2;
const SECOND_KILL_EVERY = 10;
/** Recoveries are killed at one of so many calls; one that makes fewer is not. */
const SECOND_KILL_SPREAD = 50;
/** A group commit or a lease may take a call more or less. */
const MORE_OR_LESS = 3;
/** Longer than a lease lives: whoever recovers comes later. */
const LATER_MS = 60_000;

async function openLane(scenario: Scenario): Promise<Lane> {
  const beside = await tempDir();
  const cwd = join(beside, 'case');
  const kept = join(beside, 'kept');
  const [root, exports] = [join(cwd, 'hyp-data'), join(cwd, 'exports')];
  const config = `root: ./hyp-data\ndisk: { minFree: 64KiB }\n${scenario.config}`;
  await mkdir(cwd);
  for (const [name, text] of Object.entries({ ...scenario.files, 'hyp.yaml': config })) {
    await writeFile(join(cwd, name), text);
  }
  const processes = await faultyProcesses({ cwd, beside, config }, [root, exports]);
  const lane = {
    cwd,
    root,
    exports,
    processes,
    ok: async (commands: readonly Command[], exit = 0) => {
      for (const command of commands) {
        const { answers } = await processes.run([command]);
        expect(answers, JSON.stringify(answers)).toMatchObject([{ exit }]);
      }
    },
    restore: async () => {
      await rm(cwd, { recursive: true });
      await cp(kept, cwd, { recursive: true, preserveTimestamps: true });
    },
  };
  await scenario.prepare?.(lane);
  await cp(cwd, kept, { recursive: true, preserveTimestamps: true });
  return lane;
}

/** Leases are about now: what a dead process held has run out when somebody looks later. */
async function letLeasesRunOut(on: Bench): Promise<void> {
  const dir = join(on.root, 'state/leases');
  if (!existsSync(dir)) return;
  const then = new Date(Date.now() - LATER_MS);
  for (const name of await readdir(dir)) {
    if (name.endsWith('.lock')) await utimes(join(dir, name), then, then);
  }
}

/** The ids an append must have left (`must`) and may have left (`may`). */
function appended(scenario: Scenario, answers: readonly Answer[]) {
  const must: number[] = [];
  const may: number[] = [];
  for (const { command, ids } of scenario.appends ?? []) {
    const answer = answers[command];
    if (answer?.exit === 0 || answer?.stdout.includes('"rows"') === true) must.push(...ids);
    // Unavailable: nothing is stored, append it again.
    else if (answer?.exit !== 69) may.push(...ids);
  }
  return { must, may };
}

const sorted = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

async function expectRows(
  scenario: Scenario,
  on: Lane,
  answers: readonly Answer[],
  later: readonly number[],
): Promise<void> {
  const { must, may } = appended(scenario, answers);
  const known = tableVersion(on.root, 'events') > 0;
  const { ids, seqs } = known ? await tableRows(on.root, 'events') : { ids: [], seqs: [] };
  const there = new Set(ids);
  const wanted = [...scenario.table, ...later, ...must, ...may.filter((id) => there.has(id))];
  expect(sorted(ids), 'ids in the table').toEqual(sorted(wanted));
  expect(sorted(seqs), 'seqs').toEqual(wanted.map((_, index) => index + 1));
  const { sink } = scenario;
  if (sink === undefined) return;
  const sent = await exportedIds(on.exports, 'events');
  const gone = sink.gone ?? [];
  expect(sorted(sent), 'ids at the destination').toEqual(sorted([...wanted, ...gone]));
  // Units of two histories do not tile.
  if (gone.length === 0) expect(unitFaults(on.exports, 'events', sink.name)).toEqual([]);
}

function expectAnswers(course: Course, allowed: readonly number[], what: string): void {
  for (const { args, exit, stderr } of course.answers) {
    expect(allowed, `${what}: hyp ${args.join(' ')} ended with ${exit}: ${stderr}`).toContain(exit);
    expect(stderr, what).not.toContain('E_CORRUPT');
    expect(stderr, what).not.toContain('E_INTERNAL');
  }
}

/** Recovers in a new process, twice; then everything must be there, once, and sound. */
async function recover(scenario: Scenario, on: Lane, answers: readonly Answer[]): Promise<void> {
  await letLeasesRunOut(on);
  const again = againOf(scenario);
  const twice = [['tick'], ['look'], ['tick'], ['look'], ['check']];
  const course = await on.processes.run([...again, ...twice]);
  const [ticked, before, tickedAgain, after, checked] = course.answers.slice(again.length);
  const repeated = { ...course, answers: course.answers.slice(0, again.length) };
  expectAnswers(repeated, scenario.againExits ?? [0], 'recovery');
  expect(ticked, `recovery: ${JSON.stringify(ticked)}`).toMatchObject({ exit: 0 });
  expect(tickedAgain, 'second recovery').toMatchObject({ exit: 0 });
  const tree = (look: Answer | undefined) => look?.stdout.split('\n').filter((line) => line !== '');
  expect(tree(before)).not.toEqual([]);
  expect(tree(after), 'second recovery').toEqual(tree(before));
  const { findings } = JSON.parse(checked?.stdout ?? '') as { findings: unknown[] };
  expect(findings, 'hyp check').toEqual([]);
  await expectRows(scenario, on, answers, scenario.later ?? []);
}

/** What the harmed process answered itself: nothing that is not so. */
async function expectTruth(scenario: Scenario, on: Lane, course: Course): Promise<void> {
  if (course.killed) return;
  const exits = scenario.exits ?? [0];
  const faultExits = [...exits, ...FAULT_EXITS];
  expectAnswers(course, course.harmed === undefined ? exits : faultExits, 'answer');
  const done = course.answers.every(({ exit }) => exit !== null && exits.includes(exit));
  if (course.harmed === undefined) expect(done).toBe(true);
  // What says that it is done is done, before anybody recovers.
  if (done && scenario.commands.at(-1)?.[0] !== 'sink')
    await expectRows(scenario, on, course.answers, []);
}

function againOf({ again, commands }: Scenario): readonly Command[] {
  return again ?? commands.filter(([name]) => name !== 'tick');
}

/** Kills a recovery; 1 when it was not over before. */
async function killRecovery(scenario: Scenario, on: Lane, nth: number): Promise<number> {
  await letLeasesRunOut(on);
  const again = [...againOf(scenario), ['tick']];
  const harm = { kind: 'kill after', nth: 1 + ((nth * 7) % SECOND_KILL_SPREAD) } as const;
  const { killed } = await on.processes.run(again, harm);
  return killed ? 1 : 0;
}

/** Runs the scenario with the n-th call harmed; answers what became of it. */
async function oneCase(scenario: Scenario, on: Lane, kind: Kind, nth: number) {
  await on.restore();
  const course = await on.processes.run(scenario.commands, { kind, nth });
  const harmed = course.harmed !== undefined;
  try {
    expect(course.killed).toBe(isKill(kind) && harmed);
    await expectTruth(scenario, on, course);
    const secondKill = harmed && nth % SECOND_KILL_EVERY === 0;
    const secondKills = secondKill ? await killRecovery(scenario, on, nth) : 0;
    await recover(scenario, on, course.answers);
    return { harmed, calls: course.calls, secondKills };
  } catch (cause) {
    const answers = course.answers.map(({ args, exit, stderr }) => [args.join(' '), exit, stderr]);
    const what = `${scenario.name}, ${kind}, call ${nth} (${course.harmed ?? 'none'})`;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${what}: ${said}\n${JSON.stringify(answers)}`, { cause });
  }
}

/** Every call of one kind; answers how many there were. undefined: another lane has failed. */
async function everyCall(scenario: Scenario, on: Lane, kind: Kind, failed: () => boolean) {
  let secondKills = 0;
  for (let nth = 1; !failed(); nth++) {
    const done = await oneCase(scenario, on, kind, nth);
    secondKills += done.secondKills;
    if (done.harmed) continue;
    const harmed = nth - 1;
    const fewer = `${scenario.name}, ${kind}: ${done.calls} calls unharmed, ${harmed} harmed`;
    expect(harmed - done.calls, fewer).toBeLessThanOrEqual(MORE_OR_LESS);
    return { calls: harmed, secondKills };
  }
  return undefined;
}

type Found = ReadonlyMap<Kind, { readonly calls: number; readonly secondKills: number }>;

async function harmEveryCall(scenario: Scenario): Promise<Found> {
  const todo = [...KINDS];
  const found = new Map<Kind, { calls: number; secondKills: number }>();
  let failed = false;
  const work = async (): Promise<void> => {
    try {
      const lane = await openLane(scenario);
      for (let kind = todo.shift(); kind !== undefined; kind = todo.shift()) {
        const calls = await everyCall(scenario, lane, kind, () => failed);
        if (calls !== undefined) found.set(kind, calls);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: LANES }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return found;
}

/** Sums up; nothing may have been left out. */
function figuresOf(scenario: Scenario, found: Found): Figures {
  const calls = found.get('kill before')?.calls ?? 0;
  expect(calls, `calls of ${scenario.name}`).toBeGreaterThanOrEqual(scenario.floor);
  const sums = { kills: 0, secondKills: 0, faults: 0 };
  for (const kind of KINDS) {
    const { calls: harmed = 0, secondKills = 0 } = found.get(kind) ?? {};
    sums[isKill(kind) ? 'kills' : 'faults'] += harmed;
    sums.secondKills += secondKills;
    const onlyWrites = kind === 'short' || kind === 'cut';
    if (onlyWrites) expect(harmed, kind).toBeGreaterThan(0);
    else expect(Math.abs(harmed - calls), `${kind}: all calls`).toBeLessThanOrEqual(MORE_OR_LESS);
  }
  expect(sums.secondKills).toBeGreaterThan(scenario.floor / 10);
  return { calls, ...sums };
}

/** Test rows with these ids, of two colors. */
export function rowsOf(...ids: readonly number[]): string {
  const row = (id: number): string => `{"id":${id},"color":"${id % 2 === 0 ? 'red' : 'blue'}"}\n`;
  return ids.map(row).join('');
}

/** The scenario withstands every harm; says in one line how many there were. */
export async function expectWithstood(scenario: Scenario): Promise<void> {
  const startMs = performance.now();
  const { calls, kills, secondKills, faults } = figuresOf(scenario, await harmEveryCall(scenario));
  count('kills', kills + secondKills);
  count('faults', faults);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(
    `every-call: ${scenario.name}: ${calls} calls, ${kills} kills, ${secondKills} kills of ` +
      `recoveries, ${faults} faults, lost 0, double 0, ${seconds} s`,
  );
}
