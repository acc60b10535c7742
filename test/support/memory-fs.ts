/**
 * Owns: a disk in memory that forgets what was not synced, names included (DESIGN §17).
 *
 * | call | makes durable |
 * | write | nothing |
 * | sync, datasync (of a writing or a reading handle) | the content of that file, not its name |
 * | create, link, rename, unlink, mkdir, rmdir | nothing |
 * | syncDir | the names in that directory, not the directory's own name |
 *
 * `crash` is a power failure for all; `process().kill` ends one process and loses nothing.
 * Not its job: errors of the disk (fault-fs), except the sync that fails and forgets (`failSyncs`).
 * llp/0013
 */
import type { DurableFs, FileStat, ReadHandle, WriteHandle } from '../../src/core/durable-fs.ts';
import { count } from './counted.ts';
import { interceptFs, systemError } from './intercept-fs.ts';
import {
  appendContent,
  bytesBelow,
  crashDisk,
  dropWrites,
  newDirectory,
  newFile,
  setName,
  syncContent,
  syncNames,
} from './memory-nodes.ts';
import type { DirNode, DiskNode, FileNode, Fractions, RenameOp } from './memory-nodes.ts';

export { KEEP_ALL, LOSE_ALL } from './memory-nodes.ts';
export type { Fractions } from './memory-nodes.ts';

/** One process's view of a shared disk: dead after `kill` and after a power failure. */
export interface ProcessFs extends DurableFs {
  /** Every later call of this process, through its handles too, rejects with EIO. */
  kill(): void;
  readonly alive: boolean;
}

interface Place {
  readonly dir: DirNode;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

export class MemoryFs implements DurableFs {
  readonly #root = newDirectory(0);
  #renames: RenameOp[] = [];
  #ops = 0;
  #crashes = 0;
  #capacityBytes = Number.POSITIVE_INFINITY;
  #failing: { readonly pattern: RegExp; left: number } | undefined;

  /** Power failures so far. */
  get crashes(): number {
    return this.#crashes;
  }

