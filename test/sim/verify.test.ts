/**
 * `hyp verify` over real deliveries: nothing is found where nothing is wrong, and each planted
 * defect is found under its name. llp/0018
 */
import { describe, expect, test } from 'vitest';
import type { SinkConfig } from '../../src/config/config.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { SinkVerification, VerifyReport } from '../../src/engine/verify/report.ts';
import { pausingFs } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import type { FsOp } from '../support/intercept-fs.ts';
import { everyStep } from '../support/spool.ts';
import { OUT, ROOT, World, dies, everybodyLives, objectKeys } from '../support/world.ts';

type Format = SinkConfig['format'];

const ROTATE = { rows: 10, bytes: 1 << 20, intervalMs: 0 };
const UNITS = `${OUT}/events/_hyp/archive`;

/** Three whole units of ten rows, two partitions each; worlds are alike but for `word`. */
async function delivered(format: Format = 'ndjson', word = 'left'): Promise<World> {
  const world = new World();
  const sinks = [{ format, partition: '{half}', rotate: ROTATE }];
  for (let round = 0; round < 3; round++) {
    const engine = await world.open({ sinks });
    await world.append(engine, 4, { half: 'a', word: 'left' });
    await world.append(engine, 1, { half: 'a', word });
    await world.append(engine, 5, { half: 'b', word: 'right' });
    await engine.tick();
    await engine.close();
  }
  return world;
}

async function verified(world: World, deep: boolean, fs?: DurableFs): Promise<SinkVerification> {
  const engine = await world.open(fs === undefined ? {} : { fs });
  const report: VerifyReport = await engine.verify({ deep });
  await engine.close();
  const [sink] = report.sinks;
  if (sink === undefined) throw new Error('there is a sink');
  return sink;
}

const labels = (sink: SinkVerification): string[] => sink.findings.map(({ label }) => label);

async function replace(world: World, path: string, bytes: Uint8Array): Promise<void> {
  await world.disk.unlink(path);
  const handle = await world.disk.create(path);
  await handle.write(bytes);
  await handle.sync();
  await handle.close();
}

/** In the names of the second unit's objects. */
const SECOND = `-${'10'.padStart(19, '0')}-${'20'.padStart(19, '0')}-`;

/** The second unit's first object. */
async function victim(world: World): Promise<string> {
  const keys = await objectKeys(world.disk);
  const key = keys.find((each) => each.includes(SECOND));
  if (key === undefined) throw new Error('the second unit has objects');
  return `${OUT}/${key}`;
}

async function unitFile(world: World, after: number, plan = false): Promise<string> {
  const wanted = `-${after.toString().padStart(19, '0')}${plan ? '.plan' : ''}.json`;
  const name = (await world.disk.readdir(UNITS)).find((each) => each.endsWith(wanted));
  if (name === undefined) throw new Error(`there is a file for the unit after ${after}`);
  return `${UNITS}/${name}`;
}

async function progressVersions(world: World): Promise<string[]> {
  const dir = `${ROOT}/state/progress/archive/events`;
  const [lineage = ''] = await world.disk.readdir(dir);
  const names = await world.disk.readdir(`${dir}/${lineage}`);
  const versions = names.filter((name) => /^v\d+\.json$/.test(name));
  const number = (name: string): number => Number(name.slice(1, -5));
  return versions.sort((a, b) => number(a) - number(b)).map((name) => `${dir}/${lineage}/${name}`);
}

/** Steps between two kills: verify judges states, and neighbours are the same state. */
const STRIDE = 2;
const FORMATS = ['ndjson', 'ndjson.gz', 'parquet'] as const;

describe('a delivery without a fault', () => {
  for (const format of FORMATS) {
    test(`of ${format} tiles up to the watermark, and nothing was written to see it`, async () => {
      const world = await delivered(format);
      const wrote: string[] = [];
      const changing: ReadonlySet<FsOp> = new Set<FsOp>([
        'create',
        'write',
        'link',
        'rename',
        'unlink',
        'rmdir',
      ]);
      const fs = interceptFs(world.disk.process(), (step, run) => {
        if (changing.has(step.op)) wrote.push(`${step.op} ${step.path}`);
        return run();
      });
      for (const deep of [false, true]) {
        const sink = await verified(world, deep, fs);
        expect(sink.findings).toEqual([]);
        const [dataset] = sink.datasets;
        expect(dataset?.watermark).toBe(30n);
        expect(dataset?.tiles).toMatchObject([
          { after: 0n, through: 30n, units: 3, rows: 30n, objects: 6 },
        ]);
        expect(sink.counted).toMatchObject({ units: 3, objects: 6, ...(deep ? { rows: 30 } : {}) });
      }
      expect(wrote).toEqual([]);
    });
  }

  test('is none before the first export, and for a store without rows', async () => {
    const world = new World();
    expect((await verified(world, true)).found).toBe(0);
    const engine = await world.open();
    await world.append(engine, 3);
    await engine.flush();
    await engine.close();
    expect((await verified(world, true)).found).toBe(0);
  });

  test('stays one beside a unit that is stopped at any step of its way', async () => {
    let stopped = 0;
    let whole = 0;
    let places = 0;
    for (let fired = true; fired; places += 1) {
      const world = new World();
      const writer = await world.open({ leases: everybodyLives });
      await world.append(writer, 4);
      await writer.tick();
      await world.append(writer, 2);
      await writer.flush();
      const process = world.disk.process();
      const fs = pausingFs(process);
      fs.at(places * STRIDE, 'after', () => {
        process.kill();
      });
      await dies(async () => (await world.open({ fs, leases: everybodyLives })).tick());
      fired = fs.fired;
      const sink = await verified(world, true);
      // Between manifest and receipt the one thing to say is that the receipt is missing.
      const expected = labels(sink).length === 0 ? [] : ['receipt-missing'];
      expect(labels(sink)).toEqual(expected);
      whole += expected.length;
      if (sink.datasets.some(({ openUnit }) => openUnit !== undefined)) stopped++;
      await world.settle();
      expect((await verified(world, false)).findings).toEqual([]);
    }
    expect(places).toBeGreaterThan(15);
    expect(stopped, 'units met on their way').toBeGreaterThan(5);
    expect(whole, 'units met without their receipt').toBeGreaterThan(0);
  });
});

