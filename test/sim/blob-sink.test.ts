/**
 * Units on their way to a directory, stopped at every step: by another process, by a kill, by a
 * power failure, by an error of the disk. Whatever happens, one plan stands for the start, each of
 * its objects is there once and whole, and the manifest says the same.
 * llp/0009
 */
import { describe, expect, it } from 'vitest';
import { sampleUnit, stagePart } from '../../sinks/sample-unit.ts';
import type { SampleUnit } from '../../sinks/sample-unit.ts';
import { createFsSink } from '../../sinks/fs.ts';
import type { Sink } from '../../sinks/sink.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toSinkName } from '../../src/core/ids.ts';
import { sameUnit } from '../../src/core/unit.ts';
import { everyPause, faultFs, pausingFs } from '../support/fault-fs.ts';
import type { Fault } from '../support/fault-fs.ts';
import { KEEP_ALL, LOSE_ALL, MemoryFs } from '../support/memory-fs.ts';
import type { Fractions } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';

const ROOT = '/data/exports';
const OURS = sampleUnit(['alpha\n', 'bravo, and more of it\n']);
/** What another process would have made of the same rows: other bytes under the same keys. */
const THEIRS = sampleUnit(['alpha, encoded anew\n', 'bravo\n']);
const SAMPLES = [OURS, THEIRS];

let seeds = 0;

function sinkOn(fs: DurableFs): Sink {
  const random = seededRandom(++seeds);
  return createFsSink({ name: toSinkName('archive'), path: ROOT, fs, random });
}

/** What a process was told before it stopped. */
interface Told {
  announced?: SampleUnit;
  readonly delivered: Set<number>;
  completed?: boolean;
}

/** The engine's way with a unit, the plan of whoever was first taken over. */
async function exportUnit(sink: Sink, wanted: SampleUnit, told: Told = { delivered: new Set() }) {
  await sink.claim('store/archive');
  const found = await sink.announce(wanted.unit);
  if (found.kind === 'none') throw new Error('announced, but nothing is there');
  const sample = SAMPLES.find(({ unit }) => sameUnit(unit, found.unit));
  if (sample === undefined) throw new Error('the plan is nobody’s');
  told.announced = sample;
  const { unit } = sample;
  if (found.kind === 'planned') {
    for (const [index, part] of unit.parts.entries()) {
      const staged =
        (await sink.staging.find(unit.dataset, unit.after, index, part)) ??
        (await stagePart(sink, sample, index));
      const { kind } = await sink.deliver(unit, index, staged);
      if (kind !== 'accepted' && kind !== 'duplicate') throw new Error(`part ${index}: ${kind}`);
      told.delivered.add(index);
    }
    await sink.complete(unit);
  }
  told.completed = true;
  await sink.staging.clear(unit.dataset, unit.through);
}

/** A process whose staged files another one swept, as the unit was done, is told to try again. */
async function exportPatiently(sink: Sink, wanted: SampleUnit): Promise<void> {
  try {
    await exportUnit(sink, wanted);
  } catch (error) {
    if (!isHypError(error, 'E_UNAVAILABLE')) throw error;
    await exportUnit(sink, wanted);
  }
}

async function filesBelow(fs: DurableFs, dir: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of await fs.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await fs.stat(path))?.kind === 'directory') {
      for (const [key, text] of await filesBelow(fs, path)) files.set(key, text);
    } else {
      files.set(path.slice(ROOT.length + 1), Buffer.from(await fs.readFile(path)).toString());
    }
  }
  return files;
}

/** No object is ever seen that is not whole, and what a process was told is there. */
async function expectWhole(disk: MemoryFs, told: Told): Promise<void> {
  if ((await disk.stat(ROOT)) === undefined) {
    expect(told.announced).toBeUndefined();
    return;
  }
  const files = await filesBelow(disk, ROOT);
  for (const index of [0, 1]) {
    const key = OURS.unit.parts[index]?.key ?? '';
    const texts = SAMPLES.map(({ bytes }) => Buffer.from(bytes[index] ?? []).toString());
    const allowed = told.announced?.bytes[index] ?? undefined;
    const found = files.get(key);
    if (found !== undefined) expect(texts).toContain(found);
    if (told.delivered.has(index)) expect(found).toBe(Buffer.from(allowed ?? []).toString());
  }
  const names = [...files.keys()];
  if (told.announced) expect(names.some((name) => name.endsWith('.plan.json'))).toBe(true);
  if (told.completed === true) expect(names.filter(isManifest)).toHaveLength(1);
}