  /** `paths` are directories made, with their parents, durable from the start. */
  constructor(...paths: readonly string[]) {
    for (const path of paths) {
      let dir = this.#root;
      for (const name of namesOf(path)) {
        const found = dir.names.get(name) ?? newDirectory(this.#tick());
        if (found.kind !== 'directory') throw systemError('ENOTDIR', 'mkdir', path);
        dir.names.set(name, found);
        syncNames(dir);
        dir = found;
      }
    }
  }

  /**
   * The power fails. Un-synced names are kept or lost each by itself (a rename may be half done: the
   * old name, the new one or both); un-synced content is lost, cut, zero-filled, torn or kept.
   * Answers itself: the disk as the next process finds it. Handles and processes of before are dead.
   */
  crash(random: Fractions): this {
    this.#crashes++;
    count('points', 1);
    crashDisk(this.#root, this.#renames, random);
    this.#renames = [];
    return this;
  }

  /** From now on the disk holds so many bytes: beyond, writes are cut short and names are refused. */
  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** Bytes of all files that have a name. */
  get usedBytes(): number {
    return bytesBelow(this.#root);
  }

  /** The next `times` syncs of files whose path matches fail with EIO, and their bytes are gone. */
  failSyncs(pattern: RegExp, times = 1): void {
    this.#failing = { pattern, left: times };
  }

  /** A view that dies by `kill` or with the power, as a process does. */
  process(): ProcessFs {
    const born = this.#crashes;
    let killed = false;
    const alive = () => !killed && this.#crashes === born;
    const view = interceptFs(this, async (step, run) => {
      if (!alive()) throw systemError('EIO', `${step.op} by a dead process`, step.path);
      return run();
    });
    return Object.defineProperty(
      Object.assign(view, {
        kill: () => {
          if (alive()) count('points', 1);
          killed = true;
        },
        alive: true,
      }),
      'alive',
      { get: alive },
    );
  }

  async readdir(path: string): Promise<string[]> {
    await turn();
    return [...this.#directory(path, 'scandir').names.keys()].sort();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    await turn();
    const node = this.#find(path);
    if (node === undefined) return undefined;
    const size = node.kind === 'file' ? node.content.length : 0;
    return { kind: node.kind, size, mtimeMs: node.mtimeMs };
  }

  async readFile(path: string): Promise<Uint8Array> {
    await turn();
    return this.#file(path, 'open').content.slice();
  }

  async open(path: string): Promise<ReadHandle> {
    await turn();
    const file = this.#file(path, 'open');
    const use = this.#handle(path);
    return {
      path,
      size: async () => use('fstat', () => file.content.length),
      read: async (offset, length) =>
        use('read', () => file.content.slice(offset, offset + length)),
      sync: async () => use('fdatasync', () => this.#sync(file, path)),
      close: async () => use('close', () => undefined),
    };
  }

  async create(path: string): Promise<WriteHandle> {
    await turn();
    const place = this.#place(path, 'open');
    if (place.node !== undefined) throw systemError('EEXIST', 'open', path);
    this.#assertRoom('open', path);
    const file = newFile(this.#tick());
    setName(place.dir, place.name, file, ++this.#ops);
    const use = this.#handle(path);
    return {
      path,
      write: async (bytes) =>
        use('write', () => {
          const room = this.#room();
          appendContent(file, bytes.subarray(0, Math.min(bytes.length, room)));
          file.mtimeMs = this.#tick();
          if (bytes.length > room) throw systemError('ENOSPC', 'write', path);
        }),
      sync: async () => use('fsync', () => this.#sync(file, path)),
      datasync: async () => use('fdatasync', () => this.#sync(file, path)),
      close: async () => use('close', () => undefined),
    };
  }

  async link(from: string, to: string): Promise<void> {
    await turn();
    const source = this.#find(from);
    if (source === undefined) throw systemError('ENOENT', 'link', from);
    if (source.kind === 'directory') throw systemError('EPERM', 'link', from);
    const place = this.#place(to, 'link');
    if (place.node !== undefined) throw systemError('EEXIST', 'link', to);
    this.#assertRoom('link', to);
    setName(place.dir, place.name, source, ++this.#ops);
  }

  async rename(from: string, to: string): Promise<void> {
    await turn();
    const source = this.#place(from, 'rename');
    const target = this.#place(to, 'rename');
    if (source.node === undefined) throw systemError('ENOENT', 'rename', from);
    if (source.node === target.node) return;
    assertReplaceable(source.node, target.node, to);
    const op = ++this.#ops;
    this.#renames.push({ op, from: source.dir, to: target.dir });
    setName(target.dir, target.name, source.node, op);
    setName(source.dir, source.name, undefined, op);
  }

  async unlink(path: string): Promise<void> {
    await turn();
    const place = this.#place(path, 'unlink');
    if (place.node === undefined) throw systemError('ENOENT', 'unlink', path);
    if (place.node.kind === 'directory') throw systemError('EISDIR', 'unlink', path);
    setName(place.dir, place.name, undefined, ++this.#ops);
  }

  async mkdir(path: string): Promise<void> {
    await turn();
    const place = this.#place(path, 'mkdir');
    if (place.node !== undefined) throw systemError('EEXIST', 'mkdir', path);
    this.#assertRoom('mkdir', path);
    setName(place.dir, place.name, newDirectory(this.#tick()), ++this.#ops);
  }

  async rmdir(path: string): Promise<void> {
    await turn();
    const place = this.#place(path, 'rmdir');
    if (place.node === undefined) throw systemError('ENOENT', 'rmdir', path);
    if (place.node.kind === 'file') throw systemError('ENOTDIR', 'rmdir', path);
    if (place.node.names.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path);
    setName(place.dir, place.name, undefined, ++this.#ops);
  }

  async syncDir(path: string): Promise<void> {
    await turn();
    syncNames(this.#directory(path, 'fsync'));
  }

  async freeBytes(path: string): Promise<number> {
    await turn();
    if (this.#find(path) === undefined) throw systemError('ENOENT', 'statfs', path);
    return this.#capacityBytes === Number.POSITIVE_INFINITY ? 2 ** 40 : this.#room();
  }

  #room(): number {
    if (this.#capacityBytes === Number.POSITIVE_INFINITY) return this.#capacityBytes;
    return Math.max(0, this.#capacityBytes - this.usedBytes);
  }

  #assertRoom(syscall: string, path: string): void {
    if (this.#room() === 0) throw systemError('ENOSPC', syscall, path);
  }

  /** Every name with what a power failure could take: sizes, and names that are not durable. */
  snapshotTree(): string {
    const lines: string[] = [];
    const walk = (dir: DirNode, path: string): void => {
      for (const name of [...new Set([...dir.names.keys(), ...dir.durable.keys()])].sort()) {
        const node = dir.names.get(name);
        const durable = dir.durable.get(name);
        const state =
          node === durable
            ? ''
            : node === undefined
              ? ' (unlink not synced)'
              : ' (name not synced)';
        const shown = node ?? durable;
        if (shown?.kind === 'file') {
          lines.push(
            `${path}/${name} ${shown.content.length} bytes, ${shown.durable.length} durable${state}`,
          );
        } else if (shown !== undefined) {
          lines.push(`${path}/${name}/${state}`);
          walk(shown, `${path}/${name}`);
        }
      }
    };
    walk(this.#root, '');
    return lines.join('\n');
  }

  #sync(file: FileNode, path: string): void {
    if (this.#failing !== undefined && this.#failing.left > 0 && this.#failing.pattern.test(path)) {
      this.#failing.left--;
      dropWrites(file);
      throw systemError('EIO', 'fsync', path);
    }
    syncContent(file);
  }

  /** Runs what a handle does, unless it was closed or the power failed since. */
  #handle(path: string): <T>(syscall: string, run: () => T) => T {
    const born = this.#crashes;
    let closed = false;
    return (syscall, run) => {
      if (closed) throw systemError('EBADF', syscall, path);
      if (this.#crashes !== born) throw systemError('EIO', `${syscall} after power failure`, path);
      if (syscall === 'close') closed = true;
      return run();
    };
  }

  #tick(): number {
    return ++this.#ops;
  }

  #find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (node === undefined) return undefined;
      if (node.kind !== 'directory') throw systemError('ENOTDIR', 'stat', path);
      node = node.names.get(name);
    }
    return node;
  }

  #place(path: string, syscall: string): Place {
    const names = namesOf(path);
    const name = names.at(-1);
    if (name === undefined) throw systemError('EBUSY', syscall, path);
    const dir = this.#find(`/${names.slice(0, -1).join('/')}`);
    if (dir === undefined) throw systemError('ENOENT', syscall, path);
    if (dir.kind !== 'directory') throw systemError('ENOTDIR', syscall, path);
    return { dir, name, node: dir.names.get(name) };
  }

  #file(path: string, syscall: string): FileNode {
    const node = this.#find(path);
    if (node === undefined) throw systemError('ENOENT', syscall, path);
    if (node.kind === 'directory') throw systemError('EISDIR', syscall, path);
    return node;
  }

  #directory(path: string, syscall: string): DirNode {
    const node = this.#find(path);
    if (node === undefined) throw systemError('ENOENT', syscall, path);
    if (node.kind === 'file') throw systemError('ENOTDIR', syscall, path);
    return node;
  }
}

/** Every call takes a turn, so that other processes run in between as they do on a real disk. */
async function turn(): Promise<void> {
  await Promise.resolve();
}

function namesOf(path: string): string[] {
  if (!path.startsWith('/')) throw systemError('EINVAL', 'not an absolute path', path);
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

function assertReplaceable(source: DiskNode, target: DiskNode | undefined, to: string): void {
  if (target === undefined) return;
  if (source.kind === 'file' && target.kind === 'directory') {
    throw systemError('EISDIR', 'rename', to);
  }
  if (source.kind === 'directory' && target.kind === 'file') {
    throw systemError('ENOTDIR', 'rename', to);
  }
  if (target.kind === 'directory' && target.names.size > 0) {
    throw systemError('ENOTEMPTY', 'rename', to);
  }
}
