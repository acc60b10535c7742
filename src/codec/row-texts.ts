/**
 * Owns: records of another text format becoming batches by way of NDJSON: each record is one line
 * for the decoder, and what comes out is told in places of the source. So a value means the same
 * whatever file it came from, and limits hold.
 * Invariants: I13 (a batch is cut as the decoder cuts it; places of one batch are kept); one record,
 * one line, one place.
 * llp/0019
 */
import { unobserved } from '../core/events.ts';
import type { Observe } from '../core/events.ts';
import { invariant } from '../core/invariant.ts';
import { NdjsonDecoder } from './ndjson/decoder.ts';
import type { DeclaredKinds, DecodedBatch, Unfinished } from './ndjson/decoder.ts';
import { REJECT_BYTES, newReject } from './ndjson/reject.ts';

/** What a reader of a growing content yields, and what it leaves undecided at the end. */
export type RowBatches = AsyncGenerator<DecodedBatch, Unfinished | undefined, undefined>;

export interface ReadFrom {
  /** Bytes of the content that are in already; where an earlier batch ended. */
  readonly start: number;
  readonly observe: Observe;
  /** How values of declared columns are kept (llp/0021). */
  readonly declared?: DeclaredKinds | undefined;
}

/** A record of the source. */
export interface RecordPlace {
  /** 1-based line it begins in. */
  readonly line: number;
  readonly byte: number;
  /** The byte behind it, and lines that end before that. */
  readonly endByte: number;
  readonly endLine: number;
}

interface Placed extends RecordPlace {
  /** The record is no row. */
  readonly reject: { readonly reason: string; readonly bytes: Uint8Array } | undefined;
}

const LF = 0x0a;
const PIECE_CHARACTERS = 64 * 1024;

export class RowTexts {
  readonly #decoder: NdjsonDecoder;
  /** Records that are in no batch yet, in order. */
  readonly #places: Placed[] = [];
  #taken = 0;
  #pieces: (string | Uint8Array)[] = [];
  #waiting = 0;

  constructor(observe: Observe = unobserved, declared?: DeclaredKinds) {
    this.#decoder = new NdjsonDecoder({ observe, declared });
  }

  /** One record as JSON text without a line feed in it; answers the batches it completes. */
  add(json: string | Uint8Array, place: RecordPlace): DecodedBatch[] {
    this.#places.push({ ...place, reject: undefined });
    return this.#line(json);
  }

  /** A record that is no row, with its bytes. */
  reject(reason: string, bytes: Uint8Array, place: RecordPlace): DecodedBatch[] {
    const kept = bytes.slice(0, REJECT_BYTES);
    this.#places.push({ ...place, reject: { reason, bytes: kept } });
    // As long as what is kept, so that it counts against the limit of the batch.
    return this.#line('!'.repeat(Math.max(1, kept.length)));
  }

  finish(): DecodedBatch[] {
    const last = [...this.#decode(), this.#decoder.finish()];
    return last.flatMap((batch) => (batch === undefined ? [] : this.#placed(batch)));
  }

  #line(text: string | Uint8Array): DecodedBatch[] {
    // Two lines for one place would shift the places of all that follow.
    const broken = typeof text === 'string' ? text.includes('\n') : text.includes(LF);
    invariant(!broken, 'a record is one line');
    this.#pieces.push(text, '\n');
    this.#waiting += text.length + 1;
    if (this.#waiting < PIECE_CHARACTERS) return [];
    return this.#decode().flatMap((batch) => this.#placed(batch));
  }

  #decode(): DecodedBatch[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#waiting = 0;
    const bytes = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
    return this.#decoder.decode(Buffer.concat(bytes));
  }

  #placed(batch: DecodedBatch): DecodedBatch[] {
    const places = this.#places.splice(0, batch.endLine - this.#taken);
    const before = this.#taken;
    this.#taken = batch.endLine;
    invariant(places.length === this.#taken - before, 'each line of a batch has its place');
    const last = places.at(-1);
    if (last === undefined) {
      invariant(batch.batch.rows === 0, 'a row has its place');
      return [];
    }
    const rejects = batch.rejects.map((reject) => {
      const place = places[reject.line - before - 1] ?? last;
      const { reason, bytes } = place.reject ?? reject;
      return newReject(place.line, place.byte, reason, bytes);
    });
    return [{ ...batch, rejects, endByte: last.endByte, endLine: last.endLine }];
  }
}
