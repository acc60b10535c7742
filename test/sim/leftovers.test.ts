/**
 * What killed processes leave behind, and that others take it away: only what is provably nobody's,
 * never by a clock or an age, and never a row. llp/0020
 */
import { expect, test } from 'vitest';
import { tempVersion } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { appendLeasePath } from '../../state/layout.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { entriesRecord, RECORD_DIR, appendEntry } from '../support/record.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { OUT, ROOT, World, dies, noLeases } from '../support/world.ts';

const LONG = 120_000;

async function leftovers(fs: DurableFs, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fs.readdir(path)) {
    const child = `${path}/${name}`;
    if ((await fs.stat(child))?.kind === 'directory') found.push(...(await leftovers(fs, child)));
    else if (/\.tmp$|\.probe|\.part$|^\.gone/.test(name)) found.push(child);
  }
  return found;
}

test(
  'temp files, probes and staged parts of a process killed beside any of them are gone when others went on',
  { timeout: LONG },
  async () => {
    let left = 0;
    for (let nth = 1; ; nth++) {
      const world = new World();
      const process = world.disk.process();
      let seen = 0;
      const fs = interceptFs(process, async (step, run) => {
        // Temp files are there before these, and not before others.
        if (['link', 'rename', 'unlink'].includes(step.op) && ++seen === nth) process.kill();
        return run();
      });
      await dies(async () => {
        const engine = await world.open({ fs });
        await world.append(engine, 2);
        await engine.tick();
      });
      if (seen < nth) break;
      if ((await leftovers(world.disk, '/')).length > 0) left += 1;
      const next = await world.open();
      await world.append(next, 1);
      await next.close();
      // Another filter is another version of the registry.
      await world.settle([{ datasets: [toDatasetName('events')] }]);
      world.clock.leap(LIMITS.deadWriterKeepMs);
      await world.append(await world.open(), 1);
      await world.settle();
      expect(await leftovers(world.disk, ROOT), `killed at ${nth}`).toEqual([]);
      expect(await leftovers(world.disk, OUT), `killed at ${nth}`).toEqual([]);
    }
    expect(left).toBeGreaterThan(20);
  },
);

test('a temp file for a version that is still to come is left alone', async () => {
  const fs = new MemoryFs(RECORD_DIR);
  const record = entriesRecord(fs);
  const names = ['.v1.0a.tmp', '.v2.0a.tmp', '.v3.0a.tmp', '.positions-2.0a.tmp', '.other.tmp'];
  for (const name of names) await (await fs.create(`${RECORD_DIR}/${name}`)).close();
  expect(names.map(tempVersion)).toEqual([1, 2, 3, 2, undefined]);
  await appendEntry(record, 'a');
  await appendEntry(record, 'b');
  const kept = (await fs.readdir(RECORD_DIR)).filter((name) => name.startsWith('.'));
  expect(kept).toEqual(['.other.tmp', '.v3.0a.tmp']);
});

test('a writer paused before its link, whose temp file was swept, loses nothing', async () => {
  const world = new World();
  await world.settle();
  const other = await world.open();
  let swept = 0;
  const process = world.disk.process();
  const fs = interceptFs(process, async (step, run) => {
    if (step.op === 'link' && swept === 0 && /metadata\/\.(?:v|positions)/.test(step.path)) {
      await world.append(other, 1);
      await other.flush();
      if ((await world.disk.stat(step.path)) === undefined) swept += 1;
    }
    return run();
  });
  const engine = await world.open({ fs });
  await world.append(engine, 2);
  expect((await engine.tick()).failures).toEqual([]);
  expect(swept).toBe(1);
  await world.settle();
  await world.expectWhole();
});

test('a lease of a spool writer goes with its directory, others stay', async () => {
  const forgotten: string[] = [];
  const leases = {
    ...noLeases,
    forget: (path: string) => Promise.resolve(void forgotten.push(path)),
  };
  const world = new World();
  const engine = await world.open({ leases });
  await world.append(engine, 1);
  const [writer = ''] = await world.disk.readdir(`${ROOT}/spool`);
  const flush = appendLeasePath(`${ROOT}/state`, toDatasetName('events'));
  const gone = `${ROOT}/state/leases/writer-0192aa00-0000-7000-8000-000000000000`;
  const there = `${ROOT}/state/leases/writer-${writer}`;
  for (const path of [flush, gone, there]) {
    await world.disk.mkdir(`${path}.lock`);
    await (await world.disk.create(`${path}.json`)).close();
  }
  await engine.flush();
  expect(forgotten).toEqual([gone]);
});
