/**
 * Owns: what following files is asked and what it answers.
 * llp/0012
 */
import type { DatasetName } from '../../../core/ids.ts';
import type { InputFormat } from '../report.ts';
import type { FollowFs } from './look-ports.ts';

export interface FollowOptions {
  /** The files there are now, by absolute path, older ones first; asked at each poll. */
  readonly list: () => Promise<readonly string[]>;
  /** Between two polls, in ms. */
  readonly intervalMs: number;
  /** Ends the following after a last poll. */
  readonly signal: AbortSignal;
  /** Of all files; default: of each by its extension, else by its first bytes. */
  readonly format?: InputFormat | undefined;
  /** Told, once for each file, why it is not read now. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** The disk, for tests. */
  readonly fs?: FollowFs | undefined;
}

export interface FollowReport {
  readonly dataset: DatasetName;
  /** Rows this call added. */
  readonly rows: number;
  /** Lines of this call that are not rows. */
  readonly rejected: number;
  /** Absolute path of the file of rejected lines, when there are any. */
  readonly rejectsPath: string | undefined;
}
