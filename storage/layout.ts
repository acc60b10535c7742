/**
 * Owns: where storage keeps things: every path below a store's `tables/` and `spool/`.
 * llp/0003
 */
import type { DatasetName } from '../src/core/ids.ts';

export const TABLES_DIR = 'tables';
export const SPOOL_DIR = 'spool';
export const METADATA_DIR = 'metadata';
export const DATA_DIR = 'data';
export const VERSION_HINT = 'version-hint.text';

export function tableDir(root: string, dataset: DatasetName): string {
  return `${root}/${TABLES_DIR}/${dataset}`;
}

export function metadataDir(table: string): string {
  return `${table}/${METADATA_DIR}`;
}

export function dataDir(table: string): string {
  return `${table}/${DATA_DIR}`;
}

/**
 * Metadata files name the version they were written for, so that the trimming can tell a file of a
 * commit still under way (a version above all kept ones) from one that nothing refers to any more.
 */
export function manifestName(version: number, id: string): string {
  return `m-${version}-${id}.avro`;
}

export function manifestListName(version: number, id: string): string {
  return `snap-${version}-${id}.avro`;
}

/** The version in the name of a manifest, manifest list or positions file, or undefined. */
export function versionInName(name: string): number | undefined {
  const digits = /^(?:m|snap|positions|finished)-(\d+)-/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
