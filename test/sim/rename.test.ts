/**
 * `hyp sink rename`: another name, the same records, the same place; whoever runs under the old name
 * is refused, and no row is lost or doubled whatever stops in between. llp/0022
 */
import { describe, expect, test } from 'vitest';
import { toDatasetName, toSeq, toSinkName } from '../../src/core/ids.ts';
import { everyPause } from '../support/fault-fs.ts';
import { expectGoesOn, using } from '../support/goes-on.ts';
import type { Open } from '../support/goes-on.ts';
import { OUT, ROOT, World, dies, everybodyLives, exportedRows } from '../support/world.ts';

const [OLD, NEW, THIRD] = [toSinkName('archive'), toSinkName('cold'), toSinkName('third')];
const DATASET = toDatasetName('events');
/** One place in so many is tried, of both sides in turn. */
const STRIDE = 11;

/** A process whose hyp.yaml has the new name. */
const AS_NEW = { sinks: [{ name: NEW }], leases: everybodyLives } as const;
const AS_OLD = { leases: everybodyLives } as const;

async function rename(world: World, open: Open = AS_OLD, sink = OLD, to = NEW) {
  return using(world, open, (engine) => engine.byHand.rename({ sink, to }));
}

/** Four rows are out, two more are in the table. */
async function started(): Promise<World> {
  const world = new World();
  await using(world, AS_OLD, async (engine) => {
    await world.append(engine, 4);
    await engine.tick();
    await world.append(engine, 2);
    await engine.flush();
  });
  return world;
}

const goesOn = (world: World, open: Open = AS_NEW): Promise<void> => expectGoesOn(world, open);

async function failuresOf(world: World, open: Open): Promise<readonly Error[]> {
  return using(world, open, async (engine) =>
    (await engine.tick()).failures.map(({ error }) => error),
  );
}

test('a renamed sink goes on where it was, under its new name, at its old place', async () => {
  const world = await started();
  expect(await rename(world)).toEqual({ changed: true, instance: OLD, configuredAs: 'old' });
  expect(await rename(world)).toMatchObject({ changed: false });
  await goesOn(world);
  expect(await world.disk.readdir(`${OUT}/events/_hyp`)).toEqual(['archive']);
  expect(await world.disk.readdir(`${ROOT}/state/progress`)).toEqual(['archive']);
  expect(await world.disk.readdir(`${OUT}/.hyp-staging`)).toEqual(['archive']);
  const { sinks } = await using(world, AS_NEW, (engine) => engine.status());
  expect(sinks).toMatchObject([{ name: NEW, state: 'idle', datasets: [{ exportedRows: 8n }] }]);
});

test('it can be renamed again and again, and back', async () => {
  const world = await started();
  await rename(world);
  await rename(world, AS_OLD, NEW, THIRD);
  await goesOn(world, { ...AS_OLD, sinks: [{ name: THIRD }] });
  await expect(rename(world)).rejects.toMatchObject({
    message: 'sink archive is called third now',
  });
  await rename(world, AS_OLD, THIRD, OLD);
  await goesOn(world, AS_OLD);
  for (const name of [NEW, THIRD]) {
    const [failure] = await failuresOf(world, { sinks: [{ name }] });
    expect(failure).toMatchObject({ code: 'E_PARKED' });
  }
});

describe('a rename is refused', () => {
  test('for a sink that is not registered, or was forgotten', async () => {
    const world = await started();
    await expect(rename(world, AS_OLD, THIRD)).rejects.toMatchObject({ code: 'E_USAGE' });
    await using(world, { sinks: [] }, (engine) =>
      engine.changeSink({ verb: 'forget', sink: OLD, abandon: true }),
    );
    await expect(rename(world)).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  test('for a name another sink has, had, or has for another destination in hyp.yaml', async () => {
    const world = await started();
    const other = { name: NEW, path: '/home/other' };
    await expect(rename(world, { sinks: [{}, other] })).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('/home/other') as string,
    });
    await failuresOf(world, { ...AS_OLD, sinks: [{}, other] });
    await expect(rename(world)).rejects.toMatchObject({ code: 'E_REFUSED' });
    await rename(world, AS_OLD, NEW, THIRD);
    await expect(rename(world)).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: 'sink archive was not renamed: cold is a former name of sink third',
    });
    await expect(
      rename(
        world,
        { sinks: [{}, { name: toSinkName('again'), path: OUT }] },
        OLD,
        toSinkName('again'),
      ),
    ).rejects.toMatchObject({ message: 'hyp.yaml has both archive and again' });
    await expect(rename(world, AS_OLD, OLD, OLD)).rejects.toMatchObject({
      message: 'sink archive was not renamed: there is a sink archive',
    });
    await goesOn(world, AS_OLD);
  });
});