function isManifest(name: string): boolean {
  return /_hyp\/archive\/[0-9a-f]{12}-\d{19}\.json$/.test(name);
}

/** After everybody is done: exactly one unit, exactly its objects, nothing left over. */
async function expectDelivered(disk: MemoryFs): Promise<void> {
  const sink = sinkOn(disk);
  await exportUnit(sink, THEIRS);
  const found = await sink.lookup(OURS.unit.dataset, OURS.unit.lineage, OURS.unit.after);
  const sample = SAMPLES.find(
    ({ unit }) => found.kind === 'delivered' && sameUnit(unit, found.unit),
  );
  if (sample === undefined) throw new Error(`not delivered: ${found.kind}`);
  const files = await filesBelow(disk, ROOT);
  for (const [index, part] of sample.unit.parts.entries()) {
    expect(files.get(part.key)).toBe(Buffer.from(sample.bytes[index] ?? []).toString());
    files.delete(part.key);
  }
  const rest = [...files.keys()].filter((name) => !/\.probe(-link)?$/.test(name)).sort();
  const stem = 'requests/_hyp/archive/0123456789ab-0000000000000000000';
  expect(rest).toEqual(['_hyp-owner.json', `${stem}.json`, `${stem}.plan.json`]);
}

describe('two processes with one unit', () => {
  it.each([
    ['the same plan', OURS],
    ['another plan', THEIRS],
  ])('one stopped at every step while the other runs with %s', async (_name, other) => {
    const places = await everyPause(async (pauseHere) => {
      const disk = new MemoryFs('/data');
      const first = sinkOn(pauseHere(disk, () => exportUnit(sinkOn(disk), other)));
      await exportPatiently(first, OURS);
      await expectDelivered(disk);
    });
    expect(places.length).toBeGreaterThan(100);
  });

  it('one stopped at every step while the other is killed at every fifth', async () => {
    let rounds = 0;
    for (let killAt = 0; killAt < 75; killAt += 5) {
      const places = await everyPause(async (pauseHere) => {
        const disk = new MemoryFs('/data');
        const paused = pauseHere(disk, async () => {
          const dying = disk.process();
          const view = pausingFs(dying);
          view.at(killAt, 'before', () => dying.kill());
          await exportUnit(sinkOn(view), THEIRS).catch((error: unknown) => {
            if (dying.alive) throw error;
          });
        });
        await exportPatiently(sinkOn(paused), OURS);
        await expectDelivered(disk);
      });
      rounds += places.length;
    }
    expect(rounds).toBeGreaterThan(1500);
  });
});

describe('a power failure at every step', () => {
  const outcomes: [string, () => Fractions][] = [
    ['loses all that was not synced', () => LOSE_ALL],
    ['loses nothing', () => KEEP_ALL],
    ...[1, 2, 3, 4, 5, 6].map((seed): [string, () => Fractions] => [
      `loses what chance ${seed} takes`,
      () => seededRandom(seed),
    ]),
  ];
  it.each(outcomes)(
    'that %s leaves whole objects and all that was acknowledged',
    async (_, lose) => {
      const places = await everyPause(async (pauseHere) => {
        const disk = new MemoryFs('/data');
        const told: Told = { delivered: new Set() };
        const process = disk.process();
        const view = pauseHere(process, () => void disk.crash(lose()));
        await exportUnit(sinkOn(view), OURS, told).catch((error: unknown) => {
          if (process.alive) throw error;
        });
        await expectWhole(disk, told);
        await expectDelivered(disk);
      });
      expect(places.length).toBeGreaterThan(100);
    },
  );
});

describe('what a process was told', () => {
  it('outlives the power though another process, stopped at any step, wrote it', async () => {
    const places = await everyPause(async (pauseHere) => {
      const disk = new MemoryFs('/data');
      const told: Told = { delivered: new Set() };
      const stopped = disk.process();
      const view = pauseHere(stopped, async () => {
        await exportUnit(sinkOn(disk), OURS, told);
        stopped.kill();
      });
      await exportUnit(sinkOn(view), OURS).catch((error: unknown) => {
        if (stopped.alive) throw error;
      });
      disk.crash(LOSE_ALL);
      await expectWhole(disk, told);
      await expectDelivered(disk);
    });
    expect(places.length).toBeGreaterThan(100);
  });

  it('is "delivered" as long as its plan was not the first, though a reader moved the objects', async () => {
    const { unit } = OURS;
    let delivered = 0;
    const places = await everyPause(async (pauseHere) => {
      const disk = new MemoryFs('/data');
      const plan = { wasFirst: false };
      const stopped = pauseHere(disk, async () => {
        const other = sinkOn(disk);
        plan.wasFirst =
          (await other.lookup(unit.dataset, unit.lineage, unit.after)).kind === 'planned';
        await exportUnit(other, OURS);
        for (const { key } of unit.parts) await disk.unlink(`${ROOT}/${key}`);
      });
      await sinkOn(disk).claim('store/archive');
      const { kind } = await sinkOn(stopped).announce(unit);
      expect(kind).toBe(stopped.fired && !plan.wasFirst ? 'delivered' : 'planned');
      if (kind === 'delivered') delivered++;
    });
    expect(places.length).toBeGreaterThan(10);
    expect(delivered).toBeGreaterThan(10);
  });
});

