/**
 * Owns: objects as files below one directory.
 * Invariants: I11 (nothing is acknowledged before file and directories are fsynced).
 * Commit point of an object: `link(staged, final)`, an exclusive create, then the fsync of every
 * directory from its own up to the root.
 *
 * | step of putIfAbsent | a crash right after leaves |
 * | 1 staged file written and fsynced | a staged file, used again or removed (staging.ts) |
 * | 2 missing directories made | empty directories, perhaps not durable |
 * | 3 linked | the whole object, perhaps not durable: whoever reads it makes it so |
 * | 4 every directory on the way to it fsynced | the object |
 * | 5 staged name removed | the object |
 *
 * A reader may remove an empty directory at any time, and another process may make it again and stop
 * before its name is durable. So nothing is remembered of directories: from step 3 on those on the way
 * cannot be removed, and then their names are made durable, whoever made them.
 * What another process linked is made durable here, in the same way, before anything is said about it.
 * Not its job: whether the bytes are the right ones.
 * llp/0009
 */
import {
  assertLinks,
  createSynced,
  isMissing,
  mkdirDurable,
  readFileIfAny,
  readdirIfAny,
  unlinkIfAny,
} from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { HypError, isHypError, systemCode } from '../../src/core/errors.ts';
import { invariant } from '../../src/core/invariant.ts';
import type { Random } from '../../src/core/random.ts';
import type { StagedPart } from '../sink.ts';
import { digestFile } from './digest-stream.ts';
import { isSafeKey } from './object-key.ts';
import type { BlobStore, ObjectDigest } from './store.ts';

/** Name of the directory beside the objects in which bytes wait; never part of a key. */
export const STAGING_DIR = '.hyp-staging';
/** Whoever is still at work with one of them makes it again. */
const LEFTOVER = /^\.put-.*\.tmp$|\.probe(?:-link)?$/;
/** A temp file or directory that somebody removes each time is somebody's mistake, not a race. */
const PUT_ATTEMPTS = 3;
/** Ancestors that were there before us and that we may not open are not ours to sync. */
const NOT_OURS = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL']);

export interface FsStoreOptions {
  readonly fs: DurableFs;
  /** Absolute; made when it is missing. */
  readonly root: string;
  /** Absolute, below `root`, so that links from it to any key stay on one file system. */
  readonly stagingDir: string;
  readonly random: Random;
}

export class FsBlobStore implements BlobStore {
  readonly place: string;
  readonly #fs: DurableFs;
  readonly #stagingDir: string;
  readonly #random: Random;

  constructor({ fs, root, stagingDir, random }: FsStoreOptions) {
    invariant(root.startsWith('/') && !root.endsWith('/'), `root is an absolute path: ${root}`);
    invariant(stagingDir.startsWith(`${root}/`), 'staging is below the root');
    this.place = root;
    this.#fs = fs;
    this.#stagingDir = stagingDir;
    this.#random = random;
  }

  async prepare(): Promise<void> {
    await this.#guard('prepare', this.place, async () => {
      await this.#makeRoot();
      await mkdirDurable(this.#fs, this.place, ...this.#namesOf(this.#stagingDir));
      await this.#probeLinks();
      for (const name of await this.#fs.readdir(this.#stagingDir)) {
        if (LEFTOVER.test(name)) await unlinkIfAny(this.#fs, `${this.#stagingDir}/${name}`);
      }
    });
  }

