/** Positions: what a move asserts, what a file holds, what folding costs. llp/0014 */
import { describe, expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { applyMoves, loadPositions } from '../../storage/positions/positions.ts';
import type { Move, Positions, PositionsChange } from '../../storage/positions/positions.ts';
import { versionInName } from '../../storage/layout.ts';
import { countingFs } from '../support/fault-fs.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';

const DIR = '/t/metadata';

/** A table in small: each change is the next version. */
class Versions {
  readonly fs: DurableFs;
  version = 0;
  fileName: string | undefined;

  constructor(fs: DurableFs) {
    this.fs = fs;
  }

  async now(): Promise<Positions> {
    return loadPositions(this.fs, DIR, this.fileName);
  }

  async apply(change: Partial<PositionsChange>): Promise<string> {
    const naming = { version: ++this.version, id: `t${this.version}` };
    const full = { moves: change.moves ?? [], drop: change.drop ?? [] };
    const result = await applyMoves(this.fs, DIR, await this.now(), full, naming);
    if (result.kind === 'stale') return `stale ${result.source}`;
    this.fileName = result.fileName;
    return 'applied';
  }
}

function move(source: string, from: bigint | undefined, through: bigint, finished = false): Move {
  return { source, from, to: { source, through, digest: `d${through}` }, finished };
}

describe('a move', () => {
  test('of a new source asserts that it is unknown', async () => {
    const table = new Versions(new MemoryFs(DIR));
    expect(await table.apply({ moves: [move('s', undefined, 5n)] })).toBe('applied');
    expect(await table.apply({ moves: [move('s', undefined, 9n)] })).toBe('stale s');
    expect((await (await table.now()).get('s'))?.through).toBe(5n);
  });

  test('asserts the exact start, and says what was found', async () => {
    const fs = new MemoryFs(DIR);
    const table = new Versions(fs);
    await table.apply({ moves: [move('s', undefined, 5n)] });
    const change = { moves: [move('s', 4n, 9n)], drop: [] };
    const naming = { version: 2, id: 'x' };
    expect(await applyMoves(fs, DIR, await table.now(), change, naming)).toEqual({
      kind: 'stale',
      source: 's',
      expected: 4n,
      found: 5n,
    });
    expect(await fs.readdir(DIR)).toHaveLength(1);
  });

  test('that is stale takes all others of its change with it', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await table.apply({ moves: [move('b', undefined, 1n)] });
    const both = [move('a', undefined, 1n), move('b', undefined, 2n)];
    expect(await table.apply({ moves: both })).toBe('stale b');
    expect(await (await table.now()).get('a')).toBeUndefined();
  });

  test('of a finished source brings it back', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await table.apply({ moves: [move('f', undefined, 5n, true)] });
    expect((await table.now()).active()).toEqual([]);
    await table.apply({ moves: [move('f', 5n, 7n)] });
    expect((await table.now()).active().map((at) => at.through)).toEqual([7n]);
  });

  test('keeps digest and hint', async () => {
    const table = new Versions(new MemoryFs(DIR));
    const to = { source: 'file/1', through: 3n, digest: 'abc', hint: 'logs/a "b".ndjson' };
    await table.apply({ moves: [{ source: 'file/1', from: undefined, to, finished: true }] });
    expect(await (await table.now()).get('file/1')).toEqual(to);
  });

  test('with the same base and change makes the same file', async () => {
    const fs = new MemoryFs(DIR);
    const base = await loadPositions(fs, DIR, undefined);
    const change = { moves: [move('s', undefined, 5n)], drop: [] };
    const one = await applyMoves(fs, DIR, base, change, { version: 3, id: 'a' });
    const two = await applyMoves(fs, DIR, base, change, { version: 3, id: 'b' });
    expect(one).toEqual(two);
    expect(await fs.readdir(DIR)).toHaveLength(1);
  });
});

describe('a dropped source', () => {
  test('is unknown again, active or finished', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await table.apply({ moves: [move('a', undefined, 1n), move('f', undefined, 1n, true)] });
    await table.apply({ drop: ['a', 'f', 'never'] });
    expect(await (await table.now()).withPrefix('')).toEqual([]);
    expect(await table.apply({ moves: [move('f', undefined, 1n)] })).toBe('applied');
  });

  test('stays unknown when an old segment still holds it', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await finish(table, 0, LIMITS.positionsActive + 1, 50);
    await table.apply({ drop: ['file/000003'] });
    const now = await table.now();
    expect(await now.get('file/000003')).toBeUndefined();
    expect(await now.withPrefix('file/000003')).toEqual([]);
    await finish(table, 1000, LIMITS.positionsActive + 1, 50);
    expect(await (await table.now()).get('file/000003')).toBeUndefined();
    expect(await table.apply({ moves: [move('file/000003', undefined, 1n)] })).toBe('applied');
  });
});

test('a dropped source stays unknown while a merge has still older segments below it', async () => {
  const table = new Versions(new MemoryFs(DIR));
  await finish(table, 0, 6000, 100);
  await table.apply({ drop: [name(3)] });
  await finish(table, 10_000, 6000, 100);
  expect(await (await table.now()).get(name(3))).toBeUndefined();
  expect(await (await table.now()).withPrefix(name(3))).toEqual([]);
});

