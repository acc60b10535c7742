/**
 * Owns: batches → one data file, whole, checked and durable.
 * Not a commit point: a file no manifest names is an orphan.
 * | step | a crash right after leaves |
 * | file created, row groups written | an orphan cut short |
 * | footer written, fsynced, checked | a whole orphan |
 * Nothing refers to an orphan and nothing in this version removes it: it only takes room.
 * Invariants: memory is one row group and one batch (I13); what is stated about the file was read
 * back from its own footer by another parser and agrees with the rows (I12).
 * Not its job: the directory's fsync, manifests, the meaning of bounds (storage/iceberg).
 * llp/0005
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { createSynced, unlinkIfAny } from '../../src/core/durable-fs.ts';
import { invariant } from '../../src/core/invariant.ts';
import type { Batch, ColumnType } from '../../src/codec/columns.ts';
import { parquetPieces } from '../../src/codec/parquet.ts';
import type { ParquetCodec, RowGroupEncoder } from '../../src/codec/parquet.ts';
import { PARQUET_MAGIC, TAIL_BYTES, metadataBytes } from '../../src/codec/parquet-footer.ts';
import { rangeSum } from './footer.ts';
import type { FileSums } from './footer.ts';
import { footerFacts, tallyRows } from './stats.ts';
import type { FooterFacts } from './stats.ts';

/** A column of a data file; every one has its field id. */
export interface DataColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

/** What a manifest needs to know of a data file. Seqs are both 0 for a file without rows. */
export interface DataFileStats extends FooterFacts {
  readonly fileBytes: number;
  readonly sums: FileSums;
}

/**
 * Writes the rows of `batches` (conformed to `columns`, in seq order) to a new file at `path` and
 * resolves once the file is fsynced and its footer was read back and agrees with the rows; the
 * caller syncs the directory before it refers to the file. Batches are taken one at a time. On any
 * error the file is removed. `encoder`: who encodes row groups, by default this thread. EEXIST (of the file system) when the name is taken; E_INTERNAL when
 * the encoder did not write what it was given.
 */
// eslint-disable-next-line max-params -- what, where, shape, rows, how: none has a default
export async function writeDataFile(
  fs: DurableFs,
  path: string,
  columns: readonly DataColumn[],
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  codec: ParquetCodec,
  encoder?: RowGroupEncoder,
): Promise<DataFileStats> {
  const tally = tallyRows(columns);
  const rowGroups: string[] = [];
  let fileBytes = 0;
  let footer: Uint8Array = new Uint8Array(0);
  async function* tallied(): AsyncGenerator<Batch, void, void> {
    for await (const batch of batches) {
      tally.add(batch);
      yield batch;
    }
  }
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    for await (const { kind, bytes } of parquetPieces(tallied(), { columns, codec, encoder })) {
      fileBytes += bytes.length;
      if (kind === 'rowGroup') rowGroups.push(rangeSum(bytes));
      else footer = bytes.subarray(bytes.length - metadataBytes(bytes) - TAIL_BYTES);
      yield bytes;
    }
  }
  await createSynced(fs, path, pieces());
  try {
    const facts = await footerFacts(footer, columns, tally);
    invariant(
      facts.splitOffsets.length === rowGroups.length &&
        facts.splitOffsets.every((at, index) => index > 0 || at === BigInt(PARQUET_MAGIC.length)),
      'the footer has the row groups that were written',
    );
    return { ...facts, fileBytes, sums: { footer: rangeSum(footer), rowGroups } };
  } catch (error) {
    await unlinkIfAny(fs, path).catch(() => undefined);
    throw error;
  }
}

export type { FileSums } from './footer.ts';
export type { StatValue } from './stats.ts';
