/**
 * Owns: how each column of a row group is encoded, decided by the values themselves so that the
 * same rows always give the same bytes. Measured in llp/0005: a dictionary that does not repeat
 * costs a quarter of the encoding time and makes the file larger.
 * llp/0005
 */
import type { Batch, Column } from './columns.ts';
import { isValid } from './columns.ts';
import type { WriterProperties } from 'parquet-wasm';
import type { Wasm } from './parquet-wasm.ts';

export type ParquetCodec = 'snappy' | 'lz4_raw' | 'zstd';

/** Values looked at per column, evenly spread over the row group. */
const SAMPLE_ROWS = 512;
/** Largest share of distinct values in the sample at which a dictionary pays. */
const DISTINCT_SHARE_MAX = 0.5;
/** Below this a dictionary is larger than what it saves. */
const DICTIONARY_ROWS_MIN = 32;

type ColumnEncoding = 'dictionary' | 'delta' | 'plain';

/** Bytes at either end of a text that tell it from another. */
const TEXT_END_BYTES = 32;

/** A text as a number: equal texts are equal, and others are taken for equal once in 2^32. */
function textKey(values: Uint8Array, from: number, to: number): number {
  let key = to - from;
  const head = Math.min(to, from + TEXT_END_BYTES);
  for (let at = from; at < head; at++) key = Math.imul(key ^ (values[at] ?? 0), 0x01000193);
  const tail = Math.max(head, to - TEXT_END_BYTES);
  for (let at = tail; at < to; at++) key = Math.imul(key ^ (values[at] ?? 0), 0x01000193);
  return key;
}

/** The value as something a Set can compare; long texts by their ends. */
function sampleKey(column: Column, row: number): number | bigint {
  if ('offsets' in column) {
    return textKey(column.values, column.offsets[row] ?? 0, column.offsets[row + 1] ?? 0);
  }
  if (column.type === 'boolean') return 0;
  return column.values[row] ?? 0;
}

/** True when the values of the column repeat enough, by a sample that ignores batch cuts. */
function repeats(slices: readonly Batch[], index: number, rows: number): boolean {
  if (rows < DICTIONARY_ROWS_MIN) return false;
  const stride = Math.max(1, Math.floor(rows / SAMPLE_ROWS));
  const seen = new Set<number | bigint>();
  let sampled = 0;
  let before = 0;
  for (const slice of slices) {
    const column = slice.columns[index];
    let row = (stride - (before % stride)) % stride;
    for (; column !== undefined && row < slice.rows; row += stride) {
      if (!isValid(column, row)) continue;
      sampled++;
      seen.add(sampleKey(column, row));
    }
    before += slice.rows;
  }
  // An empty dictionary page is one that some readers stumble over.
  return sampled > 0 && seen.size <= sampled * DISTINCT_SHARE_MAX;
}

/** How column `index` of the row group made of `slices` is encoded. */
function columnEncoding(slices: readonly Batch[], index: number): ColumnEncoding {
  const type = slices[0]?.columns[index]?.type;
  const rows = slices.reduce((sum, slice) => sum + slice.rows, 0);
  if (type === 'boolean') return 'plain';
  if (repeats(slices, index, rows)) return 'dictionary';
  return type === 'long' || type === 'timestamptz' ? 'delta' : 'plain';
}

/** Properties for the row group made of `slices`; the caller frees them or passes them on. */
export function writerProperties(
  wasm: Wasm,
  slices: readonly Batch[],
  codec: ParquetCodec,
): WriterProperties {
  const compression = {
    snappy: wasm.Compression.SNAPPY,
    lz4_raw: wasm.Compression.LZ4_RAW,
    zstd: wasm.Compression.ZSTD,
  }[codec];
  // Row groups are cut before they get here; the writer must not cut again.
  let builder = new wasm.WriterPropertiesBuilder()
    .setCompression(compression)
    .setMaxRowGroupSize(0x7fffffff)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(wasm.EnabledStatistics.Chunk);
  slices[0]?.columns.forEach(({ name }, index) => {
    const encoding = columnEncoding(slices, index);
    if (encoding === 'dictionary') builder = builder.setColumnDictionaryEnabled(name, true);
    if (encoding === 'delta') {
      builder = builder.setColumnEncoding(name, wasm.Encoding.DELTA_BINARY_PACKED);
    }
  });
  return builder.build();
}
