/**
 * `hyp sink move`: a sink goes on where its files were moved to, once that place proves to be the old
 * one; whoever slept sends nothing that the new place has not. llp/0022
 */
import { describe, expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { toDatasetName, toSeq, toSinkName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/api.ts';
import { placeOf } from '../../src/engine/by-hand/move.ts';
import { unitGate } from '../../src/engine/export/exporters.ts';
import { moveAction } from '../../state/registry-move.ts';
import type { Move, MoveStep } from '../../state/registry-move.ts';
import { everyPause } from '../support/fault-fs.ts';
import { expectGoesOn, using } from '../support/goes-on.ts';
import type { Open } from '../support/goes-on.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { everyStep } from '../support/spool.ts';
import { copyTree, removeTree, sentIds } from '../support/trees.ts';
import {
  OUT,
  ROOT,
  World,
  dies,
  everybodyLives,
  exportedRows,
  objectKeys,
} from '../support/world.ts';

const SINK = toSinkName('archive');
const DATASET = toDatasetName('events');
const PLACE = '/home/elsewhere';
/** One place in so many is tried, of both sides in turn. */
const STRIDE = 13;

const AT_OLD = { leases: everybodyLives } as const;
/** A process whose hyp.yaml has the new path. */
const AT_NEW = { sinks: [{ path: PLACE }], leases: everybodyLives } as const;

async function move(world: World, open: Open = AT_NEW, dryRun = false) {
  return using(world, open, (engine) => engine.byHand.move({ sink: SINK, dryRun }));
}

/** Four rows are out, two more are in the table. */
async function started(): Promise<World> {
  const world = new World();
  await using(world, AT_OLD, async (engine) => {
    await world.append(engine, 4);
    await engine.tick();
    await world.append(engine, 2);
    await engine.flush();
  });
  return world;
}

/** With all files copied. */
async function copied(): Promise<World> {
  const world = await started();
  await copyTree(world.disk, OUT, PLACE);
  return world;
}

async function failureOf(world: World, open: Open): Promise<Error | undefined> {
  return using(world, open, async (engine) => (await engine.tick()).failures[0]?.error);
}

const goesOn = (world: World, open: Open = AT_NEW, place = PLACE): Promise<void> =>
  expectGoesOn(world, open, place);

/** Objects at the old place that the new one has not. */
async function strays(world: World): Promise<string[]> {
  const there = await objectKeys(world.disk, PLACE);
  return (await objectKeys(world.disk)).filter((key) => !there.includes(key));
}

test('a moved sink goes on at the new place, and nobody goes on at the old one', async () => {
  const world = await started();
  await using(world, AT_OLD, async (running) => {
    const other = await world.open(AT_OLD);
    await running.tick();
    await other.tick();
    await copyTree(world.disk, OUT, PLACE);
    await world.append(running, 2);
    await running.flush();
    // Before: the new path is refused; the evidence is told and nothing changes.
    expect(await failureOf(world, AT_NEW)).toMatchObject({ code: 'E_PARKED' });
    expect(await move(world, AT_NEW, true)).toMatchObject({
      label: 'ask',
      reasons: [],
      missing: 0,
    });
    expect(await failureOf(world, AT_NEW)).toMatchObject({ code: 'E_PARKED' });
    expect(await move(world)).toMatchObject({ label: 'ask', from: `fs:${OUT}`, to: `fs:${PLACE}` });
    expect(await move(world)).toMatchObject({ label: 'here' });
    const { failures, exported } = await running.tick();
    expect(exported).toEqual([]);
    expect(failures[0]?.error.message).toContain(`registered for fs:${PLACE}`);
    const skip = { sink: SINK, dataset: DATASET, through: toSeq(7) };
    await expect(other.byHand.skip(skip)).rejects.toMatchObject({ code: 'E_PARKED' });
    await other.close();
    const [shown] = (await running.status()).sinks;
    expect(shown).toMatchObject({ state: 'parked', datasets: [{ openUnit: undefined }] });
  });
  expect(await failureOf(world, AT_OLD)).toMatchObject({ code: 'E_PARKED' });
  await goesOn(world);
  expect(await strays(world)).toEqual([]);
});

test('a process that had the new path too early goes on without a restart', async () => {
  const world = await copied();
  await using(world, AT_NEW, async (running) => {
    expect((await running.tick()).failures).toHaveLength(1);
    await move(world);
    expect((await running.tick()).exported).toMatchObject([{ sink: SINK, watermark: 6n }]);
  });
  await goesOn(world);
});

describe('a move is refused, and changes nothing,', () => {
  const refusals: readonly [string, (world: World) => Promise<unknown>, string][] = [
    ['to an empty place', (world) => removeTree(world.disk, PLACE), 'hole'],
    [
      'without the last manifest',
      async ({ disk }) => {
        const dir = `${PLACE}/events/_hyp/archive`;
        for (const name of await disk.readdir(dir)) {
          if (!name.endsWith('.plan.json')) await disk.unlink(`${dir}/${name}`);
        }
      },
      'manifest-missing',
    ],
    ['without the owner file', ({ disk }) => disk.unlink(`${PLACE}/_hyp-owner.json`), 'owner'],
    [
      'to the copy of an earlier day',
      (world) =>
        using(world, AT_OLD, async (engine) => {
          await engine.tick();
        }),
      'hole',
    ],
    [
      'to the place of another store',
      async (world) => {
        const other = new World(7);
        await using(other, AT_OLD, async (engine) => {
          await other.append(engine, 6);
          await engine.tick();
        });
        await removeTree(world.disk, PLACE);
        await copyForeign(other, world);
      },
      'hole',
    ],
  ];
  for (const [what, damage, label] of refusals) {
    test(what, async () => {
      const world = await copied();
      await damage(world);
      const { reasons } = await move(world, AT_NEW, true);
      expect(reasons.join('\n')).toContain(label);
      await expect(move(world)).rejects.toMatchObject({ code: 'E_REFUSED' });
      await goesOn(world, AT_OLD, OUT);
    });
  }

  test('with another prefix, to a place another sink has, and for no such sink', async () => {
    const world = await copied();
    const prefixed = { ...AT_OLD, sinks: [{ path: '/home', prefix: 'elsewhere' }] };
    expect((await move(world, prefixed, true)).reasons[0]).toContain('prefix');
    await expect(move(world, prefixed)).rejects.toMatchObject({ code: 'E_REFUSED' });
    const engine = await world.open({ sinks: [] });
    await expect(engine.byHand.move({ sink: SINK })).rejects.toMatchObject({ code: 'E_USAGE' });
    await engine.close();
    const rival = { name: toSinkName('rival'), path: PLACE };
    await removeTree(world.disk, PLACE);
    await failureOf(world, { ...AT_OLD, sinks: [rival] });
    await removeTree(world.disk, PLACE);
    await copyTree(world.disk, OUT, PLACE);
    await expect(move(world)).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: `sink rival delivers to fs:${PLACE}`,
    });
    await goesOn(world, AT_OLD, OUT);
  });
});

