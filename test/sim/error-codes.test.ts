/**
 * Every error code, produced by what a user or a machine really does: one entry for each, so that a
 * code without a way to it does not compile. llp/0001
 */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import type { HypConfig } from '../../src/config/config.ts';
import { SEAL_PLACEHOLDER, sealBytes } from '../../src/core/digest.ts';
import { ERROR_KINDS, HypError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { toSeq, toSinkName } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import type { Engine, TickReport } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { faultFs } from '../support/fault-fs.ts';
import { interceptFs, systemError } from '../support/intercept-fs.ts';
import type { FsOp } from '../support/intercept-fs.ts';
import { tempDir } from '../support/tmp.ts';
import { ROOT, World, configOf, everybodyLives } from '../support/world.ts';

const SINK = toSinkName('archive');

/** A world and a process of it whose sink has the first row. */
async function started(config: Partial<HypConfig> = {}) {
  const world = new World();
  const engine = await world.open({ leases: everybodyLives, config });
  await world.append(engine, 1);
  await engine.tick();
  return { world, engine };
}

/** What a tick says of its first failure. */
async function failureOf(engine: Engine): Promise<never> {
  const { failures }: TickReport = await engine.tick();
  throw failures[0]?.error ?? new Error('nothing failed');
}

/** An append on a disk whose spool fails in these calls, after they took effect or before. */
async function appendOn(ops: readonly FsOp[], when: 'before' | 'after'): Promise<void> {
  const { world } = await started();
  let failing = false;
  const fs = interceptFs(world.disk.process(), async (step, run) => {
    const fails = failing && step.path.includes('/spool/') && ops.includes(step.op);
    if (!fails) return run();
    if (when === 'after') await run();
    throw systemError('EIO', step.op, step.path);
  });
  const engine = await world.open({ fs });
  await world.append(engine, 1);
  failing = true;
  await world.append(engine, 1);
}

async function rewritten(world: World, path: string, change: (text: string) => Uint8Array) {
  const bytes = await world.disk.readFile(path);
  await world.disk.unlink(path);
  const handle = await world.disk.create(path);
  await handle.write(change(Buffer.from(bytes).toString()));
  await handle.close();
}

/** The newest metadata file of `events`, changed by another hand. */
async function metadataChanged(change: (text: string) => string): Promise<unknown> {
  const { world } = await started();
  const dir = `${ROOT}/tables/events/metadata`;
  await rewritten(world, `${dir}/v1.metadata.json`, (text) => Buffer.from(change(text)));
  const engine = await world.open();
  await world.append(engine, 1);
  return engine.flush();
}

/** How each comes about. Rejects with it. */
const PRODUCED: Readonly<Record<ErrorCode, () => unknown>> = {
  E_USAGE: async () => (await started()).engine.backup(`${ROOT}/tables`),
  E_CONFIG: () => parseConfig('sinks: {a: {type: tape}}', { path: '/hyp.yaml', env: {} }),
  E_DATASET_NAME: async () => (await started()).engine.append('No Name', [{ id: 1 }]),
  E_UNKNOWN_DATASET: async () => {
    const { engine } = await started();
    for await (const batch of engine.scan('others')) expect(batch).toBeUndefined();
  },
  E_BAD_ROW: async () =>
    (await started()).engine.append('events', [
      { deep: JSON.parse(`${'['.repeat(600)}${']'.repeat(600)}`) as unknown },
    ]),
  E_ROW_TOO_LARGE: async () =>
    (await started()).engine.append('events', [{ a: 'x'.repeat(9 * 1024 * 1024) }]),
  E_BAD_INPUT: async () => (await started()).engine.backfill('events', ['/nowhere/a.ndjson']),
  E_RANGE: () => toSeq(-1),
  E_NOT_A_STORE: async () => {
    const config = configOf([]);
    await openEngine({ root: ROOT, config, fs: new World().disk, mustExist: true });
  },
  E_CLOSED: async () => {
    const { engine } = await started();
    await engine.close();
    await engine.append('events', [{ id: 2 }]);
  },
  E_CONFLICT: async () => {
    const { world } = await started();
    const rival = await world.open();
    const fs = interceptFs(world.disk.process(), async (step, run) => {
      if (step.op === 'link' && step.to?.includes('/state/sinks/') === true) {
        await rival.changeSink({ verb: 'resume', sink: SINK });
        await rival.changeSink({ verb: 'pause', sink: SINK });
      }
      return run();
    });
    await rival.changeSink({ verb: 'pause', sink: SINK });
    await (await world.open({ fs })).changeSink({ verb: 'resume', sink: SINK });
  },
  E_UNKNOWN_OUTCOME: () => appendOn(['datasync', 'sync'], 'after'),
  E_HELD: async () => {
    const root = await tempDir();
    const open = () => openEngine({ root, config: configOf([]), fs: nodeFs });
    const release = await (await open()).holdDaemon();
    try {
      await (await open()).holdDaemon();
    } finally {
      await release();
    }
  },
  E_UNAVAILABLE: () => appendOn(['write', 'create'], 'before'),
  E_DISK_FULL: async () => {
    const { world, engine } = await started({ disk: { minFreeBytes: 1024 * 1024 } });
    world.disk.setCapacity(world.disk.usedBytes + 1000);
    await engine.append('others', [{ pad: 'x'.repeat(2000) }]);
  },
  E_SPOOL_FULL: async () => {
    const { engine } = await started({ spool: { maxBytes: 1000, maxWaitMs: 0 } });
    for (;;) await engine.append('events', [{ pad: 'x'.repeat(400) }]);
  },
  E_UNSUPPORTED_FS: async () => {
    const world = new World();
    const fs = faultFs(world.disk, {
      op: 'link',
      nth: 1,
      code: 'EPERM',
      when: 'before',
      sticky: true,
    });
    await world.open({ fs });
  },
  E_UNSUPPORTED_FORMAT: async () => {
    const { world } = await started();
    await rewritten(world, `${ROOT}/store.json`, (text) => {
      const newer = { ...(JSON.parse(text) as object), format: 99, seal: SEAL_PLACEHOLDER };
      return sealBytes(Buffer.from(`${JSON.stringify(newer)}\n`));
    });
    await world.open();
  },
  E_PARKED: async () => {
    const { world } = await started();
    await failureOf(await world.open({ sinks: [{ path: '/elsewhere' }] }));
  },
  E_REFUSED: async () => {
    const { world } = await started();
    const engine = await world.open({ sinks: [] });
    await world.append(engine, 1);
    await engine.changeSink({ verb: 'forget', sink: SINK });
  },
  E_FORK: async () => {
    const { world } = await started();
    await (await world.open({ sinks: [] })).changeSink({ verb: 'forget', sink: SINK });
    await failureOf(await world.open({ sinks: [{ name: toSinkName('other') }] }));
  },
  E_FOREIGN: () =>
    metadataChanged((text) => {
      const rest = Object.entries(JSON.parse(text) as object).filter(([key]) => key !== 'hyp.seal');
      return JSON.stringify(Object.fromEntries(rest));
    }),
  E_CORRUPT: () => metadataChanged((text) => text.replace('events', 'evento')),
  E_INTERNAL: () => {
    invariant(Number.isNaN(0), 'nought is no number');
  },
};

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the error', () => {
  test.each(Object.keys(ERROR_KINDS) as ErrorCode[])(
    '%s comes about, and says what happened and what to do',
    async (code) => {
      const error = await thrownBy(PRODUCED[code]);
      if (!(error instanceof HypError)) throw new Error(`not ${code}`, { cause: error });
      expect({ code: error.code, kind: error.kind }).toEqual({ code, kind: ERROR_KINDS[code] });
      expect(error.message.length).toBeGreaterThan(10);
      expect(error.hint?.length ?? 0).toBeGreaterThan(10);
    },
  );
});