test('whoever runs under the old name is refused from its next step on, and says the new one', async () => {
  const world = await started();
  await using(world, AS_OLD, async (running) => {
    await running.tick();
    await rename(world);
    await world.append(running, 2);
    const { failures, exported } = await running.tick();
    expect(exported).toEqual([]);
    expect(failures).toMatchObject([
      { error: { code: 'E_PARKED', message: 'sink archive is called cold now' } },
    ]);
    const [sink] = (await running.status()).sinks;
    expect(sink?.state).toBe('parked');
    expect(sink?.datasets[0]?.lastError).toContain('cold');
  });
  expect(await failuresOf(world, AS_OLD)).toMatchObject([{ code: 'E_PARKED' }]);
  const elsewhere = { ...AS_OLD, sinks: [{ path: '/home/other' }] };
  expect(await failuresOf(world, elsewhere)).toMatchObject([{ code: 'E_PARKED' }]);
  expect(await exportedRows(world.disk)).toHaveLength(6);
  await goesOn(world);
});

test('a process that has the new name too early sends nothing, says the command, then goes on', async () => {
  const world = await started();
  await using(world, AS_NEW, async (running) => {
    const { failures } = await running.tick();
    expect(failures).toMatchObject([{ error: { code: 'E_CONFIG' } }]);
    expect((failures[0]?.error as { hint?: string }).hint).toContain(
      'hyp sink rename archive cold',
    );
    await rename(world, AS_NEW);
    expect((await running.tick()).exported).toMatchObject([{ sink: NEW, watermark: 6n }]);
  });
  await goesOn(world);
});

test('a paused sink stays paused, and status of it is that of its records', async () => {
  const world = await started();
  await using(world, AS_OLD, (engine) => engine.changeSink({ verb: 'pause', sink: OLD }));
  await rename(world);
  await using(world, AS_NEW, async (engine) => {
    expect((await engine.tick()).exported).toMatchObject([
      { sink: NEW, state: 'paused', watermark: 4n },
    ]);
    await engine.changeSink({ verb: 'resume', sink: NEW });
  });
  await goesOn(world);
});

describe('by its new name', () => {
  test('a lost record is made again from the records and the destination it has', async () => {
    for (const lost of ['progress', 'both'] as const) {
      const world = await started();
      await rename(world);
      await removeFiles(world, `${ROOT}/state/progress/archive/events`);
      if (lost === 'both') await removeFiles(world, `${ROOT}/state/receipts/archive/events`);
      await goesOn(world);
    }
  });

  test('an emptied destination is settled, and lost objects and rows to skip are found', async () => {
    const world = await started();
    await rename(world);
    await goesOn(world);
    for (const name of await world.disk.readdir(`${OUT}/events`)) {
      if (name !== '_hyp') await world.disk.unlink(`${OUT}/events/${name}`);
    }
    const range = { sink: NEW, dataset: DATASET, after: toSeq(0), through: toSeq(8) };
    await using(world, AS_NEW, async (engine) => {
      expect(await engine.byHand.replay(range)).toMatchObject({ found: 0, sent: { rows: 8 } });
    });
    await goesOn(world);
    await using(world, AS_NEW, async (engine) => {
      await world.append(engine, 2);
      await engine.flush();
      await expect(engine.byHand.drop({ dataset: DATASET })).rejects.toMatchObject({
        message: 'events was not dropped: cold never got (10, 12]',
      });
      const skip = { sink: NEW, dataset: DATASET, through: toSeq(11) };
      expect(await engine.byHand.skip(skip)).toMatchObject({ from: 10n, skippedRows: 1n });
    });
    await removeFiles(world, OUT);
    const [emptied] = await failuresOf(world, AS_NEW);
    expect(emptied).toMatchObject({ code: 'E_PARKED' });
    expect(emptied?.message).toContain('was emptied');
    // Nothing is made where it may only not be mounted.
    expect(await world.disk.stat(`${OUT}/_hyp-owner.json`)).toBeUndefined();
    await using(world, AS_NEW, async (engine) => {
      expect(await engine.resolveSink(NEW, 'delivered')).toMatchObject([
        { sink: NEW, dataset: DATASET, watermark: 11n },
      ]);
      expect((await engine.tick()).exported).toMatchObject([{ sink: NEW, watermark: 12n }]);
    });
    await using(world, { ...AS_OLD, sinks: [] }, async (engine) => {
      expect(await engine.changeSink({ verb: 'forget', sink: NEW })).toMatchObject({
        unsentRows: 0n,
      });
    });
  });

  test('a forgotten sink comes back to its own records', async () => {
    const world = await started();
    await rename(world);
    await using(world, { ...AS_OLD, sinks: [] }, (engine) =>
      engine.changeSink({ verb: 'forget', sink: NEW, abandon: true }),
    );
    await goesOn(world);
  });
});