async function copyForeign(from: World, to: World): Promise<void> {
  const walk = async (source: string, target: string): Promise<void> => {
    await to.disk.mkdir(target);
    for (const name of await from.disk.readdir(source)) {
      const [child, copy] = [`${source}/${name}`, `${target}/${name}`];
      if ((await from.disk.stat(child))?.kind === 'directory') await walk(child, copy);
      else {
        const file = await to.disk.create(copy);
        await file.write(await from.disk.readFile(child));
        await file.close();
      }
    }
  };
  await walk(OUT, PLACE);
}

test('objects that a reader took away do not keep a sink from moving', async () => {
  const world = await copied();
  for (const key of await objectKeys(world.disk, PLACE)) await world.disk.unlink(`${PLACE}/${key}`);
  expect(await move(world)).toMatchObject({ label: 'ask', missing: 1 });
  expect(await failureOf(world, AT_NEW)).toBeUndefined();
  expect((await exportedRows(world.disk, PLACE)).map(({ id }) => id)).toEqual([5, 6]);
});

test('what hyp.yaml and the registry say decides', () => {
  expect(placeOf({ destination: 'a' }, 'a')).toBe('here');
  expect(placeOf({ destination: 'a', movingTo: 'b' }, 'a')).toBe('stay');
  expect(placeOf({ destination: 'a', movingTo: 'b' }, 'b')).toBe('ask');
  expect(placeOf({ destination: 'a' }, 'b')).toBe('ask');
});

test('what the registry says of its instance decides whether an announced unit is run', () => {
  const gate = (entry: Parameters<typeof unitGate>[0]) => unitGate(entry, 'a');
  expect(gate(undefined)).toBe('gone');
  expect(gate({ destination: 'b' })).toBe('elsewhere');
  expect(gate({ destination: 'b', forgottenSinceMs: 1 })).toBe('elsewhere');
  expect(gate({ destination: 'a', movingTo: 'b' })).toBe('elsewhere');
  expect(gate({ destination: 'a' })).toBe('run');
  expect(gate({ destination: 'a', forgottenSinceMs: 1 })).toBe('run');
  // Nobody moves a sink that was forgotten: a move that is under way meets that, and ends.
  expect(gate({ destination: 'a', movingTo: 'b', forgottenSinceMs: 1 })).toBe('run');
});

