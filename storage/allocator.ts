/**
 * Owns: which seq a row gets: the largest committed one plus 1, 2, 3, … A pure decision over the
 * head; the range becomes real only when the commit that carries it is linked (I1, I2).
 * There is no counter anywhere: nothing to lose, to reset, to copy or to lock.
 * Commit point: storage/iceberg/commit. A crash before it leaves nothing to clean up here.
 * llp/0003
 */
import { toSeq } from '../src/core/ids.ts';
import type { Seq } from '../src/core/ids.ts';
import { INGESTED_AT_COLUMN, SEQ_COLUMN } from '../src/codec/columns.ts';
import type { Batch, LongColumn } from '../src/codec/columns.ts';

/** What the allocator must know of the table: nothing but its head. */
export interface Allocation {
  /** Largest seq of the table; 0 for a new one. */
  readonly maxSeq: Seq;
  /** Largest `_hyp_ingested_at` of the table in microseconds; 0 for a new one. */
  readonly lastIngestedAtUs: bigint;
  readonly seqFieldId: number;
  readonly ingestedAtFieldId: number;
}

export interface Stamped {
  /** The batches with `_hyp_seq` and `_hyp_ingested_at` as their last two columns. */
  readonly batches: readonly Batch[];
  readonly rows: number;
  /** Largest seq stamped; the base's maxSeq when there are no rows. */
  readonly maxSeq: Seq;
  readonly ingestedAtUs: bigint;
}

/**
 * Stamps `batches` with maxSeq+1 … maxSeq+n in their order, and with one time that never falls
 * below the table's last. Pure: the same head and rows give the same stamps.
 */
export function stamp(base: Allocation, batches: readonly Batch[], nowMs: number): Stamped {
  const nowUs = BigInt(Math.trunc(nowMs)) * 1000n;
  const ingestedAtUs = nowUs > base.lastIngestedAtUs ? nowUs : base.lastIngestedAtUs;
  let next = base.maxSeq + 1n;
  let rows = 0;
  const stamped = batches.map((batch) => {
    const seqs = new BigInt64Array(batch.rows);
    for (let row = 0; row < batch.rows; row++) seqs[row] = next++;
    rows += batch.rows;
    const times = new BigInt64Array(batch.rows).fill(ingestedAtUs);
    const columns = [
      ...batch.columns,
      longColumn(SEQ_COLUMN, 'long', base.seqFieldId, seqs),
      longColumn(INGESTED_AT_COLUMN, 'timestamptz', base.ingestedAtFieldId, times),
    ];
    return { rows: batch.rows, columns };
  });
  return { batches: stamped, rows, maxSeq: toSeq(next - 1n), ingestedAtUs };
}

function longColumn(
  name: string,
  type: LongColumn['type'],
  fieldId: number,
  values: BigInt64Array,
): LongColumn {
  return { name, type, fieldId, validity: undefined, nullCount: 0, values };
}
