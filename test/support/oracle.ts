/**
 * Owns: what a store and a destination hold, read by other code than hyp's own: the table through
 * its Iceberg metadata (avsc, hyparquet), the destination file by file, units through their plans
 * and manifests. Ids are of the test's rows; a row without one is an error.
 * llp/0013
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import avsc from 'avsc';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { expect } from 'vitest';
import { countRows } from './counted.ts';

/** avsc's own long refuses what a double cannot hold; the tests need no more than a double. */
const roughLong = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => Number(buffer.readBigInt64LE()),
  toBuffer: () => Buffer.alloc(8),
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'number',
  compare: (a: number, b: number) => a - b,
});

interface Metadata {
  readonly 'current-snapshot-id': number;
  readonly snapshots: readonly { 'snapshot-id': number; 'manifest-list': string }[];
}

async function avroRecords<T>(path: string): Promise<T[]> {
  const decoder = avsc.createFileDecoder(path, {
    parseHook: (schema: avsc.Schema) =>
      avsc.Type.forSchema(schema, { registry: { long: roughLong } }),
  });
  const records: T[] = [];
  for await (const record of decoder as AsyncIterable<T>) records.push(record);
  return records;
}

/** The newest version of a table; 0 when there is none. */
export function tableVersion(root: string, dataset: string): number {
  let names: string[];
  try {
    names = readdirSync(join(root, 'tables', dataset, 'metadata'));
  } catch {
    return 0;
  }
  return Math.max(
    0,
    ...names.map((name) => Number(/^v(\d+)\.metadata\.json$/.exec(name)?.[1] ?? 0)),
  );
}

/** The data files of the newest version of a table, as any reader of Iceberg finds them. */
export async function liveDataFiles(root: string, dataset: string): Promise<string[]> {
  const table = join(root, 'tables', dataset);
  const newest = join(table, 'metadata', `v${tableVersion(root, dataset)}.metadata.json`);
  const metadata = JSON.parse(readFileSync(newest, 'utf8')) as Metadata;
  const current = metadata.snapshots.find(
    (snapshot) => snapshot['snapshot-id'] === metadata['current-snapshot-id'],
  );
  if (current === undefined) throw new Error(`no current snapshot in ${newest}`);
  const inMetadata = (uri: string): string => join(table, 'metadata', basename(uri));
  const manifests = await avroRecords<{ manifest_path: string }>(
    inMetadata(current['manifest-list']),
  );
  const files: string[] = [];
  for (const { manifest_path } of manifests) {
    const entries = await avroRecords<{ status: number; data_file: { file_path: string } }>(
      inMetadata(manifest_path),
    );
    const live = entries.filter((entry) => entry.status !== 2);
    files.push(...live.map((entry) => join(table, 'data', basename(entry.data_file.file_path))));
  }
  return files;
}

async function parquetColumn(path: string, column: string): Promise<number[]> {
  const file = await asyncBufferFromFile(path);
  const rows = await parquetReadObjects({ file, columns: [column], compressors });
  return rows.map((row) => Number(row[column]));
}

export interface TableRows {
  readonly ids: readonly number[];
  readonly seqs: readonly number[];
}

/** Ids and seqs of all rows of a table, in no particular order; empty when there is no table. */
export async function tableRows(root: string, dataset: string): Promise<TableRows> {
  const ids: number[] = [];
  const seqs: number[] = [];
  for (const path of await liveDataFiles(root, dataset)) {
    for (const id of await parquetColumn(path, 'id')) ids.push(id);
    for (const seq of await parquetColumn(path, '_hyp_seq')) seqs.push(seq);
  }
  return { ids, seqs };
}

/** Files with rows below `dir`: not hyp's own, not what is being staged. */
export function objectFiles(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('_hyp') && !entry.name.startsWith('.'))
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? objectFiles(path) : [path];
    });
}

/** Ids of all rows of NDJSON, found without parsing it whole: `"id":<number>` is in every line. */
function idsOfText(bytes: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new Error('a last line without its end');
    const row = JSON.parse(bytes.toString('utf8', at, end)) as { id: unknown };
    if (typeof row.id !== 'number') throw new Error('a row without id');
    ids.push(row.id);
    at = end + 1;
  }
  return ids;
}

/** Ids of all rows at a destination of `dataset`, with repeats. */
export async function exportedIds(destination: string, dataset: string): Promise<number[]> {
  const ids: number[] = [];
  for (const path of objectFiles(join(destination, dataset))) {
    const found = path.endsWith('.parquet')
      ? await parquetColumn(path, 'id')
      : idsOfText(path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path));
    for (const id of found) ids.push(id);
  }
  return ids;
}

/** What is wrong with the units at a destination: they must be whole, tile, and own every object. */
export function unitFaults(destination: string, dataset: string, sink: string): string[] {
  const dir = join(destination, dataset, '_hyp', sink);
  // Killed between the intent and the first plan: nothing is there yet.
  const names = existsSync(dir) ? readdirSync(dir).sort() : [];
  const faults: string[] = [];
  const owned = new Set<string>();
  let reached = 0;
  for (const name of names) {
    if (name.endsWith('.plan.json')) {
      const manifest = name.replace('.plan.json', '.json');
      if (!names.includes(manifest)) faults.push(`${name} has no manifest`);
      continue;
    }
    const { unit } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as {
      unit: { after: string; through: string; rows: number; parts: { key: string }[] };
    };
    if (Number(unit.after) !== reached) faults.push(`${name} does not follow ${reached}`);
    reached = Number(unit.through);
    if (unit.rows !== reached - Number(unit.after)) faults.push(`${name} has ${unit.rows} rows`);
    for (const { key } of unit.parts) owned.add(join(destination, key));
  }
  const there = objectFiles(join(destination, dataset));
  faults.push(...there.filter((path) => !owned.has(path)).map((path) => `${path} is nobody's`));
  return faults;
}

/** Every id of `ids` once; a message names the first that are not. */
export function expectNoneTwice(ids: readonly number[], where: string): void {
  const seen = new Set<number>();
  const twice = ids.filter((id) => seen.size === seen.add(id).size);
  countRows(ids.length, 0, twice.length);
  expect(twice.slice(0, 5), `rows twice ${where}, ${twice.length} in all`).toEqual([]);
}

/** `ids` has every id of `wanted`. */
export function expectAllOf(wanted: Iterable<number>, ids: Iterable<number>, where: string): void {
  const present = new Set(ids);
  const missing = [...wanted].filter((id) => !present.has(id));
  countRows(0, missing.length, 0);
  expect(missing.slice(0, 5), `rows missing ${where}, ${missing.length} in all`).toEqual([]);
}

/** Seqs 1 … n, none missing, none twice. */
export function expectDense(seqs: readonly number[]): void {
  const sorted = Float64Array.from(seqs).sort();
  const at = sorted.findIndex((seq, index) => seq !== index + 1);
  expect(at < 0 ? 'dense' : `seq ${sorted[at] ?? 0} at place ${at + 1}`).toBe('dense');
}
