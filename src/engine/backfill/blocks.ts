/**
 * Owns: a content cut into blocks of whole lines, which any thread can parse. Where blocks end
 * depends on the bytes alone, never on who parses them.
 * Invariant: I13 (a line longer than LIMITS.lineBytes is in no block: its beginning becomes a reject
 * here, the rest is passed over).
 * llp/0023
 */
import { LIMITS } from '../../core/limits.ts';
import type { Observe } from '../../core/events.ts';
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { DecodedBatch, Unfinished } from '../../codec/ndjson/decoder.ts';

const LF = 0x0a;

/** Whole lines; the last ones of a content may lack their line feed. */
export interface Block {
  readonly parts: readonly Uint8Array[];
  readonly size: number;
  /** Where in the content it begins. */
  readonly startByte: number;
  readonly last: boolean;
}

/** A line nobody needs to parse: too long. Its lines count from itself. */
export interface LongLine {
  readonly decoded: DecodedBatch | undefined;
  readonly rest: Unfinished | undefined;
}

/** The bytes of a block in a buffer of their own. */
export function bytesOfBlock({ parts, size }: Block): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The bytes `from` … `to` of a block, without a copy. */
export function partOfBlock(block: Block, from: number, to: number): Block {
  if (from === 0 && to === block.size) return block;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const part of block.parts) {
    const kept = part.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (kept.length > 0) parts.push(kept);
    at += part.length;
  }
  const last = block.last && to === block.size;
  return { parts, size: to - from, startByte: block.startByte + from, last };
}

class Cutter {
  #parts: Uint8Array[] = [];
  #size = 0;
  #startByte: number;
  /** Bytes at the end of the parts that are known to be without a line feed. */
  #open = 0;

  constructor(startByte: number) {
    this.#startByte = startByte;
  }

  /** Takes a chunk; answers the block it completes. */
  add(chunk: Uint8Array): Block | undefined {
    if (chunk.length === 0) return undefined;
    this.#parts.push(chunk);
    this.#size += chunk.length;
    const end = chunk.lastIndexOf(LF) + 1;
    this.#open = end === 0 ? this.#open + chunk.length : chunk.length - end;
    if (this.#size < LIMITS.backfillBlockBytes || this.#open === this.#size) return undefined;
    return this.#cut(this.#size - this.#open, false);
  }

  /** True when all there is is the beginning of a line that is too long. */
  get isTooLong(): boolean {
    return this.#open === this.#size && this.#size > LIMITS.lineBytes;
  }

  /** All that is left. */
  take(last: boolean): Block | undefined {
    return this.#size === 0 ? undefined : this.#cut(this.#size, last);
  }

  #cut(size: number, last: boolean): Block {
    const all = { parts: this.#parts, size: this.#size, startByte: this.#startByte, last };
    const left = partOfBlock(all, size, this.#size);
    this.#parts = [...left.parts];
    this.#size = this.#open = left.size;
    this.#startByte = left.startByte;
    return { ...partOfBlock(all, 0, size), last };
  }
}

/** Blocks of a content that begins at `startByte` of its source. */
export async function* cutBlocks(
  content: AsyncIterable<Uint8Array>,
  startByte: number,
  observe: Observe,
): AsyncGenerator<Block | LongLine, void, void> {
  let cutter = new Cutter(startByte);
  let long: NdjsonDecoder | undefined;
  let byte = startByte;
  for await (let chunk of content) {
    if (long !== undefined) {
      const end = chunk.indexOf(LF) + 1;
      const batches = long.decode(end === 0 ? chunk : chunk.subarray(0, end));
      byte += end === 0 ? chunk.length : end;
      if (end === 0) continue;
      yield { decoded: batches[0] ?? long.flush(), rest: undefined };
      long = undefined;
      cutter = new Cutter(byte);
      chunk = chunk.subarray(end);
    }
    byte += chunk.length;
    const block = cutter.add(chunk);
    if (block !== undefined) yield block;
    if (!cutter.isTooLong) continue;
    const line = cutter.take(false);
    long = new NdjsonDecoder({ startByte: line?.startByte, observe });
    for (const part of line?.parts ?? []) long.decode(part);
  }
  if (long !== undefined) {
    const ended = long.finishGrowing();
    yield { decoded: ended.last, rest: ended.rest };
    return;
  }
  const last = cutter.take(true);
  if (last !== undefined) yield last;
}
