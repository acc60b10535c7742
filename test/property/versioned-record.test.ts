/**
 * The versioned record under races, pauses, lost answers and power failures (DESIGN §5, I9, I11, I12).
 * A version holds one entry per append that won, so a fork, a loss and a double each show. llp/0013
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { everyPause, faultFs, stepText } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import type { FsOp } from '../support/intercept-fs.ts';
import { LOSE_ALL, MemoryFs } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';
import { RECORD_DIR, appendEntry, entriesRecord, violations } from '../support/record.ts';

/** A disk on which `op` succeeds without doing anything: a seeded bug. */
function without(fs: DurableFs, op: FsOp): DurableFs {
  return interceptFs(fs, async (step, run) =>
    step.op === op ? (undefined as Awaited<ReturnType<typeof run>>) : run(),
  );
}

/** A disk on which a link replaces, as a rename does: a seeded bug. */
function linkReplaces(fs: DurableFs): DurableFs {
  return { ...interceptFs(fs, (_step, run) => run()), link: (from, to) => fs.rename(from, to) };
}

async function finalViolations(memory: MemoryFs, acknowledged: readonly string[]) {
  return violations(await entriesRecord(memory.process()).load(), acknowledged);
}

/** `processes` append three entries each, in the order the scheduler picks. */
async function race(
  s: fc.Scheduler,
  processes: number,
  disk: (fs: DurableFs) => DurableFs,
): Promise<string[]> {
  const memory = new MemoryFs(RECORD_DIR);
  const names: string[] = [];
  const runs = Array.from({ length: processes }, async (_, p) => {
    const scheduled = interceptFs(disk(memory), async (step, run) => {
      await s.schedule(Promise.resolve(), `${p}: ${stepText(step)}`);
      return run();
    });
    const record = entriesRecord(scheduled);
    for (let n = 0; n < 3; n++) {
      await appendEntry(record, `${p}-${n}`);
      names.push(`${p}-${n}`);
    }
  });
  await s.waitFor(Promise.all(runs));
  return finalViolations(memory, names);
}

describe('a race', () => {
  test('has one winner per version and no fork, in any order of steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (s, processes) => {
        expect(await race(s, processes, (fs) => fs)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('over a disk whose link replaces is seen to lose entries', async () => {
    const outcome = await fc.check(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        expect(await race(s, 3, linkReplaces)).toEqual([]);
      }),
      { numRuns: 50 },
    );
    expect(outcome.failed).toBe(true);
  });
});

/** A appends "a" and is stopped at each of its steps while B appends `others` entries. */
async function pausedAppend(held: number, others: number) {
  return everyPause(async (pauseHere) => {
    const memory = new MemoryFs(RECORD_DIR);
    const other = entriesRecord(memory);
    const names: string[] = [];
    for (let n = 0; n < held; n++) {
      await appendEntry(other, `held-${n}`);
      names.push(`held-${n}`);
    }
    const fs = pauseHere(memory, async () => {
      for (let n = 0; n < others; n++) {
        await appendEntry(other, `b-${n}`);
        names.push(`b-${n}`);
      }
    });
    const record = entriesRecord(fs);
    const base = await record.load();
    const result = await record.append(base, [...(base?.value ?? []), 'a']);
    const head = await entriesRecord(memory).load();
    // The loser is told, and the winner is in the history that everyone else went on from.
    expect(head?.value.includes('a')).toBe(result.kind === 'linked');
    expect(violations(head, result.kind === 'linked' ? [...names, 'a'] : names)).toEqual([]);
    expect(head?.version).toBe(names.length + (result.kind === 'linked' ? 1 : 0));
  });
}

describe('an append paused at every step', () => {
  test.each([1, 2, 5])('while another process appends %i', async (others) => {
    expect((await pausedAppend(0, others)).length).toBeGreaterThanOrEqual(12);
    expect((await pausedAppend(3, others)).length).toBeGreaterThanOrEqual(12);
  });

  test('until its version number was taken, pruned and free again is void (model F3)', async () => {
    const others = LIMITS.recordVersions + 5;
    const places = await pausedAppend(0, others);
    expect(places.filter((place) => place.includes(': link '))).toHaveLength(2);
    await pausedAppend(3, others);
  });

  test('for longer than the history remembers is never taken for lost and present at once', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const other = entriesRecord(memory);
    const places = await everyPause(async (pauseHere) => {
      const fs = pauseHere(memory, async () => {
        for (let n = 0; n < LIMITS.recordHistory + 5; n++) {
          await appendEntry(other, `b-${(await other.load())?.version}`);
        }
      });
      const record = entriesRecord(fs);
      const name = `a-${(await other.load())?.version}`;
      await appendEntry(record, name);
      expect(await finalViolations(memory, [name])).toEqual([]);
    });
    expect(places.length).toBeGreaterThanOrEqual(12);
  });
});

