/**
 * Owns: what is kept of a line that is no row: where, why, and its first bytes.
 * llp/0004
 */

/** One line that was not stored. */
export interface Reject {
  /** 1-based, in the source. */
  readonly line: number;
  /** Where the line begins in the source. */
  readonly byte: number;
  readonly reason: string;
  /** The beginning of the line as text, at most 200 characters; bytes that are no UTF-8 show as U+FFFD. */
  readonly excerpt: string;
  /** The raw line without its line feed, cut to 64 KiB. */
  readonly bytes: Uint8Array;
}

export const REJECT_BYTES = 64 * 1024;
const EXCERPT_CHARACTERS = 200;
/** A rough price of the object around the bytes, for the batch limit. */
const OBJECT_BYTES = 1024;

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

export function newReject(line: number, byte: number, reason: string, bytes: Uint8Array): Reject {
  // A character of JavaScript takes at most three bytes; the last one may be cut in half.
  const text = lossy.decode(bytes.subarray(0, 3 * EXCERPT_CHARACTERS));
  const excerpt = text.slice(0, EXCERPT_CHARACTERS).replace(/[\ud800-\udbff]$/, '');
  return { line, byte, reason, excerpt, bytes: bytes.slice(0, REJECT_BYTES) };
}

/** What a reject counts against the limit of a batch. */
export function rejectCost(reject: Reject): number {
  return reject.bytes.length + OBJECT_BYTES;
}
