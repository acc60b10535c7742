/**
 * Owns: backfills with worker threads in this process: the built ones, or such that die of marked
 * rows (dying-worker.mjs).
 * llp/0023
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { batchToRows } from '../../src/codec/rows.ts';
import { defaultConfig } from '../../src/config/config.ts';
import type { HypEvent } from '../../src/core/events.ts';
import type { BackfillReport } from '../../src/engine/backfill/report.ts';
import { openEngine } from '../../src/engine/open.ts';
import { tempDir } from './tmp.ts';

const BUILT = new URL('../../dist/src/engine/workers/entry.js', import.meta.url);
export const DYING = new URL('dying-worker.mjs', import.meta.url);

export interface Loaded {
  readonly report: BackfillReport;
  readonly rows: readonly unknown[];
  readonly events: readonly HypEvent[];
}

/** Loads the file at `path` into a new store. */
export async function load(
  path: string,
  workers: number,
  workerEntry: URL = BUILT,
): Promise<Loaded> {
  const root = join(await tempDir(), 'store');
  const events: HypEvent[] = [];
  const observe = (event: HypEvent): void => void events.push(event);
  const engine = await openEngine({ root, config: defaultConfig(root), workerEntry, observe });
  try {
    const report = await engine.backfill('events', [path], { workers });
    const rows: unknown[] = [];
    for await (const batch of engine.scan('events')) {
      rows.push(...batchToRows(batch).map((row) => ({ ...row, _hyp_ingested_at: undefined })));
    }
    expect((await engine.check()).findings).toEqual([]);
    return { report, rows, events };
  } finally {
    await engine.close();
  }
}

export async function input(text: string | Buffer): Promise<string> {
  const path = join(await tempDir(), 'rows.ndjson');
  await writeFile(path, text);
  return path;
}

export function deaths(events: readonly HypEvent[]): number {
  return events.filter((event) => event.type === 'decision' && event.action === 'worker-died')
    .length;
}

/** Rows of 500 KB, a few in a block; those of `marks` hold a mark. */
export function heavyLines(count: number, marks: Readonly<Record<number, string>>): string {
  const text = 'x'.repeat(500_000);
  const lines = Array.from({ length: count }, (_, at) => {
    return `{"id":${at + 1},"mark":"${marks[at + 1] ?? ''}","text":"${text}"}\n`;
  });
  return lines.join('');
}
