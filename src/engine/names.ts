/**
 * Owns: the names a store knows, from the names of its directories alone: cheap enough for every
 * press of the Tab key. Changes nothing.
 * Not its job: whether they can be read, and rows that were never flushed (status).
 * llp/0008
 */
import { readdirIfAny } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import { isDatasetName } from '../core/ids.ts';
import { TABLES_DIR } from '../../storage/layout.ts';
import { progressDir, stateDir } from '../../state/layout.ts';

export interface StoreNames {
  /** With a table. */
  readonly datasets: readonly string[];
  /** That have ever exported. */
  readonly sinks: readonly string[];
}

/** Sorted; empty where there is no store. System errors pass through. */
export async function storeNames(fs: DurableFs, root: string): Promise<StoreNames> {
  const tables = await readdirIfAny(fs, `${root}/${TABLES_DIR}`);
  const sinks = await readdirIfAny(fs, progressDir(stateDir(root)));
  return { datasets: tables.filter(isDatasetName), sinks: sinks.filter(isDatasetName) };
}
