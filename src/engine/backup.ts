/**
 * Owns: `hyp backup`: a consistent copy of a store beside whatever works on it.
 * Commit point: `store.json` of the copy, linked last; a copy without it is refused as a store.
 *
 * | step | what is copied | a crash right after leaves |
 * | 1 everything is flushed; the lineage of each table read | - | - |
 * | 2 registry, progress, marks and receipts: the newest version of each | state | no store: begin anew |
 * | 3 each table: one version, of that lineage, and every file it names | tables | no store: begin anew |
 * | 4 store.json | **the backup** | the backup |
 *
 * Records come before the tables: a sink that goes on meanwhile is ahead of its backup, never the
 * backup of its table behind its record. A table that got a new lineage in between is refused: its
 * records were copied before there were any. The spool is not copied: its rows are in the tables, and
 * those that came later stay with this store, so no row is in both spools. Leases and staged bytes
 * are nobody's. Files of the store are only read.
 * Not its job: what a restored store is to its destinations (identity).
 * llp/0017
 */
import { createSynced, isMissing, mkdirDurable, readdirIfAny } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import { HypError } from '../core/errors.ts';
import type { DatasetName, Seq } from '../core/ids.ts';
import { makeStateDirs, parseRecordVersion, stateDir } from '../../state/layout.ts';
import { baseName } from '../../storage/iceberg/locations.ts';
import {
  DATA_DIR,
  METADATA_DIR,
  SPOOL_DIR,
  TABLES_DIR,
  VERSION_HINT,
  dataDir,
  metadataDir,
} from '../../storage/layout.ts';
import type { Table, TableHead } from '../../storage/table.ts';
import type { BackupReport } from './api.ts';
import type { EngineContext } from './context.ts';
import { STORE_FILE } from './store-file.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Versions that are trimmed while they are copied, one after another, are a runaway writer. */
const ATTEMPTS = 10;
/** Records before marks: a mark without its record is a record to be made again, which is safe. */
const EVIDENCE = ['sinks', 'progress', 'receipts'] as const;

/** Copies the flushed store to `dir`, which must be empty or not there. Durable when it resolves. */
export async function backupStore(
  context: EngineContext,
  datasets: readonly DatasetName[],
  dir: string,
): Promise<BackupReport> {
  const { fs, root } = context;
  await makeRoot(fs, root, dir);
  const lineages = new Map<DatasetName, string | undefined>();
  for (const dataset of datasets) {
    lineages.set(dataset, (await context.table(dataset).load())?.value.hyp.lineage);
  }
  for (const name of EVIDENCE) {
    const from = `${context.state}/${name}`;
    await copyState(fs, from, `${stateDir(dir)}/${name}`);
  }
  const tables: { readonly dataset: DatasetName; readonly maxSeq: Seq }[] = [];
  for (const dataset of datasets) {
    const head = await copyTable(context, context.table(dataset), dir);
    const before = lineages.get(dataset);
    if (before !== undefined && head?.value.hyp.lineage !== before) throw changed(dataset, dir);
    if (head !== undefined) tables.push({ dataset, maxSeq: head.value.hyp.maxSeq });
  }
  await copyFile(fs, `${root}/${STORE_FILE}`, `${dir}/${STORE_FILE}`);
  await fs.syncDir(dir);
  return { dir, datasets: tables };
}

/** Its records are those of the lineage before: restored, its sinks could only begin again. */
function changed(dataset: DatasetName, dir: string): HypError {
  const what = `${dataset} got a new lineage while it was copied: a sink was resolved, or it was dropped`;
  return new HypError('E_CONFLICT', what, {
    hint: `${dir} is no backup. Remove it and run the command again.`,
  });
}

async function makeRoot(fs: DurableFs, root: string, dir: string): Promise<void> {
  if (`${dir}/`.startsWith(`${root}/`)) {
    throw new HypError('E_USAGE', `a backup of ${root} cannot be inside it: ${dir}`, {
      hint: 'Choose a directory beside the store, better on another disk.',
    });
  }
  const cut = dir.lastIndexOf('/');
  try {
    await mkdirDurable(fs, dir.slice(0, cut) || '/', dir.slice(cut + 1));
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new HypError('E_USAGE', `no directory ${dir.slice(0, cut)} to make the backup in`, {
      cause,
      hint: 'Make that directory, or choose another.',
    });
  }
  if ((await fs.readdir(dir)).length > 0) {
    throw new HypError('E_USAGE', `${dir} is not empty`, {
      hint: 'A backup is made in a new or empty directory. Nothing was written.',
    });
  }
  for (const name of [TABLES_DIR, SPOOL_DIR]) await mkdirDurable(fs, dir, name);
  await makeStateDirs(fs, dir);
}

