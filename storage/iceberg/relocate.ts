/**
 * Owns: making a table say where it is after its directory was moved or copied (DESIGN §8): a commit
 * whose metadata, manifest list and manifests name the files of its own directory. hyp finds them
 * either way; other engines follow what is written, which in a copy are the files of the original.
 * Commit point: the link of v<N+1>.metadata.json.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 manifests and list written, fsynced, their names synced | metadata | orphans, trimmed |
 * | 2 v<N+1> linked and synced | **the new place** | - |
 *
 * No row changes and every entry keeps the commit that added it. Older snapshots are let go: their
 * manifests name the old place. Nothing outside the own directory is read or written.
 * Not its job: whether the table was moved or copied (engine/identity).
 * llp/0017
 */
import { createSynced } from '../../src/core/durable-fs.ts';
import { toSeq } from '../../src/core/ids.ts';
import { manifestListName, manifestName, metadataDir } from '../layout.ts';
import type { Table, TableHead } from '../table.ts';
import type { CommitContext } from './commit.ts';
import { baseName, locationOf } from './locations.ts';
import { encodeManifest } from './manifest.ts';
import { encodeManifestList } from './manifest-list.ts';
import type { ManifestFile } from './manifest-list.ts';
import { asExisting, summarizeEntries } from './merge.ts';
import { currentSchema, currentSnapshot } from './metadata.ts';
import type { TableMetadata } from './metadata.ts';
import { appendSnapshot, touched, trimSnapshots } from './snapshot.ts';
import { writeHint } from './trim.ts';

/** Table property: how a table came to be where it is, 'moved' or 'copied'. */
export const RELOCATED = 'hyp.relocated';

/**
 * Links a version of `base` whose every path is in the table's own directory. Durable when it
 * answers 'linked'; on 'conflict' load the head and decide again.
 */
export async function relocateTable(
  table: Table,
  context: CommitContext,
  base: TableHead,
  how: 'moved' | 'copied',
): Promise<'linked' | 'conflict'> {
  const dir = metadataDir(table.dir);
  const version = base.version + 1;
  const id = context.random.uuid();
  const moved: TableMetadata = {
    ...base.value,
    location: locationOf(table.dir),
    properties: { ...base.value.properties, [RELOCATED]: how },
    otherRefs: {},
  };
  const next =
    currentSnapshot(moved) === undefined
      ? touched(moved, context.clock.nowMs())
      : await withOwnPaths(table, context, { base, version, id }, moved);
  await table.fs.syncDir(dir);
  const linked = await table.record.append(base, next);
  if (linked.kind === 'conflict') return 'conflict';
  await writeHint(table.fs, dir, version, id);
  return 'linked';
}

async function withOwnPaths(
  table: Table,
  context: CommitContext,
  commit: { readonly base: TableHead; readonly version: number; readonly id: string },
  metadata: TableMetadata,
): Promise<TableMetadata> {
  const { version, id } = commit;
  const snapshotId = context.random.id63();
  const sequenceNumber = metadata.lastSequenceNumber + 1n;
  const manifests: ManifestFile[] = [];
  for (const manifest of await table.manifests(commit.base)) {
    const entries = asExisting(manifest, await table.entries(manifest)).map((entry) => ({
      ...entry,
      file: { ...entry.file, path: `${metadata.location}/data/${baseName(entry.file.path)}` },
    }));
    const bytes = encodeManifest({ schema: currentSchema(metadata), entries });
    const name = manifestName(version, context.random.uuid());
    await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, bytes);
    manifests.push({
      path: `${metadata.location}/metadata/${name}`,
      length: BigInt(bytes.length),
      sequenceNumber,
      addedSnapshotId: snapshotId,
      ...summarizeEntries(entries),
    });
  }
  const name = manifestListName(version, id);
  const list = encodeManifestList({
    snapshotId,
    parentSnapshotId: metadata.currentSnapshotId,
    sequenceNumber,
    manifests,
  });
  await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, list);
  const nowMs = context.clock.nowMs();
  const { maxSeq } = metadata.hyp;
  const appended = appendSnapshot(metadata, {
    snapshotId,
    nowMs,
    manifestList: `${metadata.location}/metadata/${name}`,
    addedFiles: 0,
    addedRows: 0,
    addedBytes: 0,
    minSeq: toSeq(maxSeq),
    maxSeq,
    summary: { operation: 'replace' },
  });
  const own = {
    ...appended,
    snapshots: appended.snapshots.slice(-1),
    snapshotLog: appended.snapshotLog.slice(-1),
  };
  return trimSnapshots(own).metadata;
}
