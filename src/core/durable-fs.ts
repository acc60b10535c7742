/**
 * Owns: the one door to the disk, and the durable file replace built on it.
 * Everything that must survive goes through a DurableFs; tests pass one that forgets what was not
 * synced. Nothing here retries a failed sync: after one, the outcome is unknown (llp/0002).
 */
import { HypError, systemCode } from './errors.ts';

/** A file opened for reading. */
export interface ReadHandle {
  readonly path: string;
  /** Size in bytes now. */
  size(): Promise<number>;
  /** Up to `length` bytes from `offset`; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Makes what the file holds now durable (fdatasync); also for files another process wrote. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file just created, writable at its end only. */
export interface WriteHandle {
  readonly path: string;
  /** Appends all of `bytes` (a write loop: a short write is continued, zero bytes is an error). */
  write(bytes: Uint8Array): Promise<void>;
  /** fsync. After a failure the handle must not be synced again. */
  sync(): Promise<void>;
  /** fdatasync: content and size, not times. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
  readonly mtimeMs: number;
}

/** All calls reject with a system error whose `code` is ENOENT, EEXIST, … as in node:fs. */
export interface DurableFs {
  /** Names in a directory, sorted. */
  readdir(path: string): Promise<string[]>;
  /** undefined when there is nothing at `path`. */
  stat(path: string): Promise<FileStat | undefined>;
  readFile(path: string): Promise<Uint8Array>;
  open(path: string): Promise<ReadHandle>;
  /** Exclusive create, mode 0600; EEXIST when the name is taken. */
  create(path: string): Promise<WriteHandle>;
  /** Second name for a file; EEXIST when `to` is taken. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** One directory, mode 0700; EEXIST when it is there. */
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDir(path: string): Promise<void>;
  /** Bytes this user may still write on the disk that holds `path`, which must exist. */
  freeBytes(path: string): Promise<number>;
}

/** True for the error of a missing file or directory. */
export function isMissing(error: unknown): boolean {
  return systemCode(error) === 'ENOENT';
}

/** Names in `path`, or none when the directory does not exist. */
export async function readdirIfAny(fs: DurableFs, path: string): Promise<string[]> {
  try {
    return await fs.readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The bytes of `path`, or undefined when it does not exist. */
export async function readFileIfAny(fs: DurableFs, path: string): Promise<Uint8Array | undefined> {
  try {
    return await fs.readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Unlinks `path`; a file that is gone already is success. */
export async function unlinkIfAny(fs: DurableFs, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * The name of a temp file on its way into version `version` of a record: `stem` and `id` tell it from
 * others. The version is the proof that it is nobody's: once that one is linked, whoever made the
 * file can only find that it lost or won, with it or without it.
 */
export function tempName(stem: string, version: number, id: string): string {
  return `.${stem}${version}.${id}.tmp`;
}

/** The version a temp file was on its way into; undefined for any other name. */
export function tempVersion(name: string): number | undefined {
  const digits = /^\.[a-z]+-?(\d+)\.[0-9a-f-]+\.tmp$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut <= 0 ? '/' : path.slice(0, cut);
}

/**
 * Makes `base`/`names[0]`/`names[1]`… and each name durable in its parent; `base` must exist.
 * Idempotent; a directory that is there already is synced into its parent all the same, because
 * whoever made it may have stopped before that. Returns the deepest path. Call it once a process.
 */
export async function mkdirDurable(
  fs: DurableFs,
  base: string,
  ...names: readonly string[]
): Promise<string> {
  let parent = base;
  for (const name of names) {
    const path = `${parent}/${name}`;
    try {
      await fs.mkdir(path);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    await fs.syncDir(parent);
    parent = path;
  }
  return parent;
}

/** What `link` says where there are no hard links; a full or failing disk proves nothing. */
const NO_LINKS = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

/** `cause` as E_UNSUPPORTED_FS when it says that the file system of `dir` has no hard links. */
export function linkError(cause: unknown, dir: string): unknown {
  if (!NO_LINKS.has(systemCode(cause) ?? '')) return cause;
  return new HypError('E_UNSUPPORTED_FS', `no hard links in ${dir}: commits would not be safe`, {
    cause,
    hint: 'Nothing was changed. Put the store on a local file system such as ext4, xfs or APFS.',
  });
}

/** Throws E_UNSUPPORTED_FS when the file system of `dir` has no hard links (DESIGN §5). */
export async function assertLinks(fs: DurableFs, dir: string, tempId: string): Promise<void> {
  const first = `${dir}/.${tempId}.probe`;
  const second = `${dir}/.${tempId}.probe-link`;
  await (await fs.create(first)).close();
  try {
    await fs.link(first, second);
  } catch (cause) {
    throw linkError(cause, dir);
  } finally {
    await unlinkIfAny(fs, first);
    await unlinkIfAny(fs, second);
  }
}

/**
 * Creates `path` with `bytes`, fsynced; the caller syncs the directory. On any error the file is
 * removed and the error thrown. EEXIST when the name is taken.
 */
export async function createSynced(
  fs: DurableFs,
  path: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  const handle = await fs.create(path);
  try {
    try {
      if (bytes instanceof Uint8Array) await handle.write(bytes);
      else for await (const chunk of bytes) await handle.write(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await unlinkIfAny(fs, path).catch(() => undefined);
    throw error;
  }
}

/**
 * Durable file replace (DESIGN §5): unique temp, write, fsync, rename, directory fsync.
 * | step | a crash right after leaves |
 * | temp created, written, synced | a temp file beside it, its owner's to remove |
 * | renamed | the old or the new file, whole |
 * | directory synced | the new file |
 * An error of the last step is E_UNKNOWN_OUTCOME: read again, assume neither.
 */
export async function replaceDurable(
  fs: DurableFs,
  path: string,
  bytes: Uint8Array,
  tempId: string,
): Promise<void> {
  const temp = `${path}.${tempId}.tmp`;
  await createSynced(fs, temp, bytes);
  try {
    await fs.rename(temp, path);
  } catch (error) {
    await unlinkIfAny(fs, temp).catch(() => undefined);
    throw error;
  }
  try {
    await fs.syncDir(parentOf(path));
  } catch (cause) {
    throw new HypError('E_UNKNOWN_OUTCOME', `replaced, but perhaps not durable: ${path}`, {
      cause,
      hint: 'The disk reported an error; nothing was acknowledged. Run the command again.',
    });
  }
}
