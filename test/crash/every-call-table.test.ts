/**
 * Appends, flushes and backfills killed and failed at every call by which they change the disk: what
 * was acknowledged is in the table once. llp/0003, llp/0007, llp/0012
 */
import { test } from 'vitest';
import { LONG_MS, expectWithstood, rowsOf } from '../support/every-call.ts';
import type { Scenario } from '../support/every-call.ts';

const FILES = { 'a.ndjson': rowsOf(1, 2), 'b.ndjson': rowsOf(3, 4), 'c.ndjson': rowsOf(5) };
const append = (file: string) => ['append', 'events', file];
const keyed = (file: string) => [...append(file), '--idempotency-key', file];

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first append and flush',
    config: '',
    files: FILES,
    commands: [append('a.ndjson'), append('b.ndjson'), ['tick']],
    again: [keyed('c.ndjson')],
    table: [],
    later: [5],
    appends: [
      { command: 0, ids: [1, 2] },
      { command: 1, ids: [3, 4] },
    ],
    floor: 150,
  },
  {
    name: 'append with a key',
    config: '',
    files: FILES,
    prepare: (on) => on.ok([append('a.ndjson'), ['tick']]),
    commands: [keyed('b.ndjson')],
    table: [1, 2, 3, 4],
    floor: 40,
  },
  {
    name: 'backfill',
    config: '',
    files: { ...FILES, 'd.ndjson': `${rowsOf(3)}not a row\n${rowsOf(4)}` },
    prepare: (on) => on.ok([['backfill', 'events', 'a.ndjson']]),
    commands: [['backfill', 'events', 'd.ndjson', 'c.ndjson']],
    exits: [65],
    againExits: [0, 65],
    table: [1, 2, 3, 4, 5],
    floor: 45,
  },
];

test.each(SCENARIOS)('$name', { timeout: LONG_MS }, expectWithstood);
