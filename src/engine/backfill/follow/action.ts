/**
 * Owns: what a poll does with one path, from what stat says and, where that is not enough, from
 * whether the file still begins with the bytes that were taken from it. Pure.
 *
 * | label | evidence | action |
 * | gone | there is no file | forget it; what was committed stays |
 * | idle | stat says exactly what it said when it was read to its end | nothing; it is not opened |
 * | compare | the same file by inode, not shorter than what was taken; its bytes not compared yet | compare |
 * | grown | it begins with what was taken | go on behind that |
 * | decide | new here, another inode, shorter, or it begins otherwise | ask its content who it is (identify.ts) |
 *
 * The inode only saves work: another one, or none, means asking the content. Equal stat means equal
 * content up to what no poll can see (llp/0012).
 * llp/0012
 */

/** What stat says of a file; enough to see that it was written to. */
export interface FileStat {
  readonly device: bigint;
  readonly inode: bigint;
  readonly bytes: number;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

export interface FollowEvidence {
  readonly now: FileStat | undefined;
  /** As it was when the file was read last; undefined: never. */
  readonly before: FileStat | undefined;
  /** Bytes taken from this path; undefined: it is not gone on with from memory. */
  readonly taken: number | undefined;
  /** Whether the file begins with the bytes taken; undefined: not compared. */
  readonly beginsSame: boolean | undefined;
}

export type FollowAction = 'gone' | 'idle' | 'compare' | 'grown' | 'decide';

export function followAction(evidence: FollowEvidence): FollowAction {
  const { now, before, taken, beginsSame } = evidence;
  if (now === undefined) return 'gone';
  if (before === undefined) return 'decide';
  if (isSameStat(now, before)) return 'idle';
  if (taken === undefined || taken === 0) return 'decide';
  if (now.inode !== before.inode || now.device !== before.device) return 'decide';
  if (now.bytes < taken) return 'decide';
  if (beginsSame === undefined) return 'compare';
  return beginsSame ? 'grown' : 'decide';
}

function isSameStat(a: FileStat, b: FileStat): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.bytes === b.bytes &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  );
}