describe('a link that reports an error', () => {
  test('although it took effect is a success', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const fs = faultFs(memory, { op: 'link', nth: 1, code: 'EIO', when: 'after' });
    const result = await entriesRecord(fs).append(undefined, ['a']);
    expect(result.kind).toBe('linked');
    expect(fs.failed).toHaveLength(1);
    expect(await finalViolations(memory, ['a'])).toEqual([]);
  });

  test('although it took effect is a success even when others went on from it', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const other = entriesRecord(memory);
    const fs = interceptFs(
      faultFs(memory, { op: 'link', nth: 1, code: 'EIO', when: 'after' }),
      async (step, run) => {
        try {
          return await run();
        } finally {
          if (step.op === 'link') for (const name of ['b', 'c']) await appendEntry(other, name);
        }
      },
    );
    const result = await entriesRecord(fs).append(undefined, ['a']);
    expect(result.kind).toBe('linked');
    expect((await entriesRecord(memory).load())?.value).toEqual(['a', 'b', 'c']);
  });

  test('and took no effect is that error, and nothing is there', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const fs = faultFs(memory, { op: 'link', nth: 1, code: 'EIO', when: 'before' });
    await expect(entriesRecord(fs).append(undefined, ['a'])).rejects.toMatchObject({ code: 'EIO' });
    expect(await memory.readdir(RECORD_DIR)).toEqual([]);
  });

  test('because its temp file was swept is a conflict: decide again', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const fs = interceptFs(memory, async (step, run) => {
      if (step.op === 'link') await memory.unlink(step.path);
      return run();
    });
    expect(await entriesRecord(fs).append(undefined, ['a'])).toEqual({ kind: 'conflict' });
  });
});

describe('an error of the disk after the link', () => {
  test.each([
    ['syncDir', { op: 'syncDir', nth: 1, code: 'EIO', when: 'before' }],
    ['the second listing', { op: 'readdir', nth: 1, code: 'EMFILE', when: 'before' }],
  ] as const)('of %s leaves the outcome unknown', async (_name, fault) => {
    const memory = new MemoryFs(RECORD_DIR);
    const run = entriesRecord(faultFs(memory, fault)).append(undefined, ['a']);
    await expect(run).rejects.toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
  });

  test('and of the link itself leaves the outcome unknown', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const fs = faultFs(
      memory,
      { op: 'link', nth: 1, code: 'EIO', when: 'after' },
      { op: 'syncDir', nth: 1, code: 'EIO', when: 'before' },
    );
    const run = entriesRecord(fs).append(undefined, ['a']);
    await expect(run).rejects.toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
  });

  test('while old versions are pruned does not undo the commit', async () => {
    const memory = new MemoryFs(RECORD_DIR);
    const setUp = entriesRecord(memory);
    for (let n = 0; n < LIMITS.recordVersions; n++) await appendEntry(setUp, `held-${n}`);
    const fs = faultFs(memory, { op: 'unlink', nth: 1, code: 'EIO', when: 'before', sticky: true });
    await appendEntry(entriesRecord(fs), 'a');
    expect(fs.failed.length).toBeGreaterThan(0);
    expect(await finalViolations(memory, ['a'])).toEqual([]);
  });
});

test('a reader never opens a void version, however long it sleeps after its listing (model F3)', async () => {
  const places = await everyPause(async (pauseHere) => {
    const memory = new MemoryFs(RECORD_DIR);
    const other = entriesRecord(memory);
    // The zombie has decided on an empty record; it links v1 once v1 was taken and pruned. It slept
    // before it made its temp file, which would have been swept.
    const zombie = entriesRecord(
      interceptFs(memory, async (step, run) => {
        if (step.op === 'create') {
          for (let n = 1; n < LIMITS.recordVersions + 5; n++) await appendEntry(other, `b-${n}`);
        }
        return run();
      }),
    );
    await appendEntry(other, 'b-0');
    const reader = pauseHere(memory, async () => {
      expect(await zombie.append(undefined, ['void'])).toEqual({ kind: 'conflict' });
      expect(await memory.readdir(RECORD_DIR)).toContain('v1.json');
    });
    expect((await entriesRecord(reader).load())?.value).toContain('b-0');
  });
  expect(places).toHaveLength(2);
});

