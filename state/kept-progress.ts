/**
 * Owns: what a store has kept of what a sink exported from a dataset, for whoever only looks: no
 * directory is made and no version is written, and damage is an answer, not an error.
 * Not its job: what it proves (engine/verify), changing it (progress).
 * llp/0018
 */
import { readdirIfAny } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { problemText } from '../src/core/errors.ts';
import type { Lineage, SinkName } from '../src/core/ids.ts';
import type { Random } from '../src/core/random.ts';
import type { Unit } from '../src/core/unit.ts';
import { VersionedRecord } from '../src/core/versioned-record.ts';
import { progressName, progressNames } from './layout.ts';
import { progressFormat, progressNumbers } from './progress.ts';
import type { Progress, ProgressKey } from './progress.ts';
import { keptReceipts } from './receipts.ts';

export interface KeptProgress {
  readonly lineage: Lineage;
  /** The newest version; undefined when there is none or it is damaged. */
  readonly head: Progress | undefined;
  /** Every receipt there is, by the start of its unit. */
  readonly receipts: ReadonlyMap<bigint, Unit>;
  /** Versions between two kept ones that are not there: only a person removes those. */
  readonly missingVersions: readonly number[];
  /** Why the record, or a version of it, cannot be read. */
  readonly problem: string | undefined;
}

/** Datasets that `sink` has a record of, as names of directories. */
export async function progressDatasets(
  fs: DurableFs,
  state: string,
  sink: SinkName,
): Promise<readonly string[]> {
  return readdirIfAny(fs, [state, ...progressNames(sink)].join('/'));
}

/**
 * The record of one lineage as it is kept now: the newest one, where lost ones were rebuilt; the
 * receipts are of all of them. Changes nothing; may be repeated.
 */
export async function keptProgress(
  fs: DurableFs,
  state: string,
  key: ProgressKey,
  random: Random,
): Promise<KeptProgress> {
  const last = (await progressNumbers(fs, state, key)).at(-1) ?? 1;
  const names = [...progressNames(key.sink, key.dataset), progressName(key.lineage, last)];
  const dir = [state, ...names].join('/');
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
  for (const { unit } of await keptReceipts(fs, state, key)) receipts.set(unit.after, unit);
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
