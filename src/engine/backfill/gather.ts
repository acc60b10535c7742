/**
 * Owns: batches of blocks together as large as a commit may be, because a commit has its price.
 * Invariant: I13 (nothing is taken that would not fit: what is full goes at once).
 * llp/0023
 */
import { isHypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { batchBytes } from '../../codec/columns.ts';
import type { Batch } from '../../codec/columns.ts';
import type { DecodedBatch, Unfinished } from '../../codec/ndjson/decoder.ts';
import { rejectCost } from '../../codec/ndjson/reject.ts';
import type { Reject } from '../../codec/ndjson/reject.ts';
import type { RowBatches } from '../../codec/row-texts.ts';

/** Neighbouring batches of one content. */
export interface Gathered {
  readonly batches: readonly Batch[];
  readonly rows: number;
  /** What they and their rejects take in memory. */
  readonly bytes: number;
  /** Bytes of the content through the last line of them. */
  readonly endByte: number;
  readonly rejects: readonly Reject[];
}

export type GatheredBatches = AsyncGenerator<Gathered, Unfinished | undefined, undefined>;

/** A batch costs more than its values, and so does each column of it. */
const BATCH_HEAD_BYTES = 4 * 1024;
const COLUMN_HEAD_BYTES = 256;

function costOf({ batch, rejects }: DecodedBatch): number {
  const heads = BATCH_HEAD_BYTES + COLUMN_HEAD_BYTES * batch.columns.length;
  return heads + batchBytes(batch) + rejects.reduce((sum, each) => sum + rejectCost(each), 0);
}

/** Neighbouring batches, at least one, as one. */
export function gathered(open: readonly DecodedBatch[]): Gathered {
  const all = open.map(({ batch }) => batch);
  return {
    batches: all.filter((batch) => batch.rows > 0),
    rows: all.reduce((sum, batch) => sum + batch.rows, 0),
    bytes: open.reduce((sum, each) => sum + costOf(each), 0),
    endByte: open.at(-1)?.endByte ?? 0,
    rejects: open.flatMap((each) => each.rejects),
  };
}

/** `found` in the same order, as few as the limits of a batch allow. */
export async function* gather(found: RowBatches): GatheredBatches {
  let open: DecodedBatch[] = [];
  let rows = 0;
  let bytes = 0;
  const take = (): Gathered[] => {
    const taken = open.length === 0 ? [] : [gathered(open)];
    open = [];
    rows = bytes = 0;
    return taken;
  };
  const fits = (batch: DecodedBatch): boolean =>
    rows + batch.batch.rows <= LIMITS.batchRows && bytes + costOf(batch) <= LIMITS.batchBytes;
  try {
    for (;;) {
      const next = await found.next();
      if (next.done === true) {
        yield* take();
        return next.value;
      }
      if (!fits(next.value)) yield* take();
      open.push(next.value);
      rows += next.value.batch.rows;
      bytes += costOf(next.value);
      // One more like it would be too much.
      if (!fits(next.value)) yield* take();
    }
  } catch (error) {
    // What came before damage is stored.
    if (isHypError(error, 'E_BAD_INPUT')) yield* take();
    throw error;
  } finally {
    await found.return(undefined);
  }
}
