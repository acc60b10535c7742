/**
 * Owns: content becoming batches, from the byte on that a source is committed to.
 * llp/0012
 */
import type { Observe } from '../../core/events.ts';
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { DecodedBatch, Unfinished } from '../../codec/ndjson/decoder.ts';

/** What is left undecided at the end of a content that may still grow. */
export type RowBatches = AsyncGenerator<DecodedBatch, Unfinished | undefined, undefined>;

export interface ReadFrom {
  /** Bytes of the content that are in already. */
  readonly start: number;
  readonly observe: Observe;
}

/** NDJSON. A line that is cut short at the end is left for the next run (llp/0012). */
export async function* readNdjson(
  content: AsyncIterable<Uint8Array>,
  { start, observe }: ReadFrom,
): RowBatches {
  const skip = new LineSkip(start);
  let decoder: NdjsonDecoder | undefined;
  for await (const whole of content) {
    const chunk = skip.next(whole);
    if (chunk === undefined) continue;
    decoder ??= new NdjsonDecoder({ startByte: start, startLine: skip.lines, observe });
    yield* decoder.decode(chunk);
  }
  const ended = decoder?.finishGrowing();
  if (ended?.last !== undefined) yield ended.last;
  return ended?.rest;
}

/** Passes over the bytes that are in already and counts their lines. */
export class LineSkip {
  lines = 0;
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  next(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#left === 0) return chunk;
    const skipped = Math.min(this.#left, chunk.length);
    for (let at = chunk.indexOf(10); at >= 0 && at < skipped; at = chunk.indexOf(10, at + 1)) {
      this.lines += 1;
    }
    this.#left -= skipped;
    return skipped === chunk.length ? undefined : chunk.subarray(skipped);
  }
}
