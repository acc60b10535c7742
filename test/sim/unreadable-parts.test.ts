/**
 * One part of a store that this process may not read, or that its disk does not give: a spool writer
 * (of another user, say) or the metadata of one table. The others go on, and it is told of. llp/0008
 */
import { expect, test } from 'vitest';
import { systemCode } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/api.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import { faultFs } from '../support/fault-fs.ts';
import type { FaultFs } from '../support/fault-fs.ts';
import { ROOT, World, everybodyLives, tableRows } from '../support/world.ts';

const ANY = ['readdir', 'stat', 'readFile', 'open', 'link', 'create', 'syncDir'] as const;

function closed(world: World, path: RegExp): FaultFs {
  const fault = { op: ANY, path, code: 'EACCES', when: 'before' } as const;
  return faultFs(world.disk.process(), { ...fault, nth: 1, sticky: true });
}

async function refused(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error: unknown) => systemCode(error),
  );
}

/** A store with rows of `events` from a writer that is closed to whoever looks through `fs`. */
async function withClosedWriter() {
  const world = new World();
  await world.settle();
  const stranger = await world.open({ leases: everybodyLives });
  await world.append(stranger, 2);
  const [id = expect.fail()] = await world.disk.readdir(`${ROOT}/spool`);
  return { world, stranger, fs: closed(world, new RegExp(`/spool/${id}`)) };
}

async function idsIn(engine: Engine): Promise<number[]> {
  return (await tableRows(engine)).map(({ id }) => id);
}

test('a writer that cannot be read keeps no other writer from its table and its sink', async () => {
  const { world, stranger, fs } = await withClosedWriter();
  const engine = await world.open({ fs, leases: everybodyLives });
  await world.append(engine, 3);
  const report = await engine.tick();
  expect(report.flushed).toMatchObject([{ dataset: 'events', rows: 3 }]);
  expect(report.exported).toMatchObject([{ rows: 3, problem: undefined }]);
  expect(report.failures.map(({ what }) => what)).toEqual([
    expect.stringMatching(/^spool writer /) as string,
  ]);
  expect(await idsIn(engine)).toEqual([3, 4, 5]);
  expect((await engine.status()).datasets).toMatchObject([{ name: 'events', rows: 3n }]);
  expect(await engine.datasetNames()).toEqual(['events']);
  expect((await engine.check()).findings).toMatchObject([
    { what: expect.stringMatching('EACCES') as string },
  ]);

  await world.append(engine, 1);
  expect((await engine.flushStep(toDatasetName('events'))).report).toBeUndefined();
  fs.mend();
  expect((await engine.tick()).failures).toEqual([]);
  for (const each of [engine, stranger]) await each.close();
  await world.settle();
  await world.expectWhole();
});

test('whoever answers for all rows says that some could not be read, and drops nothing', async () => {
  const { world, stranger, fs } = await withClosedWriter();
  const engine = await world.open({ fs, leases: everybodyLives });
  await world.append(engine, 1);
  expect(await refused(engine.flush())).toBe('EACCES');
  expect(await idsIn(engine)).toEqual([3]);
  expect(await refused(engine.backup('/home/copy'))).toBe('EACCES');
  const dataset = toDatasetName('events');
  expect(await refused(engine.byHand.drop({ dataset }))).toBe('EACCES');
  fs.mend();
  for (const each of [engine, stranger]) await each.close();
  await world.settle();
  await world.expectWhole();
});

test('a table whose metadata cannot be read keeps no other dataset from being flushed', async () => {
  const world = new World();
  await world.settle();
  const first = await world.open();
  await first.append('closed', [{ id: 100 }]);
  await first.tick();
  await first.close();
  const fs = closed(world, /\/tables\/closed\/metadata/);
  const engine = await world.open({ fs });
  await engine.append('closed', [{ id: 101 }]);
  await world.append(engine, 2);
  const { flushed, failures } = await engine.tick();
  expect(flushed).toMatchObject([{ dataset: 'events', rows: 2 }]);
  expect(failures.map(({ error }) => systemCode(error))).toContain('EACCES');
  const { datasets } = await engine.status();
  expect(datasets).toMatchObject([
    { name: 'closed', problem: expect.stringMatching('EACCES') as string },
    { name: 'events', rows: 2n, problem: undefined },
  ]);
  fs.mend();
  expect((await engine.tick()).flushed).toMatchObject([{ dataset: 'closed', rows: 1 }]);
  await engine.close();
});