interface Defect {
  readonly name: string;
  readonly plant: (world: World) => Promise<string>;
  /** Labels without and with --deep. */
  readonly found: readonly string[];
  readonly deep: readonly string[];
}

function defects(format: Format): readonly Defect[] {
  const content = format === 'parquet' ? 'object-unreadable' : 'object-content';
  return [
    {
      name: 'an object deleted',
      plant: async (world) => {
        const path = await victim(world);
        await world.disk.unlink(path);
        return path;
      },
      found: ['object-missing'],
      deep: ['object-missing'],
    },
    {
      name: 'an object truncated',
      plant: async (world) => {
        const path = await victim(world);
        const bytes = await world.disk.readFile(path);
        await replace(world, path, bytes.subarray(0, bytes.length - 9));
        return path;
      },
      found: ['object-size'],
      deep: ['object-size', format === 'ndjson.gz' ? 'object-unreadable' : content],
    },
    {
      name: 'an object replaced by one of equal size',
      plant: async (world) => {
        const path = await victim(world);
        const { length } = await world.disk.readFile(path);
        await replace(world, path, Buffer.alloc(length, '{}\n'));
        return path;
      },
      found: [],
      deep: ['object-bytes', format === 'ndjson.gz' ? 'object-unreadable' : content],
    },
    {
      name: 'an extra object',
      plant: async (world) => {
        const path = await victim(world);
        const extra = path.replace('/a/', '/b/').replace(/-000\./, '-007.');
        const handle = await world.disk.create(extra);
        await handle.write(await world.disk.readFile(path));
        await handle.close();
        return extra;
      },
      found: ['extra-object'],
      deep: ['extra-object'],
    },
    {
      name: 'a manifest removed',
      plant: async (world) => {
        const path = await unitFile(world, 10);
        await world.disk.unlink(path);
        return path;
      },
      found: ['manifest-missing'],
      deep: ['manifest-missing'],
    },
    {
      name: 'a manifest changed',
      plant: async (world) => {
        const path = await unitFile(world, 10);
        const bytes = await world.disk.readFile(path);
        await replace(
          world,
          path,
          Buffer.from(Buffer.from(bytes).toString().replace('"20"', '"21"')),
        );
        return path;
      },
      found: ['manifest-damaged'],
      deep: ['manifest-damaged'],
    },
    {
      name: 'a plan removed',
      plant: async (world) => {
        const path = await unitFile(world, 10, true);
        await world.disk.unlink(path);
        return path;
      },
      found: ['plan-missing'],
      deep: ['plan-missing'],
    },
    {
      name: 'the newest receipt removed',
      plant: async (world) => {
        await world.disk.unlink((await progressVersions(world)).at(-1) ?? '');
        return 'archive for events';
      },
      found: ['receipt-missing'],
      deep: ['receipt-missing'],
    },
    {
      name: 'an older receipt removed',
      plant: async (world) => {
        await world.disk.unlink((await progressVersions(world)).at(-3) ?? '');
        return 'progress of archive for events';
      },
      found: ['record-gap'],
      deep: ['record-gap'],
    },
    {
      name: 'all receipts removed',
      plant: async (world) => {
        for (const path of await progressVersions(world)) await world.disk.unlink(path);
        return 'archive for events';
      },
      found: ['receipt-missing'],
      deep: ['receipt-missing'],
    },
    {
      name: 'a file of somebody else',
      plant: async (world) => {
        const path = `${OUT}/events/a/notes.txt`;
        await (await world.disk.create(path)).close();
        return path;
      },
      found: ['foreign-object'],
      deep: ['foreign-object'],
    },
    {
      name: 'the owner file of another store',
      plant: async (world) => {
        await world.disk.unlink(`${OUT}/_hyp-owner.json`);
        return OUT;
      },
      found: ['owner'],
      deep: ['owner'],
    },
  ];
}

