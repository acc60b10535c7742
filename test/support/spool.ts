/**
 * Owns: a store in small for tests of the spool: tables that are plain lists with positions, and the
 * one question at the end: what became of each append?
 *
 * | answer of append | times in the table |
 * | resolved | exactly 1 |
 * | E_UNAVAILABLE, E_DISK_FULL | 0 |
 * | E_UNKNOWN_OUTCOME, or the process ended first | 0 or 1 |
 * llp/0013
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { closeWriter } from '../../storage/spool/close.ts';
import { SpoolReader } from '../../storage/spool/reader.ts';
import { trim } from '../../storage/spool/trim.ts';
import { SpoolWriter } from '../../storage/spool/writer.ts';
import { count, countRows } from './counted.ts';
import { interceptFs } from './intercept-fs.ts';
import type { FsStep } from './intercept-fs.ts';
import { ManualClock, seededRandom } from './random.ts';

export const SPOOL = '/spool';
export const A = toDatasetName('a');
export const B = toDatasetName('b');

type Answer = 'pending' | 'stored' | 'not-stored' | 'unknown';

interface Table {
  readonly rows: string[];
  readonly through: Map<WriterId, bigint>;
}

/** A table's commit: moves every writer from where it was read, or does nothing at all. */
function commit(table: Table, base: ReadonlyMap<WriterId, bigint>, taken: TakenFrames): void {
  for (const writer of taken.through.keys()) {
    if (base.get(writer) !== table.through.get(writer)) return;
  }
  table.rows.push(...taken.rows);
  for (const [writer, ordinal] of taken.through) table.through.set(writer, ordinal);
}

interface TakenFrames {
  readonly rows: string[];
  readonly through: Map<WriterId, bigint>;
}

export class SpoolStore {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  readonly tables = new Map<DatasetName, Table>([
    [A, { rows: [], through: new Map() }],
    [B, { rows: [], through: new Map() }],
  ]);
  readonly answers = new Map<string, Answer>();

  writer(fs: DurableFs, limits: { segmentBytes?: number; groupCommitBytes?: number } = {}) {
    const { clock, random } = this;
    // No mark ever comes from a clock that stands still; groups prove each other.
    return new SpoolWriter({ fs, dir: SPOOL, clock, random, limits });
  }

  reader(fs: DurableFs): SpoolReader {
    return new SpoolReader({ fs, dir: SPOOL, random: this.random });
  }

  /** Appends `text` and keeps what came of it; resolves whatever the answer. */
  async append(writer: SpoolWriter, dataset: DatasetName, text: string): Promise<Answer> {
    this.answers.set(text, 'pending');
    let answer: Answer = 'stored';
    try {
      await writer.append(dataset, 1, Buffer.from(text));
    } catch (error) {
      if (!isHypError(error)) throw error;
      answer = ['E_UNAVAILABLE', 'E_DISK_FULL'].includes(error.code) ? 'not-stored' : 'unknown';
    }
    this.answers.set(text, answer);
    return answer;
  }

  /** Commits what is due; with `pause` between reading and committing. */
  async flush(
    fs: DurableFs,
    dataset: DatasetName,
    reader = this.reader(fs),
    pause?: () => Promise<void>,
  ): Promise<void> {
    const table = this.tableOf(dataset);
    const base = new Map(table.through);
    const taken: TakenFrames = { rows: [], through: new Map() };
    for await (const frame of reader.due(dataset, (writer) => base.get(writer) ?? 0n)) {
      taken.rows.push(Buffer.from(frame.payload).toString());
      taken.through.set(frame.writer, frame.ordinal);
    }
    await pause?.();
    commit(table, base, taken);
  }

  async flushAll(fs: DurableFs): Promise<void> {
    for (const dataset of this.tables.keys()) await this.flush(fs, dataset);
  }

  async closeAll(fs: DurableFs): Promise<void> {
    for (const writer of await this.reader(fs).writers()) {
      await closeWriter({ fs, dir: SPOOL, random: this.random }, writer.id);
    }
  }

  async trim(fs: DurableFs, reader?: SpoolReader) {
    const { clock, random } = this;
    const place = { fs, dir: SPOOL, clock, random, reader };
    return trim(place, (writer, dataset) => this.tableOf(dataset).through.get(writer) ?? 0n);
  }

