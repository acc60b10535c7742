/**
 * A version that a sleeper linked into a hole of the numbers is nobody's: whoever trims metadata by
 * it would take what the table still needs. llp/0003
 */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { Engine } from '../../src/engine/api.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import type { FsStep } from '../support/intercept-fs.ts';
import { World, dies, everybodyLives } from '../support/world.ts';

const leases = everybodyLives;
/** The sleeper's version: the first after a merge of manifests, which the table needs for long. */
const VOID = LIMITS.trimEveryCommits + 1;
/** The trim that meets it: the first one when its number was pruned. */
const TRIMMING = 3 * LIMITS.trimEveryCommits;

/** Something one side waits for and the other gives. */
function signal() {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

function isVersion(step: FsStep, version: number): boolean {
  return (step.to ?? step.path).endsWith(`/events/metadata/v${version}.metadata.json`);
}

async function commitThrough(world: World, engine: Engine, version: number): Promise<void> {
  for (;;) {
    await world.append(engine, 1);
    await engine.flush();
    const names = await world.disk.readdir('/home/store/tables/events/metadata');
    if (names.includes(`v${version}.metadata.json`)) return;
  }
}

test('a trim is not led astray by a version that a sleeper linked into a hole', async () => {
  const world = new World();
  const others = await world.open({ leases });
  await commitThrough(world, others, VOID - 1);

  const asleep = signal();
  const wake = signal();
  const linked = signal();
  const sleeper = world.disk.process();
  const sleeping = interceptFs(sleeper, async (step, run) => {
    if (step.op === 'create' && step.path.includes(`/.v${VOID}.`)) {
      asleep.give();
      await wake.given;
    }
    const done = await run();
    if (step.op === 'link' && isVersion(step, VOID)) {
      sleeper.kill();
      linked.give();
    }
    return done;
  });
  const slept = dies(async () => {
    const engine = await world.open({ fs: sleeping, leases });
    await world.append(engine, 1);
    await engine.flush();
  });
  await asleep.given;
  await commitThrough(world, others, TRIMMING - 1);

  let isTrimming = false;
  let met = false;
  const trimmer = interceptFs(world.disk.process(), async (step, run) => {
    if (step.op === 'rename' && step.path.includes('hint-')) {
      // Its commit stands, old versions are pruned; what follows is the trim.
      isTrimming = true;
      wake.give();
      await linked.given;
    }
    const done = await run();
    if (isTrimming && !met && step.op === 'readFile' && isVersion(step, VOID)) {
      met = true;
      const next = TRIMMING + LIMITS.trimEveryCommits;
      await commitThrough(world, others, next - 1);
      // Nobody else may trim meanwhile, or it would find the void version out by luck.
      const dying = world.disk.process();
      const fs = interceptFs(dying, async (each, go) => {
        const result = await go();
        if (each.op === 'link' && isVersion(each, next)) dying.kill();
        return result;
      });
      await dies(async () => {
        const engine = await world.open({ fs, leases });
        await world.append(engine, 1);
        await engine.flush();
      });
      // Far enough for every version the trimmer has listed to be gone.
      await commitThrough(world, others, next + 5);
    }
    return done;
  });
  const trimming = await world.open({ fs: trimmer, leases });
  await world.append(trimming, 1);
  await trimming.flush();
  await slept;
  expect(met).toBe(true);
  await world.settle();
  await world.expectWhole();
});
