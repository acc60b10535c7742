/**
 * Owns: which data files hold rows of `(after, through]`. Reads manifests from the newest back and
 * stops at the first that reaches down to the range's start, so that a tick with few new rows opens
 * few of them, and one with none opens nothing (I14).
 * llp/0005
 */
import type { Seq } from '../../src/core/ids.ts';
import type { LiveFile, Table, TableHead } from '../table.ts';

/**
 * Files with rows in `(after, through]`, in seq order. Manifests of a table are disjoint in seq and
 * listed in seq order, because commits append at the end and only neighbours are merged.
 */
export async function planScan(
  table: Table,
  head: TableHead,
  after: Seq,
  through: Seq,
): Promise<LiveFile[]> {
  if (after >= through || head.value.hyp.maxSeq <= after) return [];
  const manifests = await table.manifests(head);
  const found: (readonly LiveFile[])[] = [];
  for (let i = manifests.length - 1; i >= 0; i--) {
    const manifest = manifests[i];
    if (manifest === undefined) break;
    const files = await table.liveFiles(head, manifest);
    found.push(files.filter((file) => file.max > after && file.min <= through));
    const first = files[0];
    if (first !== undefined && first.min <= after + 1n) break;
  }
  return found.reverse().flat();
}
