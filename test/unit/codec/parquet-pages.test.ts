/** Pages of hot files are read here as the general decoder reads them, or left to it. llp/0005 */
import { describe, expect, it } from 'vitest';
import type { Batch, CodedBatch, DictionaryColumn, Column } from '../../../src/codec/columns.ts';
import { SEQ_COLUMN } from '../../../src/codec/columns.ts';
import { plainBatch } from '../../../src/codec/dictionary.ts';
import { encodeParquet } from '../../../src/codec/parquet.ts';
import type { ParquetCodec } from '../../../src/codec/parquet.ts';
import { decodeRowGroup } from '../../../src/codec/parquet-decode.ts';
import {
  TAIL_BYTES,
  columnPages,
  metadataBytes,
  parseFooter,
} from '../../../src/codec/parquet-footer.ts';
import type { FileColumn } from '../../../src/codec/parquet-footer.ts';
import { LZ4_RAW, readColumnPages } from '../../../src/codec/parquet-pages.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../support/random.ts';
import { WIDE_COLUMNS, batchOf, cellsOf, wideBatch } from '../../support/wide-rows.ts';

interface Chunk {
  readonly column: FileColumn;
  readonly bytes: Uint8Array;
  readonly codec: number | undefined;
}

interface Pages {
  readonly rows: number;
  readonly chunks: readonly Chunk[];
  /** As the general decoder has them. */
  readonly decoded: Batch;
}

async function pagesOf(batch: Batch, codec: ParquetCodec = 'lz4_raw'): Promise<Pages> {
  const columns = batch.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }));
  const file = await encodeParquet([batch], { columns, codec, rowGroupRows: 1_000_000 });
  const tail = file.length - TAIL_BYTES;
  const footer = parseFooter(file.subarray(tail - metadataBytes(file), tail));
  const [group] = footer.rowGroups;
  if (group === undefined) throw new Error('no row group');
  const places = columnPages(group);
  const chunks = footer.columns.map((column, index): Chunk => {
    const { start = 0, end = 0, codec: number } = places[index] ?? {};
    return { column, bytes: file.slice(start, end), codec: number };
  });
  const pages = file.subarray(group.start, group.end);
  const decoded = await decodeRowGroup({ columns: footer.columns, group, pages });
  return { rows: group.rows, chunks, decoded: plainBatch(decoded) };
}

function read({ rows, chunks }: Pages): (Column | DictionaryColumn | undefined)[] {
  return chunks.map(({ column, bytes }) => readColumnPages(column, bytes, rows));
}

function cells(pages: Pages): unknown {
  const columns = read(pages).filter((column) => column !== undefined);
  expect(columns).toHaveLength(pages.chunks.length);
  const coded: CodedBatch = { rows: pages.rows, columns };
  return cellsOf(plainBatch(coded));
}

const seq = { name: SEQ_COLUMN, type: 'long', fieldId: 2 } as const;

function oneLong(values: readonly bigint[]): Batch {
  const column = { name: 'v', type: 'long', fieldId: 1 } as const;
  return batchOf([column, seq], [values, values.map((_, at) => BigInt(at + 1))]);
}

describe('pages of a hot file', () => {
  it.each([1, 7, 31, 32, 100, 1_000, 20_000])(
    'have every value of %i rows of every type, nulls and dictionaries too',
    async (rows) => {
      const pages = await pagesOf(wideBatch(rows, rows));
      // Longs of all 64 bits are the general decoder's.
      const wide = read(pages).map((column) => column === undefined);
      const left = pages.chunks.filter((_, at) => wide[at]).map(({ column }) => column.name);
      expect(left.filter((name) => name !== 'count')).toEqual([]);
      const kept = pages.chunks.filter(({ column }) => column.name !== 'count');
      const columns = pages.decoded.columns.filter(({ name }) => name !== 'count');
      const expected = cellsOf({ rows, columns });
      expect(cells({ ...pages, chunks: kept })).toEqual(expected);
      expect(kept).toHaveLength(WIDE_COLUMNS.length - 1);
    },
  );

  it('have text in dictionaries where it repeats, and plain where it does not', async () => {
    const columns = [
      { name: 'often', type: 'string', fieldId: 1 } as const,
      { name: 'once', type: 'string', fieldId: 3 } as const,
      seq,
    ];
    const rows = Array.from({ length: 500 }, (_, at) => at);
    const batch = batchOf(columns, [
      rows.map((at) => (at % 5 === 0 ? null : `value ${at % 7}`)),
      rows.map((at) => `value ${at * at}`),
      rows.map((at) => BigInt(at + 1)),
    ]);
    const [often, once] = read(await pagesOf(batch));
    expect(often !== undefined && 'codes' in often && often.entries.count).toBe(7);
    expect(once !== undefined && 'offsets' in once).toBe(true);
  });

  it('have longs within 53 bits whose steps differ by 32, and leave others to the general decoder', async () => {
    for (const base of [0n, 2n ** 40n, -(2n ** 40n), 2n ** 31n]) {
      const steps = [5n, 5n, -3n, 2n ** 30n, -(2n ** 30n), 0n, 7n, 2n ** 30n];
      const pages = await pagesOf(oneLong(steps.map((step) => base + step)));
      expect(cells(pages)).toEqual(cellsOf(pages.decoded));
    }
    const far = await pagesOf(oneLong([0n, 2n ** 63n - 1n, -(2n ** 63n), 1n]));
    expect(read(far).map((column) => column === undefined)).toEqual([true, false]);
  });

  it('are marked as what they are: other codecs are the general decoder’s', async () => {
    const codecs = await Promise.all(
      (['lz4_raw', 'snappy', 'zstd'] as const).map(async (codec) => {
        const { chunks } = await pagesOf(wideBatch(40), codec);
        return chunks.every((chunk) => chunk.codec === LZ4_RAW);
      }),
    );
    expect(codecs).toEqual([true, false, false]);
  });
});

describe('bytes that are no pages', () => {
  function answerOf({ column }: Chunk, bytes: Uint8Array, rows: number): string {
    try {
      return readColumnPages(column, bytes, rows) === undefined ? 'left' : 'column';
    } catch (error) {
      return isHypError(error) ? error.code : `crash: ${String(error)}`;
    }
  }

  it('are E_CORRUPT wherever the pages of a column are cut', async () => {
    const { rows, chunks } = await pagesOf(wideBatch(60));
    for (const chunk of chunks) {
      expect(answerOf(chunk, chunk.bytes, rows)).not.toBe('E_CORRUPT');
      for (let end = 0; end < chunk.bytes.length; end++) {
        expect(answerOf(chunk, chunk.bytes.subarray(0, end), rows)).toBe('E_CORRUPT');
      }
    }
  });

  it('never crash the reader nor make it read outside, however they were changed', async () => {
    const random = seededRandom(11);
    const { rows, chunks } = await pagesOf(wideBatch(200));
    const seen = new Set<string>();
    for (let round = 0; round < 4_000; round++) {
      const chunk = chunks[random.integer(chunks.length)];
      if (chunk === undefined) continue;
      const changed = Uint8Array.from(chunk.bytes);
      for (let hits = 0; hits <= random.integer(3); hits++) {
        changed[random.integer(changed.length)] = random.integer(256);
      }
      seen.add(answerOf(chunk, changed, rows));
    }
    expect([...seen].sort()).toEqual(['E_CORRUPT', 'column', 'left']);
  });
});
