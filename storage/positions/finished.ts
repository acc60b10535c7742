/**
 * Owns: segments of finished sources: immutable, named by their content, sorted by source, and
 * merged in tiers so that their list stays short.
 *
 * A segment is text: a header line, then one JSON array a line, `[source, through, digest, hint?]`
 * or `[source]` for a dropped one. In memory it stays bytes, with a 32-bit hash per source in front,
 * so that a source that is not there costs a search among numbers.
 * llp/0014
 */
import { z } from 'zod';
import { readContentFile, writeContentFile } from '../../src/core/content-file.ts';
import { checksum } from '../../src/core/digest.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isMissing } from '../../src/core/durable-fs.ts';
import { HypError, isHypError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { bySource } from './position.ts';
import type { Entry } from './position.ts';

const KIND = 'hyp-positions-finished';
const FORMAT = 1;
const NEWLINE = 0x0a;

/** A segment as the positions file lists it. */
export interface SegmentRef {
  readonly name: string;
  /** Merges it has been through. */
  readonly tier: number;
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

export interface FileNaming {
  /** Version of the table the file is written for: trimming tells by it what is still under way. */
  readonly version: number;
  /** Unique; for temporary names. */
  readonly id: string;
}

/** A table's metadata directory. */
export interface Folder {
  readonly fs: DurableFs;
  readonly dir: string;
}

/** One segment in memory. */
export interface Segment {
  readonly bytes: Buffer;
  readonly start: number;
  /** Sorted hashes of all sources. */
  readonly hashes: Uint32Array;
}

const line = z.union([
  z.tuple([z.string()]),
  z.tuple([z.string(), z.string().regex(/^\d+$/), z.string()]),
  z.tuple([z.string(), z.string().regex(/^\d+$/), z.string(), z.string()]),
]);
const header = z.object({ hyp: z.literal(KIND), format: z.number(), count: z.number() });

function encodeLine({ source, position }: Entry): string {
  if (position === undefined) return JSON.stringify([source]);
  const { through, digest, hint } = position;
  const fields = [source, through.toString(), digest];
  return JSON.stringify(hint === undefined ? fields : [...fields, hint]);
}

function decodeLine(text: string): Entry {
  const [source, through, digest, hint] = line.parse(JSON.parse(text));
  if (through === undefined || digest === undefined) {
    return { source, position: undefined, active: false };
  }
  const position = { source, through: BigInt(through), digest };
  return {
    source,
    position: hint === undefined ? position : { ...position, hint },
    active: false,
  };
}

function hashOf(source: string): number {
  return checksum(Buffer.from(source));
}

/** Entries become a segment, fsynced; the caller syncs the directory. */
async function writeSegment(
  { fs, dir }: Folder,
  entries: readonly Entry[],
  tier: number,
  naming: FileNaming,
): Promise<SegmentRef> {
  const sorted = [...entries].sort(bySource);
  const head = JSON.stringify({ hyp: KIND, format: FORMAT, count: sorted.length });
  const bytes = Buffer.from(`${[head, ...sorted.map(encodeLine)].join('\n')}\n`);
  const file = { kind: 'finished', version: naming.version, ext: 'ndjson', tempId: naming.id };
  const name = await writeContentFile(fs, dir, file, bytes);
  cacheOf(fs).put(`${dir}/${name}`, parseSegment(bytes, `${dir}/${name}`));
  const first = sorted[0]?.source ?? '';
  return { name, tier, first, last: sorted.at(-1)?.source ?? '', count: sorted.length };
}

function parseSegment(bytes: Uint8Array, path: string): Segment {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = buffer.indexOf(NEWLINE) + 1;
  try {
    const { format, count } = header.parse(JSON.parse(buffer.toString('utf8', 0, start)));
    if (format !== FORMAT) throw unsupported(path, format);
    const hashes = new Uint32Array(count);
    let row = 0;
    for (let at = start; at < buffer.length; row++) {
      const end = buffer.indexOf(NEWLINE, at);
      hashes[row] = hashOf(decodeLine(buffer.toString('utf8', at, end)).source);
      at = end + 1;
    }
    if (row !== count) throw new HypError('E_CORRUPT', `${row} sources instead of ${count}`);
    return { bytes: buffer, start, hashes: hashes.sort() };
  } catch (cause) {
    if (isHypError(cause, 'E_UNSUPPORTED_FORMAT')) throw cause;
    throw corruptPositions(path, cause);
  }
}

/** A segment by name, from the cache of this process when it is there. E_CORRUPT when damaged. */
export async function loadSegment(fs: DurableFs, dir: string, name: string): Promise<Segment> {
  const path = `${dir}/${name}`;
  const cached = cacheOf(fs).get(path);
  if (cached !== undefined) return cached;
  const segment = parseSegment(await readPositionsFile(fs, dir, name), path);
  cacheOf(fs).put(path, segment);
  return segment;
}

/** The entry of `source`, or undefined when the segment has none. */
export function findEntry(segment: Segment, source: string): Entry | undefined {
  if (!hasHash(segment.hashes, hashOf(source))) return undefined;
  const entry = entryAt(segment, lowerBound(segment, source));
  return entry?.entry.source === source ? entry.entry : undefined;
}

/** Entries whose source begins with `prefix`, in order. */
export function* entriesWith(segment: Segment, prefix: string): Generator<Entry> {
  for (let at = lowerBound(segment, prefix); ;) {
    const found = entryAt(segment, at);
    if (found?.entry.source.startsWith(prefix) !== true) return;
    yield found.entry;
    at = found.end;
  }
}

function hasHash(hashes: Uint32Array, hash: number): boolean {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((hashes[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return low < hashes.length && hashes[low] === hash;
}

/** Byte of the first line whose source is not below `source`. */
function lowerBound({ bytes, start }: Segment, source: string): number {
  let low = start;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const begin = Math.max(low, bytes.lastIndexOf(NEWLINE, middle - 1) + 1);
    const end = bytes.indexOf(NEWLINE, middle) + 1;
    if (decodeLine(bytes.toString('utf8', begin, end)).source < source) low = end;
    else high = begin;
  }
  return low;
}

function entryAt({ bytes }: Segment, at: number): { entry: Entry; end: number } | undefined {
  if (at >= bytes.length) return undefined;
  const end = bytes.indexOf(NEWLINE, at) + 1;
  return { entry: decodeLine(bytes.toString('utf8', at, end)), end };
}

/**
 * Folds `entries` into the list (newest first) as a segment of its own, then merges every tier that
 * has LIMITS.positionsMerge of them into one of the next tier. A merge of more
 * than LIMITS.positionsMergeSources is not made: no commit pays for it in memory or time.
 */
export async function fold(
  folder: Folder,
  list: readonly SegmentRef[],
  entries: readonly Entry[],
  naming: FileNaming,
): Promise<readonly SegmentRef[]> {
  const kept = list.length === 0 ? entries.filter((entry) => entry.position) : entries;
  if (kept.length === 0) return list;
  let refs = [await writeSegment(folder, kept, 0, naming), ...list];
  for (let tier = 0; ; tier++) {
    const merging = refs.filter((ref) => ref.tier === tier);
    const count = merging.reduce((sum, ref) => sum + ref.count, 0);
    if (merging.length < LIMITS.positionsMerge || count > LIMITS.positionsMergeSources) return refs;
    const older = refs.filter((ref) => ref.tier > tier);
    const merged = await mergeEntries(folder, merging, older.length > 0);
    const one = merged.length > 0 ? [await writeSegment(folder, merged, tier + 1, naming)] : [];
    refs = [...refs.filter((ref) => ref.tier < tier), ...one, ...older];
  }
}

/** The newest entry of each source; dropped ones only while an older segment may hold them. */
async function mergeEntries(
  { fs, dir }: Folder,
  newestFirst: readonly SegmentRef[],
  keepDropped: boolean,
): Promise<Entry[]> {
  const merged = new Map<string, Entry>();
  for (const ref of newestFirst) {
    for (const entry of entriesWith(await loadSegment(fs, dir, ref.name), '')) {
      if (!merged.has(entry.source)) merged.set(entry.source, entry);
    }
  }
  return [...merged.values()].filter((entry) => keepDropped || entry.position !== undefined);
}

/** A content file of positions; E_CORRUPT also when it is not there. */
export async function readPositionsFile(
  fs: DurableFs,
  dir: string,
  name: string,
): Promise<Uint8Array> {
  try {
    return await readContentFile(fs, dir, name);
  } catch (cause) {
    if (isMissing(cause)) throw corruptPositions(`${dir}/${name}`, cause);
    throw cause;
  }
}

export function corruptPositions(path: string, cause: unknown): HypError {
  return new HypError('E_CORRUPT', `positions file is damaged or missing: ${path}`, {
    cause,
    hint: 'Nothing is committed to this table without it. Run `hyp check`; restore the file.',
    details: { path },
  });
}

export function unsupported(path: string, format: number): HypError {
  return new HypError('E_UNSUPPORTED_FORMAT', `positions file ${path} has format ${format}`, {
    hint: `This hyp knows format ${FORMAT}: use the hyp that wrote it, or a newer one.`,
    details: { path, format },
  });
}

/** Segments of one process, the least recently used ones dropped beyond a size. */
class SegmentCache {
  readonly #segments = new Map<string, Segment>();
  #bytes = 0;

  get(path: string): Segment | undefined {
    const found = this.#segments.get(path);
    if (found === undefined) return undefined;
    this.#segments.delete(path);
    this.#segments.set(path, found);
    return found;
  }

  put(path: string, segment: Segment): void {
    if (this.#segments.has(path)) return;
    this.#segments.set(path, segment);
    this.#bytes += sizeOf(segment);
    for (const [oldest, dropped] of this.#segments) {
      if (this.#bytes <= LIMITS.positionsCacheBytes || this.#segments.size === 1) break;
      this.#segments.delete(oldest);
      this.#bytes -= sizeOf(dropped);
    }
  }
}

function sizeOf({ bytes, hashes }: Segment): number {
  return bytes.length + hashes.byteLength;
}

/** A cache belongs to the disk it was read from. */
const caches = new WeakMap<DurableFs, SegmentCache>();

function cacheOf(fs: DurableFs): SegmentCache {
  const known = caches.get(fs);
  if (known !== undefined) return known;
  const fresh = new SegmentCache();
  caches.set(fs, fresh);
  return fresh;
}
