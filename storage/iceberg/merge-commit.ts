/**
 * Owns: merging neighbouring small manifests as part of an append commit, so that the manifest list
 * stays short whatever the number of commits. What to merge is decided in ./merge; this writes it.
 * Merged files exist only if the commit links; otherwise they are orphans for the trim.
 * llp/0006
 */
import { createSynced } from '../../src/core/durable-fs.ts';
import { defined } from '../../src/core/invariant.ts';
import { manifestName, metadataDir } from '../layout.ts';
import type { Table } from '../table.ts';
import { encodeManifest } from './manifest.ts';
import type { DataFile, ManifestEntry } from './manifest.ts';
import type { ManifestFile } from './manifest-list.ts';
import { asExisting, manifestsToMerge, summarizeEntries } from './merge.ts';
import type { TableSchema } from './schema.ts';

export interface MergeContext {
  readonly version: number;
  readonly schema: TableSchema;
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  /** The table's recorded location URI. */
  readonly location: string;
  readonly newId: () => string;
  /** Entries of manifests written by this very commit, by path: they stay ADDED. */
  readonly fresh: ReadonlyMap<string, readonly DataFile[]>;
}

/** The list with every run that ./merge chose replaced by one written, fsynced manifest. */
export async function mergeSmallManifests(
  table: Table,
  manifests: readonly ManifestFile[],
  context: MergeContext,
): Promise<readonly ManifestFile[]> {
  const mergeable = manifests.map((manifest) => !context.fresh.has(manifest.path));
  const old = manifests.filter((_, index) => mergeable[index] === true);
  const runs = manifestsToMerge(old);
  if (runs.length === 0) return manifests;
  const merged = [...old] as (ManifestFile | undefined)[];
  for (const run of runs) {
    const members = run.map((index) => defined(old[index], 'a run names manifests'));
    const first = defined(run[0], 'a run is not empty');
    for (const index of run) merged[index] = undefined;
    merged[first] = await writeMerged(table, members, context);
  }
  const added = manifests.filter((_, index) => mergeable[index] !== true);
  return [...merged.filter((manifest) => manifest !== undefined), ...added];
}

async function writeMerged(
  table: Table,
  members: readonly ManifestFile[],
  context: MergeContext,
): Promise<ManifestFile> {
  const entries: ManifestEntry[] = [];
  for (const member of members) {
    entries.push(...asExisting(member, await table.entries(member)));
  }
  const name = manifestName(context.version, context.newId());
  const bytes = encodeManifest({ schema: context.schema, entries });
  await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, bytes);
  return {
    path: `${context.location}/metadata/${name}`,
    length: BigInt(bytes.length),
    sequenceNumber: context.sequenceNumber,
    addedSnapshotId: context.snapshotId,
    ...summarizeEntries(entries),
  };
}
