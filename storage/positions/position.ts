/**
 * Owns: the one type of "how far a source is committed", and an entry of a positions file.
 * llp/0014
 */

/** How far a source is committed to a table. */
export interface Position {
  /** Names the source for ever; at most LIMITS.sourceNameChars characters. */
  readonly source: string;
  /** Counted as the source counts: frames, bytes, rows. Only ever compared for equality by us. */
  readonly through: bigint;
  /** Of what was committed so far; '' when that means nothing for the source. */
  readonly digest: string;
  /** For people, such as the first path; never identity. */
  readonly hint?: string | undefined;
}

/** A source as a file holds it. The newest entry of a source hides all older ones. */
export interface Entry {
  readonly source: string;
  /** undefined: the source was dropped; hides older entries until a merge forgets both. */
  readonly position: Position | undefined;
  /** Never true in a segment. */
  readonly active: boolean;
}

/** Order of sources in files: by UTF-16 code units, so that a prefix is one stretch. */
export function bySource(a: Entry, b: Entry): number {
  return a.source < b.source ? -1 : a.source > b.source ? 1 : 0;
}
