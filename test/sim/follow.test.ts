/**
 * Files that are followed while they are rotated, copied, packed and cut under the follower's eyes,
 * which is killed and started again: every line that was whole is a row once. HYP_SEED: the course.
 * llp/0012
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { followedFiles } from '../../src/cli/followed-files.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import { nodeFollowFs } from '../../src/engine/backfill/follow/look-ports.ts';
import type { FollowFs } from '../../src/engine/backfill/follow/look-ports.ts';
import type { FollowReport } from '../../src/engine/backfill/follow/report.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { seededRandom } from '../support/random.ts';
import { tempDir } from '../support/tmp.ts';
import { World, tableRows } from '../support/world.ts';

const SEED = Number(process.env['HYP_SEED'] ?? 1);
const COURSES = Number(process.env['HYP_COURSES'] ?? 15);
const EVENTS = toDatasetName('events');

type Step = () => void;

/** A directory of logs, a store, and what was written. */
class Logs {
  readonly world = new World();
  readonly dir: string;
  readonly notes: string[] = [];
  opened: string[] = [];
  looks = 0;
  /** Happens before each opening and each read. */
  onTouch: Step = () => undefined;
  /** Happens before stat is asked of a path. */
  onLook: (path: string) => void = () => undefined;
  /** Happens before the next version of the table is linked, once. */
  beforeCommit: (() => Promise<unknown>) | undefined;
  lastId = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<Logs> {
    return new Logs(await tempDir());
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  /** Appends whole lines with ids of their own; `pad` makes them longer. */
  write(name: string, lines: number, pad = 20): void {
    const text = Array.from({ length: lines }, () => this.line(pad)).join('');
    appendFileSync(this.at(name), text);
  }

  line(pad = 20): string {
    return `{"id":${++this.lastId},"pad":"${'x'.repeat(pad)}"}\n`;
  }

  readonly #fs: FollowFs = {
    stat: (path) => {
      this.looks += 1;
      this.onLook(path);
      return nodeFollowFs.stat(path);
    },
    open: async (path) => {
      this.opened.push(path);
      this.onTouch();
      const handle = await nodeFollowFs.open(path);
      if (handle === undefined) return undefined;
      const read = handle.read.bind(handle) as (...args: unknown[]) => Promise<unknown>;
      const touched = (...args: unknown[]): Promise<unknown> => {
        this.onTouch();
        return read(...args);
      };
      return Object.assign(handle, { read: touched });
    },
  };

  readonly #disk = (): DurableFs =>
    interceptFs(this.world.disk.process(), async (step, run) => {
      const happens = this.beforeCommit;
      if (step.op === 'link' && step.to?.includes('/events/metadata/') === true) {
        this.beforeCommit = undefined;
        await happens?.();
      }
      return run();
    });

  /** One process that polls, each step before a poll of its own, and is told to stop at the end. */
  async follow(named: readonly string[], steps: readonly Step[]): Promise<FollowReport> {
    const engine = await this.world.open({ sinks: [], fs: this.#disk() });
    const stop = new AbortController();
    const left = [...steps];
    return engine.follow(EVENTS, {
      list: async () => {
        left.shift()?.();
        if (left.length === 0) stop.abort();
        return followedFiles(named, this.dir);
      },
      intervalMs: 1,
      signal: stop.signal,
      onNote: (note) => this.notes.push(note),
      fs: this.#fs,
    });
  }

  /** As `follow`, killed at the poll after the last step. */
  async killed(named: readonly string[], steps: readonly Step[]): Promise<void> {
    const kill = (): never => {
      throw new Error('killed');
    };
    await expect(this.follow(named, [...steps, kill, kill])).rejects.toThrow('killed');
  }

  async ids(): Promise<number[]> {
    return (await tableRows(await this.world.open({ sinks: [] }))).map(({ id }) => id);
  }

  /** Every line written, once, and nothing else; what has no id does not count. */
  async expectAll(): Promise<void> {
    const ids = (await this.ids()).filter((id) => typeof id === 'number').sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: this.lastId }, (_, at) => at + 1));
  }
}

