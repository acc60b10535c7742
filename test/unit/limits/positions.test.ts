/** Positions at their limits: what is folded, merged and kept in memory. llp/0001, llp/0014 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { applyMoves, loadPositions } from '../../../storage/positions/positions.ts';
import type { Move, Positions } from '../../../storage/positions/positions.ts';
import { countingFs } from '../../support/fault-fs.ts';
import type { CountingFs } from '../../support/fault-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';

const DIR = '/t/metadata';
/** So many finished sources of one commit fold into a segment of their own. */
const FOLDED = LIMITS.positionsActive + 1;

/** A table whose every commit finishes sources. */
class Sources {
  readonly fs: CountingFs = countingFs(new MemoryFs(DIR));
  #version = 0;
  #fileName: string | undefined;
  #finished = 0;

  now(): Promise<Positions> {
    return loadPositions(this.fs, DIR, this.#fileName);
  }

  /** Finishes `count` sources in one commit. */
  async finish(count: number, hint?: string): Promise<void> {
    const moves = Array.from({ length: count }, (_, n): Move => {
      const source = sourceAt(this.#finished + n);
      const to = { source, through: 1n, digest: '', ...(hint !== undefined && { hint }) };
      return { source, from: undefined, to, finished: true };
    });
    this.#finished += count;
    const naming = { version: ++this.#version, id: `t${this.#version}` };
    const result = await applyMoves(this.fs, DIR, await this.now(), { moves, drop: [] }, naming);
    if (result.kind === 'applied') this.#fileName = result.fileName;
  }

  /** Sources in each segment, the newest first, and the merges it has been through. */
  async segments(): Promise<{ readonly count: number; readonly tier: number }[]> {
    const { file } = await this.now();
    return file.segments.map(({ count, tier }) => ({ count, tier }));
  }
}

function sourceAt(number: number): string {
  return `file/${number.toString().padStart(9, '0')}`;
}

describe('segments of finished sources', () => {
  test('are merged as soon as there are LIMITS.positionsMerge of one size', async () => {
    const sources = new Sources();
    for (let n = 1; n < LIMITS.positionsMerge; n++) await sources.finish(FOLDED);
    expect(await sources.segments()).toHaveLength(LIMITS.positionsMerge - 1);
    await sources.finish(FOLDED);
    expect(await sources.segments()).toEqual([{ count: LIMITS.positionsMerge * FOLDED, tier: 1 }]);
    for (const number of [0, FOLDED, LIMITS.positionsMerge * FOLDED - 1]) {
      expect((await (await sources.now()).get(sourceAt(number)))?.through).toBe(1n);
    }
  });

  test('of LIMITS.positionsMergeSources together are merged, of one more stay as they are', async () => {
    const each = LIMITS.positionsMergeSources / LIMITS.positionsMerge;
    const most = new Sources();
    for (let n = 0; n < LIMITS.positionsMerge; n++) await most.finish(each);
    expect(await most.segments()).toEqual([{ count: LIMITS.positionsMergeSources, tier: 1 }]);
    const more = new Sources();
    for (let n = 1; n < LIMITS.positionsMerge; n++) await more.finish(each);
    await more.finish(each + 1);
    const kept = await more.segments();
    expect(kept).toHaveLength(LIMITS.positionsMerge);
    expect(new Set(kept.map(({ tier }) => tier))).toEqual(new Set([0]));
    expect((await (await more.now()).get(sourceAt(0)))?.through).toBe(1n);
  });

  test('stay in memory up to LIMITS.positionsCacheBytes, those used lately first', async () => {
    const sources = new Sources();
    const hint = 'x'.repeat(32 * 1024);
    const bytes = FOLDED * (hint.length + 64);
    const fitting = Math.floor(LIMITS.positionsCacheBytes / bytes);
    const readsOf = async (segment: number): Promise<number> => {
      sources.fs.reset();
      const found = await (await sources.now()).get(sourceAt(segment * FOLDED + 7));
      expect(found?.hint).toBe(hint);
      return sources.fs.readPaths(/finished/).length;
    };
    for (let n = 0; n < fitting; n++) await sources.finish(FOLDED, hint);
    expect(await readsOf(0), 'all fit').toBe(0);
    await sources.finish(FOLDED, hint);
    expect(await readsOf(1), 'not used the longest').toBe(1);
    expect(await readsOf(0), 'used since').toBe(0);
    expect(await readsOf(fitting), 'the newest').toBe(0);
    expect(await readsOf(1), 'kept again').toBe(0);
    expect(await readsOf(2), 'gave its place to that one').toBe(1);
  });
});

describe('the name of a source', () => {
  const named = async (length: number) => {
    const fs = new MemoryFs(DIR);
    const source = 's'.repeat(length);
    const to = { source, through: 1n, digest: '' };
    const change = { moves: [{ source, from: undefined, to, finished: false }], drop: [] };
    const base = await loadPositions(fs, DIR, undefined);
    const applied = applyMoves(fs, DIR, base, change, { version: 1, id: 't' });
    return { fs, applied };
  };

  test('has up to LIMITS.sourceNameChars characters', async () => {
    const { fs, applied } = await named(LIMITS.sourceNameChars);
    const result = await applied;
    const fileName = result.kind === 'applied' ? result.fileName : undefined;
    const [position] = (await loadPositions(fs, DIR, fileName)).active();
    expect(position?.source).toHaveLength(LIMITS.sourceNameChars);
  });

  test('is refused when it has more, and nothing is written', async () => {
    const { fs, applied } = await named(LIMITS.sourceNameChars + 1);
    await expect(applied).rejects.toMatchObject({ code: 'E_INTERNAL' });
    expect(await fs.readdir(DIR)).toEqual([]);
  });
});
