/**
 * Owns: how far every source of a table is committed, kept with the table by the same commit (I3).
 * One small file holds the active sources and the newest finished ones; once it has more than
 * LIMITS.positionsActive of them, the finished ones fold into immutable segments it only names.
 * Invariants: I3 (a move asserts its start), I12, I13.
 *
 * | step of applyMoves | a crash right after leaves |
 * | 1 segments written, fsynced (only when the file is full) | unreferenced files, trimmed |
 * | 2 positions file written, fsynced | an unreferenced file, trimmed |
 * | 3 the caller syncs the directory and links a table version that names it | **the moves** |
 *
 * Not its job: what a source is and what its numbers count; deleting files (iceberg/trim).
 * llp/0014
 */
import { z } from 'zod';
import { writeContentFile } from '../../src/core/content-file.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { isHypError } from '../../src/core/errors.ts';
import { invariant } from '../../src/core/invariant.ts';
import { LIMITS } from '../../src/core/limits.ts';
import {
  corruptPositions,
  entriesWith,
  findEntry,
  fold,
  loadSegment,
  readPositionsFile,
  unsupported,
} from './finished.ts';
import type { FileNaming, SegmentRef } from './finished.ts';
import { bySource } from './position.ts';
import type { Entry, Position } from './position.ts';

export type { Position } from './position.ts';

const KIND = 'hyp-positions';
const FORMAT = 1;

/** A source goes on from `from` to `to`. */
export interface Move {
  readonly source: string;
  /** Where the source must be now; undefined: it must be unknown. */
  readonly from: bigint | undefined;
  readonly to: Position;
  /** Nothing more is expected of it; it may move again all the same. */
  readonly finished: boolean;
}

export interface PositionsChange {
  readonly moves: readonly Move[];
  /** Sources to forget for good: nothing of them can come again. Unknown ones are ignored. */
  readonly drop: readonly string[];
}

export type MovesResult =
  | { readonly kind: 'applied'; readonly fileName: string }
  /** A source is elsewhere than the move asserted; nothing was written. */
  | {
      readonly kind: 'stale';
      readonly source: string;
      readonly expected: bigint | undefined;
      readonly found: bigint | undefined;
    };

interface PositionsFile {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Newest first. */
  readonly segments: readonly SegmentRef[];
}

const NOTHING: PositionsFile = { entries: new Map(), segments: [] };

const fileJson = z.object({
  hyp: z.literal(KIND),
  format: z.number(),
  sources: z.array(
    z.object({
      source: z.string(),
      state: z.enum(['active', 'finished', 'dropped']),
      through: z.string().regex(/^\d+$/).optional(),
      digest: z.string().optional(),
      hint: z.string().optional(),
    }),
  ),
  finished: z.array(
    z.object({
      name: z.string(),
      tier: z.number(),
      first: z.string(),
      last: z.string(),
      count: z.number(),
    }),
  ),
});

/** The positions of one table version; immutable. Segments are read when they are asked for. */
export class Positions {
  /** The file they are in; undefined when nothing was ever committed. */
  readonly fileName: string | undefined;
  /** For `applyMoves` only. */
  readonly file: PositionsFile;
  readonly #fs: DurableFs;
  readonly #dir: string;

  constructor(fs: DurableFs, dir: string, fileName: string | undefined, file: PositionsFile) {
    this.#fs = fs;
    this.#dir = dir;
    this.fileName = fileName;
    this.file = file;
  }

