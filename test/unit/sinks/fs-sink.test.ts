/** A directory as a destination: what the contract does not say. llp/0009 */
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FsBlobStore } from '../../../sinks/blob/fs-store.ts';
import { decodeUnitFile, encodeUnitFile } from '../../../sinks/blob/unit-manifest.ts';
import { createFsSink } from '../../../sinks/fs.ts';
import { sampleUnit, stagePart } from '../../../sinks/sample-unit.ts';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import { toSeq, toSinkName } from '../../../src/core/ids.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { systemRandom } from '../../../src/core/random.ts';
import { unitToJson } from '../../../src/core/unit.ts';
import { countingFs } from '../../support/fault-fs.ts';
import { interceptFs, systemError } from '../../support/intercept-fs.ts';
import { tempDir } from '../../support/tmp.ts';

const NAME = toSinkName('archive');
const SAMPLE = sampleUnit(['alpha\n', 'bravo\n']);
const PLAN_KEY = 'requests/_hyp/archive/0123456789ab-0000000000000000000.plan.json';

function sinkAt(path: string, fs: DurableFs = nodeFs, prefix?: string) {
  return createFsSink({ name: NAME, path, prefix, fs, random: systemRandom });
}

describe('the destination of a directory', () => {
  it('is its real path, whether it is there yet or not, and with its prefix', async () => {
    const dir = await tempDir();
    await mkdir(`${dir}/real`);
    await symlink(`${dir}/real`, `${dir}/link`);
    expect(sinkAt(`${dir}/link/new`).destination).toBe(`fs:${dir}/real/new`);
    await mkdir(`${dir}/real/new`);
    expect(sinkAt(`${dir}/link/new/`).destination).toBe(`fs:${dir}/real/new`);
    expect(sinkAt(`${dir}/real`, nodeFs, '/new/').destination).toBe(`fs:${dir}/real/new`);
    expect(() => sinkAt('/')).toThrow(/root directory/);
    expect(() => sinkAt(dir, nodeFs, '../up')).toThrow(/key prefix/);
  });

  it('is touched by nothing before it is claimed', async () => {
    const dir = await tempDir();
    const fs = countingFs(nodeFs);
    sinkAt(`${dir}/exports`, fs);
    expect(fs.steps()).toEqual([]);
  });

  it('is refused where files have no second name', async () => {
    const noLinks = interceptFs(nodeFs, async (step, run) => {
      if (step.op === 'link') throw systemError('EPERM', 'link', step.path);
      return run();
    });
    await expect(sinkAt(await tempDir(), noLinks).claim('me')).rejects.toMatchObject({
      code: 'E_UNSUPPORTED_FS',
    });
  });

  it('is not made again when it vanishes after the claim', async () => {
    const path = `${await tempDir()}/mounted`;
    const sink = sinkAt(path);
    await sink.claim('me');
    await rm(path, { recursive: true });
    await expect(sink.announce(SAMPLE.unit)).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
    await expect(stagePart(sink, SAMPLE, 0)).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  it('tells an owner from another, by name, and how to go on', async () => {
    const path = await tempDir();
    await sinkAt(path).claim('store-1/archive');
    await expect(sinkAt(path).claim('store-2/archive')).rejects.toMatchObject({
      code: 'E_FORK',
      message: expect.stringContaining('belongs to store-1/archive') as string,
      hint: expect.stringContaining('_hyp-owner.json') as string,
    });
  });
});

describe('files of a directory', () => {
  it('are private, and are what the plan says once the unit is complete', async () => {
    const path = await tempDir();
    const sink = sinkAt(path, nodeFs);
    await sink.claim('me');
    await sink.announce(SAMPLE.unit);
    for (const index of SAMPLE.unit.parts.keys()) {
      await sink.deliver(SAMPLE.unit, index, await stagePart(sink, SAMPLE, index));
    }
    await sink.complete(SAMPLE.unit);
    for (const [index, part] of SAMPLE.unit.parts.entries()) {
      expect(await readFile(`${path}/${part.key}`)).toEqual(SAMPLE.bytes[index]);
      expect((await stat(`${path}/${part.key}`)).mode & 0o777).toBe(0o600);
      expect((await stat(`${path}/${part.key}`)).nlink).toBe(1);
    }
    expect(await readdir(`${path}/.hyp-staging/archive`)).toEqual([]);
    expect(JSON.parse(await readFile(`${path}/${PLAN_KEY}`, 'utf8'))).toMatchObject({
      hyp: 'plan',
      format: 1,
      unit: unitToJson(SAMPLE.unit),
    });
  });

  it('that a reader removed with their directory are put into a new one', async () => {
    const path = await tempDir();
    const sink = sinkAt(path);
    await sink.claim('me');
    await sink.announce(SAMPLE.unit);
    await sink.deliver(SAMPLE.unit, 0, await stagePart(sink, SAMPLE, 0));
    await rm(`${path}/requests/p=0`, { recursive: true });
    const staged = await stagePart(sink, SAMPLE, 0);
    expect(await sink.deliver(SAMPLE.unit, 0, staged)).toEqual({ kind: 'accepted' });
  });

  it('that were linked are there, though the answer said otherwise', async () => {
    const path = await tempDir();
    const lying = interceptFs(nodeFs, async (step, run) => {
      const done = await run();
      if (step.op === 'link' && step.to?.includes('p=1') === true) {
        throw systemError('EIO', 'link', step.path);
      }
      return done;
    });
    const sink = sinkAt(path, lying);
    await sink.claim('me');
    const staged = await stagePart(sink, SAMPLE, 1);
    expect(await sink.deliver(SAMPLE.unit, 1, staged)).toEqual({ kind: 'duplicate' });
  });

  it('that cannot be written are told as unavailable, with path and reason', async () => {
    const path = await tempDir();
    const full = interceptFs(nodeFs, async (step, run) => {
      if (step.op === 'link' && step.to?.includes('p=1') === true) {
        throw systemError('ENOSPC', 'link', step.path);
      }
      return run();
    });
    const sink = sinkAt(path, full);
    await sink.claim('me');
    const staged = await stagePart(sink, SAMPLE, 1);
    await expect(sink.deliver(SAMPLE.unit, 1, staged)).rejects.toMatchObject({
      code: 'E_UNAVAILABLE',
      kind: 'unavailable',
      message: expect.stringMatching(/p=1.*ENOSPC/) as string,
    });
  });

  it('cost the same syncs for each part, whatever was delivered before', async () => {
    const fs = countingFs(nodeFs);
    const sink = sinkAt(await tempDir(), fs);
    await sink.claim('me');
    const syncs: number[] = [];
    for (const after of [0, 2, 4]) {
      const sample = sampleUnit(['a\n', 'b\n'], after);
      fs.reset();
      await sink.announce(sample.unit);
      for (const index of [0, 1]) {
        await sink.deliver(sample.unit, index, await stagePart(sink, sample, index));
      }
      await sink.complete(sample.unit);
      syncs.push(fs.syncs());
    }
    // Of each object its content and the directories on the way to it: plan, two parts, manifest.
    expect(syncs).toEqual([5 + 2 * 4 + 5, 18, 18]);
  });

  it('are listed below a prefix, without what is staged', async () => {
    const root = await tempDir();
    for (const dir of ['a/b', 'a/bc', 'x', '.hyp-staging/archive']) {
      await mkdir(`${root}/${dir}`, { recursive: true });
      await writeFile(`${root}/${dir}/file`, '');
    }
    const stagingDir = `${root}/.hyp-staging/archive`;
    const store = new FsBlobStore({ fs: nodeFs, root, stagingDir, random: systemRandom });
    const listed = async (prefix: string) => {
      const keys: string[] = [];
      for await (const key of store.list(prefix)) keys.push(key);
      return keys;
    };
    expect(await listed('')).toEqual(['a/b/file', 'a/bc/file', 'x/file']);
    expect(await listed('a/b')).toEqual(['a/b/file', 'a/bc/file']);
    expect(await listed('a/b/')).toEqual(['a/b/file']);
    expect(await listed('gone/')).toEqual([]);
  });
});

describe('leftovers of a dead process', () => {
  it('of objects are swept by the next claim, of parts when their unit is done', async () => {
    const path = await tempDir();
    const staging = `${path}/.hyp-staging/archive`;
    const sink = sinkAt(path);
    await sink.claim('me');
    await writeFile(`${staging}/.put-dead.tmp`, 'half');
    await writeFile(`${staging}/.0000000000000000000-000.requests.dead-1.tmp`, 'half');
    await stagePart(sink, SAMPLE, 1);
    await stagePart(sink, sampleUnit(['next\n'], 2), 0);
    await sinkAt(path).claim('me');
    expect(await readdir(staging)).toHaveLength(3);
    await sink.staging.clear(SAMPLE.unit.dataset, SAMPLE.unit.through);
    expect(await readdir(staging)).toEqual([
      expect.stringMatching(/^0000000000000000002-000\.requests\.[0-9a-f]{64}\.part$/),
    ]);
  });

  it('that were damaged are not found', async () => {
    const path = await tempDir();
    const sink = sinkAt(path);
    await sink.claim('me');
    const staged = await stagePart(sink, SAMPLE, 0);
    const part = SAMPLE.unit.parts[0];
    if (part === undefined) throw new Error('no part');
    await chmod(staged.path, 0o600);
    await writeFile(staged.path, 'alphA\n');
    expect(await sink.staging.find(SAMPLE.unit.dataset, toSeq(0), 0, part)).toBeUndefined();
  });
});

describe('a plan or manifest', () => {
  it('with any bit flipped is corrupt, never another unit', () => {
    const bytes = encodeUnitFile('unit', SAMPLE.unit);
    expect(decodeUnitFile('unit', bytes, 'x')).toEqual(SAMPLE.unit);
    for (let at = 0; at < bytes.length; at++) {
      const bad = Uint8Array.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expect(() => decodeUnitFile('unit', bad, 'x')).toThrow(/damaged/);
    }
    for (let size = 0; size < bytes.length; size += 7) {
      expect(() => decodeUnitFile('unit', bytes.subarray(0, size), 'x')).toThrow(/damaged/);
    }
  });

  it('is not taken for the other, nor read by a build that is too old', () => {
    expect(() => decodeUnitFile('unit', encodeUnitFile('plan', SAMPLE.unit), 'x')).toThrow(
      /damaged/,
    );
  });

  it('is a pure function of the unit', () => {
    const again = sampleUnit(['alpha\n', 'bravo\n']);
    expect(encodeUnitFile('plan', again.unit)).toEqual(encodeUnitFile('plan', SAMPLE.unit));
  });

  it('of another unit under its name is corrupt', async () => {
    const path = await tempDir();
    const sink = sinkAt(path);
    await sink.claim('me');
    await sink.announce(SAMPLE.unit);
    const moved = encodeUnitFile('plan', sampleUnit(['a\n'], 7).unit);
    await writeFile(`${path}/${PLAN_KEY}`, moved);
    await expect(
      sink.lookup(SAMPLE.unit.dataset, SAMPLE.unit.lineage, SAMPLE.unit.after),
    ).rejects.toMatchObject({ code: 'E_CORRUPT' });
  });
});
