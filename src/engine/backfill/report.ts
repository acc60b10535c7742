/**
 * Owns: what a backfill is asked and what it answers.
 * llp/0012
 */
import type { DatasetName } from '../../core/ids.ts';

/** How rows stand in a file; `json` is one array of objects. All but Parquet may be gzip or zstd. */
export type InputFormat = (typeof INPUT_FORMATS)[number];
export const INPUT_FORMATS = ['ndjson', 'csv', 'tsv', 'json', 'parquet'] as const;

export interface BackfillOptions {
  /** Of all files; default: of each by its extension, else by its first bytes. */
  readonly format?: InputFormat | undefined;
  /** Reads everything, writes nothing, says what would be added. */
  readonly dryRun?: boolean | undefined;
  /** Loads a file again although its very bytes are in already. */
  readonly again?: boolean | undefined;
  /**
   * Threads that parse and encode beside this one, 0 to 64; default: by cores and memory. They are
   * started for large files only. The rows and their order are the same for any number.
   */
  readonly workers?: number | undefined;
  /**
   * Aborting stops after the commit under way; the backfill rejects (E_UNAVAILABLE, its details say
   * `stopped`) and can be repeated.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece that was read; what it throws ends the backfill. */
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

export interface BackfillProgress {
  readonly file: string;
  /** 0-based. */
  readonly fileIndex: number;
  readonly files: number;
  /** Bytes of the files as stored (compressed when they are). */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rows: number;
}

export interface BackfillFileReport {
  readonly path: string;
  /**
   * added: new rows · unchanged: all was in · same-bytes: in already from another path · failed: it
   * could not be read to its end; what was read before is stored, `problem` says why.
   */
  readonly outcome: 'added' | 'unchanged' | 'same-bytes' | 'failed';
  /** Rows this call added. */
  readonly rows: number;
  /** Bytes of content this call took in, unpacked; of Parquet the share of the file its rows are. */
  readonly bytes: number;
  /** Lines of this call that are not rows; rows of Parquet that cannot be said. */
  readonly rejected: number;
  /** The path its bytes came from the first time, for same-bytes. */
  readonly firstPath: string | undefined;
  /** Why it failed, with its path, and what to do. */
  readonly problem: { readonly message: string; readonly hint: string | undefined } | undefined;
  /**
   * Where a last line begins that has no end yet and is not a whole row: nothing of it was taken, a
   * later backfill takes it once its end is there. Line 1-based, byte of the content 0-based.
   */
  readonly unfinished: { readonly line: number; readonly byte: number } | undefined;
}

export interface BackfillReport {
  readonly dataset: DatasetName;
  readonly files: readonly BackfillFileReport[];
  readonly rows: number;
  readonly rejected: number;
  /** Absolute path of the file of rejected lines, when there are any: NDJSON, durable. */
  readonly rejectsPath: string | undefined;
}
