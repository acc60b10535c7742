/**
 * Owns: the footer of a data file: its row groups with their seqs and byte ranges, and the sums
 * that prove them. The ranges and the footer tile the file, the magic in front belongs to the
 * first row group, so every byte is under some sum (I12).
 * Invariant: a footer that was read with its sum is the one that was written.
 * Not its job: keeping footers (callers cache them), row groups (read).
 * llp/0005
 */
import { checksum } from '../../src/core/digest.ts';
import type { DurableFs, ReadHandle } from '../../src/core/durable-fs.ts';
import { HypError, isHypError } from '../../src/core/errors.ts';
import {
  PARQUET_MAGIC,
  TAIL_BYTES,
  metadataBytes,
  parseFooter,
} from '../../src/codec/parquet-footer.ts';
import type { FileColumn, FileRowGroup } from '../../src/codec/parquet-footer.ts';

/** Checksums over exact byte ranges, 8 hex digits each. */
export interface FileSums {
  /** Metadata, its length and the closing magic. */
  readonly footer: string;
  /** In file order, of the ranges in DataFooter. */
  readonly rowGroups: readonly string[];
}

export interface DataRowGroup {
  readonly rows: number;
  /** Bounds of `_hyp_seq`, both inclusive; the widest possible where the file states none. */
  readonly seqMin: bigint;
  readonly seqMax: bigint;
  /** Byte range `start` … `end` (exclusive) that its sum covers. */
  readonly start: number;
  readonly end: number;
  readonly pages: FileRowGroup;
}

export interface DataFooter {
  readonly fileBytes: number;
  readonly rows: number;
  readonly columns: readonly FileColumn[];
  readonly rowGroups: readonly DataRowGroup[];
}

/** Read at once from the end: holds the footer of all but very wide or very long files. */
const TAIL_READ_BYTES = 64 * 1024;
const SEQ_MAX = 2n ** 63n - 1n;

/** The sum of a byte range as it stands in a manifest. */
export function rangeSum(bytes: Uint8Array): string {
  return checksum(bytes).toString(16).padStart(8, '0');
}

function corrupt(path: string, what: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `${what}: ${path}`, {
    cause,
    hint: 'Run `hyp check`; restore the file from a backup.',
    details: { path },
  });
}

async function readExactly(file: ReadHandle, from: number, length: number): Promise<Uint8Array> {
  const bytes = await file.read(from, length);
  if (bytes.length !== length) throw corrupt(file.path, 'the data file became shorter');
  return bytes;
}

async function readTail(
  file: ReadHandle,
): Promise<{ readonly footer: Uint8Array; readonly fileBytes: number }> {
  const fileBytes = await file.size();
  if (fileBytes < PARQUET_MAGIC.length + TAIL_BYTES) {
    throw corrupt(file.path, 'too short for a data file');
  }
  const tailBytes = Math.min(fileBytes, TAIL_READ_BYTES);
  const tail = await readExactly(file, fileBytes - tailBytes, tailBytes);
  const length = metadataBytes(tail) + TAIL_BYTES;
  if (length > fileBytes - PARQUET_MAGIC.length) {
    throw corrupt(file.path, 'the footer is larger than the data file');
  }
  if (length <= tail.length) return { footer: tail.slice(tail.length - length), fileBytes };
  return { footer: await readExactly(file, fileBytes - length, length), fileBytes };
}

/** Where the sums of row groups end: the first range takes the magic in, none overlap. */
function rangesOf(groups: readonly FileRowGroup[], pagesEnd: number): readonly DataRowGroup[] {
  let last = 0;
  return groups.map((pages, index) => {
    const start = index === 0 ? 0 : pages.start;
    if (start < last || pages.end > pagesEnd || pages.end < pages.start) {
      throw new HypError('E_CORRUPT', 'row groups overlap');
    }
    last = pages.end;
    const { rows, end, seq } = pages;
    return { rows, start, end, pages, seqMin: seq?.min ?? 0n, seqMax: seq?.max ?? SEQ_MAX };
  });
}

/** A footer (metadata and tail) of a file of `fileBytes` bytes. Throws E_CORRUPT. */
export function dataFooter(footer: Uint8Array, fileBytes: number): DataFooter {
  const { rows, columns, rowGroups } = parseFooter(footer.subarray(0, footer.length - TAIL_BYTES));
  return {
    fileBytes,
    rows,
    columns,
    rowGroups: rangesOf(rowGroups, fileBytes - footer.length),
  };
}

/**
 * Reads the footer of the data file at `path`: one open, one or two reads, closed always. With
 * `sums` it is proven before it is parsed. Throws E_CORRUPT (with the path) for a damaged file,
 * E_UNSUPPORTED_FORMAT for columns hyp does not have; a missing file is the error of the file
 * system.
 */
export async function readFooter(
  fs: DurableFs,
  path: string,
  sums?: FileSums,
): Promise<DataFooter> {
  const file = await fs.open(path);
  try {
    const { footer, fileBytes } = await readTail(file);
    if (sums !== undefined && rangeSum(footer) !== sums.footer) {
      throw corrupt(path, 'the footer is not the one that was written');
    }
    const parsed = dataFooter(footer, fileBytes);
    if (sums !== undefined && sums.rowGroups.length !== parsed.rowGroups.length) {
      throw corrupt(path, `there are sums of ${sums.rowGroups.length} row groups only`);
    }
    return parsed;
  } catch (error) {
    if (!isHypError(error) || error.details['path'] === path) throw error;
    if (error.code === 'E_CORRUPT') throw corrupt(path, error.message, error);
    throw new HypError(error.code, `${error.message}: ${path}`, {
      cause: error,
      details: { path },
    });
  } finally {
    await file.close();
  }
}
