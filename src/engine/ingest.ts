/**
 * Owns: rows of this process becoming durable in the spool: bytes or objects → columns → frames.
 * Invariant: I3: when an append resolves, its rows are in the spool, fdatasynced, exactly once.
 * A crash before that leaves nothing, or a frame the caller was not told of.
 * llp/0008
 */
import { HypError } from '../core/errors.ts';
import type { DatasetName, WriterId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { SpoolConfig } from '../config/config.ts';
import { encodeIpc } from '../codec/arrow-ipc.ts';
import { NdjsonDecoder } from '../codec/ndjson/decoder.ts';
import type { DecodedBatch } from '../codec/ndjson/decoder.ts';
import { rowsToNdjson } from '../codec/rows.ts';
import { SPOOL_DIR } from '../../storage/layout.ts';
import { SpoolWriter } from '../../storage/spool/writer.ts';
import type { Lease } from '../../state/lease.ts';
import { writerLeasePath } from '../../state/layout.ts';
import type { AppendOptions, AppendResult } from './api.ts';
import type { EngineContext } from './context.ts';
import { declaredKinds } from './declared.ts';
import { appendKeyed } from './keyed-append.ts';
import { allStored, endedBehind } from './partly.ts';
import { addToTally, newTally } from './tally.ts';
import type { Tally } from './tally.ts';
import { Admission } from './room/admission.ts';

/** Columns of one frame, before IPC adds its headers: a frame stays below LIMITS.frameBytes. */
const FRAME_BYTES = LIMITS.frameBytes / 2;

/** An input stream that is silent for this long has its whole lines stored. */
const INPUT_PAUSE_MS = 20;

/** A stream is decoded in pieces of this size: what its lines and rejects cost is bounded (I13). */
const PIECE_BYTES = 256 * 1024;

export class Ingest {
  readonly #context: EngineContext;
  readonly #writer: SpoolWriter;
  readonly #admission: Admission;
  #held: { readonly writer: WriterId; readonly lease: Lease | undefined } | undefined;
  #closed = false;

  constructor(context: EngineContext, spool: SpoolConfig) {
    this.#context = context;
    this.#admission = new Admission(context, spool);
    this.#writer = new SpoolWriter({
      fs: context.fs,
      dir: `${context.root}/${SPOOL_DIR}`,
      random: context.random,
      clock: context.clock,
      observe: context.observe,
    });
  }

  /** All of `rows` or, when one of them is not a row, none. */
  async append(
    dataset: DatasetName,
    rows: Iterable<Readonly<Record<string, unknown>>>,
    { idempotencyKey: key }: AppendOptions = {},
  ): Promise<AppendResult> {
    this.#assertOpen();
    if (key !== undefined) {
      const input = rowsToNdjson(rows);
      return appendKeyed(this.#context, { dataset, key, input, strict: true });
    }
    const decoder = await this.#decoder(dataset);
    const batches: DecodedBatch[] = [];
    for (const bytes of rowsToNdjson(rows)) batches.push(...decoder.decode(bytes));
    const last = decoder.finish();
    if (last !== undefined) batches.push(last);
    const bad = batches.flatMap((batch) => batch.rejects)[0];
    if (bad !== undefined) {
      throw new HypError('E_BAD_ROW', `row ${bad.line} cannot be stored: ${bad.reason}`, {
        hint: 'Nothing of this append was stored. Mend the row and append again.',
      });
    }
    const tally = newTally();
    await this.#store(dataset, batches, tally);
    return tally;
  }

  /** Every good line of `input`; bad ones are in the answer. Stored piece by piece, in order. */
  async appendNdjson(
    dataset: DatasetName,
    input: AsyncIterable<Uint8Array>,
    { idempotencyKey: key }: AppendOptions = {},
  ): Promise<AppendResult> {
    this.#assertOpen();
    if (key !== undefined) {
      return appendKeyed(this.#context, { dataset, key, input, strict: false });
    }
    const tally = newTally();
    const chunks = input[Symbol.asyncIterator]();
    try {
      await this.#storeAll(dataset, chunks, tally);
    } catch (error) {
      // Not waited for: a source that hangs must not keep the answer.
      void Promise.resolve(chunks.return?.()).catch(() => undefined);
      throw endedBehind(tally.rows, error);
    }
    return tally;
  }

  async #storeAll(
    dataset: DatasetName,
    chunks: AsyncIterator<Uint8Array>,
    tally: Tally,
  ): Promise<void> {
    const decoder = await this.#decoder(dataset);
    let next = chunks.next();
    for (;;) {
      // A source that pauses must not keep rows that are whole from becoming durable.
      const paused = await Promise.race([next.then(() => false), this.#pause()]);
      const waiting = paused ? decoder.flush() : undefined;
      if (waiting !== undefined) await this.#store(dataset, [waiting], tally);
      const chunk = await next;
      if (chunk.done === true) break;
      for (let at = 0; at < chunk.value.length; at += PIECE_BYTES) {
        const piece = chunk.value.subarray(at, at + PIECE_BYTES);
        await this.#store(dataset, decoder.decode(piece), tally);
      }
      next = chunks.next();
    }
    const last = decoder.finish();
    if (last !== undefined) await this.#store(dataset, [last], tally);
  }

  /** Seals this process's writer, so that its directory can go once it is flushed. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writer.close();
    await this.#held?.lease?.release();
  }

  /** Stores `batches` and adds them to `tally` once they are stored. */
  async #store(
    dataset: DatasetName,
    batches: readonly DecodedBatch[],
    tally: Tally,
  ): Promise<void> {
    const frames: { readonly rows: number; readonly payload: Uint8Array }[] = [];
    for (const { batch } of batches) {
      if (batch.rows > 0) frames.push({ rows: batch.rows, payload: encodeIpc([batch]) });
    }
    if (frames.length > 0) {
      const before = tally.rows;
      const bytes = frames.reduce((sum, { payload }) => sum + payload.length, 0);
      const store = ({ rows, payload }: (typeof frames)[number]) => ({
        rows,
        storing: this.#writer.append(dataset, rows, payload),
      });
      await this.#admission.admit(bytes, before, () => allStored(before, frames.map(store)));
    }
    for (const decoded of batches) addToTally(tally, decoded);
    if (frames.length > 0) await this.#holdWriter();
  }

  /**
   * Tells others that this process lives, so that its writer is not closed under it. Being closed
   * all the same costs a new writer id and nothing else.
   */
  async #holdWriter(): Promise<void> {
    const { writerId } = this.#writer;
    if (writerId === undefined || writerId === this.#held?.writer) return;
    const before = this.#held;
    const lease = await this.#context.leases.acquire(
      writerLeasePath(this.#context.state, writerId),
      {
        waitMs: 0,
        purpose: 'append',
      },
    );
    this.#held = { writer: writerId, lease };
    await before?.lease?.release();
  }

  async #pause(): Promise<boolean> {
    await this.#context.clock.sleep(INPUT_PAUSE_MS);
    return true;
  }

  async #decoder(dataset: DatasetName): Promise<NdjsonDecoder> {
    const declared = await declaredKinds(this.#context, dataset);
    return new NdjsonDecoder({ maxBytes: FRAME_BYTES, observe: this.#context.observe, declared });
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new HypError('E_CLOSED', 'the store is closed', { hint: 'Open it again to append.' });
  }
}
