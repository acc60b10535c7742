/**
 * Owns: an engine of a simulated process for one piece of work, and the proof that exports go on: all
 * there is goes out, each row once, and every check is content.
 * llp/0013
 */
import { expect } from 'vitest';
import type { Engine } from '../../src/engine/api.ts';
import { exportedRows } from './world.ts';
import type { World } from './world.ts';

export type Open = Parameters<World['open']>[0];

/** Closes the engine whatever becomes of `work`. */
export async function using<T>(
  world: World,
  open: Open,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await world.open(open);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Two rows more; then all there is is at `place` (default: of the world's sink), and proven. */
export async function expectGoesOn(world: World, open: Open, place?: string): Promise<void> {
  await using(world, open, async (engine) => {
    await world.append(engine, 2);
    const { failures, exported } = await engine.tick();
    expect(failures).toEqual([]);
    expect(exported.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const { sinks } = await engine.verify({ deep: true });
    expect(sinks.flatMap((sink) => sink.findings)).toEqual([]);
    expect((await engine.check()).findings).toEqual([]);
    const { maxSeq } = (await engine.status()).datasets[0] ?? { maxSeq: 0n };
    expect(sinks[0]?.datasets[0]?.tiles).toMatchObject([{ after: 0n, through: maxSeq }]);
    const sent = (await exportedRows(world.disk, place)).map(({ id }) => id);
    sent.sort((a, b) => a - b);
    expect(sent).toEqual(Array.from({ length: Number(maxSeq) }, (_, index) => index + 1));
  });
}
