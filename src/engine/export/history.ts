/**
 * Owns: whether a table still has the rows a sink exported from it last (I10).
 *
 * | the table | is known by | here |
 * | ends below what was exported | its largest seq | no: the exporter asks first |
 * | went back and has grown beyond it since | another commit has the last exported row | yes |
 *
 * Without this the rows that took the seqs of exported ones would never be sent. Costs no read of a
 * data file. Not its job: what the destination knows (run-unit).
 * llp/0008
 */
import { toSeq } from '../../core/ids.ts';
import type { Progress } from '../../../state/progress.ts';
import { planScan } from '../../../storage/scan/plan.ts';
import type { UnitSource } from './new-unit.ts';

/** False when the commit that the last receipt names is not the one that holds its last row. */
export async function continues(
  source: Pick<UnitSource, 'table' | 'head'>,
  progress: Progress,
): Promise<boolean> {
  const last = progress.receipt?.commits.at(-1);
  if (last?.through !== progress.watermark) return true;
  const { table, head } = source;
  const [file] = await planScan(table, head, toSeq(last.through - 1n), last.through);
  return file === undefined || String(file.snapshotId) === last.commitId;
}
