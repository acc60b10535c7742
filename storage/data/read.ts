/**
 * Owns: one row group of a data file → a batch, proven before it is decoded: a flipped bit in a
 * page was measured to give wrong values more often than an error (I12).
 * One open, one read, closed always; memory is one row group (I13).
 * Not its job: which row groups to read (storage/scan), footers (footer).
 * llp/0005
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { HypError, isHypError } from '../../src/core/errors.ts';
import { defined } from '../../src/core/invariant.ts';
import type { Batch, CodedBatch } from '../../src/codec/columns.ts';
import { plainBatch } from '../../src/codec/dictionary.ts';
import { decodeRowGroup } from '../../src/codec/parquet-decode.ts';
import { rangeSum, readFooter } from './footer.ts';
import type { DataFooter, DataRowGroup, FileSums } from './footer.ts';

/** A data file whose footer was read before. */
export interface DataSource {
  readonly path: string;
  readonly footer: DataFooter;
  /** Without them nothing proves the bytes: only for files of other programs. */
  readonly sums?: FileSums | undefined;
}

export interface ReadOptions {
  /** Columns to decode, by field id; ids the file does not have are left out. Default: all. */
  readonly fieldIds?: ReadonlySet<number> | undefined;
}

function corrupt(path: string, index: number, what: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `row group ${index} ${what}: ${path}`, {
    cause,
    hint: 'Run `hyp check`; restore the file from a backup.',
    details: { path, rowGroup: index },
  });
}

async function readRange(
  fs: DurableFs,
  source: DataSource,
  index: number,
  range: DataRowGroup,
): Promise<Uint8Array> {
  const file = await fs.open(source.path);
  let bytes: Uint8Array;
  try {
    bytes = await file.read(range.start, range.end - range.start);
  } finally {
    await file.close();
  }
  if (bytes.length !== range.end - range.start) {
    throw corrupt(source.path, index, 'is cut off');
  }
  if (source.sums !== undefined && rangeSum(bytes) !== source.sums.rowGroups[index]) {
    throw corrupt(source.path, index, 'is not what was written');
  }
  return bytes;
}

/**
 * Reads the data file at `path` whole, a row group at a time, against its sums, and decodes nothing:
 * for whoever has another program read it. Throws E_CORRUPT with the path, and the error of the file
 * system for a missing file.
 */
export async function proveFile(fs: DurableFs, path: string, sums: FileSums): Promise<void> {
  const footer = await readFooter(fs, path, sums);
  for (const [index, range] of footer.rowGroups.entries()) {
    await readRange(fs, { path, footer, sums }, index, range);
  }
}

/**
 * The rows of row group `index` (0-based) in file order, with names, types and field ids as the
 * file states them. Throws E_CORRUPT with path and row group, before decoding, when the bytes are
 * not those that were written; a missing file is the error of the file system.
 */
export async function readRowGroup(
  fs: DurableFs,
  source: DataSource,
  index: number,
  options: ReadOptions = {},
): Promise<Batch> {
  return plainBatch(await decode(fs, source, index, { ...options, coded: false }));
}

/** As `readRowGroup`; text that stands in a dictionary in the file stays in one. */
export async function readCodedRowGroup(
  fs: DurableFs,
  source: DataSource,
  index: number,
  options: ReadOptions = {},
): Promise<CodedBatch> {
  return decode(fs, source, index, { ...options, coded: true });
}

async function decode(
  fs: DurableFs,
  source: DataSource,
  index: number,
  { fieldIds, coded }: ReadOptions & { readonly coded: boolean },
): Promise<CodedBatch> {
  const { columns, rowGroups } = source.footer;
  const range = defined(rowGroups[index], 'the file has the row group that is read');
  const bytes = await readRange(fs, source, index, range);
  const chosen = columns.flatMap(({ fieldId }, position) =>
    fieldIds === undefined || (fieldId !== undefined && fieldIds.has(fieldId)) ? [position] : [],
  );
  const pages = bytes.subarray(range.pages.start - range.start);
  try {
    return await decodeRowGroup({ columns, group: range.pages, pages, chosen, coded });
  } catch (error) {
    if (!isHypError(error, 'E_CORRUPT')) throw error;
    throw corrupt(source.path, index, `cannot be decoded (${error.message})`, error);
  }
}
