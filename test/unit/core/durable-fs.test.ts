/** The durable file operations, on the simulated and on the real disk. llp/0013 */
import { describe, expect, test } from 'vitest';
import {
  assertLinks,
  createSynced,
  isMissing,
  mkdirDurable,
  readFileIfAny,
  readdirIfAny,
  replaceDurable,
  unlinkIfAny,
} from '../../../src/core/durable-fs.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { everyPause, faultFs } from '../../support/fault-fs.ts';
import { systemError } from '../../support/intercept-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';
import { tempDir } from '../../support/tmp.ts';

const OLD = Buffer.from('old');
const NEW = Buffer.from('new and longer');

describe('replaceDurable', () => {
  test('leaves the old or the new file, whole, after a power failure at any step', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const places = await everyPause(async (pauseHere) => {
        const memory = new MemoryFs('/d');
        await replaceDurable(memory, '/d/a', OLD, 'x');
        const fs = pauseHere(memory.process(), () => {
          memory.crash(seededRandom(seed));
        });
        const done = await replaceDurable(fs, '/d/a', NEW, 'y').then(
          () => true,
          () => false,
        );
        const text = Buffer.from(await memory.readFile('/d/a')).toString();
        expect(done ? ['new and longer'] : ['old', 'new and longer']).toContain(text);
      });
      expect(places).toHaveLength(10);
    }
  });

  test.each(['create', 'write', 'sync', 'rename'] as const)(
    'that fails at %s throws that error, keeps the old file and leaves no temp file',
    async (op) => {
      const memory = new MemoryFs('/d');
      await replaceDurable(memory, '/d/a', OLD, 'x');
      const fs = faultFs(memory, { op, nth: 1, code: 'ENOSPC', when: 'before' });
      const run = replaceDurable(fs, '/d/a', NEW, 'y');
      await expect(run).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await memory.readdir('/d')).toEqual(['a']);
      expect(OLD.equals(await memory.readFile('/d/a'))).toBe(true);
    },
  );

  test('whose directory cannot be synced has an unknown outcome', async () => {
    const fs = faultFs(new MemoryFs('/d'), { op: 'syncDir', nth: 1, code: 'EIO', when: 'before' });
    const run = replaceDurable(fs, '/d/a', NEW, 'y');
    await expect(run).rejects.toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
  });
});

test('createSynced takes chunks and never overwrites', async () => {
  const fs = new MemoryFs('/d');
  const chunks = async function* () {
    yield OLD;
    yield NEW;
  };
  await createSynced(fs, '/d/a', chunks());
  await fs.syncDir('/d');
  fs.crash(LOSE_ALL);
  expect(Buffer.from(await fs.readFile('/d/a')).toString()).toBe('oldnew and longer');
  await expect(createSynced(fs, '/d/a', NEW)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await fs.readdir('/d')).toEqual(['a']);
});

test('createSynced of an input that fails half way leaves nothing', async () => {
  const fs = new MemoryFs('/d');
  const chunks = async function* () {
    yield OLD;
    throw new Error('input ended badly');
  };
  await expect(createSynced(fs, '/d/a', chunks())).rejects.toThrow('input ended badly');
  expect(await fs.readdir('/d')).toEqual([]);
});

test('mkdirDurable makes every level durable, also one that a killed process left behind', async () => {
  const fs = new MemoryFs('/d');
  await fs.mkdir('/d/a');
  expect(await mkdirDurable(fs, '/d', 'a', 'b')).toBe('/d/a/b');
  fs.crash(LOSE_ALL);
  expect(await fs.readdir('/d/a')).toEqual(['b']);
});

test('a file system without links is refused, and the probe leaves nothing', async () => {
  const memory = new MemoryFs('/d');
  await assertLinks(memory, '/d', 'id');
  const without = { link: () => Promise.reject(systemError('EPERM', 'link', '/d')) };
  const fs = Object.assign(memory.process(), without);
  await expect(assertLinks(fs, '/d', 'id')).rejects.toMatchObject({ code: 'E_UNSUPPORTED_FS' });
  expect(await memory.readdir('/d')).toEqual([]);
});

test('what is missing is no error for those who do not mind, and other errors are', async () => {
  const fs = new MemoryFs('/d');
  await createSynced(fs, '/d/a', OLD);
  expect(await readdirIfAny(fs, '/none')).toEqual([]);
  expect(await readFileIfAny(fs, '/d/none')).toBeUndefined();
  await unlinkIfAny(fs, '/d/none');
  await expect(readdirIfAny(fs, '/d/a')).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(readFileIfAny(fs, '/d')).rejects.toMatchObject({ code: 'EISDIR' });
  expect(isMissing(new Error('ENOENT'))).toBe(false);
});

describe('the real disk', () => {
  test('replaces, creates exclusively, links and reads by range', async () => {
    const dir = await tempDir();
    await replaceDurable(nodeFs, `${dir}/a`, OLD, 'x');
    await replaceDurable(nodeFs, `${dir}/a`, NEW, 'y');
    await assertLinks(nodeFs, dir, 'id');
    expect(await nodeFs.readdir(dir)).toEqual(['a']);
    const handle = await nodeFs.open(`${dir}/a`);
    expect(Buffer.from(await handle.read(4, 3)).toString()).toBe('and');
    expect(Buffer.from(await handle.read(8, 100)).toString()).toBe('longer');
    expect(await handle.size()).toBe(NEW.length);
    await handle.sync();
    await handle.close();
  });

  test('keeps what it holds from other users', async () => {
    const dir = await tempDir();
    const { stat } = await import('node:fs/promises');
    await createSynced(nodeFs, `${dir}/a`, OLD);
    await mkdirDurable(nodeFs, dir, 'd');
    expect((await stat(`${dir}/a`)).mode & 0o777).toBe(0o600);
    expect((await stat(`${dir}/d`)).mode & 0o777).toBe(0o700);
  });

  test('refuses to sync a file that is shorter than what was written', async () => {
    const dir = await tempDir();
    const { truncate } = await import('node:fs/promises');
    const handle = await nodeFs.create(`${dir}/a`);
    await handle.write(NEW);
    await truncate(`${dir}/a`, 3);
    await expect(handle.sync()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
    await handle.close();
  });
});