describe('a move that was killed at any step', () => {
  test('is finished by running it again', async () => {
    const waited = new Set<string>();
    const places = await everyPause(async (pauseHere) => {
      const world = await copied();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(() => move(world, { ...AT_NEW, fs }));
      const failure = await failureOf(world, AT_OLD);
      waited.add(failure?.message.replace(/ (?:to|for) .*/, '') ?? 'exports');
      if (failure === undefined) {
        await removeTree(world.disk, PLACE);
        await copyTree(world.disk, OUT, PLACE);
      }
      await move(world);
      await goesOn(world);
      expect(await strays(world)).toEqual([]);
    }, 5);
    expect([...waited].sort()).toEqual([
      'exports',
      'sink archive is being moved',
      'sink archive was registered',
    ]);
    expect(places.length).toBeGreaterThan(8);
  });

  test('is given up with the old path, if it had not arrived', async () => {
    const labels = new Set<string>();
    await everyPause(async (pauseHere) => {
      const world = await copied();
      const process = world.disk.process();
      const fs = pauseHere(process, () => {
        process.kill();
      });
      await dies(() => move(world, { ...AT_NEW, fs }));
      const { label } = await move(world, AT_OLD, true);
      labels.add(label);
      if (label === 'ask') {
        await goesOn(world);
      } else {
        await move(world, AT_OLD);
        await goesOn(world, AT_OLD, OUT);
      }
    }, 5);
    expect([...labels].sort()).toEqual(['ask', 'here', 'stay']);
  });
});

describe('an export that slept at any step while its sink was moved leaves nothing behind,', () => {
  for (const ticks of [false, true]) {
    test(ticks ? 'when others went on at the new place' : 'when nobody went on yet', async () => {
      const places = await everyPause(async (pauseHere) => {
        const world = await started();
        const moveIt = async () => {
          await copyTree(world.disk, OUT, PLACE);
          await move(world);
          await using(world, AT_NEW, async (engine) => {
            if (ticks) await engine.tick();
            // For the sleeper to send, if it could.
            await world.append(engine, 2);
            await engine.flush();
          });
        };
        const slept: true[] = [];
        const fs = pauseHere(world.disk.process(), async () => {
          slept.push(true);
          await moveIt();
        });
        await using(world, { ...AT_OLD, fs }, (engine) => engine.tick());
        if (slept.length === 0) await moveIt();
        await goesOn(world);
        expect(await strays(world)).toEqual([]);
      }, STRIDE);
      expect(places.length).toBeGreaterThan(5);
    });
  }
});

test('an export that slept at any step, reads too, while its sink was renamed and moved leaves nothing behind', async () => {
  const shelf = toSinkName('shelf');
  const renamedAt = (path: string) => ({ ...AT_OLD, sinks: [{ name: shelf, path }] });
  const refused = new Set<string>();
  const places = await everyStep(async (pauseHere) => {
    const world = await started();
    const slept: true[] = [];
    const moveIt = async () => {
      slept.push(true);
      await using(world, AT_OLD, (engine) => engine.byHand.rename({ sink: SINK, to: shelf }));
      await copyTree(world.disk, OUT, PLACE);
      await using(world, renamedAt(PLACE), (engine) => engine.byHand.move({ sink: shelf }));
    };
    const fs = pauseHere(world.disk.process(), moveIt);
    const report = await using(world, { ...AT_OLD, fs }, (engine) => engine.tick());
    for (const { error } of report.failures) refused.add(error.message);
    if (slept.length === 0) await moveIt();
    await using(world, renamedAt(PLACE), (engine) => engine.tick());
    const sent = await sentIds(world.disk, PLACE);
    const wrong = sent.join() === '1,2,3,4,5,6' ? [] : [`the new place has ${sent.join()}`];
    return [...wrong, ...(await strays(world))];
  }, 3);
  expect([...refused]).toEqual(['sink archive is called shelf now']);
  expect(places).toBeGreaterThan(60);
});

test('a first export that slept at any step of a dataset of its own sends nothing to the old place', async () => {
  await everyPause(async (pauseHere) => {
    const world = await started();
    await using(world, AT_OLD, (engine) => engine.tick());
    const other = async (engine: Engine) => {
      await engine.append('others', [{ id: 1 }, { id: 2 }]);
    };
    await using(world, AT_OLD, other);
    const moveIt = async () => {
      await copyTree(world.disk, OUT, PLACE);
      await move(world);
      await failureOf(world, AT_NEW);
    };
    const slept: true[] = [];
    const fs = pauseHere(world.disk.process(), async () => {
      slept.push(true);
      await moveIt();
    });
    await using(world, { ...AT_OLD, fs }, (engine) => engine.tick());
    if (slept.length === 0) await moveIt();
    await using(world, AT_NEW, async (engine) => {
      await engine.tick();
      const { sinks } = await engine.verify({ deep: true });
      expect(sinks.flatMap((sink) => sink.findings)).toEqual([]);
      expect(sinks[0]?.datasets.map(({ watermark }) => watermark)).toEqual([6n, 2n]);
    });
    expect(await strays(world)).toEqual([]);
  }, STRIDE);
});

