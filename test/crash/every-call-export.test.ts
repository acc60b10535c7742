/**
 * Exports in each format killed and failed at every call by which they change the disk: each row is at
 * the destination once. llp/0008, llp/0009
 */
import { test } from 'vitest';
import { LONG_MS, expectWithstood, rowsOf } from '../support/every-call.ts';
import type { Bench, Scenario } from '../support/every-call.ts';

const FILES = {
  'a.ndjson': rowsOf(1, 2, 3),
  'b.ndjson': rowsOf(4, 5),
  'c.ndjson': rowsOf(6, 7),
};
const load = (file: string) => ['backfill', 'events', file];
const SINK = { name: 'archive' };

/** In two partitions, so that a unit has two parts. */
function sinkOf(format: string): string {
  return `sinks:\n  archive: { type: fs, path: ./exports, format: ${format}, partition: "color={color}" }\n`;
}

/** One unit is exported, the next is not. */
async function halfExported(on: Bench): Promise<void> {
  await on.ok([load('a.ndjson'), ['tick'], load('b.ndjson')]);
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first export, ndjson',
    config: sinkOf('ndjson'),
    files: FILES,
    prepare: (on) => on.ok([load('a.ndjson')]),
    commands: [['tick']],
    table: [1, 2, 3],
    sink: SINK,
    floor: 120,
  },
  {
    name: 'export, ndjson.gz',
    config: sinkOf('ndjson.gz'),
    files: FILES,
    prepare: halfExported,
    commands: [['tick']],
    // More rows come before the unit that was cut off is tried again.
    again: [['append', 'events', 'c.ndjson', '--idempotency-key', 'c']],
    later: [6, 7],
    table: [1, 2, 3, 4, 5],
    sink: SINK,
    floor: 80,
  },
  {
    name: 'export, parquet',
    config: sinkOf('parquet'),
    files: FILES,
    prepare: halfExported,
    commands: [['tick']],
    table: [1, 2, 3, 4, 5],
    sink: SINK,
    floor: 80,
  },
];

test.each(SCENARIOS)('$name', { timeout: LONG_MS }, expectWithstood);
