/**
 * Owns: what a store has kept of what a sink exported from a dataset, for whoever only looks: no
 * directory is made and no version is written, and damage is an answer, not an error.
 * Not its job: what it proves (engine/verify), changing it (progress).
 * llp/0018
 */
import { readdirIfAny } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { problemText } from '../src/core/errors.ts';
import { toLineage } from '../src/core/ids.ts';
import type { DatasetName, Lineage, SinkName } from '../src/core/ids.ts';
import type { Random } from '../src/core/random.ts';
import type { Unit } from '../src/core/unit.ts';
import { VersionedRecord } from '../src/core/versioned-record.ts';
import { progressNames } from './layout.ts';
import { progressFormat } from './progress.ts';
import type { Progress } from './progress.ts';

export interface KeptProgress {
  readonly lineage: Lineage;
  /** The newest version; undefined when there is none or it is damaged. */
  readonly head: Progress | undefined;
  /** Receipts of every kept version, by the start of their unit. */
  readonly receipts: ReadonlyMap<bigint, Unit>;
  /** Versions between two kept ones that are not there: only a person removes those. */
  readonly missingVersions: readonly number[];
  /** Why the record, or a version of it, cannot be read. */
  readonly problem: string | undefined;
}

/** Lineages of `dataset` that `sink` has a record of. */
export async function progressLineages(
  fs: DurableFs,
  state: string,
  of: { readonly sink: SinkName; readonly dataset: DatasetName },
): Promise<readonly Lineage[]> {
  // The lineage is the last name of a record's directory.
  const names = progressNames(of.sink, of.dataset, '' as Lineage).filter((name) => name !== '');
  const found = await readdirIfAny(fs, `${state}/${names.join('/')}`);
  return found.flatMap((name) => {
    try {
      return [toLineage(name)];
    } catch {
      return [];
    }
  });
}

/** Datasets that `sink` has a record of, as names of directories. */
export async function progressDatasets(
  fs: DurableFs,
  state: string,
  sink: SinkName,
): Promise<readonly string[]> {
  const [progress = ''] = progressNames(sink, '' as DatasetName, '' as Lineage);
  return readdirIfAny(fs, `${state}/${progress}/${sink}`);
}

/** The record of one lineage as it is kept now. Changes nothing; may be repeated. */
export async function keptProgress(
  fs: DurableFs,
  state: string,
  key: { readonly sink: SinkName; readonly dataset: DatasetName; readonly lineage: Lineage },
  random: Random,
): Promise<KeptProgress> {
  const dir = [state, ...progressNames(key.sink, key.dataset, key.lineage)].join('/');
  const record = new VersionedRecord(fs, dir, progressFormat, random);
  const problems: string[] = [];
  const attempt = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      problems.push(problemText(error));
      return undefined;
    }
  };
  const kept = (await attempt(() => record.kept())) ?? [];
  const head = await attempt(() => record.load());
  const receipts = new Map<bigint, Unit>();
  for (const { value } of kept) {
    if (value.receipt !== undefined) receipts.set(value.receipt.after, value.receipt);
  }
  return {
    lineage: key.lineage,
    head: head?.value,
    receipts,
    missingVersions: missingBetween(kept.map(({ version }) => version)),
    problem: problems[0],
  };
}

function missingBetween(versions: readonly number[]): number[] {
  const missing: number[] = [];
  for (const [index, version] of versions.entries()) {
    const before = versions[index - 1] ?? version - 1;
    for (let gap = before + 1; gap < version; gap++) missing.push(gap);
  }
  return missing;
}