/** A links; B reads what A linked before A synced, and acts on it; the power fails. */
async function actedOnAndLost(disk: (fs: DurableFs) => DurableFs): Promise<number> {
  let vanished = 0;
  await everyPause(async (pauseHere) => {
    const memory = new MemoryFs(RECORD_DIR);
    await appendEntry(entriesRecord(memory), 'held');
    let acted: readonly string[] = [];
    const fs = pauseHere(memory.process(), async () => {
      acted = (await entriesRecord(disk(memory)).load())?.value ?? [];
      memory.crash(LOSE_ALL);
    });
    await appendEntry(entriesRecord(fs), 'a').catch(() => undefined);
    const entries = (await entriesRecord(memory).load())?.value ?? [];
    vanished += acted.filter((name) => !entries.includes(name)).length;
  });
  return vanished;
}

describe('a version that another process acted on', () => {
  test('is there after a power failure, wherever its writer stood', async () => {
    expect(await actedOnAndLost((fs) => fs)).toBe(0);
  });

  test('is there after a power failure, wherever its reader stood (model F3i)', async () => {
    const places = await everyPause(async (pauseHere) => {
      const memory = new MemoryFs(RECORD_DIR);
      await appendEntry(entriesRecord(memory), 'held');
      const writer = memory.process();
      const dying = interceptFs(writer, async (step, run) => {
        if (step.op === 'syncDir' && (await memory.readdir(RECORD_DIR)).includes('v2.json')) {
          writer.kill();
        }
        return run();
      });
      const reader = pauseHere(memory, async () => {
        await appendEntry(entriesRecord(dying), 'a').catch(() => undefined);
        expect(await memory.readdir(RECORD_DIR)).toContain('v2.json');
      });
      const acted = await entriesRecord(reader).load();
      memory.crash(LOSE_ALL);
      expect((await entriesRecord(memory).load())?.value).toEqual(acted?.value);
    });
    expect(places).toHaveLength(2);
  });

  test('is seen to vanish when the reader does not sync the directory (model F3c)', async () => {
    expect(await actedOnAndLost((fs) => without(fs, 'syncDir'))).toBeGreaterThan(0);
  });
});

interface Lives {
  readonly lost: number;
  readonly crashes: number;
}

/** Two processes append; the power fails at a random step; two others go on; and so on. */
async function lives(seed: number, disk: (fs: DurableFs) => DurableFs): Promise<Lives> {
  const memory = new MemoryFs(RECORD_DIR);
  const random = seededRandom(seed);
  const acknowledged: string[] = [];
  let lost = 0;
  for (let life = 0; life < 4; life++) {
    let left = random.integer(60);
    const process = memory.process();
    const dying = interceptFs(disk(process), async (_step, run) => {
      if (left-- === 0) memory.crash(random);
      return run();
    });
    const run = async (p: number): Promise<void> => {
      const record = entriesRecord(dying);
      for (let n = 0; ; n++) {
        const name = `${life}-${p}-${n}`;
        await appendEntry(record, name);
        acknowledged.push(name);
      }
    };
    await Promise.allSettled([run(0), run(1)]);
    const first = await entriesRecord(memory).load();
    lost += violations(first, acknowledged).length;
    // Recovering twice is the same as recovering once.
    memory.crash(LOSE_ALL);
    expect((await entriesRecord(memory).load())?.value).toEqual(first?.value);
  }
  return { lost, crashes: memory.crashes };
}

async function sumOfLives(seeds: number, disk: (fs: DurableFs) => DurableFs): Promise<Lives> {
  let sum = { lost: 0, crashes: 0 };
  for (let seed = 0; seed < seeds; seed++) {
    const one = await lives(seed, disk).catch(() => ({ lost: 1, crashes: 0 }));
    sum = { lost: sum.lost + one.lost, crashes: sum.crashes + one.crashes };
  }
  return sum;
}

describe('power failures', () => {
  test('at any step of two racing processes lose nothing that was acknowledged', async () => {
    expect(await sumOfLives(250, (fs) => fs)).toEqual({ lost: 0, crashes: 250 * 8 });
  });

  test.each(['sync', 'syncDir'] as const)('are seen to lose entries without %s', async (op) => {
    expect((await sumOfLives(40, (fs) => without(fs, op))).lost).toBeGreaterThan(0);
  });

  test('at every step of one append leave the old or the new version', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const places = await everyPause(async (pauseHere) => {
        const memory = new MemoryFs(RECORD_DIR);
        await appendEntry(entriesRecord(memory), 'held');
        const fs = pauseHere(memory.process(), () => {
          memory.crash(seededRandom(seed));
        });
        const done = await appendEntry(entriesRecord(fs), 'a').catch(() => undefined);
        const acknowledged = done === undefined ? ['held'] : ['held', 'a'];
        expect(await finalViolations(memory, acknowledged)).toEqual([]);
      });
      expect(places.length).toBeGreaterThanOrEqual(12);
    }
  });
});
