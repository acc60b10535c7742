/**
 * Owns: NDJSON becoming batches, from the byte on that a source is committed to: by one decoder, or
 * block by block by worker threads when there are any and there is more than one block. The rows are
 * the same; where batches end is not.
 * llp/0012
 */
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { ReadFrom, RowBatches } from '../../codec/row-texts.ts';
import { parseLines } from '../workers/jobs.ts';
import type { Workers } from '../workers/workers.ts';
import { blockRows, fromLine, inTurn, outcomeOf } from './block-rows.ts';
import type { Parse } from './block-rows.ts';
import { bytesOfBlock, cutBlocks } from './blocks.ts';
import type { Block, LongLine } from './blocks.ts';
import { ReadAhead, longLine } from './read-ahead.ts';

export interface ReadApart {
  /** undefined: the calling thread parses. */
  readonly workers: Workers | undefined;
  readonly trial: boolean;
}

/** NDJSON. A line that is cut short at the end is left for the next run (llp/0012). */
export async function* readNdjson(
  content: AsyncIterable<Uint8Array>,
  from: ReadFrom,
  { workers, trial }: ReadApart,
): RowBatches {
  const skip = new LineSkip(from.start);
  const lines = skip.behind(content);
  if (workers === undefined) return yield* readInOne(lines, from, skip);
  const blocks = cutBlocks(lines, from.start, from.observe);
  const first = await blocks.next();
  if (first.done === true) return undefined;
  const alone = 'parts' in first.value && first.value.last;
  const all = withFirst(first.value, blocks);
  const rows = alone
    ? inTurn(parsedHere(all, from))
    : new ReadAhead({ ...from, workers, trial }).read(all);
  return yield* fromLine(skip.lines, rows);
}

/** Without blocks: one decoder for all of it copies nothing and learns the columns once. */
async function* readInOne(
  lines: AsyncIterable<Uint8Array>,
  { start, observe, declared }: ReadFrom,
  skip: LineSkip,
): RowBatches {
  let decoder: NdjsonDecoder | undefined;
  for await (const chunk of lines) {
    decoder ??= new NdjsonDecoder({ startByte: start, startLine: skip.lines, observe, declared });
    yield* decoder.decode(chunk);
  }
  const ended = decoder?.finishGrowing();
  if (ended?.last !== undefined) yield ended.last;
  return ended?.rest;
}

async function* withFirst<T>(first: T, others: AsyncGenerator<T, void, void>): AsyncGenerator<T> {
  yield first;
  yield* others;
}

/** As ReadAhead, in the calling thread. */
async function* parsedHere(
  blocks: AsyncIterable<Block | LongLine>,
  { observe, declared }: Pick<ReadFrom, 'observe' | 'declared'>,
): AsyncGenerator<RowBatches> {
  const parse: Parse = (block) => {
    const { parts, startByte, last } = block;
    const [only] = parts;
    const bytes = only !== undefined && parts.length === 1 ? only : bytesOfBlock(block);
    return outcomeOf(async () => parseLines({ bytes, startByte, last, declared }, observe));
  };
  for await (const block of blocks) {
    yield 'parts' in block ? blockRows(block, await parse(block, 1), parse) : longLine(block);
  }
}

/** Passes over the bytes that are in already and counts their lines. */
class LineSkip {
  lines = 0;
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  async *behind(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of content) {
      const kept = this.#next(chunk);
      if (kept !== undefined) yield kept;
    }
  }

  #next(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#left === 0) return chunk;
    const skipped = Math.min(this.#left, chunk.length);
    for (let at = chunk.indexOf(10); at >= 0 && at < skipped; at = chunk.indexOf(10, at + 1)) {
      this.lines += 1;
    }
    this.#left -= skipped;
    return skipped === chunk.length ? undefined : chunk.subarray(skipped);
  }
}
