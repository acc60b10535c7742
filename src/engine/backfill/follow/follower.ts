/**
 * Owns: files that grow, looked at again and again: what is new and complete in them becomes rows,
 * one commit for what a poll found, as far as it fits. What is remembered between polls only saves
 * work: after a kill the contents and the table's positions say all of it.
 * Invariants: I3 (as backfill.ts), I13 (some digests for each file); an idle poll opens nothing.
 *
 * | step | a crash right after leaves |
 * | lines read, their digest taken | nothing |
 * | file found to begin as what was taken of it | nothing |
 * | commit of the rows, every file's position with them (commit-group.ts) | the next run goes on behind them |
 *
 * Not its job: what a poll does with a file (action.ts), who it is (identify.ts).
 * llp/0012
 */
import type { FileHandle } from 'node:fs/promises';
import { isHypError, problemText } from '../../../core/errors.ts';
import { NdjsonDecoder } from '../../../codec/ndjson/decoder.ts';
import type { DecodedBatch } from '../../../codec/ndjson/decoder.ts';
import { openContent } from '../content.ts';
import { formatOf } from '../format.ts';
import { loadFile } from '../load-file.ts';
import { declaredKinds } from '../../declared.ts';
import { gathered } from '../gather.ts';
import type { FileResult, LoadPlace } from '../load-file.ts';
import { isParquetFile, loadParquet } from '../load-parquet.ts';
import { readFully } from '../proven-file.ts';
import { firstRecord, sourcePrefix } from '../source.ts';
import { isZstd } from '../../../codec/zstd.ts';
import { followAction } from './action.ts';
import type { FileStat } from './action.ts';
import { identify, sameBeginning } from './identify.ts';
import type { Identity, ReadContent } from './identify.ts';
import { fileStat, nodeFollowFs } from './look-ports.ts';
import type { FollowFs } from './look-ports.ts';
import type { FollowOptions } from './report.ts';
import { Taken, readFrom } from './taken.ts';

/** Another process moved a source, or a file changed while it was read: asked anew at once. */
const TRIES = 10;
const MAGIC_BYTES = 4;
const ALONE = { alone: true, onStored: () => undefined, again: undefined };

interface Followed {
  readonly stat: FileStat;
  /** Of its first record; undefined: not known. */
  readonly prefix: string | undefined;
  /** undefined: not gone on with from memory. */
  readonly taken: Taken | undefined;
}

/** A file that is open. */
interface Opened {
  readonly path: string;
  readonly handle: FileHandle;
  readonly now: FileStat;
  /** Every file was looked at before it. */
  readonly isLast: boolean;
}

/** A content and what it begins with. */
interface Begun {
  readonly content: ReadContent;
  readonly record: Uint8Array;
  readonly isPlain: boolean;
}

/** A piece in the group. */
interface Waiting {
  readonly path: string;
  readonly taken: Taken;
  readonly through: number;
  readonly rows: number;
  readonly rejected: number;
}

/** The file is not what it was when reading began; nothing of it that is not committed counts. */
class Changed extends Error {}

export class Follower {
  readonly total = { rows: 0, rejected: 0 };
  readonly #options: FollowOptions;
  readonly #fs: FollowFs;
  readonly #place: LoadPlace;
  readonly #files = new Map<string, Followed>();
  /** The same as the last poll left them, by inode: a renamed file need not be hashed again. */
  #inodes = new Map<string, Followed>();
  /** What was said of a file last. */
  readonly #notes = new Map<string, string>();
  /** What is in the group, by source. */
  #waiting = new Map<string, Waiting>();
  /** To be asked anew in this poll. */
  #again = new Set<string>();
  /** To be looked at when every other file was. */
  #later = new Set<string>();