  tableOf(dataset: DatasetName): Table {
    const table = this.tables.get(dataset);
    if (table === undefined) throw new Error(`no table ${dataset}`);
    return table;
  }

  /** Lets tombs grow old. */
  weekLater(): void {
    this.clock.jump(this.clock.nowMs() + LIMITS.deadWriterKeepMs);
  }

  /** Closes, flushes and trims until nothing is left; answers what is wrong, nothing when right. */
  async settle(fs: DurableFs): Promise<string[]> {
    await this.closeAll(fs);
    await this.flushAll(fs);
    await this.trim(fs);
    this.weekLater();
    await this.trim(fs);
    const left = (await fs.readdir(SPOOL)).map((name) => `left in the spool: ${name}`);
    return [...this.violations(), ...left];
  }

  violations(): string[] {
    const rows = [...this.tables.values()].flatMap((table) => table.rows);
    const times = new Map<string, number>();
    for (const row of rows) times.set(row, (times.get(row) ?? 0) + 1);
    const wrong: string[] = [];
    let [lost, double] = [0, 0];
    for (const [row, found] of times) {
      if (!this.answers.has(row)) wrong.push(`never appended: ${row}`);
      if (found > 1) wrong.push(`${found} times in the table: ${row}`);
      if (found > 1) double += 1;
    }
    for (const [row, answer] of this.answers) {
      const found = times.get(row) ?? 0;
      if (answer === 'stored' && found === 0) wrong.push(`acknowledged and lost: ${row}`);
      if (answer === 'stored' && found === 0) lost += 1;
      if (answer === 'not-stored' && found > 0) wrong.push(`said not stored, is stored: ${row}`);
    }
    countRows(this.answers.size, lost, double);
    return wrong;
  }
}

/** Runs `action` once, before step `k` of all steps, reads included; `steps` says what they were. */
export function pauseAt(inner: DurableFs, k: number, action: () => Promise<void>) {
  const steps: FsStep[] = [];
  let fired = false;
  const fs = interceptFs(inner, async (step, run) => {
    if (steps.push(step) - 1 === k) {
      fired = true;
      await action();
    }
    return run();
  });
  return { fs, steps, fired: () => fired };
}

/** Runs `scenario` for every place it can be stopped at, or one in `every`; answers how many there were. */
export async function everyStep(
  scenario: (
    pause: (inner: DurableFs, action: () => Promise<void>) => DurableFs,
  ) => Promise<readonly string[]>,
  every = 1,
): Promise<number> {
  for (let k = 0; ; k += every) {
    let paused: ReturnType<typeof pauseAt> | undefined;
    const wrong = await scenario((inner, action) => {
      paused = pauseAt(inner, k, action);
      return paused.fs;
    });
    const step = paused?.steps[k];
    if (wrong.length > 0) {
      throw new Error(`before step ${k} (${step?.op} ${step?.path}): ${wrong.join('; ')}`);
    }
    if (paused?.fired() !== true) return k;
    count('pauses', 1);
  }
}

/** A process of which a test lets one call to the disk go after the other. */
export interface SteppedProcess {
  /** Lets `steps` calls go; resolves when the next one waits, or the process has ended. */
  advance(steps: number): Promise<'waiting' | 'ended'>;
}

/** Starts `run`; it waits before its first call already. Its calls must not overlap. */
export function startStepped(
  inner: DurableFs,
  run: (fs: DurableFs) => Promise<unknown>,
): SteppedProcess {
  let allowed = 0;
  let begun = false;
  let go = (): void => undefined;
  let tell = (): void => undefined;
  let ended = false;
  const fs = interceptFs(inner, async (_step, call) => {
    begun = true;
    if (allowed === 0) {
      const gone = new Promise<void>((resolve) => (go = resolve));
      count('pauses', 1);
      tell();
      await gone;
    }
    allowed -= 1;
    return call();
  });
  const over = Promise.resolve()
    .then(() => run(fs))
    .then(() => {
      ended = true;
      return 'ended' as const;
    });
  return {
    advance: async (count) => {
      if (ended) return 'ended';
      if (begun && count === 0) return 'waiting';
      const waits = new Promise<'waiting'>((resolve) => {
        tell = () => {
          resolve('waiting');
        };
      });
      allowed = count;
      if (begun) go();
      return Promise.race([waits, over]);
    },
  };
}
