/**
 * Owns: rows of a range as batches in seq order with bounded memory: one row group at a time.
 * A file that vanishes under a scan (merged away, expired, a manifest trimmed) makes it plan again
 * from the last seq it yielded: a range has the same rows in every snapshot.
 * llp/0005
 */
import { HypError } from '../../src/core/errors.ts';
import { isMissing } from '../../src/core/durable-fs.ts';
import { defined } from '../../src/core/invariant.ts';
import { toSeq } from '../../src/core/ids.ts';
import type { Seq } from '../../src/core/ids.ts';
import { SEQ_COLUMN, columnNamed } from '../../src/codec/columns.ts';
import type { Batch, CodedBatch } from '../../src/codec/columns.ts';
import { plainBatch, sliceCoded } from '../../src/codec/dictionary.ts';
import { readFooter } from '../data/footer.ts';
import type { DataFooter } from '../data/footer.ts';
import { readCodedRowGroup, readRowGroup } from '../data/read.ts';
import { columnTypeOf, targetsOf } from '../iceberg/schema.ts';
import { currentSchema } from '../iceberg/metadata.ts';
import type { LiveFile, Table, TableHead } from '../table.ts';
import { droppedLineages } from '../iceberg/dropped.ts';
import { planScan } from './plan.ts';

export interface ScanRange {
  /** Exclusive. */
  readonly after: Seq;
  /** Inclusive. */
  readonly through: Seq;
  /** Columns to read, by name; `_hyp_seq` is always read. Default: all. */
  readonly columns?: readonly string[] | undefined;
}

const REPLANS = 100;

/**
 * Yields the rows of `(after, through]`. A batch has the columns its file holds, under the names of
 * the head's schema and in its order; a column no row of the file has a value for may be left out.
 * Every row group is checked against its sum before it is decoded: E_CORRUPT names file and range.
 */
export async function* scan(
  table: Table,
  head: TableHead,
  range: ScanRange,
): AsyncGenerator<Batch, void, undefined> {
  for await (const batch of scanFiles(table, head, range, { coded: false }))
    yield plainBatch(batch);
}

/** As `scan`; text that stands in a dictionary in its file stays in one. */
export function scanCoded(
  table: Table,
  head: TableHead,
  range: ScanRange,
): AsyncGenerator<CodedBatch, void, undefined> {
  return scanFiles(table, head, range, { coded: true });
}

async function* scanFiles(
  table: Table,
  head: TableHead,
  range: ScanRange,
  how: { readonly coded: boolean },
): AsyncGenerator<CodedBatch, void, undefined> {
  let from = range.after;
  let current = head;
  for (let attempt = 0; ; attempt++) {
    try {
      for (const file of await planScan(table, current, from, range.through)) {
        for await (const batch of scanFile(table, current, file, {
          ...range,
          ...how,
          after: from,
        })) {
          yield batch;
          from = lastSeq(batch);
        }
      }
      return;
    } catch (error) {
      const gone = isMissing(error) || (await table.hasPassed(current, error));
      const next = gone && attempt < REPLANS ? await table.load() : undefined;
      if (next === undefined || next.version === current.version) throw missing(error, table);
      // Its rows of these numbers, if it has any, are others.
      if (droppedLineages(next.value).includes(current.value.hyp.lineage)) throw dropped(table);
      current = next;
    }
  }
}

function dropped({ dataset }: Table): HypError {
  return new HypError('E_UNKNOWN_DATASET', `${dataset} was dropped while it was read`, {
    hint: 'What came before this is not all of it. A dataset of this name by now is another one.',
  });
}

/** Largest seq of a batch that came from a scan. */
export function lastSeq(batch: CodedBatch): Seq {
  const column = columnNamed(batch, SEQ_COLUMN);
  if (column?.type !== 'long') throw new HypError('E_CORRUPT', `rows without ${SEQ_COLUMN}`);
  return toSeq(defined(column.values[batch.rows - 1], 'a batch has rows'));
}

async function* scanFile(
  table: Table,
  head: TableHead,
  file: LiveFile,
  range: ScanRange & { readonly coded: boolean },
): AsyncGenerator<CodedBatch, void, undefined> {
  const { sums } = file;
  const footer: DataFooter = await readFooter(table.fs, file.path, sums);
  const wanted = wantedFields(head, range.columns);
  for (const [index, group] of footer.rowGroups.entries()) {
    if (group.seqMax <= range.after || group.seqMin > range.through) continue;
    const source = { path: file.path, footer, sums };
    const read = range.coded ? readCodedRowGroup : readRowGroup;
    const batch = await read(table.fs, source, index, wanted);
    const cut = cutToRange(batch, range);
    if (cut.rows > 0) yield named(head, cut);
  }
}

function wantedFields(
  head: TableHead,
  columns: readonly string[] | undefined,
): { fieldIds?: ReadonlySet<number> } {
  if (columns === undefined) return {};
  const names = new Set([...columns, SEQ_COLUMN]);
  const fields = currentSchema(head.value).fields.filter((field) => names.has(field.name));
  return { fieldIds: new Set(fields.map((field) => field.id)) };
}

/** Names, types and order are the table's, by field id: a file may be older than the schema. */
function named(head: TableHead, batch: CodedBatch): CodedBatch {
  const byId = new Map(batch.columns.map((column) => [column.fieldId, column]));
  const schema = currentSchema(head.value);
  const columns = targetsOf(schema).flatMap((target) => {
    const column = byId.get(target.fieldId);
    if (column === undefined) return [];
    const field = defined(
      schema.fields.find((candidate) => candidate.id === target.fieldId),
      'a target is a field',
    );
    const type = columnTypeOf(field);
    const text = 'offsets' in column || 'codes' in column;
    if (text && (type === 'json' || type === 'string')) {
      return [{ ...column, name: target.name, type }];
    }
    return [{ ...column, name: target.name }];
  });
  return { rows: batch.rows, columns };
}

/** Seqs ascend within a row group: both ends are found by halving. */
function cutToRange(batch: CodedBatch, range: ScanRange): CodedBatch {
  const column = columnNamed(batch, SEQ_COLUMN);
  if (column?.type !== 'long') throw new HypError('E_CORRUPT', `a row group without ${SEQ_COLUMN}`);
  const from = firstAbove(column.values, batch.rows, range.after);
  const to = firstAbove(column.values, batch.rows, range.through);
  return sliceCoded(batch, from, to);
}

function firstAbove(seqs: BigInt64Array, rows: number, seq: Seq): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((seqs[middle] ?? 0n) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

function missing(error: unknown, table: Table): unknown {
  if (!isMissing(error)) return error;
  const path = error instanceof Error && 'path' in error ? `: ${String(error.path)}` : '';
  return new HypError('E_CORRUPT', `a data file of ${table.dataset} is gone${path}`, {
    cause: error,
    hint: 'Run `hyp check`; restore the file from a backup. Other datasets go on.',
  });
}
