/** The registry of sinks, and where state is. llp/0015 */
import { describe, expect, it } from 'vitest';
import { toDatasetName, toLineage, toSinkName } from '../../../src/core/ids.ts';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import {
  makeStateDirs,
  parseProgressName,
  progressName,
  progressNames,
  registryDir,
  stagingDir,
} from '../../../state/layout.ts';
import { changeSink } from '../../../state/registry-change.ts';
import { renameAction, renamedSink } from '../../../state/registry-rename.ts';
import {
  openRegistry,
  registerSink,
  registeredSinks,
  registration,
} from '../../../state/registry.ts';
import type { RegisteredSink } from '../../../state/registry.ts';
import { everyPause } from '../../support/fault-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';

const archive: RegisteredSink = {
  name: toSinkName('archive'),
  type: 'fs',
  destination: 'fs:/exports',
  registeredAtMs: 1000,
  datasets: ['requests'],
};
const lake: RegisteredSink = {
  ...archive,
  name: toSinkName('lake'),
  destination: 'fs:/lake',
  datasets: undefined,
};

let seeds = 0;
const open = (fs: DurableFs) => openRegistry(fs, '/store/state', seededRandom(++seeds));

async function newStore(): Promise<MemoryFs> {
  const disk = new MemoryFs('/store');
  await makeStateDirs(disk, '/store');
  return disk;
}

describe('the registry', () => {
  it('is empty at first, and keeps sinks in the order of their registration', async () => {
    const record = open(await newStore());
    expect(await registeredSinks(record)).toEqual([]);
    expect(await registerSink(record, archive)).toEqual({ kind: 'registered' });
    expect(await registerSink(record, lake)).toEqual({ kind: 'registered' });
    expect(await registeredSinks(record)).toEqual([archive, lake]);
  });

  it('writes nothing for a sink it has, and keeps the time it had', async () => {
    const disk = await newStore();
    await registerSink(open(disk), archive);
    const before = await disk.readdir(registryDir('/store/state'));
    const again = { ...archive, registeredAtMs: 9999 };
    expect(await registerSink(open(disk), again)).toEqual({ kind: 'same' });
    expect(await disk.readdir(registryDir('/store/state'))).toEqual(before);
    expect(await registeredSinks(open(disk))).toEqual([archive]);
  });

  it('takes over other datasets of a sink, as a new version', async () => {
    const record = open(await newStore());
    await registerSink(record, archive);
    await registerSink(record, lake);
    const wider = { ...archive, datasets: ['requests', 'errors'], registeredAtMs: 9999 };
    expect(await registerSink(record, wider)).toEqual({ kind: 'registered' });
    expect(await registeredSinks(record)).toEqual([{ ...wider, registeredAtMs: 1000 }, lake]);
  });

  it('keeps a sink paused through other datasets, and a forgotten one for its destination', async () => {
    const record = open(await newStore());
    await registerSink(record, archive);
    const { name } = archive;
    expect(await changeSink(record, { name, verb: 'pause', atMs: 7 })).toBe(true);
    const wider = { ...archive, datasets: ['requests', 'errors'] };
    await registerSink(record, wider);
    expect(await registeredSinks(record)).toEqual([{ ...wider, pausedSinceMs: 7 }]);
    expect(await changeSink(record, { name, verb: 'forget', atMs: 8 })).toBe(true);
    expect(await registeredSinks(record)).toEqual([]);
    const moved = await registerSink(record, { ...archive, destination: 'fs:/other' });
    expect(moved.kind).toBe('destination-changed');
    expect(await registerSink(record, { ...lake, destination: archive.destination })).toEqual({
      kind: 'registered',
    });
  });

  it('refuses another destination for a sink, and one destination for two', async () => {
    const record = open(await newStore());
    await registerSink(record, archive);
    expect(await registerSink(record, { ...archive, destination: 'fs:/other' })).toEqual({
      kind: 'destination-changed',
      from: 'fs:/exports',
      to: 'fs:/other',
    });
    expect(await registerSink(record, { ...lake, destination: 'fs:/exports' })).toEqual({
      kind: 'destination-taken',
      by: 'archive',
    });
    expect(await registeredSinks(record)).toEqual([archive]);
  });

  it('has a sink once it said so, whatever another process and the power do', async () => {
    const places = await everyPause(async (pauseHere) => {
      const disk = await newStore();
      const paused = pauseHere(disk, async () => {
        await registerSink(open(disk), lake);
      });
      expect(await registerSink(open(paused), archive)).toEqual({ kind: 'registered' });
      disk.crash(LOSE_ALL);
      const found = (await registeredSinks(open(disk))).map(({ name }) => name);
      expect(found.sort()).toEqual(paused.fired ? ['archive', 'lake'] : ['archive']);
    });
    expect(places.length).toBeGreaterThan(8);
  });

  it('gives one destination to one of two sinks that ask at once', async () => {
    await everyPause(async (pauseHere) => {
      const disk = await newStore();
      const rival = { ...lake, destination: archive.destination };
      const kinds: string[] = [];
      const paused = pauseHere(disk, async () => {
        kinds.push((await registerSink(open(disk), rival)).kind);
      });
      kinds.push((await registerSink(open(paused), archive)).kind);
      if (paused.fired) expect(kinds.sort()).toEqual(['destination-taken', 'registered']);
      expect(await registeredSinks(open(disk))).toHaveLength(1);
    });
  });
});

