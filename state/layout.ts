/**
 * Owns: where state keeps things: every path below a store's `state/`.
 *
 * | path | what | authoritative |
 * | `state/progress/<sink>/<dataset>/<lineage>[.<n>]/` | progress record; rebuilt ones have an n | yes |
 * | `state/receipts/<sink>/<dataset>/<lineage>/` | that something was exported, and the last receipts | evidence |
 * | `state/sinks/` | registry of sinks | yes |
 * | `state/staging/<sink>/` | bytes of parts for destinations without a place of their own | no |
 * | `state/leases/<name>.lock`, `<name>.json` | leases | no |
 * | `state/ballast` | room for a full disk | no |
 * | `state/daemon` | the daemon's lease | no |
 * llp/0015
 */
import { mkdirDurable, readdirIfAny } from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import type { DatasetName, Lineage, SinkName, WriterId } from '../src/core/ids.ts';

const STATE_DIR = 'state';
const PROGRESS_DIR = 'progress';
const RECEIPTS_DIR = 'receipts';
const SINKS_DIR = 'sinks';
const STAGING_DIR = 'staging';
const LEASES_DIR = 'leases';
const WRITER_LEASE = 'writer-';

/** A store's state directory; all paths below are in it. */
export function stateDir(root: string): string {
  return `${root}/${STATE_DIR}`;
}

/**
 * Makes the directories every store has, durable, and answers the state directory. `root` must
 * exist. Idempotent.
 */
export async function makeStateDirs(fs: DurableFs, root: string): Promise<string> {
  const state = await mkdirDurable(fs, root, STATE_DIR);
  for (const name of [PROGRESS_DIR, RECEIPTS_DIR, SINKS_DIR, STAGING_DIR, LEASES_DIR]) {
    await mkdirDurable(fs, state, name);
  }
  return state;
}

/** Names, below the state directory, of the directory with all progress records of a dataset. */
export function progressNames(sink: SinkName, ...dataset: readonly DatasetName[]): string[] {
  return [PROGRESS_DIR, sink, ...dataset];
}

/** The directory with one directory for each sink that has ever exported. */
export function progressDir(state: string): string {
  return `${state}/${PROGRESS_DIR}`;
}

/** Name of the n-th progress record of a lineage; 1 is the first, the others were rebuilt. */
export function progressName(lineage: Lineage, number: number): string {
  return number === 1 ? lineage : `${lineage}.${number}`;
}

/** What `progressName` made a name of, or undefined for any other name. */
export function parseProgressName(
  name: string,
): { readonly lineage: string; readonly number: number } | undefined {
  const [, lineage, number] = /^([0-9a-f-]{36})(?:\.([1-9]\d{0,8}))?$/.exec(name) ?? [];
  return lineage === undefined ? undefined : { lineage, number: Number(number ?? 1) };
}

/** The version a file of a record stands for, or undefined for any other name. */
export function parseRecordVersion(name: string): number | undefined {
  const digits = /^v([1-9]\d*)\.json$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Names, below the state directory, of the directory with the receipts of a sink. */
export function receiptsNames(sink: SinkName, ...more: readonly string[]): string[] {
  return [RECEIPTS_DIR, sink, ...more];
}

export function registryDir(state: string): string {
  return `${state}/${SINKS_DIR}`;
}

export function stagingDir(state: string, sink: SinkName): string {
  return `${state}/${STAGING_DIR}/${sink}`;
}

/** Lease of a flush: who appends to the dataset's table now. */
export function appendLeasePath(state: string, dataset: DatasetName): string {
  return `${state}/${LEASES_DIR}/append-${dataset}`;
}

/** Lease of a spool writer: its process lives. */
export function writerLeasePath(state: string, writer: WriterId): string {
  return `${state}/${LEASES_DIR}/${WRITER_LEASE}${writer}`;
}

/** Writers with a lease, or with what a killed process left of one. */
export async function leasedWriters(fs: DurableFs, state: string): Promise<readonly WriterId[]> {
  const names = await readdirIfAny(fs, `${state}/${LEASES_DIR}`);
  const writers = names
    .filter((name) => name.startsWith(WRITER_LEASE))
    .map((name) => name.slice(WRITER_LEASE.length).replace(/\.(?:lock|json)$/, ''));
  return [...new Set(writers)] as WriterId[];
}

/** Room held ready for a full disk. */
export function ballastPath(state: string): string {
  return `${state}/ballast`;
}

/** Lease of the one daemon of a store. */
export function daemonLeasePath(state: string): string {
  return `${state}/daemon`;
}