describe('each planted defect is found and named', () => {
  for (const format of FORMATS) {
    // What is no object's own is the same in every format.
    for (const defect of defects(format).slice(0, format === 'ndjson' ? undefined : 3)) {
      test(`${format}: ${defect.name}`, async () => {
        const world = await delivered(format);
        const where = await defect.plant(world);
        const quick = await verified(world, false);
        const deep = await verified(world, true);
        expect(labels(quick)).toEqual(defect.found);
        expect(labels(deep)).toEqual(defect.deep);
        for (const finding of [...quick.findings, ...deep.findings]) {
          expect(finding.where).toBe(where);
          expect(finding.hint.length).toBeGreaterThan(10);
        }
      });
    }
  }
});

describe('a row changed inside a valid file', () => {
  for (const format of FORMATS) {
    test(`of ${format} is found by its digest and by its content`, async () => {
      const world = await delivered(format);
      const path = await victim(world);
      const twin = await delivered(format, 'lift');
      await replace(world, path, await twin.disk.readFile(path));
      const sink = await verified(world, true);
      const [bytes, content] = labels(sink);
      expect(['object-bytes', 'object-size']).toContain(bytes);
      expect(content).toBe('object-content');
      expect(sink.found).toBe(2);
      for (const { where } of sink.findings) expect(where).toBe(path);
    });

    test(`of ${format} is found by its content when plan, manifest and object agree`, async () => {
      const world = await delivered(format);
      const twin = await delivered(format, 'lift');
      const key = await victim(world);
      for (const path of [key, await unitFile(world, 10), await unitFile(world, 10, true)]) {
        await replace(world, path, await twin.disk.readFile(path));
      }
      const sink = await verified(world, true);
      expect(labels(sink)).toContain('object-content');
      expect(labels(sink)).toContain('rows-differ');
      expect(labels(sink)).toContain('receipt-differs');
      expect(labels(sink)).not.toContain('object-bytes');
    });
  }
});

test('what is committed and delivered while verify is stopped at any step is no finding', async () => {
  const places = await everyStep(async (pauseHere) => {
    const world = new World();
    const deliver = async (): Promise<void> => {
      const engine = await world.open({ leases: everybodyLives });
      await world.append(engine, 2);
      expect((await engine.tick()).failures).toEqual([]);
      await engine.close();
    };
    await deliver();
    const fs = pauseHere(world.disk.process(), deliver);
    return labels(await verified(world, true, fs));
  }, 9);
  expect(places).toBeGreaterThan(18);
});

test('a unit taken away whole leaves a hole, and its rows are named', async () => {
  const world = await delivered();
  for (const plan of [false, true]) await world.disk.unlink(await unitFile(world, 10, plan));
  for (const key of await objectKeys(world.disk)) {
    if (key.includes(SECOND)) await world.disk.unlink(`${OUT}/${key}`);
  }
  const sink = await verified(world, false);
  expect(sink.findings).toMatchObject([{ label: 'hole', range: { after: 10n, through: 20n } }]);
  expect(sink.datasets[0]?.tiles).toMatchObject([{ after: 0n, through: 10n }]);
});

test('an empty destination beside receipts is one hole', async () => {
  const world = await delivered();
  for (const key of await objectKeys(world.disk)) await world.disk.unlink(`${OUT}/${key}`);
  for (const name of await world.disk.readdir(UNITS)) await world.disk.unlink(`${UNITS}/${name}`);
  const sink = await verified(world, true);
  expect(sink.findings).toMatchObject([{ label: 'hole', range: { after: 0n, through: 30n } }]);
});

test('a sink that is configured for another place is told so, and so is a damaged registry', async () => {
  const world = await delivered();
  const engine = await world.open({ sinks: [{ path: '/elsewhere' }] });
  const [sink] = (await engine.verify()).sinks;
  await engine.close();
  expect(sink?.findings.map(({ label }) => label)).toEqual(['owner', 'hole', 'owner']);
  expect(sink?.findings[0]?.what).toContain('was registered for');
  const dir = `${ROOT}/state/sinks`;
  const [name = ''] = await world.disk.readdir(dir);
  await replace(world, `${dir}/${name}`, Buffer.from('{}'));
  expect(labels(await verified(world, false))).toEqual(['registry-damaged']);
});

test('a table whose rows are damaged is told, and the destination is compared all the same', async () => {
  const world = await delivered();
  const dir = `${ROOT}/tables/events/data`;
  const [name = ''] = await world.disk.readdir(dir);
  await replace(world, `${dir}/${name}`, Buffer.alloc(2000, 7));
  const sink = await verified(world, true);
  expect(labels(sink)).toEqual(['table-damaged']);
  expect(sink.counted).toMatchObject({ units: 3, objects: 6, rows: 20 });
});