describe('the layout of state', () => {
  it('has a place for each record, below the state directory', async () => {
    const lineage = toLineage('01234567-89ab-4cde-8f01-23456789abcd');
    const names = progressNames(archive.name, toDatasetName('requests'));
    expect(names.join('/')).toBe('progress/archive/requests');
    for (const number of [1, 2, 17]) {
      expect(parseProgressName(progressName(lineage, number))).toEqual({ lineage, number });
    }
    expect(progressName(lineage, 1)).toBe(lineage);
    expect(parseProgressName(`${lineage}.tmp`)).toBeUndefined();
    expect(stagingDir('/s/state', archive.name)).toBe('/s/state/staging/archive');
    const disk = await newStore();
    await makeStateDirs(disk, '/store');
    disk.crash(LOSE_ALL);
    const places = ['leases', 'progress', 'receipts', 'sinks', 'staging'];
    expect(await disk.readdir('/store/state')).toEqual(places);
  });
});

describe('a sink with another name', () => {
  const [cold, third] = [toSinkName('cold'), toSinkName('third')];
  const renamed = renamedSink(archive, cold);

  it('keeps its first name as its instance, and every name it had', () => {
    expect(renamed).toMatchObject({ name: cold, instance: 'archive', formerly: ['archive'] });
    const again = renamedSink(renamed, third);
    expect(again).toMatchObject({ instance: 'archive', formerly: ['archive', 'cold'] });
    const back = renamedSink(again, archive.name);
    expect(back).toMatchObject({
      name: 'archive',
      instance: 'archive',
      formerly: ['cold', 'third'],
    });
  });

  it('is one only if no other sink has or had that name', () => {
    const label = (from: typeof cold, to: typeof cold) =>
      renameAction([renamed, lake], from, to).label;
    expect(label(cold, third)).toBe('go');
    expect(label(cold, archive.name)).toBe('go');
    expect(label(archive.name, cold)).toBe('done');
    expect(label(cold, lake.name)).toBe('taken');
    expect(label(lake.name, archive.name)).toBe('taken');
    expect(label(cold, cold)).toBe('taken');
    expect(renameAction([renamed, lake], archive.name, third)).toEqual({
      label: 'unknown',
      heir: cold,
    });
    expect(renameAction([{ ...archive, forgottenSinceMs: 1 }], archive.name, cold)).toEqual({
      label: 'unknown',
      heir: undefined,
    });
  });

  it('is not registered by a name it had, and keeps its names when it is registered again', async () => {
    expect(registration([renamed], archive)).toEqual({ kind: 'renamed', to: cold });
    const record = open(await newStore());
    await record.append(undefined, [renamed]);
    const { instance, formerly, ...configured } = { ...renamed, datasets: undefined };
    await registerSink(record, configured);
    expect(await registeredSinks(record)).toEqual([{ ...configured, instance, formerly }]);
  });
});
