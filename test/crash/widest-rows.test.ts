/** Memory is bounded by limits, not by the size of rows (I13). llp/0013 */
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { DEFAULTS, defaultConfig } from '../../src/config/config.ts';
import type { SinkConfig } from '../../src/config/config.ts';
import type { HypEvent } from '../../src/core/events.ts';
import { toSinkName } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { openEngine } from '../../src/engine/open.ts';
import { expectDense, exportedIds, tableRows, unitFaults } from '../support/oracle.ts';
import { expectSound, measured, site } from '../support/processes.ts';
import { tempDir } from '../support/tmp.ts';

const MIB = 1024 * 1024;
const LIMIT_MIB = 512;

describe('memory', () => {
  test(
    'of the largest and the widest rows stays below 512 MB, too',
    { timeout: 240_000 },
    async () => {
      const on = await site(`
sinks:
  columns: { type: fs, path: ./exports/columns, format: parquet, partition: "kind={kind}" }
  zipped: { type: fs, path: ./exports/zipped, format: ndjson.gz, partition: "kind={kind}" }
`);
      await pipeline(hugeRows, createWriteStream(join(on.cwd, 'huge.ndjson')));
      const peaks = {
        backfill: await measured(on, ['backfill', 'events', 'huge.ndjson']),
        append: await measured(on, ['append', 'events', 'huge.ndjson']),
        tick: await measured(on, ['tick']),
      };
      const shown = Object.entries(peaks).map(
        ([what, { peakMiB, ms }]) => `${what} ${Math.round(peakMiB)} MiB in ${Math.round(ms)} ms`,
      );
      console.log(`memory: rows of 8 MiB and of 1,000 columns: ${shown.join(', ')}`);
      for (const [what, { peakMiB }] of Object.entries(peaks)) {
        expect(peakMiB, what).toBeLessThan(LIMIT_MIB);
      }
      const { ids, seqs } = await tableRows(on.root, 'events');
      expectDense(seqs);
      for (const name of ['columns', 'zipped']) {
        expect(await exportedIds(join(on.exports, name), 'events')).toHaveLength(ids.length);
        expect(unitFaults(join(on.exports, name), 'events', name)).toEqual([]);
      }
      await expectSound(on);
    },
  );

  test('in each buffer never exceeds its limit, whatever the rows are like', async () => {
    const dir = await tempDir();
    const sizes = new Map<string, { seen: number; most: number }>();
    const excesses: HypEvent[] = [];
    const observe = (event: HypEvent): void => {
      if (event.type !== 'buffer') return;
      const size = sizes.get(event.name) ?? { seen: 0, most: 0 };
      sizes.set(event.name, { seen: size.seen + 1, most: Math.max(size.most, event.bytes) });
      if (event.bytes > event.limitBytes) excesses.push(event);
    };
    const sinks = [sinkTo(dir, 'columns', 'parquet'), sinkTo(dir, 'zipped', 'ndjson.gz')];
    const config = { ...defaultConfig(join(dir, 'store')), sinks };
    const engine = await openEngine({ root: config.root, config, observe });
    const file = join(dir, 'rows.ndjson');
    await pipeline(hugeRows, createWriteStream(file));
    const loaded = await engine.backfill('events', [file]);
    const appended = await engine.appendNdjson('events', createReadStream(file));
    expect([loaded.rejected, appended.rejects]).toEqual([0, []]);
    expect(appended.rows).toBe(loaded.rows);
    const report = await engine.tick();
    expect(report.failures).toEqual([]);
    for (const { rows } of report.exported) expect(rows).toBe(2 * loaded.rows);
    expect((await engine.check()).findings).toEqual([]);
    await engine.close();

    const shown = [...sizes].map(
      ([name, { seen, most }]) => `${name} ${seen} times up to ${(most / MIB).toFixed(1)} MiB`,
    );
    console.log(`memory: ${2 * loaded.rows} rows: ${shown.join(', ')}`);
    expect(excesses).toEqual([]);
    for (const [name, atLeast] of Object.entries(BUFFERS)) {
      expect(sizes.get(name)?.seen ?? 0, name).toBeGreaterThanOrEqual(atLeast);
    }
  });
});

/** How often each buffer must at least be seen, for the rows of `hugeRows` twice. */
const BUFFERS = {
  'ndjson line': 8,
  'ndjson batch': 8,
  'spool group': 6,
  flush: 2,
  'parquet row group': 4,
  'export parts': 4,
};

function sinkTo(dir: string, name: string, format: SinkConfig['format']): SinkConfig {
  return {
    name: toSinkName(name),
    type: 'fs',
    path: join(dir, name),
    prefix: '',
    format,
    partition: 'kind={kind}',
    rotate: DEFAULTS.rotate,
    datasets: undefined,
    retry: DEFAULTS.retry,
  };
}

/** The largest rows there may be, the widest, a row with too many columns, and many small ones. */
function* hugeRows(): Generator<string> {
  let id = 0;
  for (let at = 0; at < 6; at++) {
    const head = `{"id":${++id},"kind":"large","text":"`;
    yield `${head}${'x'.repeat(LIMITS.rowBytes - head.length - 2)}"}\n`;
  }
  const names = Array.from({ length: LIMITS.columns - 10 }, (_, at) => `column_${at}`);
  for (let at = 0; at < 200; at++) {
    const values = names.map((name, column) => `"${name}":"${at * column} and more text"`);
    yield `{"id":${++id},"kind":"wide","n":${at},${values.join(',')}}\n`;
  }
  const many = Array.from({ length: LIMITS.columns + 50 }, (_, at) => `"other_${at}":${at}`);
  yield `{"id":${++id},"kind":"wide",${many.join(',')}}\n`;
  for (let at = 0; at < 3_000; at++) yield `{"id":${++id},"kind":"small","n":${at}}\n`;
}
