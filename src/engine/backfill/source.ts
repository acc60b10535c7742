/**
 * Owns: which source a file is (DESIGN §12): it is known by the digest of the bytes consumed so
 * far; path and size are hints for people. Content means decompressed bytes, so that a file and its
 * .gz are the same source.
 *
 * | label | the positions hold | action |
 * | new | nothing of this content | begin a source of its own |
 * | resume | a prefix of it | go on behind the prefix: a killed backfill, or a grown file |
 * | unchanged | all of it, from this path | nothing to do |
 * | same-bytes | all of it, from another path | skip with a notice, unless told to load it again |
 *
 * llp/0012
 */
import { createHash } from 'node:crypto';
import { sha256Hex } from '../../core/digest.ts';
import type { Position, Positions } from '../../../storage/positions/positions.ts';

/** A first line longer than this is known by its beginning. */
const HEAD_BYTES = 64 * 1024;
const LF = 10;

export type SourceDecision =
  | { readonly label: 'new'; readonly source: string }
  | { readonly label: 'resume'; readonly source: string; readonly through: number }
  | { readonly label: 'unchanged' }
  | { readonly label: 'same-bytes'; readonly firstPath: string };

/** What a pass over a file found of the sources that begin with its first line. */
export interface PrefixMatch {
  readonly position: Position | undefined;
  /** Bytes of the whole content. */
  readonly bytes: number;
}

/** Sources that could be this file share its first line. */
export function sourcePrefix(head: Uint8Array): string {
  return `file/${sha256Hex(head).slice(0, 24)}#`;
}

/** The content's first line without its LF, at most HEAD_BYTES of it. */
export async function firstLine(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    const end = chunk.indexOf(LF);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    parts.push(part);
    length += part.length;
    if (end >= 0 || length >= HEAD_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, HEAD_BYTES);
}

/** Reads the content once and finds the longest of `candidates` that is a prefix of it. */
export async function matchPrefix(
  content: AsyncIterable<Uint8Array>,
  candidates: readonly Position[],
): Promise<PrefixMatch> {
  const marks = [...new Set(candidates.map((at) => Number(at.through)))].sort((a, b) => a - b);
  const hash = createHash('sha256');
  let bytes = 0;
  let found: Position | undefined;
  for await (const chunk of content) {
    let from = 0;
    for (let mark = marks[0]; mark !== undefined && mark <= bytes + chunk.length; mark = marks[0]) {
      hash.update(chunk.subarray(from, mark - bytes));
      from = mark - bytes;
      marks.shift();
      const digest = hash.copy().digest('hex');
      const through = BigInt(mark);
      found = candidates.find((at) => at.through === through && at.digest === digest) ?? found;
    }
    hash.update(chunk.subarray(from));
    bytes += chunk.length;
  }
  return { position: found, bytes };
}

/** Pure: what to do with the file at `path` (see the table above). */
export function decideSource(
  path: string,
  prefix: string,
  known: readonly Position[],
  match: PrefixMatch,
): SourceDecision {
  const { position } = match;
  if (position === undefined) return { label: 'new', source: freeSource(prefix, known) };
  if (Number(position.through) < match.bytes) {
    return { label: 'resume', source: position.source, through: Number(position.through) };
  }
  const firstPath = position.hint ?? path;
  return firstPath === path ? { label: 'unchanged' } : { label: 'same-bytes', firstPath };
}

/** The same for every process that sees the same positions: two of them cannot both begin it. */
function freeSource(prefix: string, known: readonly Position[]): string {
  const taken = new Set(known.map((at) => at.source));
  for (let number = 0; ; number++) {
    const source = `${prefix}${number}`;
    if (!taken.has(source)) return source;
  }
}

/** All positions of sources with this prefix. */
export async function knownSources(
  positions: Positions,
  prefix: string,
): Promise<readonly Position[]> {
  return positions.withPrefix(prefix);
}
