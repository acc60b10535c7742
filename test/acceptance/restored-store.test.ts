/** Stores that are copied, restored and emptied, as people do it: cp, rm and the built command. llp/0017 */
import { cp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hyp } from '../support/cli.ts';
import type { Finished } from '../support/cli.ts';
import { exportedIds } from '../support/oracle.ts';
import { tempDir } from '../support/tmp.ts';

const CONFIG = `sinks:
  archive: { type: fs, path: ./exports, format: parquet }
`;

function ndjson(...ids: readonly number[]): string {
  return ids.map((id) => `{"id":${id}}\n`).join('');
}

async function site() {
  const cwd = await tempDir();
  await writeFile(join(cwd, 'hyp.yaml'), CONFIG);
  const run = (root: string, args: readonly string[], input?: string): Promise<Finished> =>
    hyp([...args, '--root', root], { cwd, input });
  const ok = async (root: string, args: readonly string[], input?: string): Promise<Finished> => {
    const finished = await run(root, args, input);
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    return finished;
  };
  const sent = async () =>
    (await exportedIds(join(cwd, 'exports'), 'events')).sort((a, b) => a - b);
  return { cwd, run, ok, sent };
}

/** Every file below `dir` with its inode and the time of its last change. */
async function listing(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const lines = names
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { ino, mtimeMs, size } = await stat(path);
      return `${path} ${ino} ${mtimeMs} ${size}`;
    });
  return (await Promise.all(lines)).sort();
}

test('a store that is copied, both going on into one destination: parked, resolved, every row once', async () => {
  const { cwd, run, ok, sent } = await site();
  await ok('one', ['append', 'events'], ndjson(1, 2, 3));
  await ok('one', ['tick']);
  await cp(join(cwd, 'one'), join(cwd, 'two'), { recursive: true });
  await ok('one', ['append', 'events'], ndjson(4, 5));
  await ok('one', ['tick']);
  const before = await listing(join(cwd, 'one'));
  await ok('two', ['append', 'events'], ndjson(100));
  const parked = await run('two', ['tick']);
  expect(parked.code).toBe(1);
  const { stdout } = await ok('two', ['status']);
  expect(stdout).toContain('copied: ');
  expect(stdout).toContain('hyp sink resolve archive --copied');
  const wrong = await run('two', ['sink', 'resolve', 'archive', '--delivered']);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toContain('--restored or --copied');
  const resolved = await ok('two', ['sink', 'resolve', 'archive', '--copied']);
  expect(resolved.stdout).toContain('archive goes on with events after seq 3');
  await ok('two', ['tick']);
  expect(await listing(join(cwd, 'one'))).toEqual(before);
  await ok('one', ['append', 'events'], ndjson(6));
  await ok('one', ['tick']);
  expect(await sent()).toEqual([1, 2, 3, 4, 5, 6, 100]);
  await ok('two', ['check']);
});

test('an emptied destination stops the sink; --json names the choices', async () => {
  const { cwd, run, ok, sent } = await site();
  await ok('one', ['append', 'events'], ndjson(1, 2));
  await ok('one', ['tick']);
  await rm(join(cwd, 'exports'), { recursive: true });
  await ok('one', ['append', 'events'], ndjson(3));
  const refused = await run('one', ['tick']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('not mounted, or was emptied');
  expect(await readdir(cwd)).not.toContain('exports');
  const wrong = await run('one', ['sink', 'resolve', 'archive', '--copied', '--json']);
  expect(JSON.parse(wrong.stderr)).toMatchObject({
    error: { code: 'E_USAGE', details: { choices: ['delivered', 'again', 'retry'] } },
  });
  await ok('one', ['sink', 'resolve', 'archive', '--delivered']);
  await ok('one', ['tick']);
  expect(await sent()).toEqual([3]);
  expect(await run('one', ['sink', 'resolve', 'archive', '--retry'])).toMatchObject({ code: 2 });
});
