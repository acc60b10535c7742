/**
 * Intents: whatever happens between the intent and the watermark, the retried unit is the same
 * unit. Every durable step of an export is killed in turn; then rows are added, the configuration
 * is changed and staged bytes are removed before the next process starts.
 */
import { expect, test } from 'vitest';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import type { SinkConfig } from '../../src/config/config.ts';
import { systemCode } from '../../src/core/errors.ts';
import { everyPause } from '../support/fault-fs.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { OUT, ROOT, World, dies, everybodyLives, objectKeys } from '../support/world.ts';

const LONG = 240_000;

/** Rotation, format and partition all differ from the defaults the first process had. */
const CHANGED: Partial<SinkConfig> = {
  format: 'parquet',
  partition: 'color={color}',
  rotate: { rows: 300, bytes: 1_000_000, intervalMs: 1 },
};

interface Intent {
  readonly parts: readonly { readonly key: string }[];
}

/** The open unit as the newest progress version has it. */
async function openIntent(fs: DurableFs): Promise<Intent | undefined> {
  const dir = `${ROOT}/state/progress/archive/events`;
  if ((await fs.stat(dir)) === undefined) return undefined;
  const [lineage] = await fs.readdir(dir);
  const versions = (await fs.readdir(`${dir}/${lineage ?? ''}`))
    .map((name) => Number(/^v(\d+)\.json$/.exec(name)?.[1] ?? 0))
    .sort((a, b) => b - a);
  if (versions[0] === undefined || versions[0] === 0) return undefined;
  const text = await fs.readFile(`${dir}/${lineage ?? ''}/v${versions[0]}.json`);
  const record = JSON.parse(Buffer.from(text).toString()) as { value: { open?: Intent } };
  return record.value.open;
}

async function removeStaging(fs: DurableFs): Promise<void> {
  const walk = async (path: string): Promise<void> => {
    for (const name of await fs.readdir(path)) {
      const child = `${path}/${name}`;
      if ((await fs.stat(child))?.kind === 'directory') await walk(child);
      else await fs.unlink(child);
    }
  };
  const staging = `${OUT}/.hyp-staging`;
  if ((await fs.stat(staging)) !== undefined) await walk(staging);
}

async function killedExport(first: Partial<SinkConfig>, then: Partial<SinkConfig>) {
  let openUnits = 0;
  const places = await everyPause(async (pauseHere) => {
    const world = new World();
    const writer = await world.open({ leases: everybodyLives });
    await world.append(writer, 3, { color: 'red' });
    await world.append(writer, 2, { color: 'blue' });
    await writer.flush();
    const process = world.disk.process();
    const fs = pauseHere(process, () => {
      process.kill();
    });
    await dies(async () => {
      const exporter = await world.open({ fs, sinks: [first], leases: everybodyLives });
      await exporter.tick();
    });
    const intent = await openIntent(world.disk);
    await world.append(writer, 1000, { color: 'green' });
    await writer.flush();
    await removeStaging(world.disk);
    await world.settle([then]);
    await world.expectWhole();
    if (intent !== undefined) {
      openUnits += 1;
      const keys = await objectKeys(world.disk);
      expect(keys).toEqual(expect.arrayContaining(intent.parts.map((part) => part.key)));
    }
  });
  return { places, openUnits };
}

test(
  'a unit killed at any step is retried with the same keys and rows after every change of configuration',
  { timeout: LONG },
  async () => {
    const { places, openUnits } = await killedExport({}, CHANGED);
    expect(places.length).toBeGreaterThan(40);
    expect(openUnits).toBeGreaterThan(20);
  },
);

test('the same for compressed objects in two partitions', { timeout: LONG }, async () => {
  const first: Partial<SinkConfig> = { format: 'ndjson.gz', partition: 'color={color}' };
  const { places, openUnits } = await killedExport(first, {});
  expect(places.length).toBeGreaterThan(40);
  expect(openUnits).toBeGreaterThan(20);
});

test(
  'two processes exporting to one destination, one paused at any step, send each row once',
  { timeout: LONG },
  async () => {
    const places = await everyPause(async (pauseHere) => {
      const world = new World();
      const writer = await world.open({ leases: everybodyLives });
      await world.append(writer, 5);
      await writer.flush();
      const other = await world.open({ leases: everybodyLives });
      const fs = pauseHere(world.disk.process(), async () => {
        await other.tick();
        await world.append(writer, 2);
        await other.tick();
      });
      const paused = await world.open({ fs, leases: everybodyLives });
      await paused.tick();
      await world.settle();
      await world.expectWhole();
    });
    expect(places.length).toBeGreaterThan(40);
  },
);

test.each([
  ['intent', 1],
  ['advance', 2],
])(
  'an exporter paused before its %s is refused and takes the winner for granted',
  async (_what, nth) => {
    const world = new World();
    const writer = await world.open({ leases: everybodyLives });
    await world.append(writer, 5);
    await writer.flush();
    const other = await world.open({ leases: everybodyLives });
    const refused: string[] = [];
    let links = 0;
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      if (step.op !== 'link' || !/\/progress\/.*\/v\d+\.json$/.test(step.to ?? '')) return run();
      if (++links === nth) {
        await world.append(writer, 1);
        await other.tick();
      }
      try {
        return await run();
      } catch (error) {
        refused.push(systemCode(error) ?? 'no code');
        throw error;
      }
    });
    const exporter = await world.open({ fs, leases: everybodyLives });
    const report = await exporter.tick();
    // Its version is taken: the winner has swept what it was to link.
    expect(refused).toEqual(['ENOENT']);
    expect(report.failures).toEqual([]);
    expect(report.exported[0]).toMatchObject({ watermark: 6n, problem: undefined });
    await world.settle();
    await world.expectWhole();
  },
);
