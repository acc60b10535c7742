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
import { sha256Hex } from '../../core/digest.ts';
import type { Position } from '../../../storage/positions/positions.ts';
import type { KnownSources } from './known-sources.ts';
import { PrefixDigest } from '../prefix-digest.ts';

/** A first record longer than this is known by its beginning. */
const HEAD_BYTES = 64 * 1024;
/** Of a content that is read again, this much waits for its proof. */
const MARK_BYTES = 1024 * 1024;
const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export type SourceDecision =
  | { readonly label: 'new'; readonly source: string }
  | {
      readonly label: 'resume';
      readonly source: string;
      readonly through: number;
      readonly firstPath: string;
    }
  | { readonly label: 'unchanged' }
  | { readonly label: 'same-bytes'; readonly firstPath: string };

/** What a pass over a file found of the sources that begin with its first record. */
export interface PrefixMatch {
  /** The longest one that is a prefix of the content. */
  readonly position: Position | undefined;
  /** Bytes of the whole content. */
  readonly bytes: number;
}

/** The digest of a content's first `bytes`. */
export interface Mark {
  readonly bytes: number;
  readonly digest: string;
}

export interface ContentMatch {
  readonly source: string | undefined;
  /** Bytes of the whole content. */
  readonly bytes: number;
  /** What it was, for whoever reads it again. */
  readonly marks: readonly Mark[];
}

/** Sources that could be this file share its first record. */
export function sourcePrefix(head: Uint8Array): string {
  return `file/${sha256Hex(head).slice(0, 24)}#`;
}

/** The source with the number before that of `source`; undefined for the first. */
export function sourceBefore(source: string): string | undefined {
  const at = source.lastIndexOf('#') + 1;
  const number = Number(source.slice(at));
  return number === 0 ? undefined : `${source.slice(0, at)}${number - 1}`;
}

/**
 * What a content begins with, at most HEAD_BYTES: its first object, in an array or not, else its
 * first line without the LF. It is the same for every content that goes on from one of which
 * anything was taken: an object that was taken without a line feed ends where it ends.
 */
export async function firstRecord(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  for await (const chunk of content) {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    head = head.subarray(0, HEAD_BYTES);
    const end = recordEnd(head);
    if (end !== undefined) return head.subarray(0, end);
    if (head.length === HEAD_BYTES) break;
  }
  return head;
}

/** Where the first object or line ends, when that is in sight. */
function recordEnd(bytes: Uint8Array): number | undefined {
  let depth = 0;
  let inArray = false;
  let begun = false;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === LF && begun && !inArray) return at;
    begun ||= !isBlank(byte);
    if (inText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === OPEN_BRACKET && depth === 0) inArray = true;
    else if (byte === QUOTE && depth > 0) inText = true;
    else if (byte === OPEN_BRACE) depth += 1;
    else if (byte === CLOSE_BRACE && --depth <= 0) return at + 1;
    else if (depth === 0 && !isBlank(byte)) return lineEnd(bytes, at);
  }
  return undefined;
}

function lineEnd(bytes: Uint8Array, from: number): number | undefined {
  const end = bytes.indexOf(LF, from);
  return end < 0 ? undefined : end;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LF;
}

/**
 * Reads the content once and finds the longest of `known` that is a prefix of it. A digest is taken
 * only at the lengths of sources whose half is this content's, so that thousands of files with one
 * first line cost each about what one costs.
 */
export async function matchPrefix(
  content: AsyncIterable<Uint8Array>,
  known: KnownSources,
): Promise<ContentMatch> {
  const marks = new Set(known.lengthsWithoutHalf());
  const digest = new PrefixDigest((half) => {
    for (const length of known.lengthsWith(half)) marks.add(length);
  });
  const passed: Mark[] = [];
  let bytes = 0;
  let found: string | undefined;
  for await (const chunk of content) {
    digest.push(chunk);
    const end = bytes + chunk.length;
    found = matchThrough(end, { digest, known, marks, bytes }) ?? found;
    bytes = end;
    if (bytes - (passed.at(-1)?.bytes ?? 0) < MARK_BYTES) continue;
    passed.push({ bytes, digest: digest.at(bytes) });
  }
  if (passed.at(-1)?.bytes !== bytes) passed.push({ bytes, digest: digest.at(bytes) });
  return { source: found, bytes, marks: passed };
}

/** The last source that ends in `(bytes, end]`. Halves met on the way may add marks. */
function matchThrough(
  end: number,
  pass: {
    readonly digest: PrefixDigest;
    readonly known: KnownSources;
    readonly marks: Set<number>;
    readonly bytes: number;
  },
): string | undefined {
  const { digest, known, marks, bytes } = pass;
  let found: string | undefined;
  let reached = bytes;
  while (reached < end) {
    // Up to the next half at most: what it adds lies behind it.
    const half = 2 ** Math.floor(Math.log2(Math.max(reached, 1)) + 1);
    const stop = Math.min(half, end);
    digest.advance(reached);
    const due = [...marks].filter((mark) => mark > reached && mark < stop).sort((a, b) => a - b);
    for (const mark of due) {
      found = known.sourceAt(mark, digest.at(mark)) ?? found;
      marks.delete(mark);
    }
    const whole = digest.at(stop);
    if (marks.has(stop)) found = known.sourceAt(stop, whole) ?? found;
    reached = stop;
  }
  return found;
}

/** What to do with the file at `path` (see the table above). */
export function decideSource(
  path: string,
  match: PrefixMatch,
  takeFree: () => string,
): SourceDecision {
  const { position } = match;
  if (position === undefined) return { label: 'new', source: takeFree() };
  const through = Number(position.through);
  const firstPath = position.hint ?? path;
  if (through < match.bytes) {
    return { label: 'resume', source: position.source, through, firstPath };
  }
  return firstPath === path ? { label: 'unchanged' } : { label: 'same-bytes', firstPath };
}