describe('an error of the disk at every step', () => {
  const faults: [string, Omit<Fault, 'nth'>][] = [
    ['EIO before it', { code: 'EIO', when: 'before' }],
    ['EIO after it', { code: 'EIO', when: 'after' }],
    ['EIO in the middle of a write', { op: 'write', code: 'EIO', when: 'half' }],
    ['a full disk from there on', { code: 'ENOSPC', when: 'before', sticky: true }],
  ];
  it.each(faults)('%s is told as such, and the next attempt delivers', async (_, fault) => {
    let failed = 0;
    for (let nth = 1; ; nth++) {
      const disk = new MemoryFs('/data');
      const broken = faultFs(disk, { ...fault, nth });
      const told: Told = { delivered: new Set() };
      await exportUnit(sinkOn(broken), OURS, told).catch((error: unknown) => {
        if (!isHypError(error, 'E_UNAVAILABLE', 'E_UNSUPPORTED_FS')) throw error;
      });
      if (broken.failed.length === 0) break;
      failed++;
      await expectWhole(disk, told);
      await expectDelivered(disk);
    }
    expect(failed).toBeGreaterThan(fault.op === 'write' ? 6 : 50);
  });
});

describe('a unit survives the power failure behind its end, though at any step of it', () => {
  /** As a reader does that cleans up; and another process that stops before their names are durable. */
  const emptyDirsMadeAgain = async (disk: MemoryFs, dir: string): Promise<void> => {
    for (const name of await disk.readdir(dir)) {
      const path = `${dir}/${name}`;
      if (name === '.hyp-staging' || (await disk.stat(path))?.kind !== 'directory') continue;
      await emptyDirsMadeAgain(disk, path);
      if ((await disk.readdir(path)).length > 0) continue;
      await disk.rmdir(path);
      await disk.syncDir(dir);
      await disk.mkdir(path);
    }
  };
  const send = async (sink: Sink, { unit, bytes }: SampleUnit): Promise<void> => {
    await sink.announce(unit);
    for (const index of unit.parts.keys()) {
      await sink.deliver(unit, index, await stagePart(sink, { unit, bytes }, index));
    }
    await sink.complete(unit);
  };
  const NEXT = sampleUnit(['charlie\n', 'delta\n'], 2);

  for (const [what, before] of [
    ['its empty directories were removed and made again by others', []],
    ['a reader took the unit before it, with its directories, which others made again', [OURS]],
  ] as const) {
    it(what, async () => {
      const places = await everyPause(async (pauseHere) => {
        const disk = new MemoryFs('/data');
        let armed = false;
        const fs = pauseHere(disk.process(), async () => {
          if (!armed) return;
          for (const { unit } of before) {
            for (const { key } of unit.parts) {
              if ((await disk.stat(`${ROOT}/${key}`)) !== undefined) {
                await disk.unlink(`${ROOT}/${key}`);
              }
            }
          }
          await emptyDirsMadeAgain(disk, ROOT);
        });
        const sink = sinkOn(fs);
        await sink.claim('store/archive');
        for (const sample of before) await send(sink, sample);
        armed = true;
        await send(sink, NEXT);
        disk.crash(LOSE_ALL);
        const files = await filesBelow(disk, ROOT);
        for (const [index, { key }] of NEXT.unit.parts.entries()) {
          expect(files.get(key)).toBe(Buffer.from(NEXT.bytes[index] ?? []).toString());
        }
        const starts = [...files.keys()].filter((name) => name.includes('-0000000000000000002.'));
        expect(starts.map((name) => name.replace(/^.*\d{19}\./, ''))).toEqual([
          'json',
          'plan.json',
        ]);
      });
      expect(places.length).toBeGreaterThan(40);
    });
  }
});
