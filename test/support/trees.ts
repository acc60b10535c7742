/**
 * Owns: whole directories on any disk: copied, removed, listed, and files damaged, as people, backup
 * programs and bad disks do it. llp/0013
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { OUT, exportedRows } from './world.ts';

/** A copy with files of its own, as `cp -r` makes it. */
export async function copyTree(fs: DurableFs, from: string, to: string): Promise<void> {
  await fs.mkdir(to);
  for (const name of await fs.readdir(from)) {
    const [source, target] = [`${from}/${name}`, `${to}/${name}`];
    if ((await fs.stat(source))?.kind === 'directory') await copyTree(fs, source, target);
    else await writeNew(fs, target, await fs.readFile(source));
  }
}

export async function removeTree(fs: DurableFs, path: string): Promise<void> {
  for (const name of await fs.readdir(path)) {
    const child = `${path}/${name}`;
    if ((await fs.stat(child))?.kind === 'directory') await removeTree(fs, child);
    else await fs.unlink(child);
  }
  await fs.rmdir(path);
}

/** Everything below `path` goes, the directory itself stays: a disk that is not mounted. */
export async function emptyTree(fs: DurableFs, path: string): Promise<void> {
  await removeTree(fs, path);
  await fs.mkdir(path);
}

/** Every file below `path` with its bytes. */
export async function treeOf(fs: DurableFs, path: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of await fs.readdir(path)) {
    const child = `${path}/${name}`;
    if ((await fs.stat(child))?.kind === 'directory') {
      for (const [file, bytes] of await treeOf(fs, child)) files.set(file, bytes);
    } else {
      files.set(child, Buffer.from(await fs.readFile(child)).toString('base64'));
    }
  }
  return files;
}

export async function writeNew(fs: DurableFs, path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.create(path);
  await file.write(bytes);
  await file.sync();
  await file.close();
}

/** The file has one flipped bit in its middle from now on. */
export async function flipBit(fs: DurableFs, path: string): Promise<void> {
  const bytes = Uint8Array.from(await fs.readFile(path));
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await fs.unlink(path);
  await writeNew(fs, path, bytes);
}

/** Ids of all rows at a destination, with repeats, sorted. */
export async function sentIds(fs: DurableFs, dir = OUT): Promise<number[]> {
  return (await exportedRows(fs, dir)).map((row) => row.id).sort((a, b) => a - b);
}