describe('a followed file', () => {
  test('is read on from where it was, and opened only when it was written to', async () => {
    const logs = await Logs.make();
    logs.write('app.log', 3);
    logs.write('other.log', 3);
    const opens: number[] = [];
    const poll =
      (step: Step): Step =>
      () => {
        opens.push(logs.opened.length);
        logs.opened = [];
        step();
      };
    const idle = poll(() => undefined);
    const more = poll(() => {
      logs.write('app.log', 2);
    });
    const report = await logs.follow(['*.log'], [idle, idle, idle, more, idle, idle]);
    // Told at the poll after: two at first, one when one was written to, and none else.
    expect(opens).toEqual([0, 2, 0, 0, 1, 0]);
    expect(logs.opened).toEqual([]);
    expect(logs.looks).toBeGreaterThanOrEqual(14);
    expect(report).toMatchObject({ rows: 8, rejected: 0 });
    await logs.expectAll();
  });

  test('keeps a last line waiting until all of it is there', async () => {
    const logs = await Logs.make();
    const line = logs.line();
    const seen: number[] = [];
    const put = (text: string) => () => {
      appendFileSync(logs.at('app.log'), text);
    };
    const report = await logs.follow(
      ['app.log'],
      [put(line.slice(0, 5)), put(line.slice(5, 20)), put(line.slice(20)), put('bad\n')],
    );
    seen.push(report.rows, report.rejected);
    expect(seen).toEqual([1, 1]);
    await logs.expectAll();
  });

  test('that was met within its first line is the same file after a restart', async () => {
    const logs = await Logs.make();
    const line = logs.line();
    const put = (text: string) => () => {
      appendFileSync(logs.at('app.log'), text);
    };
    const rest = put(line.slice(8));
    await logs.killed(['app.log'], [put(`\n${line.slice(0, 8)}`), rest, () => undefined]);
    logs.write('app.log', 2);
    await logs.follow(['app.log'], [() => undefined]);
    await logs.expectAll();
  });

  test('that is renamed gives up its last lines under its new name', async () => {
    const logs = await Logs.make();
    const rotate = (): void => {
      logs.write('app.log', 1);
      renameSync(logs.at('app.log'), logs.at('app.log.1'));
      logs.write('app.log.1', 1);
      logs.write('app.log', 2);
    };
    const late = (): void => {
      logs.write('app.log.1', 1);
    };
    await logs.follow(['app.log'], [() => logs.write('app.log', 5), rotate, late]);
    await logs.expectAll();
  });

  test.each([1, 400])('that is copied and cut goes on, %i lines longer or not', async (lines) => {
    const logs = await Logs.make();
    const rotate = (): void => {
      logs.write('app.log', 3);
      copyFileSync(logs.at('app.log'), logs.at('app.log.1'));
      truncateSync(logs.at('app.log'));
      logs.write('app.log', lines);
    };
    await logs.follow(['app.log'], [() => logs.write('app.log', 50), rotate, () => undefined]);
    await logs.expectAll();
  });

  test('that is cut and written anew between two reads of it has every line once', async () => {
    for (let nth = 1; nth <= 10; nth++) {
      const logs = await Logs.make();
      let touches = 0;
      logs.onTouch = () => {
        if (logs.lastId !== 60 || ++touches !== nth) return;
        copyFileSync(logs.at('app.log'), logs.at('app.log.1'));
        truncateSync(logs.at('app.log'));
        logs.write('app.log', 400);
      };
      const idle = (): void => undefined;
      const more = (): void => {
        logs.write('app.log', 10);
      };
      const report = await logs.follow(
        ['app.log'],
        [() => logs.write('app.log', 50), more, idle, idle],
      );
      expect(report.rejected, `at touch ${nth}`).toBe(0);
      // Of later ones there were none.
      if (touches >= nth) expect(logs.lastId).toBe(460);
      await logs.expectAll();
    }
  });

  test.each([10, 60, 95])('whose copy is seen at %i percent adds no row twice', async (percent) => {
    for (const name of ['a.ndjson', 'z.ndjson']) {
      const logs = await Logs.make();
      const copyPart = (): void => {
        const bytes = readFileSync(logs.at('m.ndjson'));
        const part = Math.floor((bytes.length * percent) / 100);
        writeFileSync(logs.at(name), bytes.subarray(0, part));
      };
      const copyRest = (): void => {
        logs.write('m.ndjson', 1);
        copyFileSync(logs.at('m.ndjson'), logs.at(name));
        truncateSync(logs.at('m.ndjson'));
        logs.write('m.ndjson', 1);
      };
      const first = (): void => {
        logs.write('m.ndjson', 100);
      };
      await logs.killed(['.'], [first, copyPart]);
      // A new process meets the part without having seen the whole grow.
      await logs.follow(['.'], [() => undefined, copyRest]);
      await logs.expectAll();
      expect(logs.notes).not.toEqual([]);
    }
  });

  test('of which several rotations were missed is read from all of them', async () => {
    const logs = await Logs.make();
    await logs.killed(['app.log'], [() => logs.write('app.log', 4)]);
    for (let turn = 0; turn < 12; turn++) {
      logs.write('app.log', 2);
      for (let at = turn; at > 0; at--) {
        renameSync(logs.at(`app.log.${at}`), logs.at(`app.log.${at + 1}`));
      }
      renameSync(logs.at('app.log'), logs.at('app.log.1'));
    }
    logs.write('app.log', 2);
    await logs.follow(['app.log'], [() => undefined]);
    await logs.expectAll();
    // Rotated ones first, the oldest before all others.
    const ids = await logs.ids();
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  test('is new in a directory, or gone from it, at any time', async () => {
    const logs = await Logs.make();
    mkdirSync(logs.at('in'));
    const steps = [
      () => undefined,
      () => {
        logs.write('in/a.ndjson', 2);
      },
      () => {
        logs.write('in/b.ndjson', 2);
        rmSync(logs.at('in/a.ndjson'));
        mkdirSync(logs.at('in/deep'));
        logs.write('in/deep/c.ndjson', 1);
      },
      () => {
        rmSync(logs.at('in'), { recursive: true });
      },
    ];
    await logs.follow(['in'], steps);
    await logs.expectAll();
  });

  test('and another of the same lines, new at once, are one', async () => {
    for (const more of [0, 5]) {
      const logs = await Logs.make();
      const both = (): void => {
        logs.write('a.ndjson', 30);
        copyFileSync(logs.at('a.ndjson'), logs.at('b.ndjson'));
        logs.write('b.ndjson', more);
      };
      await logs.follow(['.'], [both, () => undefined]);
      await logs.expectAll();
    }
  });

  test('that is packed while it is looked at is left until it is whole', async () => {
    const logs = await Logs.make();
    const random = seededRandom(SEED);
    const noise = (): string => Array.from({ length: 40 }, () => random.uuid()).join('');
    const rows = Array.from({ length: 500 }, (_, at) => JSON.stringify({ id: at + 1, p: noise() }));
    logs.lastId = rows.length;
    const lines = `${rows.join('\n')}\n`;
    const packed = gzipSync(lines);
    const part = () => {
      writeFileSync(logs.at('app.log.1.gz'), packed.subarray(0, packed.length / 2));
    };
    const whole = () => {
      writeFileSync(logs.at('app.log.1.gz'), packed);
      writeFileSync(logs.at('app.log.1'), lines);
    };
    const report = await logs.follow(['app.log'], [part, whole, () => undefined]);
    expect(report.rows).toBe(500);
    await logs.expectAll();
  });

  test('of another format is read on, too, and what is none is said once', async () => {
    const logs = await Logs.make();
    const put = (name: string, text: string) => () => {
      appendFileSync(logs.at(name), text);
    };
    const report = await logs.follow(
      ['*.{csv,parquet}'],
      [
        put('a.csv', 'name,ms\none,1\ntw'),
        put('a.csv', 'o,2\n'),
        put('b.parquet', 'PAR1 and more to come'),
        put('a.csv', 'three,3\n'),
        () => undefined,
      ],
    );
    expect(report).toMatchObject({ rows: 3, rejected: 0 });
    expect(logs.notes).toHaveLength(1);
    expect(logs.notes[0]).toContain('b.parquet');
  });

  test('rotated in a directory that is followed is known there', async () => {
    for (const named of ['in', 'in/*.ndjson']) {
      const logs = await Logs.make();
      mkdirSync(logs.at('in'));
      await logs.killed([named], [() => logs.write('in/app.ndjson', 5)]);
      logs.write('in/app.ndjson', 2);
      renameSync(logs.at('in/app.ndjson'), logs.at('in/app.ndjson.1'));
      await logs.follow([named], [() => undefined]);
      await logs.expectAll();
    }
  });

  test('larger than a commit is read whole', async () => {
    const logs = await Logs.make();
    await logs.follow(['app.log'], [() => logs.write('app.log', 600, 10_000)]);
    await logs.expectAll();
  });
});

describe('a followed file whose commit is refused', () => {
  const idle = (): void => undefined;

  test.each(['a.log', 'b.log'])('because %s is in already forgets no line', async (moved) => {
    for (const [last, rotated] of [
      [1, false],
      [0, true],
    ] as const) {
      const logs = await Logs.make();
      const grow = (): void => {
        logs.write('a.log', 2);
        logs.write('b.log', 2);
      };
      const armed = (): void => {
        grow();
        arm();
      };
      const arm = await armable(logs, moved);
      const late = (): void => {
        logs.write('b.log', last);
        if (rotated) rmSync(logs.at('b.log'));
      };
      const report = await logs.follow(['*.log'], [grow, armed, late, idle]);
      await logs.expectAll();
      expect(logs.beforeCommit, 'the other process came between').toBeUndefined();
      expect(report.rows).toBe(logs.lastId - 2);
    }
  });

  test('after it was renamed within the poll forgets no line', async () => {
    const logs = await Logs.make();
    const arm = await armable(logs, 'a.log');
    const first = (): void => {
      for (const name of ['a.log', 'b.log', 'c.log']) logs.write(name, 2);
    };
    const grow = (): void => {
      logs.write('a.log', 2);
      logs.write('b.log', 2);
      arm();
      logs.onLook = (path) => {
        if (path === logs.at('c.log')) renameSync(logs.at('b.log'), path);
        logs.onLook = path === logs.at('c.log') ? idle : logs.onLook;
      };
    };
    const late = (): void => {
      logs.write('c.log', 1);
    };
    await logs.follow(['*.log'], [first, grow, late, idle]);
    await logs.expectAll();
    expect(existsSync(logs.at('b.log')), 'it was renamed').toBe(false);
  });
});

/** Calling it has another process load the file before the next commit of a follower. */
async function armable(logs: Logs, name: string): Promise<Step> {
  const other = await logs.world.open({ sinks: [] });
  return () => {
    logs.beforeCommit = () => other.backfill(EVENTS, [logs.at(name)]);
  };
}

/** Something that happens to logs, by chance. */
function chanceOf(logs: Logs, seed: number): Step {
  const random = seededRandom(seed);
  const sameFirstLine = random.integer(3) === 0;
  const names = ['app.log', ...[1, 2, 3, 4, 5, 6, 7, 8].map((at) => `app.log.${at}`)];
  let partial = '';
  const write = (lines: number): void => {
    const text = Array.from({ length: lines }, () => logs.line(random.integer(60))).join('');
    const isNew = !existsSync(logs.at('app.log')) || statSync(logs.at('app.log')).size === 0;
    const first = isNew && sameFirstLine ? '{"boot":"the same line begins every file"}\n' : '';
    appendFileSync(logs.at('app.log'), partial + first + text);
    partial = '';
  };
  const shift = (): void => {
    for (let at = names.length - 2; at > 0; at--) {
      for (const end of ['', '.gz']) {
        const path = logs.at(`${names[at] ?? ''}${end}`);
        if (existsSync(path)) renameSync(path, logs.at(`${names[at + 1] ?? ''}${end}`));
      }
    }
  };
  let rotations = 0;
  let isCopying = false;
  const copy = (): void => {
    const bytes = readFileSync(logs.at('app.log'));
    isCopying = !isCopying && random.integer(3) > 0;
    const end = isCopying ? random.integer(bytes.length) : bytes.length;
    writeFileSync(logs.at('app.log.1'), bytes.subarray(0, end));
    if (!isCopying) truncateSync(logs.at('app.log'));
  };
  return () => {
    const what = random.integer(10);
    if (isCopying && what < 5) {
      if (partial !== '') write(0);
      copy();
    } else if (what < 5) write(1 + random.integer(30));
    else if (what < 7 && partial === '') {
      write(1);
      const line = logs.line();
      const cut = 1 + random.integer(line.length - 2);
      appendFileSync(logs.at('app.log'), line.slice(0, cut));
      partial = line.slice(cut);
    } else if (!isCopying && rotations < 7 && existsSync(logs.at('app.log'))) {
      if (partial !== '') write(0);
      rotations += 1;
      shift();
      if (random.integer(2) === 0) renameSync(logs.at('app.log'), logs.at('app.log.1'));
      else copy();
      if (random.integer(2) === 0) write(1 + random.integer(60));
      const old = logs.at('app.log.2');
      if (random.integer(2) === 0 && existsSync(old)) {
        writeFileSync(`${old}.gz`, gzipSync(readFileSync(old)));
        rmSync(old);
      }
    }
  };
}

describe('files that are followed through any course of events', () => {
  test(`have every line in once, ${COURSES} courses`, async () => {
    for (let course = 0; course < COURSES; course++) {
      const seed = SEED * 1000 + course;
      const logs = await Logs.make();
      const random = seededRandom(seed + 500_000);
      const happen = chanceOf(logs, seed);
      logs.onTouch = () => {
        if (random.integer(12) === 0) happen();
      };
      for (let life = 0; life < 3; life++) {
        const steps = Array.from({ length: 1 + random.integer(4) }, () => happen);
        await logs.killed(['app.log'], steps);
        happen();
      }
      logs.onTouch = () => undefined;
      await logs.follow(['app.log'], [happen, () => undefined]);
      await expectWritten(logs, `HYP_SEED=${SEED}, course ${course}`);
    }
  });
});

/** Every whole line that stands in a file now, or was written, is in once. */
async function expectWritten(logs: Logs, course: string): Promise<void> {
  const ids = (await logs.ids()).filter((id) => typeof id === 'number').sort((a, b) => a - b);
  expect(new Set(ids).size, `${course}: no row twice`).toBe(ids.length);
  const text = existsSync(logs.at('app.log')) ? readFileSync(logs.at('app.log'), 'utf8') : '';
  const isPartial = text.length > 0 && !text.endsWith('\n');
  const last = isPartial ? logs.lastId - 1 : logs.lastId;
  const wanted = Array.from({ length: last }, (_, at) => at + 1);
  expect(
    ids.filter((id) => id <= last),
    `${course}: none lost`,
  ).toEqual(wanted);
}