/** Finishes `count` sources, `each` of them a commit. */
async function finish(table: Versions, first: number, count: number, each: number) {
  for (let at = first; at < first + count; at += each) {
    const moves = Array.from({ length: Math.min(each, first + count - at) }, (_, i) =>
      move(name(at + i), undefined, 100n, true),
    );
    expect(await table.apply({ moves })).toBe('applied');
  }
}

function name(number: number): string {
  return `file/${String(number).padStart(6, '0')}`;
}

describe('a full file', () => {
  test('folds its finished sources and keeps the active ones', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await table.apply({ moves: [move('spool/w', undefined, 1n)] });
    await finish(table, 0, LIMITS.positionsActive + 10, 10);
    const now = await table.now();
    expect(now.active().map((at) => at.source)).toEqual(['spool/w']);
    expect(now.files()).toHaveLength(2);
    expect((await now.withPrefix('file/')).map((at) => at.source)).toEqual(
      Array.from({ length: LIMITS.positionsActive + 10 }, (_, i) => name(i)),
    );
  });

  test('lets the newest entry of a source that moved again win, through merges too', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await finish(table, 0, 300, 100);
    await table.apply({ moves: [move(name(7), 100n, 200n, true)] });
    await finish(table, 1000, 6000, 100);
    const now = await table.now();
    expect((await now.get(name(7)))?.through).toBe(200n);
    expect((await now.withPrefix(name(7))).map((at) => at.through)).toEqual([200n]);
    expect(await table.apply({ moves: [move(name(7), 100n, 300n)] })).toBe(`stale ${name(7)}`);
  });

  test('names files by the version they were written for', async () => {
    const table = new Versions(new MemoryFs(DIR));
    await finish(table, 0, 300, 100);
    const files = (await table.now()).files();
    expect(files.map((file) => versionInName(file))).toEqual([3, 3]);
  });
});

describe('the cost', () => {
  test('of a commit is one small file, written and synced once', async () => {
    const counting = countingFs(new MemoryFs(DIR));
    const table = new Versions(counting);
    await finish(table, 0, 2000, 100);
    await table.apply({ moves: [move('spool/w', undefined, 1n)] });
    counting.reset();
    await table.apply({ moves: [move('spool/w', 1n, 2n)] });
    expect(counting.count({ op: 'create' })).toBe(1);
    expect(counting.syncs()).toBe(1);
  });

  test('of loading an unchanged head is nothing, and of loading a new one its own file', async () => {
    const counting = countingFs(new MemoryFs(DIR));
    const table = new Versions(counting);
    await finish(table, 0, 2000, 100);
    const now = await table.now();
    await now.get('spool/unknown');
    counting.reset();
    await table.now();
    expect(counting.readPaths()).toEqual([]);
  });

  test('stays flat with 100,000 finished sources', async () => {
    const counting = countingFs(new MemoryFs(DIR));
    const table = new Versions(counting);
    const bytesPerCommit: number[] = [];
    const files: number[] = [];
    for (let first = 0; first < 100_000; first += 100) {
      counting.reset();
      await finish(table, first, 100, 100);
      bytesPerCommit.push(counting.bytesWritten());
      files.push((await table.now()).files().length);
    }
    const sum = (from: number, to: number) =>
      bytesPerCommit.slice(from, to).reduce((total, bytes) => total + bytes, 0);
    const sorted = [...bytesPerCommit].sort((a, b) => a - b);
    // The typical commit never grows; merges add a little for each tier.
    expect(sorted[500]).toBeLessThan(30_000);
    expect(sum(800, 1000)).toBeLessThan(2 * sum(100, 300));
    expect(Math.max(...files)).toBeLessThan(40);
    const now = await table.now();
    expect((await now.get(name(77_777)))?.through).toBe(100n);
    expect(await now.get('file/05')).toBeUndefined();
    expect(await now.get('file/nowhere')).toBeUndefined();
  });
});

describe('a damaged file', () => {
  async function damaged(
    table: Versions,
    fs: MemoryFs,
    file: string,
    bytes: Uint8Array | undefined,
  ) {
    await fs.unlink(`${DIR}/${file}`);
    if (bytes !== undefined) {
      const handle = await fs.create(`${DIR}/${file}`);
      await handle.write(bytes);
    }
    const fresh = fs.process();
    try {
      const positions = await loadPositions(fresh, DIR, table.fileName);
      await positions.get(name(3));
      return undefined;
    } catch (error) {
      return isHypError(error) ? error.code : String(error);
    }
  }

  test('is E_CORRUPT, whichever byte it is, and so is a missing one', async () => {
    for (const which of [0, 1]) {
      const fs = new MemoryFs(DIR);
      const table = new Versions(fs);
      await finish(table, 0, 300, 100);
      const file = (await table.now()).files()[which] ?? '';
      const bytes = await fs.readFile(`${DIR}/${file}`);
      for (let at = 0; at < bytes.length; at += 97) {
        const bad = bytes.slice();
        bad[at] = (bad[at] ?? 0) ^ 4;
        expect(await damaged(table, fs, file, bad)).toBe('E_CORRUPT');
      }
      expect(await damaged(table, fs, file, undefined)).toBe('E_CORRUPT');
    }
  });
});