test('a move that slept at any step while others export or give it up moves only what is proven', async () => {
  const seen = new Set<string>();
  await everyPause(async (pauseHere) => {
    const world = await copied();
    const fs = pauseHere(world.disk.process(), async () => {
      await move(world, AT_OLD);
      await failureOf(world, AT_OLD);
    });
    await dies(() => move(world, { ...AT_NEW, fs }));
    const { label } = await move(world, AT_OLD, true);
    seen.add(label);
    if (label === 'ask') await goesOn(world);
    else {
      await move(world, AT_OLD);
      await goesOn(world, AT_OLD, OUT);
    }
  }, 7);
  expect([...seen].sort()).toContain('here');
});

test('a move that slept at any step while it was given up and begun again by another one proves anew', async () => {
  const ends = new Set<string>();
  const places = await everyPause(async (pauseHere) => {
    const world = await copied();
    const [marked, over] = [signal(), signal()];
    let looks = 0;
    const fs = interceptFs(world.disk.process(), async ({ op, path, to }, run) => {
      const done = await run();
      const looked = op === 'readFile' && path === `${PLACE}/_hyp-owner.json` && ++looks === 1;
      // Its first look is over: from here on the copy is behind.
      if (looked) await failureOf(world, AT_OLD);
      if (op === 'link' && to?.startsWith(`${ROOT}/state/sinks/`) === true) {
        marked.give();
        await over.given;
      }
      return done;
    });
    let other = Promise.resolve();
    const sleeper = pauseHere(world.disk.process(), async () => {
      await dies(() => move(world, AT_OLD));
      other = dies(() => move(world, { ...AT_NEW, fs })).finally(marked.give);
      await marked.given;
    });
    const end = await move(world, { ...AT_NEW, fs: sleeper }).catch((error: unknown) => error);
    ends.add(isHypError(end) ? end.code : 'moved');
    over.give();
    await other;
    const { label } = await move(world, AT_OLD, true);
    if (label === 'ask') return goesOn(world);
    await move(world, AT_OLD);
    await goesOn(world, AT_OLD, OUT);
  }, 5);
  expect([...ends].sort()).toEqual(['E_CONFLICT', 'E_REFUSED', 'moved']);
  expect(places.length).toBeGreaterThan(8);
});

/** Something one process waits for and another one does. */
function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

test('only the mark a proof was made under lets a sink arrive, or is taken away with it', () => {
  const sink = { name: SINK, type: 'fs', destination: 'a', registeredAtMs: 1, datasets: undefined };
  const mine = { name: SINK, from: 'a', to: 'b', id: '1' };
  const label = (entry: object, step: MoveStep, move: Move = mine) =>
    moveAction([{ ...sink, ...entry }], move, step).label;
  const marked = { movingTo: 'b', moveId: '1' };
  const [other, unnamed] = [{ movingTo: 'b', moveId: '2' }, { movingTo: 'b' }];
  const byPerson = { ...mine, to: 'a', id: undefined };
  const cases: readonly [object, Record<MoveStep, string>, string][] = [
    [marked, { mark: 'done', arrive: 'go', stay: 'go' }, 'go'],
    [other, { mark: 'go', arrive: 'changed', stay: 'changed' }, 'go'],
    [unnamed, { mark: 'go', arrive: 'changed', stay: 'changed' }, 'go'],
    [{}, { mark: 'go', arrive: 'changed', stay: 'done' }, 'done'],
    [{ destination: 'b' }, { mark: 'changed', arrive: 'done', stay: 'changed' }, 'changed'],
    [{ destination: 'c' }, { mark: 'changed', arrive: 'changed', stay: 'changed' }, 'changed'],
    [{ forgottenSinceMs: 1 }, { mark: 'changed', arrive: 'changed', stay: 'changed' }, 'changed'],
  ];
  for (const [entry, answers, person] of cases) {
    for (const step of ['mark', 'arrive', 'stay'] as const) {
      expect([entry, step, label(entry, step)]).toEqual([entry, step, answers[step]]);
    }
    expect([entry, label(entry, 'stay', byPerson)]).toEqual([entry, person]);
  }
});
