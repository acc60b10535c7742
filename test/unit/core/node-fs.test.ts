/**
 * The real disk when the kernel takes less than it was given, or fails to sync: the calls of a real
 * file are bounded or failed, everything else is the real one. llp/0002, llp/0013
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { systemError } from '../../support/intercept-fs.ts';
import { tempDir } from '../../support/tmp.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

type KernelWrite = (
  this: FileHandle,
  ...call: readonly [bytes: Uint8Array, from: number, length: number, position: number]
) => Promise<{ bytesWritten: number }>;

/** What all open files of this process share. */
async function fileHandles(dir: string): Promise<FileHandle> {
  const handle = await open(join(dir, 'any'), 'w');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

test('a kernel that takes three bytes at a time gets all of them', async () => {
  const dir = await tempDir();
  const handles = await fileHandles(dir);
  const write = Reflect.get(handles, 'write') as unknown as KernelWrite;
  let calls = 0;
  const takesThree: KernelWrite = function (this: FileHandle, ...[bytes, from, length, position]) {
    calls += 1;
    return write.call(this, bytes, from, Math.min(3, length), position);
  };
  vi.spyOn(handles, 'write').mockImplementation(takesThree as never);
  const file = await nodeFs.create(join(dir, 'a'));
  await file.write(Buffer.from('ten bytes!'));
  await file.write(Buffer.from('and more'));
  await file.sync();
  await file.close();
  expect(calls).toBe(7);
  expect(Buffer.from(await nodeFs.readFile(join(dir, 'a'))).toString()).toBe('ten bytes!and more');
});

test.each(['sync', 'datasync'] as const)(
  'after a %s that failed the handle is never synced again: the kernel would report a success',
  async (call) => {
    const dir = await tempDir();
    const handles = await fileHandles(dir);
    const failing = vi.spyOn(handles, call).mockRejectedValueOnce(systemError('EIO', call, 'a'));
    const file = await nodeFs.create(join(dir, 'a'));
    await file.write(Buffer.from('bytes'));
    await expect(file[call]()).rejects.toMatchObject({ code: 'EIO' });
    await expect(file[call]()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
    expect(failing).toHaveBeenCalledTimes(1);
    await file.close();
  },
);
