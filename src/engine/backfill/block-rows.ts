/**
 * Owns: one block as batches, however many answers and deaths it takes.
 *
 * | a block | what is done |
 * | kills a worker | once more in a fresh one (workers.ts) |
 * | kills that one, too | split in halves, each of which is tried once and split again |
 * | is one line and killed two workers | rejected with its place |
 * | is that, and a last line without its end | left for the next run, as any that is not whole |
 *
 * Lines count from the first of the block: what is before it may not be known yet.
 * llp/0023
 */
import { invariant } from '../../core/invariant.ts';
import type { DecodedBatch } from '../../codec/ndjson/decoder.ts';
import { newReject } from '../../codec/ndjson/reject.ts';
import type { RowBatches } from '../../codec/row-texts.ts';
import type { Parsed } from '../workers/jobs.ts';
import { WorkerDeath } from '../workers/thread.ts';
import { bytesOfBlock, partOfBlock } from './blocks.ts';
import type { Block } from './blocks.ts';

const LF = 0x0a;

/** What became of a block that was given to be parsed. */
export type Outcome =
  | { readonly kind: 'parsed'; readonly parsed: Parsed }
  | { readonly kind: 'died'; readonly death: WorkerDeath }
  | { readonly kind: 'failed'; readonly error: unknown };

/** `tries`: how many workers may die of it. */
export type Parse = (block: Block, tries: 1 | 2) => Promise<Outcome>;

/** What comes of `parse`; never rejects. */
export async function outcomeOf(parse: () => Promise<Parsed>): Promise<Outcome> {
  try {
    return { kind: 'parsed', parsed: await parse() };
  } catch (error) {
    return error instanceof WorkerDeath
      ? { kind: 'died', death: error }
      : { kind: 'failed', error };
  }
}

/** The batches of `block`, of which `outcome` is the first answer; `parse` gives the others. */
export async function* blockRows(block: Block, outcome: Outcome, parse: Parse): RowBatches {
  let lines = 0;
  for (let left = block; ; outcome = await parse(left, 2)) {
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind === 'died') return yield* fromLine(lines, halves(left, outcome.death, parse));
    const { batches, consumed, rest } = outcome.parsed;
    for (const batch of batches) yield withLines(batch, lines);
    if (rest !== undefined) return { ...rest, line: rest.line + lines };
    if (consumed === left.size) return undefined;
    invariant(consumed > 0, 'an answer takes at least a line');
    lines += batches.at(-1)?.endLine ?? 0;
    left = partOfBlock(left, consumed, left.size);
  }
}

/** `found` with its lines counted from line `lines` on. */
export async function* fromLine(lines: number, found: RowBatches): RowBatches {
  for (;;) {
    const { value, done } = await found.next();
    if (done === true) return value && { ...value, line: value.line + lines };
    yield withLines(value, lines);
  }
}

/** All of `found` in a row, each of which counts its lines from its own first one. */
export async function* inTurn(found: AsyncIterable<RowBatches>): RowBatches {
  let lines = 0;
  for await (const rows of found) {
    const counted = fromLine(lines, rows);
    let next = await counted.next();
    for (; next.done !== true; next = await counted.next()) {
      lines = next.value.endLine;
      yield next.value;
    }
    if (next.value !== undefined) return next.value;
  }
  return undefined;
}

function withLines(batch: DecodedBatch, lines: number): DecodedBatch {
  if (lines === 0) return batch;
  const rejects = batch.rejects.map((reject) => ({ ...reject, line: reject.line + lines }));
  return { ...batch, endLine: batch.endLine + lines, rejects };
}

async function* halves(block: Block, death: WorkerDeath, parse: Parse): RowBatches {
  const bytes = bytesOfBlock(block);
  const middle = middleOf(bytes);
  if (middle === bytes.length) return yield* refused(block, bytes, death);
  const parts = [partOfBlock(block, 0, middle), partOfBlock(block, middle, block.size)];
  return yield* inTurn(each(parts, parse));
}

async function* each(blocks: readonly Block[], parse: Parse): AsyncGenerator<RowBatches> {
  for (const block of blocks) {
    // Half of what killed: one death more is enough, until it is about one line.
    const tries = middleOf(bytesOfBlock(block)) === block.size ? 2 : 1;
    yield blockRows(block, await parse(block, tries), parse);
  }
}

/** Where the line in the middle ends, the last one aside; the length when there is one line only. */
function middleOf(bytes: Uint8Array): number {
  const half = bytes.length >> 1;
  const behind = bytes.indexOf(LF, half) + 1;
  if (behind > 0 && behind < bytes.length) return behind;
  const before = bytes.subarray(0, half).lastIndexOf(LF) + 1;
  return before > 0 ? before : bytes.length;
}

/** One line that killed two workers. */
async function* refused(block: Block, bytes: Uint8Array, death: WorkerDeath): RowBatches {
  if (bytes.at(-1) !== LF) return { line: 1, byte: block.startByte };
  const reason = `killed a worker twice: ${death.message}`;
  const line = bytes.subarray(0, bytes.length - 1);
  yield {
    batch: { rows: 0, columns: [] },
    endByte: block.startByte + bytes.length,
    endLine: 1,
    rejects: [newReject(1, block.startByte, reason, line)],
    duplicateKeyRows: 0,
  };
  return undefined;
}
