/**
 * Owns: the versioned record (DESIGN §5): the compare-and-swap under table metadata and progress.
 * Invariants: I9 (only the process that links the next version writes it), I11, I12.
 * Commit point: `link(temp, v<n+1>)` followed by the directory fsync.
 *
 * | step of append | a crash right after leaves | recovery |
 * | 1 temp written and fsynced | a temp file | swept with the next version that is linked |
 * | 2 linked | the version, perhaps not durable | a reader fsyncs the directory before it acts |
 * | 3 directory fsynced | the version | - |
 * | 4 listed again | the version, known not to be void | - |
 * | 5 temp unlinked, old versions pruned | the version | - |
 *
 * Not its job: what a value means, and what to do after a conflict (decide again from the start).
 * llp/0002
 */
import { HypError, isHypError, systemCode } from './errors.ts';
import { LIMITS } from './limits.ts';
import {
  createSynced,
  linkError,
  readdirIfAny,
  tempName,
  tempVersion,
  unlinkIfAny,
} from './durable-fs.ts';
import type { DurableFs } from './durable-fs.ts';
import type { Random } from './random.ts';

/** What ties a version to those before it. */
export interface VersionLink {
  readonly commitId: string;
  readonly parentId: string | undefined;
  /** Ids newest first, own id first; at most LIMITS.recordHistory. */
  readonly history: readonly string[];
}

export interface RecordFormat<T> {
  fileName(version: number): string;
  /** The version a file name stands for, or undefined for any other file. */
  parseName(name: string): number | undefined;
  encode(value: T, link: VersionLink, version: number): Uint8Array;
  /** E_CORRUPT when the bytes are not whole, E_FOREIGN when another program wrote them. */
  decode(bytes: Uint8Array, path: string): { readonly value: T; readonly link: VersionLink };
}

export interface RecordHead<T> {
  readonly version: number;
  readonly value: T;
  readonly link: VersionLink;
}

export type AppendResult<T> =
  { readonly kind: 'linked'; readonly head: RecordHead<T> } | { readonly kind: 'conflict' };

/** Reads that meet a newer version each time are a bug or a runaway writer, not a race. */
const LOAD_ATTEMPTS = 100;

export class VersionedRecord<T> {
  readonly dir: string;
  readonly #fs: DurableFs;
  readonly #format: RecordFormat<T>;
  readonly #random: Random;
  #cached: RecordHead<T> | undefined;

  /** `dir` must exist and be durable in its parent before the first append. */
  constructor(fs: DurableFs, dir: string, format: RecordFormat<T>, random: Random) {
    this.dir = dir;
    this.#fs = fs;
    this.#format = format;
    this.#random = random;
  }

