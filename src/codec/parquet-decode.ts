/**
 * Owns: one row group's bytes → a batch. The bytes and a footer cut to that row group make a small
 * file for wasm, so no more than the row group is ever held or read (I13), and nothing but bytes
 * the caller has proven (I12).
 * Not its job: reading files and sums (storage/data/read).
 * llp/0005
 */
import { HypError, isHypError } from '../core/errors.ts';
import { encodeSchema } from './arrow-ipc.ts';
import { decodeCodedIpc } from './arrow-read.ts';
import { isTyped } from './arrow-typed.ts';
import { decodeTypedIpc } from './arrow-typed-read.ts';
import type { CodedBatch, Column, DictionaryColumn } from './columns.ts';
import { isValid } from './columns.ts';
import {
  PARQUET_MAGIC,
  buildFooter,
  chunksOf,
  columnPages,
  dictionariesOf,
  moveRowGroup,
} from './parquet-footer.ts';
import type { FileColumn, FileRowGroup } from './parquet-footer.ts';
import { LZ4_RAW, readColumnPages } from './parquet-pages.ts';
import { loadParquetWasm } from './parquet-wasm.ts';

export interface RowGroupBytes {
  readonly columns: readonly FileColumn[];
  readonly group: FileRowGroup;
  /** The bytes `group.start` … `group.end` of the file. */
  readonly pages: Uint8Array;
  /** Columns to decode, by position in `columns`; default all. */
  readonly chosen?: readonly number[];
  /** Text that stands in a dictionary in the file stays in one. Default: all text is plain. */
  readonly coded?: boolean | undefined;
}

/** Makes the decoder leave text in dictionaries where it finds it so. */
function codedSchema(
  columns: readonly FileColumn[],
  dictionaries: ReadonlySet<number>,
): Uint8Array | undefined {
  const coded = new Set(
    [...dictionaries].filter((place) => {
      const type = columns[place]?.type;
      return type === 'string' || type === 'json';
    }),
  );
  return coded.size === 0 ? undefined : encodeSchema(columns, coded);
}

/** A file of this one row group and the chosen columns. */
function smallFile(source: RowGroupBytes, chosen: readonly number[]): Uint8Array {
  const { columns, group, pages } = source;
  const chunks = chunksOf(columns, chosen);
  const struct = moveRowGroup(group, {
    shift: PARQUET_MAGIC.length - group.start,
    ordinal: 0,
    chosen: chunks,
  });
  const kept = chosen.flatMap((index) => columns[index] ?? []);
  const footer = buildFooter({
    columns: kept,
    rowGroups: [struct],
    createdBy: undefined,
    arrowSchema:
      source.coded === true ? codedSchema(kept, dictionariesOf(group, chunks)) : undefined,
  });
  return Buffer.concat([PARQUET_MAGIC, pages, footer]);
}

/** The decoder leaves what it finds in the place of a null; a batch has zeros there. */
function clearNulls(column: Column | DictionaryColumn, rows: number): void {
  const { validity } = column;
  if (validity === undefined || 'offsets' in column || 'codes' in column) return;
  if (column.type === 'boolean') return;
  for (let byte = 0; byte << 3 < rows; byte++) {
    if (validity[byte] === 0xff) continue;
    for (let row = byte << 3; row < Math.min(rows, (byte + 1) << 3); row++) {
      if (isValid(column, row)) continue;
      if (column.type === 'double') column.values[row] = 0;
      else column.values[row] = 0n;
    }
  }
}

/** Name, id and type are the file's: in Arrow a json column is a string. */
function asStated(
  decoded: Column | DictionaryColumn,
  stated: FileColumn,
): Column | DictionaryColumn {
  const { name, fieldId, type } = stated;
  const text = 'offsets' in decoded || 'codes' in decoded;
  if (text && (type === 'string' || type === 'json')) return { ...decoded, name, fieldId, type };
  if (decoded.type !== type) throw new HypError('E_CORRUPT', `a column of another type: ${name}`);
  return { ...decoded, name, fieldId };
}

