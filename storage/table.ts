/**
 * Owns: one dataset's table as its readers and writers see it: the newest durable head, and what
 * readers need of its immutable files, read once and kept by name (I14).
 * Not its job: changing the table (storage/iceberg/commit), reading rows (storage/scan).
 * llp/0003
 */
import { HypError, isHypError } from '../src/core/errors.ts';
import { isMissing } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import type { DatasetName, Seq } from '../src/core/ids.ts';
import type { Random } from '../src/core/random.ts';
import { VersionedRecord } from '../src/core/versioned-record.ts';
import type { RecordHead } from '../src/core/versioned-record.ts';
import { LIMITS } from '../src/core/limits.ts';
import { SEQ_COLUMN } from '../src/codec/columns.ts';
import { baseName } from './iceberg/locations.ts';
import { decodeManifest, seqRangeOf } from './iceberg/manifest.ts';
import type { FileSums, ManifestEntry } from './iceberg/manifest.ts';
import { decodeManifestList } from './iceberg/manifest-list.ts';
import type { ManifestFile } from './iceberg/manifest-list.ts';
import { currentSchema, currentSnapshot } from './iceberg/metadata.ts';
import { tableMetadataFormat } from './iceberg/metadata-file.ts';
import type { TableMetadata } from './iceberg/metadata.ts';
import { loadPositions } from './positions/positions.ts';
import type { Positions } from './positions/positions.ts';
import { dataDir, metadataDir } from './layout.ts';

export type TableHead = RecordHead<TableMetadata>;

/** A live data file with the seqs it holds and the sums that prove it. */
export interface LiveFile {
  /** Path on this machine, inside the table's own directory. */
  readonly path: string;
  readonly min: Seq;
  readonly max: Seq;
  readonly bytes: number;
  readonly sums: FileSums;
  /** The commit that added it. */
  readonly snapshotId: bigint;
}

/**
 * Live files kept in memory; those of the manifest read first go first. Entries are not kept: with a
 * thousand columns one takes more than a megabyte, and readers need none of its figures (I13).
 */
const CACHED_FILES = 20_000;

export class Table {
  readonly dataset: DatasetName;
  readonly dir: string;
  readonly fs: DurableFs;
  readonly record: VersionedRecord<TableMetadata>;
  readonly #lists = new Map<string, readonly ManifestFile[]>();
  readonly #files = new Map<string, readonly LiveFile[]>();
  #cachedFiles = 0;

  /** `dir` is the table's directory; its metadata and data directories must exist and be durable. */
  constructor(dataset: DatasetName, dir: string, fs: DurableFs, random: Random) {
    this.dataset = dataset;
    this.dir = dir;
    this.fs = fs;
    this.record = new VersionedRecord(fs, metadataDir(dir), tableMetadataFormat, random);
  }

  /** The newest durable head, or undefined when nothing was ever committed. O(1) when unchanged. */
  async load(): Promise<TableHead | undefined> {
    return this.record.load();
  }

  async positions(head: TableHead | undefined): Promise<Positions> {
    return loadPositions(this.fs, metadataDir(this.dir), head?.value.hyp.positions);
  }

  /** The data manifests of the current snapshot, in seq order. */
  async manifests(head: TableHead | undefined): Promise<readonly ManifestFile[]> {
    const snapshot = head === undefined ? undefined : currentSnapshot(head.value);
    if (snapshot === undefined) return [];
    return this.manifestList(snapshot.manifestList);
  }

  /** The manifests a list names, whichever snapshot it belongs to. */
  async manifestList(recorded: string): Promise<readonly ManifestFile[]> {
    const name = baseName(recorded);
    const cached = this.#lists.get(name);
    if (cached !== undefined) return cached;
    const path = `${metadataDir(this.dir)}/${name}`;
    const list = decodeManifestList(await this.#read(path), path);
    this.#lists.set(name, list);
    if (this.#lists.size > LIMITS.recordVersions) dropFirst(this.#lists);
    return list;
  }

  /** Entries of one manifest, for whoever writes them into another. */
  async entries(manifest: ManifestFile): Promise<readonly ManifestEntry[]> {
    const path = `${metadataDir(this.dir)}/${baseName(manifest.path)}`;
    return decodeManifest(await this.#read(path), path).entries;
  }

  /** Live files of one manifest, in seq order: immutable, so read once. */
  async liveFiles(head: TableHead, manifest: ManifestFile): Promise<readonly LiveFile[]> {
    const name = baseName(manifest.path);
    const cached = this.#files.get(name);
    if (cached !== undefined) return cached;
    const seqFieldId = fieldIdOf(head, SEQ_COLUMN);
    const files = (await this.entries(manifest)).flatMap((entry): LiveFile[] => {
      if (entry.status === 'deleted') return [];
      const { path, bytes, sums } = entry.file;
      const snapshotId = entry.snapshotId ?? manifest.addedSnapshotId;
      const place = { path: `${dataDir(this.dir)}/${baseName(path)}`, bytes, sums, snapshotId };
      return [{ ...place, ...seqRangeOf(entry, seqFieldId) }];
    });
    files.sort((a, b) => (a.min < b.min ? -1 : 1));
    this.#files.set(name, files);
    this.#cachedFiles += files.length;
    while (this.#cachedFiles > CACHED_FILES && this.#files.size > 1) {
      this.#cachedFiles -= dropFirst(this.#files)?.length ?? 0;
    }
    return files;
  }

  /**
   * True when `error` says that a file of `head`, or one on its way into the next version, is gone,
   * and the table has moved on since: trimming took it from a process that was slow or paused. Load
   * again and start over; nothing is damaged.
   */
  async hasPassed(head: TableHead | undefined, error: unknown): Promise<boolean> {
    const missed = isHypError(error, 'E_CORRUPT') ? error.cause : error;
    if (!isMissing(missed)) return false;
    return (await this.load())?.version !== head?.version;
  }

  async #read(path: string): Promise<Uint8Array> {
    try {
      return await this.fs.readFile(path);
    } catch (cause) {
      throw new HypError('E_CORRUPT', `cannot read ${path} of table ${this.dataset}`, {
        cause,
        hint: 'Run `hyp check`; other datasets go on.',
        details: { path, dataset: this.dataset },
      });
    }
  }
}

/** Field id of a column of the current schema; E_CORRUPT when it is not there. */
export function fieldIdOf(head: TableHead, name: string): number {
  const field = currentSchema(head.value).fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new HypError('E_CORRUPT', `the table has no column ${name}`);
  return field.id;
}

function dropFirst<V>(map: Map<string, V>): V | undefined {
  const first = map.entries().next();
  if (first.done === true) return undefined;
  map.delete(first.value[0]);
  return first.value[1];
}
