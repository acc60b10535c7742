/** Row groups are encoded some columns at a time; nothing of it shows but the memory. llp/0005 */
import { parquetMetadata } from 'hyparquet';
import { expect, test } from 'vitest';
import type { Batch } from '../../src/codec/columns.ts';
import { encodeParquet } from '../../src/codec/parquet.ts';
import { plainBatch } from '../../src/codec/dictionary.ts';
import { decodeRowGroup } from '../../src/codec/parquet-decode.ts';
import { TAIL_BYTES, metadataBytes, parseFooter } from '../../src/codec/parquet-footer.ts';
import { loadParquetWasm } from '../../src/codec/parquet-wasm.ts';
import { sampleColumn } from '../support/sample-batch.ts';
import { cellsOf } from '../support/wide-rows.ts';

const MIB = 1024 * 1024;

/** More columns than go at once, one of them larger than goes at once; some have no value. */
function wide(rows: number, first: bigint, long: string): Batch {
  const columns = Array.from({ length: 1000 }, (_, at) => {
    const cells = Array.from({ length: rows }, (__, row) => {
      if (at === 500 && row === 0) return long;
      return at % 3 === 0 ? null : `${at * row}`;
    });
    return { ...sampleColumn(`column ${at}`, 'string', cells), fieldId: at + 2 };
  });
  const seqs = Array.from({ length: rows }, (_, row) => first + BigInt(row));
  return { rows, columns: [{ ...sampleColumn('_hyp_seq', 'long', seqs), fieldId: 1 }, ...columns] };
}

function shapesOf({ columns }: Batch) {
  return columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }));
}

async function wasmBytes(): Promise<number> {
  const memory: unknown = (await loadParquetWasm()).wasmMemory();
  return (memory as { readonly buffer: ArrayBuffer }).buffer.byteLength;
}

test('a thousand columns and a long text are whole, and cost little memory in wasm', async () => {
  const short = wide(2, 1n, 'short');
  await encodeParquet([short], { columns: shapesOf(short), codec: 'zstd' });
  expect(await wasmBytes()).toBeLessThan(24 * MIB);

  const batches = [wide(3, 1n, 'x'.repeat(5 * MIB)), wide(2, 4n, 'short')];
  const columns = batches.slice(0, 1).flatMap(shapesOf);
  const file = await encodeParquet(batches, { columns, codec: 'zstd', rowGroupRows: 3 });
  expect(await wasmBytes()).toBeLessThan(80 * MIB);

  const tail = file.length - TAIL_BYTES;
  const footer = parseFooter(file.subarray(tail - metadataBytes(file), tail));
  expect(footer.rowGroups.map(({ rows, seq }) => ({ rows, seq }))).toEqual([
    { rows: 3, seq: { min: 1n, max: 3n } },
    { rows: 2, seq: { min: 4n, max: 5n } },
  ]);
  const decoded = await Promise.all(
    footer.rowGroups.map((group) => {
      const pages = file.subarray(group.start, group.end);
      return decodeRowGroup({ columns: footer.columns, group, pages });
    }),
  );
  expect(cellsOf(...decoded.map(plainBatch))).toEqual(cellsOf(...batches));

  // What another reader finds: chunks at their places, one behind the other, and sums that agree.
  const groups = parquetMetadata(Uint8Array.from(file).buffer).row_groups;
  let at = 4n;
  for (const [ordinal, group] of groups.entries()) {
    let compressed = 0n;
    for (const { meta_data: meta } of group.columns) {
      expect(meta?.dictionary_page_offset ?? meta?.data_page_offset).toBe(at);
      at += meta?.total_compressed_size ?? 0n;
      compressed += meta?.total_compressed_size ?? 0n;
    }
    expect(group).toMatchObject({ ordinal, total_compressed_size: compressed });
  }
});
