/** Every real file comes back value for value, in chunks of any size, through a table's columns. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { conform, summarize } from '../../src/codec/conform.ts';
import { exactRows } from '../support/exact-json.ts';
import { decodeAll, encodeAll, rejectsOf } from '../support/ndjson.ts';
import { realBytes, realNames } from './real-data.ts';

const files = ['events', 'logs'].flatMap((dir) =>
  realNames(dir)
    .filter((name) => /\.ndjson(\.gz)?$/.test(name))
    .map((name) => `${dir}/${name}`),
);
const arrays = files.filter((path) => path.includes('.arrays.'));
const objects = files.filter((path) => !path.includes('.arrays.'));

function chunked(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

describe('real files', () => {
  it('are there', () => {
    expect(objects.length).toBeGreaterThanOrEqual(14);
  });

  it.each(objects)('%s comes back', (path) => {
    const bytes = realBytes(path);
    const done = decodeAll(chunked(bytes, 64 * 1024), { maxRows: 700 });
    expect(rejectsOf(done)).toEqual([]);
    expect(done.at(-1)).toMatchObject({ endByte: bytes.length });
    const rows = exactRows(bytes);
    expect(exactRows(encodeAll(done))).toEqual(rows);

    const wanted = [...summarize(done.map(({ batch }) => batch)), rescued];
    const targets = wanted.map((column, index) => ({ ...column, fieldId: index + 1 }));
    const stored = done.map(({ batch }) => conform(batch, targets));
    expect(exactRows(encodeAll(stored))).toEqual(rows);
  });

  it.each(arrays)('%s has no row: each line is an array', (path) => {
    const done = decodeAll([realBytes(path)]);
    expect(rejectsOf(done).length).toBe(793);
    expect(encodeAll(done)).toBe('');
  });

  it('with escaped text gives the same rows as the one without', () => {
    // Parsed with rounding, because whoever escaped it rounded the ids beyond 2^53.
    const [plain, escaped] = ['twitter_statuses', 'twitterescaped_statuses'].map((name) => {
      const lines = encodeAll(decodeAll([realBytes(`events/${name}.ndjson.gz`)])).split('\n');
      return lines.map((line) => (line === '' ? undefined : (JSON.parse(line) as unknown)));
    });
    expect(plain?.length).toBe(101);
    expect(isDeepStrictEqual(plain, escaped)).toBe(true);
  });
});

const rescued = { name: '_hyp_rescued', type: 'json' as const };