  async putIfAbsent(key: string, body: Uint8Array | StagedPart): Promise<'created' | 'exists'> {
    const path = this.#pathOf(key);
    return this.#guard('put', path, async () => {
      if (!(body instanceof Uint8Array)) {
        const outcome = await this.#linkOnce(body.path, path);
        if (outcome === 'created') await this.#forget(body.path);
        return outcome;
      }
      for (let attempt = 1; ; attempt++) {
        const temp = `${this.#stagingDir}/.put-${this.#random.uuid()}.tmp`;
        try {
          await createSynced(this.#fs, temp, body);
          return await this.#linkOnce(temp, path);
        } catch (error) {
          // Another process that is starting may have swept the temp file.
          if (!isMissing(error) || attempt === PUT_ATTEMPTS) throw error;
        } finally {
          await this.#forget(temp);
        }
      }
    });
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(key);
    return this.#guard('read', path, async () => {
      const bytes = await readFileIfAny(this.#fs, path);
      if (bytes !== undefined) await this.#syncWay(path);
      return bytes;
    });
  }

  async peek(key: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(key);
    return this.#guard('read', path, () => readFileIfAny(this.#fs, path));
  }

  async sizeOf(key: string): Promise<number | undefined> {
    const path = this.#pathOf(key);
    return this.#guard('look at', path, async () => {
      const stat = await this.#fs.stat(path);
      return stat?.kind === 'file' ? stat.size : undefined;
    });
  }

  async digestOf(key: string): Promise<ObjectDigest | undefined> {
    const path = this.#pathOf(key);
    return this.#guard('read', path, async () => {
      const digest = await digestFile(this.#fs, path, { sync: true });
      if (digest !== undefined) await this.#syncWay(path);
      return digest;
    });
  }

  async *list(prefix: string): AsyncIterable<string> {
    const cut = prefix.lastIndexOf('/');
    const start = cut < 0 ? '' : prefix.slice(0, cut);
    if (start !== '') invariant(isSafeKey(start), `key is safe: ${start}`);
    for await (const key of this.#walk(start)) if (key.startsWith(prefix)) yield key;
  }

  async *#walk(dirKey: string): AsyncIterable<string> {
    const dir = dirKey === '' ? this.place : `${this.place}/${dirKey}`;
    for (const name of await this.#guard('list', dir, () => readdirIfAny(this.#fs, dir))) {
      const key = dirKey === '' ? name : `${dirKey}/${name}`;
      const stat = name === STAGING_DIR ? undefined : await this.#fs.stat(`${dir}/${name}`);
      if (stat?.kind === 'directory') yield* this.#walk(key);
      else if (stat?.kind === 'file') yield key;
    }
  }

  #pathOf(key: string): string {
    invariant(isSafeKey(key), `key is safe: ${key}`);
    return `${this.place}/${key}`;
  }

  /** Links once, durably. A failed sync is never tried again here: its outcome is unknown. */
  async #linkOnce(from: string, path: string): Promise<'created' | 'exists'> {
    const dir = parentOf(path);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#fs.link(from, path);
      } catch (error) {
        // The name decides, not the error: a lost answer is not a lost link.
        if ((await this.#fs.stat(path)) !== undefined) return 'exists';
        // The directory was never made, or was empty and removed by a reader since. Not asked of
        // itself: another process may be making it at this moment.
        const gone = isMissing(error) && (await this.#fs.stat(from)) !== undefined;
        // The root is made by `prepare` only: it may not be mounted.
        if (!gone || dir === this.place || attempt > PUT_ATTEMPTS) throw error;
        await this.#makeDirs(dir);
        continue;
      }
      await this.#syncWay(path);
      return 'created';
    }
  }

  /** Makes the name at `path`, which is there, durable: in its directory, and that one in its own. */
  async #syncWay(path: string): Promise<void> {
    let dir = path;
    do {
      dir = parentOf(dir);
      await this.#fs.syncDir(dir);
    } while (dir !== this.place);
  }

  /** A name that stays is removed by the next claim or with its unit; the object stands. */
  async #forget(path: string): Promise<void> {
    await unlinkIfAny(this.#fs, path).catch(() => undefined);
  }

  /** `dir` and all between it and the root, which must be there; not durable yet. */
  async #makeDirs(dir: string): Promise<void> {
    let path = this.place;
    for (const name of this.#namesOf(dir)) {
      path = `${path}/${name}`;
      try {
        await this.#fs.mkdir(path);
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  #namesOf(dir: string): string[] {
    return dir.slice(this.place.length + 1).split('/');
  }

  async #probeLinks(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await assertLinks(this.#fs, this.#stagingDir, this.#random.uuid());
        return;
      } catch (error) {
        if (!isMissing(error) || attempt === PUT_ATTEMPTS) throw error;
      }
    }
  }

  async #makeRoot(): Promise<void> {
    let parent = '/';
    for (const name of this.place.slice(1).split('/')) {
      const path = parent === '/' ? `/${name}` : `${parent}/${name}`;
      const there = (await this.#fs.stat(path)) !== undefined;
      try {
        await mkdirDurable(this.#fs, parent, name);
      } catch (error) {
        if (!there || !NOT_OURS.has(systemCode(error) ?? '')) throw error;
      }
      parent = path;
    }
  }

  async #guard<T>(verb: string, path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      if (isHypError(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (systemCode(cause) === 'EXDEV') {
        throw new HypError('E_UNSUPPORTED_FS', `${path} is on another file system: ${reason}`, {
          cause,
          hint: `Keep everything below ${this.place} on one file system.`,
        });
      }
      throw new HypError('E_UNAVAILABLE', `cannot ${verb} ${path}: ${reason}`, {
        cause,
        hint: 'Nothing was acknowledged; it is tried again. See that the directory is there, writable and not full.',
        details: { path, code: systemCode(cause) },
      });
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