/** Every chosen column read page by page; undefined when one is packed in a way not read so. */
function fromPages(source: RowGroupBytes, chosen: readonly number[]): CodedBatch | undefined {
  const { columns, group, pages } = source;
  const pagesOf = columnPages(group);
  // These columns have one chunk each: lists and structs are read with the declared types.
  const places = chunksOf(columns, chosen).map((chunk) => pagesOf[chunk]);
  if (places.some((place) => place?.codec !== LZ4_RAW)) return undefined;
  const read: (Column | DictionaryColumn)[] = [];
  for (const [at, index] of chosen.entries()) {
    const column = columns[index];
    const place = places[at];
    if (column === undefined || place === undefined) return undefined;
    const bytes = pages.subarray(place.start - group.start, place.end - group.start);
    const found = readColumnPages(column, bytes, group.rows);
    if (found === undefined) return undefined;
    read.push(found);
  }
  return { rows: group.rows, columns: read };
}

/**
 * The rows of one row group. Throws E_CORRUPT when the pages cannot be decoded: with pages that
 * were proven by a sum that means the file was written so.
 */
export async function decodeRowGroup(source: RowGroupBytes): Promise<CodedBatch> {
  const { columns, group } = source;
  const chosen = source.chosen ?? columns.map((_, index) => index);
  if (chosen.length === 0 || group.rows === 0) return { rows: group.rows, columns: [] };
  const typed = chosen.filter((index) => isTypedAt(columns, index));
  if (typed.length === 0) return decodePlain(source, chosen);
  const plain = chosen.filter((index) => !isTypedAt(columns, index));
  const read = new Map<number, Column | DictionaryColumn>();
  const add = (places: readonly number[], found: readonly (Column | DictionaryColumn)[]): void => {
    found.forEach((column, at) => read.set(places[at] ?? -1, column));
  };
  add(typed, await decodeTyped(source, typed));
  if (plain.length > 0) add(plain, (await decodePlain(source, plain)).columns);
  return { rows: group.rows, columns: chosen.flatMap((index) => read.get(index) ?? []) };
}

function isTypedAt(columns: readonly FileColumn[], index: number): boolean {
  const column = columns[index];
  return column !== undefined && isTyped(column);
}

/** The Arrow stream of the chosen columns, all in one record batch. */
async function decodeStream(source: RowGroupBytes, chosen: readonly number[]): Promise<Uint8Array> {
  const wasm = await loadParquetWasm();
  try {
    const table = wasm.readParquet(smallFile(source, chosen), { batchSize: source.group.rows });
    // Consumes the table, also when it fails.
    return table.intoIPCStream();
  } catch (cause) {
    if (isHypError(cause)) throw cause;
    throw new HypError('E_CORRUPT', 'a row group cannot be decoded', { cause });
  }
}

/** Columns of declared types, which have a reader of their own (llp/0021). */
async function decodeTyped(
  source: RowGroupBytes,
  chosen: readonly number[],
): Promise<readonly Column[]> {
  const { columns, group } = source;
  const stated = chosen.flatMap((index) => columns[index] ?? []);
  const stream = await decodeStream({ ...source, coded: false }, chosen);
  return decodeTypedIpc(stream, stated, group.rows);
}

async function decodePlain(source: RowGroupBytes, chosen: readonly number[]): Promise<CodedBatch> {
  const { columns, group } = source;
  const paged = source.coded === true ? fromPages(source, chosen) : undefined;
  if (paged !== undefined) return paged;
  const [batch, ...others] = decodeCodedIpc(await decodeStream(source, chosen));
  if (batch?.rows !== group.rows || others.length > 0) {
    throw new HypError('E_CORRUPT', 'a row group has other rows than its footer says');
  }
  return {
    rows: batch.rows,
    columns: batch.columns.map((column, index) => {
      const stated = columns[chosen[index] ?? -1];
      if (stated === undefined) throw new HypError('E_CORRUPT', 'a row group has other columns');
      clearNulls(column, batch.rows);
      return asStated(column, stated);
    }),
  };
}
