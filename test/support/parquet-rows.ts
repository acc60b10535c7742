/**
 * Owns: a Parquet file of any program as the rows hyp makes of it, without a store.
 * llp/0019
 */
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { readParquetFooter, readParquetRows } from '../../src/codec/parquet-input/read.ts';
import type { ByteSource } from '../../src/codec/parquet-input/read.ts';

export interface ReadRows {
  /** Each as its line of NDJSON. */
  readonly lines: readonly string[];
  readonly rejects: readonly { readonly row: number; readonly reason: string }[];
  /** Where each batch ends, in rows. */
  readonly ends: readonly number[];
}

export function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (at, length) => Promise.resolve(bytes.subarray(at, at + length)),
  };
}

/** All rows behind row `start`; throws as the reader does. */
export async function rowsOfParquet(
  bytes: Uint8Array,
  start = 0,
  heldBytes?: number,
): Promise<ReadRows> {
  const source = sourceOf(bytes);
  const footer = await readParquetFooter(source);
  const lines: string[] = [];
  const rejects: { row: number; reason: string }[] = [];
  const ends: number[] = [];
  for await (const decoded of readParquetRows(source, footer, start, { heldBytes })) {
    const text = Buffer.from(encodeNdjson(decoded.batch)).toString('utf8');
    lines.push(...text.split('\n').slice(0, -1));
    rejects.push(...decoded.rejects.map(({ line, reason }) => ({ row: line, reason })));
    ends.push(decoded.endByte);
  }
  return { lines, rejects, ends };
}
