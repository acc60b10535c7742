/**
 * Owns: what keeps a table's metadata directory small (DESIGN §8): the advisory hint, and the
 * removal of metadata files that no kept version refers to. Data files are never touched here:
 * only the sweep deletes those.
 *
 * Safe beside commits under way: a file is removed only when the version in its name is not above
 * the oldest kept version that stands. A commit that still needs such a file is based on a pruned version, so
 * what it links is void (core/versioned-record). A crash anywhere leaves files for the next trim.
 * llp/0003
 */
import { tempName, unlinkIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { VERSION_HINT, metadataDir, versionInName } from '../layout.ts';
import { loadPositions } from '../positions/positions.ts';
import type { Table, TableHead } from '../table.ts';
import { baseName } from './locations.ts';

/** Where readers begin to look; wrong or missing is harmless, so it is not synced. */
export async function writeHint(
  fs: DurableFs,
  dir: string,
  version: number,
  id: string,
): Promise<void> {
  const temp = `${dir}/${tempName('hint-', version, id)}`;
  try {
    const handle = await fs.create(temp);
    await handle.write(Buffer.from(String(version)));
    await handle.close();
    await fs.rename(temp, `${dir}/${VERSION_HINT}`);
  } catch {
    await unlinkIfAny(fs, temp).catch(() => undefined);
  }
}

/** Removes unreferenced metadata files; errors end it quietly, because the next one goes on. */
export async function trimMetadata(table: Table): Promise<void> {
  try {
    const heads = await standing(table);
    const oldest = heads[0]?.version;
    if (oldest === undefined) return;
    const referenced = await referencedBy(table, heads);
    const dir = metadataDir(table.dir);
    for (const name of await table.fs.readdir(dir)) {
      const version = versionInName(name);
      if (version === undefined || version > oldest || referenced.has(name)) continue;
      await unlinkIfAny(table.fs, `${dir}/${name}`);
    }
  } catch {
    return;
  }
}

/**
 * The kept versions that the newest one comes from. A void one, linked into a hole by a process that
 * slept, says nothing of what the table needs; the newest is read last, so it knows all others.
 */
async function standing(table: Table): Promise<TableHead[]> {
  const kept = await table.record.kept();
  const history = (await table.load())?.link.history ?? [];
  return kept.filter(({ link }) => history.includes(link.commitId));
}

async function referencedBy(table: Table, heads: readonly TableHead[]): Promise<Set<string>> {
  const names = new Set<string>();
  const lists = new Set<string>();
  for (const { value } of heads) {
    for (const snapshot of value.snapshots) lists.add(snapshot.manifestList);
    const positions = await loadPositions(table.fs, metadataDir(table.dir), value.hyp.positions);
    for (const file of positions.files()) names.add(file);
  }
  for (const list of lists) {
    names.add(baseName(list));
    for (const manifest of await table.manifestList(list)) names.add(baseName(manifest.path));
  }
  return names;
}