async function removeFiles(world: World, dir: string): Promise<void> {
  for (const name of await world.disk.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await world.disk.stat(path))?.kind === 'directory') await removeFiles(world, path);
    else await world.disk.unlink(path);
  }
}

describe('a rename that is stopped', () => {
  test('by a kill at any step leaves the old name or the new one', async () => {
    const seen = new Set<string>();
    await everyPause(async (pauseHere) => {
      const world = await started();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(() => rename(world, { ...AS_OLD, fs }));
      const [name] = await using(world, AS_OLD, (engine) => engine.registeredSinks());
      seen.add(String(name));
      await goesOn(world, name === NEW ? AS_NEW : AS_OLD);
    }, 3);
    expect([...seen].sort()).toEqual([OLD, NEW].sort());
  });

  test('by sleep at any step is refused by another rename, and keeps a pause', async () => {
    const seen = new Set<string>();
    await everyPause(async (pauseHere) => {
      const world = await started();
      let slept = false;
      const fs = pauseHere(world.disk.process(), async () => {
        slept = true;
        await rename(world, AS_OLD, OLD, THIRD).catch(() => undefined);
        const now = await using(world, AS_OLD, (engine) => engine.registeredSinks());
        const [sink] = now;
        if (sink !== undefined) {
          await using(world, AS_OLD, (engine) => engine.changeSink({ verb: 'pause', sink }));
        }
      });
      await dies(() => rename(world, { ...AS_OLD, fs }));
      const [name] = await using(world, AS_OLD, (engine) => engine.registeredSinks());
      const sink = name ?? OLD;
      seen.add(sink);
      const report = await using(world, AS_OLD, (engine) =>
        engine.changeSink({ verb: 'resume', sink }),
      );
      expect(report.changed).toBe(slept);
      await goesOn(world, { ...AS_OLD, sinks: [{ name: sink }] });
    }, 3);
    expect([...seen].sort()).toEqual([NEW, THIRD].sort());
  });
});

test('an export that slept at any step while it was renamed and went on sends each row once', async () => {
  const places = await everyPause(async (pauseHere) => {
    const world = await started();
    const fs = pauseHere(world.disk.process(), async () => {
      await rename(world);
      await using(world, AS_NEW, async (engine) => {
        await engine.tick();
        await world.append(engine, 2);
        await engine.tick();
      });
    });
    await using(world, { ...AS_OLD, fs }, (engine) => engine.tick());
    // Behind its last step nobody renamed it.
    await rename(world);
    await goesOn(world);
  }, STRIDE);
  expect(places.length).toBeGreaterThan(10);
});

test('a first export that slept at any step while another process renamed the sink loses nothing', async () => {
  await everyPause(async (pauseHere) => {
    const world = new World();
    await using(world, AS_OLD, async (engine) => {
      await world.append(engine, 4);
      await engine.flush();
    });
    const fs = pauseHere(world.disk.process(), async () => {
      await dies(() => rename(world));
      await dies(() => using(world, AS_NEW, (engine) => engine.tick()));
    });
    await using(world, { ...AS_OLD, fs }, (engine) => engine.tick());
    const names = await using(world, AS_OLD, (engine) => engine.registeredSinks());
    expect(names).toHaveLength(1);
    const [name] = names;
    await goesOn(world, { ...AS_OLD, sinks: [{ name: name ?? OLD }] });
  }, STRIDE);
});
