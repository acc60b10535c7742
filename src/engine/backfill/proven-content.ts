/**
 * Owns: a content that is read again to be loaded, proven to be the one its source was decided by.
 * Each pass opens the path anew, and a log may be rotated, truncated or replaced in between: rows of
 * one content under the name, or behind the position, of another are lost or come twice.
 * Invariant: I13 (a digest for each MiB that was decided by; bytes wait until the next of them).
 * Not its job: what was decided (source.ts).
 * llp/0012
 */
import { firstRecord } from './source.ts';
import type { Mark } from './source.ts';
import { PrefixDigest } from '../prefix-digest.ts';

/** What a decision was made by: no content without all of it is the one that was meant. */
export interface Proof {
  /** Its first record, whole: it names the source. */
  readonly head: Uint8Array;
  /** Digests of growing prefixes, the last of all that was looked at; none: only `head` was. */
  readonly marks: readonly Mark[];
}

/** The content is not the one that was decided on. */
export class OtherContent extends Error {}

/**
 * `content`, each chunk once it is proven. What the file has grown by since needs no proof. Throws
 * OtherContent.
 */
export async function* proven(
  content: AsyncIterable<Uint8Array>,
  { head, marks }: Proof,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = new PrefixDigest();
  const held: { readonly chunk: Uint8Array; readonly end: number }[] = [];
  let end = 0;
  let next = 0;
  for await (const chunk of beginning(content, head)) {
    end += chunk.length;
    held.push({ chunk, end });
    if (next < marks.length) digest.push(chunk);
    let through = 0;
    for (let mark = marks[next]; mark !== undefined && mark.bytes <= end; mark = marks[++next]) {
      if (digest.at(mark.bytes) !== mark.digest) throw new OtherContent();
      through = mark.bytes;
    }
    const isFree = next === marks.length;
    for (let first = held[0]; first !== undefined; first = held[0]) {
      if (!isFree && first.end > through) break;
      held.shift();
      yield first.chunk;
    }
  }
  if (next < marks.length) throw new OtherContent();
}

/** `content` when its first record is `head`; a record that was cut short by then is another. */
async function* beginning(
  content: AsyncIterable<Uint8Array>,
  head: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = content[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  // Left before the end, it leaves `chunks` open.
  const looked = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      seen.push(next.value);
      yield next.value;
    }
  };
  try {
    const found = await firstRecord(looked());
    if (Buffer.compare(found, head) !== 0) throw new OtherContent();
    yield* seen;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}
