/**
 * Owns: which neighbouring manifests to join at a commit so that a table's list stays short, and
 * what the joined entries say. Pure; writing them is ./merge-commit.
 * Invariant: only neighbours are joined, so manifests stay disjoint in seq and in seq order, and
 * every live entry stays in the list exactly once.
 * llp/0006
 */
import { LIMITS } from '../../src/core/limits.ts';
import type { ManifestEntry } from './manifest.ts';
import type { ManifestFile } from './manifest-list.ts';

/** What a manifest list says of a manifest's content. */
export type EntrySummary = Omit<
  ManifestFile,
  'path' | 'length' | 'sequenceNumber' | 'addedSnapshotId'
>;

/**
 * Runs of positions in `list` (seq order, oldest first) to be joined into one manifest each.
 *
 * The level of a manifest is the power of 16 its entries reach, raised to that of any newer one: a
 * small manifest before a big one gets no more small neighbours and would stay for ever. So levels
 * fall from old to new, and one run of a level is all there is of it. With 16 of them the oldest 16
 * are joined, or as many as fit in LIMITS.manifestBytes. At most one run of a level a commit: n
 * commits leave O(16 log n) manifests and every entry is rewritten O(log n) times.
 */
export function manifestsToMerge(list: readonly ManifestFile[]): readonly (readonly number[])[] {
  const runs: (readonly number[])[] = [];
  for (const positions of levels(list).values()) {
    if (positions.length < LIMITS.manifestMerge) continue;
    const run = firstThatFits(list, positions);
    if (run !== undefined) runs.push(run);
  }
  return runs;
}

function levels(list: readonly ManifestFile[]): Map<number, number[]> {
  const byLevel = new Map<number, number[]>();
  let highest = 0;
  for (let at = list.length - 1; at >= 0; at--) {
    const manifest = list[at];
    if (manifest === undefined) continue;
    highest = Math.max(highest, levelOf(manifest));
    byLevel.set(highest, [at, ...(byLevel.get(highest) ?? [])]);
  }
  return byLevel;
}

function levelOf(manifest: ManifestFile): number {
  let level = 0;
  let entries = manifest.addedFiles + manifest.existingFiles;
  for (; entries >= LIMITS.manifestMerge; entries /= LIMITS.manifestMerge) level++;
  return level;
}

/** The oldest neighbours, at least two, whose joint size is within the limit. */
function firstThatFits(
  list: readonly ManifestFile[],
  positions: readonly number[],
): readonly number[] | undefined {
  let run: number[] = [];
  let bytes = 0n;
  for (const at of positions) {
    const length = list[at]?.length ?? 0n;
    if (run.length === LIMITS.manifestMerge || bytes + length > BigInt(LIMITS.manifestBytes)) {
      if (run.length > 1) return run;
      run = [];
      bytes = 0n;
    }
    run.push(at);
    bytes += length;
  }
  return run.length > 1 ? run : undefined;
}

/**
 * The live entries of a manifest as another manifest of a later snapshot carries them: EXISTING,
 * with the numbers they inherited so far. Entries of deleted files stay behind: only the snapshot
 * that deleted a file tells of it, and EXISTING would bring its rows back.
 */
export function asExisting(
  manifest: ManifestFile,
  entries: readonly ManifestEntry[],
): readonly ManifestEntry[] {
  return entries
    .filter((entry) => entry.status !== 'deleted')
    .map((entry) => ({
      ...entry,
      status: 'existing',
      snapshotId: entry.snapshotId ?? manifest.addedSnapshotId,
      sequenceNumber: entry.sequenceNumber ?? manifest.sequenceNumber,
      fileSequenceNumber: entry.fileSequenceNumber ?? manifest.sequenceNumber,
    }));
}

/** Entries of neighbouring manifests as one manifest: `asExisting` of each, in order. */
export function mergeManifests(
  members: readonly {
    readonly manifest: ManifestFile;
    readonly entries: readonly ManifestEntry[];
  }[],
): readonly ManifestEntry[] {
  return members.flatMap(({ manifest, entries }) => asExisting(manifest, entries));
}

/**
 * The counts of `entries` for the list. `sequenceNumber` is that of the snapshot that writes the
 * manifest; entries without a number inherit it.
 */
export function summarizeEntries(
  entries: readonly ManifestEntry[],
  sequenceNumber?: bigint,
): EntrySummary {
  const count = (status: ManifestEntry['status']): { files: number; rows: bigint } => {
    const some = entries.filter((entry) => entry.status === status);
    const rows = some.reduce((total, entry) => total + BigInt(entry.file.rows), 0n);
    return { files: some.length, rows };
  };
  const [added, existing, deleted] = [count('added'), count('existing'), count('deleted')];
  const numbers = entries
    .filter((entry) => entry.status !== 'deleted')
    .map((entry) => entry.sequenceNumber ?? sequenceNumber ?? 0n);
  return {
    minSequenceNumber: numbers.reduce(
      (a, b) => (b < a ? b : a),
      numbers[0] ?? sequenceNumber ?? 0n,
    ),
    addedFiles: added.files,
    existingFiles: existing.files,
    deletedFiles: deleted.files,
    addedRows: added.rows,
    existingRows: existing.rows,
    deletedRows: deleted.rows,
  };
}
