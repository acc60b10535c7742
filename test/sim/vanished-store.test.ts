/** A store that goes from under a process that has it open: an unmount, a rename. llp/0008 */
import { expect, test } from 'vitest';
import { systemCode } from '../../src/core/errors.ts';
import { interceptFs, systemError } from '../support/intercept-fs.ts';
import { ROOT, World } from '../support/world.ts';

async function answers(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'well',
    (error: unknown) => systemCode(error),
  );
}

test('is said by the status and by what finds datasets, until it is back', async () => {
  const world = new World();
  await world.settle();
  let gone = false;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    if (gone && step.path.startsWith(ROOT)) {
      if (step.op === 'stat') return undefined as never;
      throw systemError('ENOENT', step.op, step.path);
    }
    return run();
  });
  const engine = await world.open({ fs });
  await world.append(engine, 2);
  await engine.tick();
  gone = true;
  expect(await answers(engine.datasetNames())).toBe('E_NOT_A_STORE');
  expect(await answers(engine.status())).toBe('E_NOT_A_STORE');
  const { failures } = await engine.tick();
  expect(failures.map(({ error }) => systemCode(error))).toContain('E_NOT_A_STORE');
  gone = false;
  expect(await answers(engine.status())).toBe('well');
  expect((await engine.tick()).failures).toEqual([]);
  await engine.close();
  await world.settle();
  await world.expectWhole();
});

test('with another store in its place is no store of this process', async () => {
  const here = new World(1);
  const other = new World(2);
  await here.settle();
  await (await other.open()).close();
  let swapped = false;
  const disk = here.disk.process();
  const strange = other.disk.process();
  const fs = {
    ...interceptFs(disk, (_step, run) => run()),
    readFile: (path: string) => (swapped ? strange : disk).readFile(path),
  };
  const engine = await here.open({ fs });
  swapped = true;
  expect(await answers(engine.datasetNames())).toBe('E_NOT_A_STORE');
  swapped = false;
  await engine.close();
});
