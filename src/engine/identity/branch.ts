/**
 * Owns: where the history at a destination and our own part: units are walked from their first, and
 * each names its commits; the branch is the last commit both know. Reads one small object a unit and
 * the table's manifests, no row.
 *
 * | the units at the destination | branch | last |
 * | are all ours, whole | their end | - |
 * | are all ours, the last is a plan | its end | that plan |
 * | go on with commits that are not ours | the last seq of the last commit that is | the last plan, ours or not |
 *
 * llp/0017
 */
import { SEQ_ZERO, toSeq } from '../../core/ids.ts';
import type { Seq } from '../../core/ids.ts';
import type { Unit, UnitCommit } from '../../core/unit.ts';
import type { Progress } from '../../../state/progress.ts';
import { planScan } from '../../../storage/scan/plan.ts';
import type { LiveFile } from '../../../storage/table.ts';
import type { UnitSource } from '../export/new-unit.ts';

export interface Branch {
  /** Through here both histories have the same rows, and they are at the destination or in `last`. */
  readonly at: Seq;
  /** True when the destination has rows beyond it that are not ours. */
  readonly forked: boolean;
  /** The unit that was planned there and not completed. */
  readonly last: Unit | undefined;
}

/** Where the history at the destination of `progress` leaves that of `source`. Changes nothing. */
export async function branchOf(source: UnitSource, progress: Progress): Promise<Branch> {
  const { dataset, lineage } = progress;
  const { maxSeq } = source.head.value.hyp;
  const files = await planScan(source.table, source.head, SEQ_ZERO, maxSeq);
  let at = progress.origin ?? SEQ_ZERO;
  let next = at;
  let forked = false;
  for (;;) {
    const found = await source.sink.lookup(dataset, lineage, next);
    if (found.kind === 'none') return { at, forked, last: undefined };
    const { unit } = found;
    if (!forked) {
      at = sharedThrough(files, unit);
      forked = at < unit.through;
    }
    if (found.kind === 'planned') return { at, forked, last: unit };
    next = unit.through;
  }
}

/** The largest seq of `unit` whose commit our table has at that seq. */
function sharedThrough(files: readonly LiveFile[], unit: Unit): Seq {
  let shared = unit.after;
  for (const commit of unit.commits) {
    if (!isOurs(files, commit)) break;
    shared = commit.through;
  }
  return toSeq(shared);
}

function isOurs(files: readonly LiveFile[], { through, commitId }: UnitCommit): boolean {
  const file = files.find(({ min, max }) => min <= through && through <= max);
  return file !== undefined && String(file.snapshotId) === commitId;
}