  constructor(
    place: Pick<LoadPlace, 'context' | 'dataset' | 'known' | 'newGroup'>,
    options: FollowOptions,
  ) {
    this.#options = options;
    this.#fs = options.fs ?? nodeFollowFs;
    this.#place = {
      ...place,
      options: { format: options.format },
      group: place.newGroup(),
      workers: undefined,
      tally: { rows: 0 },
      commitGroup: () => this.#commit(),
    };
  }

  /** Looks at every file once; what was new and complete in them is committed when it resolves. */
  async poll(): Promise<void> {
    const listed = await this.#options.list();
    const paths = new Set(listed);
    this.#inodes = new Map([...this.#files.values()].map((file) => [inodeOf(file.stat), file]));
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
    for (const path of this.#notes.keys()) if (!paths.has(path)) this.#notes.delete(path);
    let due: readonly string[] = listed;
    for (let tries = 0; due.length > 0 && tries < TRIES; tries++) {
      this.#again = new Set();
      this.#later = new Set();
      for (const path of due) await this.#look(path, false);
      for (const path of this.#later) await this.#look(path, true);
      await this.#commit();
      due = listed.filter((path) => this.#again.has(path));
    }
  }

  async #look(path: string, isLast: boolean): Promise<void> {
    let now: FileStat | undefined;
    try {
      now = await this.#fs.stat(path);
      const action = followAction(evidenceOf(now, settled(this.#files.get(path))));
      if (action === 'idle') return;
      const handle = action === 'gone' ? undefined : await this.#fs.open(path);
      if (handle === undefined) {
        this.#files.delete(path);
        return;
      }
      try {
        now = fileStat(await handle.stat({ bigint: true }));
        await this.#lookInto({ path, handle, now, isLast });
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (error instanceof Changed) this.#askAnew(path);
      else if (!isHypError(error, 'E_BAD_INPUT')) throw error;
      else {
        if (now !== undefined) this.#remember(path, now);
        this.#note(path, problemText(error));
      }
    }
  }

  async #lookInto(opened: Opened): Promise<void> {
    const { path, handle, now } = opened;
    const here = settled(this.#files.get(path));
    const isHere = here !== undefined && inodeOf(here.stat) === inodeOf(now);
    const before = isHere ? here : (settled(this.#inodes.get(inodeOf(now))) ?? here);
    let action = followAction(evidenceOf(now, before));
    if (action === 'compare') {
      const beginsSame = await before?.taken?.isBeginningOf(handle);
      action = followAction({ ...evidenceOf(now, before), beginsSame });
    }
    if (action === 'idle') {
      if (before !== undefined) this.#files.set(path, before);
      return;
    }
    const known = action === 'grown' ? before?.taken : undefined;
    // Whatever comes of it, the file is opened again only when it was written to.
    this.#remember(path, now);
    const taken = known ?? (await this.#decide(opened));
    if (taken === undefined) return;
    await this.#read(opened, taken);
    if (taken.isNamed) this.#files.set(path, { stat: now, prefix: taken.prefix, taken });
  }

  /** Loads what is not read line by line. Answers what was taken before of what is. */
  async #decide(opened: Opened): Promise<Taken | undefined> {
    const { path, handle, now } = opened;
    if (await isParquetFile(path, this.#place.options)) {
      await this.#load(() => loadParquet(this.#place, path, ALONE));
      return undefined;
    }
    const { content, record, isPlain } = await contentOf(opened);
    if (record.length === 0) return undefined;
    const prefix = sourcePrefix(record);
    const identity = await this.#identify(content, prefix);
    if (identity.position === undefined && !identity.isFirst && !opened.isLast) {
      // It may be a copy under way of a file that was not looked at yet.
      this.#files.delete(path);
      this.#later.add(path);
      return undefined;
    }
    if (await this.#isCopy(opened, prefix, identity)) return undefined;
    this.#remember(path, now, isPlain ? prefix : undefined);
    if (isPlain && (this.#options.format ?? formatOf(path, record)) === 'ndjson') {
      const taken = new Taken(record, undefined);
      const { position } = identity;
      if (position !== undefined && !(await taken.takeCommitted(handle, position))) {
        throw new Changed();
      }
      return taken;
    }
    await this.#load(() => loadFile(this.#place, path, ALONE));
    return undefined;
  }

  /** Two files of one content may be new at once: the first is in before the second is asked. */
  async #identify(content: ReadContent, prefix: string): Promise<Identity> {
    for (const { taken } of this.#waiting.values()) {
      if (taken.prefix !== prefix) continue;
      await this.#commit();
      break;
    }
    return identify(content, prefix, this.#place.known);
  }

  /** Loads a file as a backfill does, after what waits. */
  async #load(load: () => Promise<FileResult>): Promise<void> {
    await this.#commit();
    const { tally } = this.#place;
    const before = tally.rows;
    try {
      this.total.rejected += (await load()).report.rejected;
    } catch (error) {
      // It changed while it was read; what is in of it stays.
      if (isHypError(error, 'E_CONFLICT')) throw new Changed();
      throw error;
    } finally {
      // Of a file that ends too soon a part may be in.
      this.total.rows += tally.rows - before;
    }
  }

  async #isCopy(opened: Opened, prefix: string, { position, isCutCopy }: Identity) {
    const isCopy =
      isCutCopy || (position === undefined && (await this.#isLiveCopy(opened, prefix)));
    if (isCopy) {
      this.#note(
        opened.path,
        `${opened.path} is the beginning of a longer file that is in: it waits until it goes on otherwise`,
      );
    }
    return isCopy;
  }

  /** True when another file here, with the same first record, begins with all of this one. */
  async #isLiveCopy({ path, handle, now }: Opened, prefix: string): Promise<boolean> {
    for (const [other, followed] of this.#files) {
      if (other === path || followed.prefix !== prefix) continue;
      const original = await this.#fs.open(other);
      if (original === undefined) continue;
      try {
        if (await sameBeginning(handle, original, now.bytes)) return true;
        // Cut off since, perhaps because this copy of it is whole by now.
        const { bytes } = fileStat(await original.stat({ bigint: true }));
        if (bytes < followed.stat.bytes) throw new Changed();
      } finally {
        await original.close();
      }
    }
    return false;
  }

  async #read({ path, handle, now }: Opened, taken: Taken): Promise<void> {
    const { context, dataset } = this.#place;
    const { observe } = context;
    const declared = await declaredKinds(context, dataset);
    const startByte = taken.through;
    const decoder = new NdjsonDecoder({ startByte, startLine: taken.lines, observe, declared });
    const unread: Uint8Array[] = [];
    const take = async (decoded: DecodedBatch): Promise<void> => {
      const from = taken.through;
      pushThrough(taken, unread, decoded.endByte);
      taken.lines = decoded.endLine;
      if (!(await taken.isBeginningOf(handle))) throw new Changed();
      await this.#add(path, decoded, { taken, from });
    };
    for await (const chunk of readFrom(handle, startByte, now.bytes)) {
      unread.push(chunk);
      for (const decoded of decoder.decode(chunk)) {
        await take(decoded);
        // The rest is for the next run: a person waits for the end of this one.
        if (this.#options.signal.aborted) return;
      }
    }
    const { last } = decoder.finishGrowing();
    if (last !== undefined) await take(last);
    await taken.rememberEnd(handle);
  }

  /** Puts what was taken behind byte `from` in the group. */
  async #add(
    path: string,
    decoded: DecodedBatch,
    { taken, from }: { readonly taken: Taken; readonly from: number },
  ): Promise<void> {
    taken.source ??= (await this.#place.known.under(taken.prefix)).takeFree();
    const { source } = taken;
    const found = gathered([decoded]);
    const piece = () => ({ path, decoded: found, move: moveOf(path, source, taken) });
    if (this.#waiting.has(source) || this.#place.group.isFullFor(piece())) await this.#commit();
    // The position would pass over what lies between, whose commit was refused.
    if (taken.committed !== from) throw new Changed();
    this.#place.group.add(piece());
    const { rows } = decoded.batch;
    const rejected = decoded.rejects.length;
    this.#waiting.set(source, { path, taken, through: taken.through, rows, rejected });
  }

  /** Commits the group. Files another process was faster with are asked anew. */
  async #commit(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const isIn = await this.#place.group.commit();
    for (const { path, taken, through, rows, rejected } of waiting.values()) {
      if (!isIn) this.#askAnew(path);
      else {
        taken.committed = through;
        this.total.rows += rows;
        this.total.rejected += rejected;
      }
    }
  }

  #askAnew(path: string): void {
    this.#files.delete(path);
    this.#again.add(path);
  }

  #remember(path: string, stat: FileStat, prefix?: string): void {
    this.#files.set(path, { stat, prefix, taken: undefined });
  }

  #note(path: string, text: string): void {
    if (this.#notes.get(path) === text) return;
    this.#notes.set(path, text);
    this.#options.onNote?.(text);
  }
}

/**
 * What was taken and is not committed counts for nothing, whatever became of its commit: the file is
 * asked as one that was never read. A file that was renamed within a poll is among these, too.
 */
function settled(file: Followed | undefined): Followed | undefined {
  return file?.taken?.isSettled === false ? undefined : file;
}

function inodeOf({ device, inode }: FileStat): string {
  return `${device}:${inode}`;
}

function evidenceOf(now: FileStat | undefined, before: Followed | undefined) {
  const taken = before?.taken?.through;
  return { now, before: before?.stat, taken, beginsSame: undefined };
}

/** How the file's source moves with what was taken of it since the last commit. */
function moveOf(path: string, source: string, taken: Taken) {
  const from = taken.committed === 0 ? undefined : BigInt(taken.committed);
  const through = BigInt(taken.through);
  return {
    source,
    from,
    to: { source, through, digest: taken.digest(), hint: path },
    finished: true,
  };
}

/** A plain file is read by its handle, whatever its path is by now. */
async function contentOf({ path, handle, now }: Opened): Promise<Begun> {
  const magic = new Uint8Array(MAGIC_BYTES);
  await readFully(handle, magic, 0);
  const isPlain = !(magic[0] === 0x1f && magic[1] === 0x8b) && !isZstd(magic);
  const packed = isPlain ? undefined : await openContent(path);
  const content = () => packed?.read() ?? readFrom(handle, 0, now.bytes);
  return { content, record: await firstRecord(content()), isPlain };
}

/** Moves what is read up to the content's byte `end` into `taken`. */
function pushThrough(taken: Taken, unread: Uint8Array[], end: number): void {
  while (taken.through < end) {
    const chunk = unread.shift();
    if (chunk === undefined) return;
    const part = chunk.subarray(0, end - taken.through);
    taken.push(part);
    if (part.length < chunk.length) unread.unshift(chunk.subarray(part.length));
  }
}
