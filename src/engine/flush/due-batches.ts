/**
 * Owns: frames becoming the batches of one commit, small neighbours joined as they come: a hundred
 * thousand appends of one row each must not cost a hundred thousand times what an append does (I13).
 * Rows keep their order. llp/0008
 */
import { decodeIpc } from '../../codec/arrow-read.ts';
import { batchBytes } from '../../codec/columns.ts';
import type { Batch } from '../../codec/columns.ts';
import { joinBatches, sameShape } from '../../codec/join.ts';

/** Frames that wait to be joined; a larger one is a batch of its own. */
const JOIN_BYTES = 4 * 1024 * 1024;

export class DueBatches {
  rows = 0;
  readonly #batches: Batch[] = [];
  #bytes = 0;
  #run: Batch[] = [];
  #runBytes = 0;

  /** What they take. A batch that has nobody to join counts as its frame does: mostly heads. */
  get bytes(): number {
    return this.#bytes + this.#runBytes;
  }

  add(payload: Uint8Array): void {
    const decoded = decodeIpc(payload);
    for (const batch of decoded) {
      const last = this.#run.at(-1);
      const fits = this.#runBytes + payload.length <= JOIN_BYTES;
      if (last !== undefined && !(fits && sameShape(last, batch))) this.#endRun();
      this.#run.push(batch);
      this.#runBytes += Math.max(batchBytes(batch), Math.ceil(payload.length / decoded.length));
      this.rows += batch.rows;
    }
  }

  /** All of them, in order. */
  end(): readonly Batch[] {
    this.#endRun();
    return this.#batches;
  }

  #endRun(): void {
    if (this.#run.length === 0) return;
    const joined = joinBatches(this.#run);
    this.#bytes += this.#run.length === 1 ? this.#runBytes : batchBytes(joined);
    this.#batches.push(joined);
    this.#run = [];
    this.#runBytes = 0;
  }
}
