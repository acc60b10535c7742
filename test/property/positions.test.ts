/** Positions against a plain map, through folds and merges. llp/0014, I3 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { applyMoves, loadPositions } from '../../storage/positions/positions.ts';
import type { Move } from '../../storage/positions/positions.ts';
import { MemoryFs } from '../support/memory-fs.ts';

const DIR = '/t/metadata';

const change = fc.record({
  moves: fc.uniqueArray(
    fc.record({
      source: fc.nat({ max: 1200 }).map((number) => `s/${number}"ü`),
      step: fc.nat({ max: 5 }),
      finished: fc.integer({ min: 0, max: 9 }).map((die) => die > 0),
      wrong: fc.integer({ min: 0, max: 3000 }).map((die) => die === 0),
    }),
    { selector: ({ source }) => source, minLength: 60, maxLength: 250 },
  ),
  drop: fc.array(
    fc.nat({ max: 1200 }).map((number) => `s/${number}"ü`),
    { maxLength: 12 },
  ),
  /** The commit that names the file may lose its race. */
  linked: fc.integer({ min: 0, max: 9 }).map((die) => die > 0),
});

test('every source is where its last linked move left it, and a wrong start is never applied', async () => {
  let folds = 0;
  let stales = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 45, maxLength: 80, size: 'max' }),
      async (all) => {
        const fs = new MemoryFs(DIR);
        const expected = new Map<string, bigint>();
        let fileName: string | undefined;
        for (const [version, { moves, drop, linked }] of all.entries()) {
          const base = await loadPositions(fs, DIR, fileName);
          const asserted = moves.map(({ source, step, finished, wrong }): Move => {
            const from = expected.get(source);
            const through = (from ?? 0n) + BigInt(step) + (wrong ? 1n : 0n);
            const start = wrong ? through : from;
            return { source, from: start, to: { source, through, digest: '' }, finished };
          });
          const dropped = drop.filter((source) => moves.every((each) => each.source !== source));
          const naming = { version: version + 1, id: `t${version}` };
          const result = await applyMoves(
            fs,
            DIR,
            base,
            { moves: asserted, drop: dropped },
            naming,
          );
          expect(result.kind === 'stale').toBe(moves.some((each) => each.wrong));
          if (result.kind === 'stale') stales++;
          if (result.kind === 'stale' || !linked) continue;
          fileName = result.fileName;
          for (const { source, to } of asserted) expected.set(source, to.through);
          for (const source of dropped) expected.delete(source);
        }
        const now = await loadPositions(fs.process(), DIR, fileName);
        folds += now.files().length - 1;
        const found = new Map((await now.withPrefix('s/')).map((at) => [at.source, at.through]));
        expect(found).toEqual(expected);
        for (let number = 0; number <= 1200; number += 7) {
          const source = `s/${number}"ü`;
          expect((await now.get(source))?.through).toBe(expected.get(source));
        }
        expect(now.active().length).toBeLessThanOrEqual(LIMITS.positionsActive * 2);
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
  expect(folds).toBeGreaterThan(30);
  expect(stales).toBeGreaterThan(5);
});
