/**
 * Owns: who a file is whose path or stat says nothing: by its content, as a backfill asks it
 * (source.ts), and one thing more: whether it is a copy of what is in that is not whole, as cp makes
 * one before the original is truncated. Such a file is not read: its bytes are in already, or will
 * be found to be when it has grown past them.
 * llp/0012
 */
import type { FileHandle } from 'node:fs/promises';
import { PrefixDigest } from '../../prefix-digest.ts';
import type { Half } from '../../prefix-digest.ts';
import type { Position } from '../../../../storage/positions/positions.ts';
import type { KnownFiles, KnownSources } from '../known-sources.ts';
import { matchPrefix } from '../source.ts';
import { readFully } from '../proven-file.ts';

const CHUNK_BYTES = 256 * 1024;

export type ReadContent = () => AsyncIterable<Uint8Array>;

export interface Identity {
  /** The longest source that is its beginning. */
  readonly position: Position | undefined;
  /** More than half of a longer source is its beginning, and goes beyond `position`. */
  readonly isCutCopy: boolean;
  /** Nothing is in that begins with its first record. */
  readonly isFirst: boolean;
}

/** Reads the content once, twice when it may be a cut copy. */
export async function identify(
  content: ReadContent,
  prefix: string,
  files: KnownFiles,
): Promise<Identity> {
  const known = await files.under(prefix);
  if (known.isEmpty) return { position: undefined, isCutCopy: false, isFirst: true };
  const { source, bytes } = await matchPrefix(content(), known);
  const position = source === undefined ? undefined : await files.position(source);
  const matched = Number(position?.through ?? 0n);
  const isCutCopy = matched < bytes && (await isLongerKnown(content(), known, { matched, bytes }));
  return { position, isCutCopy, isFirst: false };
}

/** The halves digests carry say what a longer source begins with (llp/0012). */
async function isLongerKnown(
  content: AsyncIterable<Uint8Array>,
  known: KnownSources,
  { matched, bytes }: { readonly matched: number; readonly bytes: number },
): Promise<boolean> {
  const halves: Half[] = [];
  const digest = new PrefixDigest((half) => halves.push(half));
  let length = 0;
  for await (const chunk of content) {
    digest.push(chunk);
    length += chunk.length;
    digest.advance(length);
  }
  // Too short to have one: they share the first record, which is most of them.
  const short = [...known.lengthsWithoutHalf()];
  if (short.some((other) => other > bytes)) return true;
  return halves
    .filter((half) => half.bytes > matched)
    .some((half) => [...known.lengthsWith(half)].some((other) => other > bytes));
}

/** True when the first `bytes` of both files are the same, as they are now. */
export async function sameBeginning(a: FileHandle, b: FileHandle, bytes: number): Promise<boolean> {
  const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, bytes - at);
    const [inA, inB] = [left.subarray(0, length), right.subarray(0, length)];
    const readA = await readFully(a, inA, at);
    const readB = await readFully(b, inB, at);
    if (readA < length || readB < length || !inA.equals(inB)) return false;
  }
  return true;
}
