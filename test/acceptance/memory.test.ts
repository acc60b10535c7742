/** Memory is bounded by limits, not by the backlog (I13). llp/0013 */
import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { expectDense, exportedIds, objectFiles, tableRows, unitFaults } from '../support/oracle.ts';
import { expectSound, logRows, measured, site } from '../support/processes.ts';

const MIB = 1024 * 1024;
const LIMIT_MIB = 512;
const INPUT_BYTES = 200 * MIB;
const BLOCK_ROWS = 29_000;

/**
 * The real log again and again, each row with an id, a time and a host of its own. A block ends in
 * the middle of a row group, so that a file for each has rows waiting for more.
 */
async function bigLog(path: string): Promise<number> {
  const rows = logRows();
  const file = createWriteStream(path);
  let id = 0;
  const chunks = function* (): Generator<string> {
    for (let bytes = 0; bytes < INPUT_BYTES;) {
      const lines: string[] = [];
      for (let at = 0; at < 2_000; at++) {
        id += 1;
        const ts = new Date(1_431_857_103_000 + id * 1_000).toISOString();
        const row = (rows[id % rows.length] ?? '').replace(/"ts":"[^"]*"/, `"ts":"${ts}"`);
        const block = Math.floor(id / BLOCK_ROWS);
        lines.push(`{"id":${id},"host":"h${id % 97}","block":${block},${row}}\n`);
      }
      const chunk = lines.join('');
      bytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(chunks, file);
  return id;
}

/** Lines of a file and the sum of their ids, without holding the file. */
async function countLines(path: string): Promise<{ lines: number; idSum: number }> {
  let lines = 0;
  let idSum = 0;
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    lines += parts.length;
    for (const line of parts) idSum += Number(line.slice('{"id":'.length, line.indexOf(',')));
  }
  expect(rest).toBe('');
  return { lines, idSum };
}

describe('memory', () => {
  test(
    'of a backfill and of exports of 200 MB stays below 512 MB',
    { timeout: 240_000 },
    async () => {
      const on = await site('');
      const sink = (name: string, format: string) =>
        `root: ./hyp-data\nsinks: { ${name}: { type: fs, path: ./exports/${name}, format: ${format} } }\n`;
      await writeFile(join(on.cwd, 'lines.yaml'), sink('lines', 'ndjson'));
      await writeFile(join(on.cwd, 'columns.yaml'), sink('columns', 'parquet'));
      const rows = await bigLog(join(on.cwd, 'big.ndjson'));
      const peaks = {
        backfill: await measured(on, ['backfill', 'events', 'big.ndjson']),
        'export as ndjson': await measured(on, ['tick', '--config', 'lines.yaml']),
        'export as parquet': await measured(on, ['tick', '--config', 'columns.yaml']),
      };
      const shown = Object.entries(peaks).map(
        ([what, { peakMiB, ms }]) => `${what} ${Math.round(peakMiB)} MiB in ${Math.round(ms)} ms`,
      );
      console.log(
        `memory: ${rows} rows, ${Math.round(INPUT_BYTES / MIB)} MiB: ${shown.join(', ')}`,
      );
      for (const [what, { peakMiB }] of Object.entries(peaks)) {
        expect(peakMiB, what).toBeGreaterThan(30);
        expect(peakMiB, what).toBeLessThan(LIMIT_MIB);
      }
      const { ids, seqs } = await tableRows(on.root, 'events');
      expectDense(seqs);
      const idSum = (rows * (rows + 1)) / 2;
      expect(ids.length).toBe(rows);
      expect(ids.reduce((sum, id) => sum + id, 0)).toBe(idSum);
      let lines = 0;
      let linesIdSum = 0;
      for (const path of objectFiles(join(on.exports, 'lines/events'))) {
        const counted = await countLines(path);
        lines += counted.lines;
        linesIdSum += counted.idSum;
      }
      expect([lines, linesIdSum]).toEqual([rows, idSum]);
      expect(await exportedIds(join(on.exports, 'columns'), 'events')).toHaveLength(rows);
      for (const name of ['lines', 'columns']) {
        expect(unitFaults(join(on.exports, name), 'events', name)).toEqual([]);
      }
      await expectSound(on);
    },
  );
});