/** A tree of state: of versioned records the newest version, of the rest everything. */
async function copyState(fs: DurableFs, from: string, to: string): Promise<void> {
  const names = (await readdirIfAny(fs, from)).filter((name) => !name.startsWith('.'));
  const versions = names.map(parseRecordVersion).filter((version) => version !== undefined);
  const newest = Math.max(0, ...versions);
  for (const name of names) {
    const version = parseRecordVersion(name);
    if (version !== undefined && version < newest) continue;
    if ((await fs.stat(`${from}/${name}`))?.kind === 'directory') {
      await mkdirDurable(fs, to, name);
      await copyState(fs, `${from}/${name}`, `${to}/${name}`);
      continue;
    }
    try {
      await copyOnce(fs, from, to, name);
    } catch (error) {
      // Trimmed since it was listed: a newer version, or a newer receipt, is there.
      if (!isMissing(error)) throw error;
      if (version !== undefined) return copyState(fs, from, to);
    }
  }
  await fs.syncDir(to);
}

/** One version of a table with every file it names; begun anew when it is trimmed meanwhile. */
async function copyTable(
  context: EngineContext,
  table: Table,
  dir: string,
): Promise<TableHead | undefined> {
  const { fs } = context;
  const to = await mkdirDurable(fs, dir, TABLES_DIR, table.dataset);
  await mkdirDurable(fs, to, METADATA_DIR);
  await mkdirDurable(fs, to, DATA_DIR);
  for (let attempt = 1; ; attempt++) {
    const head = await table.load();
    if (head === undefined) return undefined;
    try {
      const { metadata, data } = await namedFiles(table, head);
      for (const name of data) await copyOnce(fs, dataDir(table.dir), dataDir(to), name);
      for (const name of metadata)
        await copyOnce(fs, metadataDir(table.dir), metadataDir(to), name);
      await fs.syncDir(dataDir(to));
      await fs.syncDir(metadataDir(to));
      const version = table.record.fileOf(head);
      await copyOnce(fs, metadataDir(table.dir), metadataDir(to), version);
      const hint = Buffer.from(String(head.version));
      await createSynced(fs, `${metadataDir(to)}/${VERSION_HINT}`, hint);
      await fs.syncDir(metadataDir(to));
      return head;
    } catch (error) {
      const passed = isMissing(error) || (await table.hasPassed(head, error));
      if (!passed || attempt === ATTEMPTS) throw error;
    }
  }
}

async function namedFiles(
  table: Table,
  head: TableHead,
): Promise<{ readonly metadata: ReadonlySet<string>; readonly data: ReadonlySet<string> }> {
  const metadata = new Set((await table.positions(head)).files());
  const data = new Set<string>();
  for (const { manifestList } of head.value.snapshots) {
    metadata.add(baseName(manifestList));
    for (const manifest of await table.manifestList(manifestList)) {
      const name = baseName(manifest.path);
      if (metadata.has(name)) continue;
      metadata.add(name);
      for (const file of await table.liveFiles(head, manifest)) data.add(baseName(file.path));
    }
  }
  return { metadata, data };
}

/** What is copied never changes: a file that was copied before something was trimmed stays. */
async function copyOnce(fs: DurableFs, from: string, to: string, name: string): Promise<void> {
  if ((await fs.stat(`${to}/${name}`)) !== undefined) return;
  await copyFile(fs, `${from}/${name}`, `${to}/${name}`);
}

async function copyFile(fs: DurableFs, from: string, to: string): Promise<void> {
  const source = await fs.open(from);
  try {
    await createSynced(fs, to, chunksOf(source));
  } finally {
    await source.close();
  }
}

async function* chunksOf(source: {
  read(offset: number, length: number): Promise<Uint8Array>;
}): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    const chunk = await source.read(at, CHUNK_BYTES);
    if (chunk.length === 0) return;
    yield chunk;
    at += chunk.length;
  }
}
