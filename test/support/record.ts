/**
 * Owns: a small versioned record for tests (a log of who appended what) and the oracle over it.
 * llp/0013
 */
import { jsonRecordFormat } from '../../src/core/json-record.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { VersionedRecord } from '../../src/core/versioned-record.ts';
import type { RecordHead } from '../../src/core/versioned-record.ts';
import { seededRandom } from './random.ts';

/** Names of all appends that ever took effect, oldest first. */
export type Entries = readonly string[];

export const ENTRIES_FORMAT = jsonRecordFormat<Entries>({
  kind: 'entries',
  toJson: (value) => value,
  fromJson: (value) => {
    if (!Array.isArray(value)) throw new Error('not a list');
    return value.map(String);
  },
});

export const RECORD_DIR = '/r';

let seeds = 0;

/** The record as one process sees it; every call is another process with ids of its own. */
export function entriesRecord(fs: DurableFs): VersionedRecord<Entries> {
  return new VersionedRecord(fs, RECORD_DIR, ENTRIES_FORMAT, seededRandom(++seeds));
}

/** Appends `name` until it is linked, deciding again after each conflict. Answers its head. */
export async function appendEntry(
  record: VersionedRecord<Entries>,
  name: string,
): Promise<RecordHead<Entries>> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const base = await record.load();
    // A linked version whose answer got lost: the entry is there, and must not go in again.
    if (base?.value.includes(name) === true) return base;
    const result = await record.append(base, [...(base?.value ?? []), name]);
    if (result.kind === 'linked') return result.head;
  }
  throw new Error(`${name} never won`);
}

/** What is wrong with a final head, given what was acknowledged; empty when nothing is. */
export function violations(
  head: RecordHead<Entries> | undefined,
  acknowledged: readonly string[],
): string[] {
  const found: string[] = [];
  const entries = head?.value ?? [];
  for (const name of acknowledged) if (!entries.includes(name)) found.push(`lost ${name}`);
  const twice = entries.filter((name, at) => entries.indexOf(name) !== at);
  for (const name of twice) found.push(`twice ${name}`);
  if ((head?.version ?? 0) !== entries.length) {
    found.push(`version ${head?.version} holds ${entries.length} entries: a fork`);
  }
  return found;
}
