/**
 * The recovery of a lost record from evidence and a person's choice about a fork, killed and failed at
 * every call by which they change the disk: each row of both histories is at the destination once.
 * llp/0017
 */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'vitest';
import { LONG_MS, expectWithstood, rowsOf } from '../support/every-call.ts';
import type { Bench, Scenario } from '../support/every-call.ts';

const FILES = {
  'a.ndjson': rowsOf(1, 2, 3),
  'b.ndjson': rowsOf(4, 5),
  'c.ndjson': rowsOf(100, 101),
  'd.ndjson': rowsOf(6, 7),
};
const load = (file: string) => ['backfill', 'events', file];
const RESOLVE = ['sink', 'resolve', 'archive', '--restored'];
const SINK = { name: 'archive' };
/** In two partitions, so that a unit has two parts. */
const CONFIG = `sinks:
  archive: { type: fs, path: ./exports, format: ndjson, partition: "color={color}" }
`;

/** The record of what was sent is lost, and rows wait that were not. */
async function withoutProgress(on: Bench): Promise<void> {
  await on.ok([load('a.ndjson'), ['tick'], load('b.ndjson')]);
  await rm(join(on.root, 'state/progress'), { recursive: true });
}

/** Unit two was sent by a history that is gone: rows 100 and 101 are in its place. */
async function restoredFromBackup(on: Bench): Promise<void> {
  const backup = join(on.cwd, 'backup');
  await on.ok([load('a.ndjson'), ['tick']]);
  await cp(on.root, backup, { recursive: true, preserveTimestamps: true });
  await on.ok([load('b.ndjson'), ['tick']]);
  await rm(on.root, { recursive: true });
  await cp(backup, on.root, { recursive: true, preserveTimestamps: true });
  await rm(backup, { recursive: true });
  await on.ok([load('c.ndjson')]);
  await on.ok([['tick']], 1);
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'recovery from evidence',
    config: CONFIG,
    files: FILES,
    prepare: withoutProgress,
    commands: [['tick']],
    again: [['append', 'events', 'd.ndjson', '--idempotency-key', 'd']],
    later: [6, 7],
    table: [1, 2, 3, 4, 5],
    sink: SINK,
    floor: 115,
  },
  {
    name: 'fork and resolve',
    config: CONFIG,
    files: FILES,
    prepare: restoredFromBackup,
    commands: [RESOLVE],
    // Nothing left to resolve.
    againExits: [0, 2],
    table: [1, 2, 3, 100, 101],
    sink: { ...SINK, gone: [4, 5] },
    floor: 90,
  },
];

test.each(SCENARIOS)('$name', { timeout: LONG_MS }, expectWithstood);
