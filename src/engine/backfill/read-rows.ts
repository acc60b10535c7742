/**
 * Owns: NDJSON becoming batches, from the byte on that a source is committed to.
 * llp/0012
 */
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { ReadFrom, RowBatches } from '../../codec/row-texts.ts';

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
class LineSkip {
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