  /** Where `source` is, active or finished; undefined when it is unknown. E_CORRUPT. */
  async get(source: string): Promise<Position | undefined> {
    const entry = this.file.entries.get(source);
    return entry === undefined ? (await this.#inSegments(source))?.position : entry.position;
  }

  /** Every source that begins with `prefix`, active and finished, in order of source. E_CORRUPT. */
  async withPrefix(prefix: string): Promise<readonly Position[]> {
    const found = new Map<string, Entry>();
    for (const [source, entry] of this.file.entries) {
      if (source.startsWith(prefix)) found.set(source, entry);
    }
    for (const { name, last } of this.file.segments) {
      if (last < prefix) continue;
      for (const entry of entriesWith(await loadSegment(this.#fs, this.#dir, name), prefix)) {
        if (!found.has(entry.source)) found.set(entry.source, entry);
      }
    }
    return [...found.values()].sort(bySource).flatMap(({ position }) => position ?? []);
  }

  /** Sources that were not finished by their last move. No file is read. */
  active(): readonly Position[] {
    return [...this.file.entries.values()].flatMap((entry) =>
      entry.active && entry.position !== undefined ? [entry.position] : [],
    );
  }

  /** Names of all files these positions need, their own included. */
  files(): readonly string[] {
    const own = this.fileName === undefined ? [] : [this.fileName];
    return [...own, ...this.file.segments.map((segment) => segment.name)];
  }

  /** True when a segment holds the source, so that forgetting it must be written down. */
  async isFolded(source: string): Promise<boolean> {
    return (await this.#inSegments(source))?.position !== undefined;
  }

  async #inSegments(source: string): Promise<Entry | undefined> {
    for (const { name, first, last } of this.file.segments) {
      if (source < first || source > last) continue;
      const entry = findEntry(await loadSegment(this.#fs, this.#dir, name), source);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
}

/** Files read lately, by path: immutable, so read once. One cache for each disk. */
const loaded = new WeakMap<DurableFs, Map<string, Positions>>();

/**
 * The positions in `fileName` of a table's metadata directory; undefined: none yet. Reads one small
 * file, once a process. E_CORRUPT when it is missing or damaged, E_UNSUPPORTED_FORMAT.
 */
export async function loadPositions(
  fs: DurableFs,
  dir: string,
  fileName: string | undefined,
): Promise<Positions> {
  if (fileName === undefined) return new Positions(fs, dir, undefined, NOTHING);
  const cache = loaded.get(fs) ?? new Map<string, Positions>();
  loaded.set(fs, cache);
  const path = `${dir}/${fileName}`;
  const known = cache.get(path);
  if (known !== undefined) return known;
  const file = decodeFile(await readPositionsFile(fs, dir, fileName), path);
  const positions = new Positions(fs, dir, fileName, file);
  cache.set(path, positions);
  const oldest = cache.keys().next();
  if (cache.size > 2 * LIMITS.recordVersions && oldest.done !== true) cache.delete(oldest.value);
  return positions;
}

/**
 * Writes the positions after `change` and names the file; they hold once a table version that names
 * it is linked. The files are fsynced, the caller syncs the directory. Idempotent: the same change
 * of the same base is the same file. 'stale' when a source is not where its move asserts (I3).
 */
// eslint-disable-next-line max-params -- the place, the base, the change and the file's name
export async function applyMoves(
  fs: DurableFs,
  dir: string,
  base: Positions,
  change: PositionsChange,
  naming: FileNaming,
): Promise<MovesResult> {
  const entries = new Map(base.file.entries);
  for (const { source, from, to, finished } of change.moves) {
    invariant(to.source === source, 'a move stays with its source');
    invariant(to.through >= (from ?? 0n), 'a source does not go back');
    invariant(source.length <= LIMITS.sourceNameChars, 'names of sources are short');
    const entry = entries.get(source);
    const found = (entry === undefined ? await base.get(source) : entry.position)?.through;
    if (found !== from) return { kind: 'stale', source, expected: from, found };
    entries.set(source, { source, position: to, active: !finished });
  }
  for (const source of change.drop) {
    entries.delete(source);
    if (await base.isFolded(source)) {
      entries.set(source, { source, position: undefined, active: false });
    }
  }
  let segments = base.file.segments;
  if (entries.size > LIMITS.positionsActive) {
    const folding = [...entries.values()].filter((entry) => !entry.active);
    for (const { source } of folding) entries.delete(source);
    segments = await fold({ fs, dir }, segments, folding, naming);
  }
  const file = { kind: 'positions', version: naming.version, ext: 'json', tempId: naming.id };
  const bytes = encodeFile({ entries, segments });
  return { kind: 'applied', fileName: await writeContentFile(fs, dir, file, bytes) };
}

function encodeFile({ entries, segments }: PositionsFile): Uint8Array {
  const sources = [...entries.values()].map(({ source, position, active }) => ({
    source,
    state: position === undefined ? 'dropped' : active ? 'active' : 'finished',
    through: position?.through.toString(),
    digest: position?.digest,
    hint: position?.hint,
  }));
  const value = { hyp: KIND, format: FORMAT, sources, finished: segments };
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

function decodeFile(bytes: Uint8Array, path: string): PositionsFile {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const format = z.object({ format: z.number() }).parse(value).format;
    if (format !== FORMAT) throw unsupported(path, format);
    const { sources, finished } = fileJson.parse(value);
    const entries = new Map<string, Entry>();
    for (const { source, state, through, digest, hint } of sources) {
      const dropped = state === 'dropped' || through === undefined;
      const position = dropped
        ? undefined
        : {
            source,
            through: BigInt(through),
            digest: digest ?? '',
            ...(hint !== undefined && { hint }),
          };
      entries.set(source, { source, position, active: state === 'active' });
    }
    return { entries, segments: finished };
  } catch (cause) {
    if (isHypError(cause, 'E_UNSUPPORTED_FORMAT')) throw cause;
    throw corruptPositions(path, cause);
  }
}