  /**
   * The newest durable version: lists, fsyncs the directory, opens, lists again (protocol model
   * F3e). undefined when there is none. One listing and nothing else when nothing has changed.
   */
  async load(): Promise<RecordHead<T> | undefined> {
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
      const version = await this.#highest();
      if (version === undefined) return undefined;
      if (this.#cached?.version === version) return this.#cached;
      await this.#fs.syncDir(this.dir);
      const head = await this.#read(version);
      if (head !== undefined && (await this.#highest()) === version) {
        this.#cached = head;
        return head;
      }
    }
    throw new HypError('E_CONFLICT', `versions change faster than they can be read: ${this.dir}`);
  }

  /** Name of the file that holds `head`, in `dir`. */
  fileOf(head: RecordHead<T>): string {
    return this.#format.fileName(head.version);
  }

  /** Every kept version, oldest first; versions pruned meanwhile are left out. For housekeeping. */
  async kept(): Promise<RecordHead<T>[]> {
    const heads: RecordHead<T>[] = [];
    for (const version of await this.#versions()) {
      const head = await this.#read(version);
      if (head !== undefined) heads.push(head);
    }
    return heads;
  }

  /** As `kept`, without the versions that are damaged: evidence of what the record once said. */
  async survivors(): Promise<RecordHead<T>[]> {
    const heads: RecordHead<T>[] = [];
    for (const version of await this.#versions()) {
      try {
        const head = await this.#read(version);
        if (head !== undefined) heads.push(head);
      } catch (error) {
        if (!isHypError(error, 'E_CORRUPT')) throw error;
      }
    }
    return heads;
  }

  /**
   * Links `value` as the version after `base` (undefined: the first). 'conflict' means that another
   * process was first or that nothing certain is known: load again and decide from the start.
   * Durable when it returns 'linked'. Rejects with E_UNKNOWN_OUTCOME when the link was made, or may
   * have been, and the disk then failed; with a system error when nothing was linked, E_UNSUPPORTED_FS where nothing ever can be.
   */
  async append(base: RecordHead<T> | undefined, value: T): Promise<AppendResult<T>> {
    const version = (base?.version ?? 0) + 1;
    const link = this.#linkAfter(base);
    const temp = `${this.dir}/${tempName('v', version, link.commitId)}`;
    await createSynced(this.#fs, temp, this.#format.encode(value, link, version));
    try {
      if (!(await this.#link(temp, version, link.commitId))) return { kind: 'conflict' };
      const stands = await this.#afterLink(version, async () => {
        await this.#fs.syncDir(this.dir);
        return this.#descends(version, link.commitId);
      });
      if (!stands) return { kind: 'conflict' };
    } finally {
      await unlinkIfAny(this.#fs, temp).catch(() => undefined);
    }
    const head = { version, value, link };
    this.#cached = head;
    await this.#prune(version);
    return { kind: 'linked', head };
  }

  #linkAfter(base: RecordHead<T> | undefined): VersionLink {
    const commitId = this.#random.uuid();
    const history = [commitId, ...(base?.link.history ?? [])].slice(0, LIMITS.recordHistory);
    return { commitId, parentId: base?.link.commitId, history };
  }

  /** True when our version was linked, whatever `link` reported. */
  async #link(temp: string, version: number, commitId: string): Promise<boolean> {
    try {
      await this.#fs.link(temp, this.#path(version));
      return true;
    } catch (error) {
      const winner = await this.#afterLink(version, () => this.load());
      if (winner?.link.history.includes(commitId) === true) return true;
      if ((winner?.version ?? 0) >= version) return false;
      // EEXIST: a version that is gone again. ENOENT: the temp was swept, or the record moved away.
      if (['EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) return false;
      throw linkError(error, this.dir);
    }
  }

  /** Once a link may stand, an error of the disk says nothing about the commit. */
  async #afterLink<R>(version: number, look: () => Promise<R>): Promise<R> {
    try {
      return await look();
    } catch (cause) {
      if (cause instanceof HypError) throw cause;
      throw new HypError(
        'E_UNKNOWN_OUTCOME',
        `linked, but perhaps not durable: ${this.#path(version)}`,
        { cause, hint: 'The disk reported an error. Nothing was acknowledged; run again.' },
      );
    }
  }

  /** A process paused before its link may have linked into a hole that pruning left (model F3). */
  async #descends(version: number, commitId: string): Promise<boolean> {
    const highest = await this.#highest();
    if (highest === version) return true;
    const head = await this.load();
    return head?.link.history.includes(commitId) === true;
  }

  async #read(version: number): Promise<RecordHead<T> | undefined> {
    const path = this.#path(version);
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(path);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    return { version, ...this.#format.decode(bytes, path) };
  }

  async #versions(): Promise<number[]> {
    return this.#versionsIn(await readdirIfAny(this.#fs, this.dir));
  }

  #versionsIn(names: readonly string[]): number[] {
    const versions = names.map((name) => this.#format.parseName(name));
    return versions.filter((version) => version !== undefined).sort((a, b) => a - b);
  }

  async #highest(): Promise<number | undefined> {
    return (await this.#versions()).at(-1);
  }

  /**
   * Old versions, and temp files of processes that ended: one still at work would meet a conflict
   * anyway. Housekeeping: an error of it must not turn a commit that stands into a failure.
   */
  async #prune(newest: number): Promise<void> {
    try {
      const names = await readdirIfAny(this.#fs, this.dir);
      for (const version of this.#versionsIn(names)) {
        if (version > newest - LIMITS.recordVersions) break;
        await unlinkIfAny(this.#fs, this.#path(version));
      }
      for (const name of names) {
        if ((tempVersion(name) ?? Infinity) <= newest)
          await unlinkIfAny(this.#fs, `${this.dir}/${name}`);
      }
    } catch {
      return;
    }
  }

  #path(version: number): string {
    return `${this.dir}/${this.#format.fileName(version)}`;
  }
}
