/**
 * Owns: objects as files below one directory.
 * Invariants: I11 (nothing is acknowledged before file and directories are fsynced).
 * Commit point of an object: `link(staged, final)`, an exclusive create, then the directory fsync.
 *
 * | step of putIfAbsent | a crash right after leaves |
 * | 1 staged file written and fsynced | a staged file, used again or removed (staging.ts) |
 * | 2 new directories made, each name durable in its parent | empty directories |
 * | 3 linked | the whole object, perhaps not durable: whoever reads it makes it so |
 * | 4 directory fsynced | the object |
 * | 5 staged name removed | the object |
 *
 * What another process linked is made durable here before anything is said about it.
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
/** Directories remembered as durable; forgetting one costs a sync. */
const KNOWN_DIRS = 4096;
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

/** Remembers, for one process, which directories are durable. */
export class FsBlobStore implements BlobStore {
  readonly place: string;
  readonly #fs: DurableFs;
  readonly #stagingDir: string;
  readonly #random: Random;
  readonly #known = new Set<string>();

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
      await this.#makeDir(this.#stagingDir);
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
      if (bytes !== undefined) await this.#syncName(path);
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
      if (digest !== undefined) await this.#syncName(path);
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
      await this.#makeDir(dir);
      try {
        await this.#fs.link(from, path);
      } catch (error) {
        // The name decides, not the error: a lost answer is not a lost link.
        if ((await this.#fs.stat(path)) !== undefined) return 'exists';
        // A reader may have removed an empty directory since it was made: make it again.
        const gone = isMissing(error) && (await this.#fs.stat(dir)) === undefined;
        if (!gone || attempt === PUT_ATTEMPTS) throw error;
        this.#known.clear();
        continue;
      }
      await this.#fs.syncDir(dir);
      return 'created';
    }
  }

  /** Whoever linked `path` may not have come to make its name durable. */
  async #syncName(path: string): Promise<void> {
    await this.#makeDir(parentOf(path));
    await this.#fs.syncDir(parentOf(path));
  }

  /** A name that stays is removed by the next claim or with its unit; the object stands. */
  async #forget(path: string): Promise<void> {
    await unlinkIfAny(this.#fs, path).catch(() => undefined);
  }

  /** `dir` and all between it and the root, durable; the root itself must be there. */
  async #makeDir(dir: string): Promise<void> {
    if (dir === this.place || this.#known.has(dir)) return;
    await mkdirDurable(this.#fs, this.place, ...dir.slice(this.place.length + 1).split('/'));
    if (this.#known.size >= KNOWN_DIRS) this.#known.clear();
    this.#known.add(dir);
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
