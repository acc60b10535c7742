/**
 * Owns: blocks of a content parsed by worker threads ahead of their turn, and given in their order.
 * Invariant: I13: what is ahead takes LIMITS.backfillAheadBytes. A block whose answer is not there
 * yet is counted as if it became as large as the last one did.
 * Not its job: what is done with a block that kills (block-rows.ts).
 * llp/0023
 */
import type { Observe } from '../../core/events.ts';
import { LIMITS } from '../../core/limits.ts';
import { batchBytes } from '../../codec/columns.ts';
import type { DeclaredKinds } from '../../codec/ndjson/decoder.ts';
import { rejectCost } from '../../codec/ndjson/reject.ts';
import type { RowBatches } from '../../codec/row-texts.ts';
import type { Parsed } from '../workers/jobs.ts';
import type { Workers } from '../workers/workers.ts';
import { blockRows, inTurn, outcomeOf } from './block-rows.ts';
import type { Outcome } from './block-rows.ts';
import { bytesOfBlock } from './blocks.ts';
import type { Block, LongLine } from './blocks.ts';

/** How many times its size a block takes with its rows, before one was seen. */
const FIRST_GROWTH = 4;

export interface ReadAheadPlace {
  readonly workers: Pick<Workers, 'parse'>;
  /** Encodes what was parsed, too, to see whether it can be. */
  readonly trial: boolean;
  readonly observe: Observe;
  /** How values of declared columns are kept (llp/0021). */
  readonly declared?: DeclaredKinds | undefined;
}

interface Sent {
  readonly block: Block;
  readonly outcome: Promise<Outcome>;
  /** What it is counted with. */
  bytes: number;
}

type Turn = Sent | LongLine | { readonly ended: true } | { readonly error: unknown };

export class ReadAhead {
  readonly #place: ReadAheadPlace;
  readonly #turns: Turn[] = [];
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #growth = FIRST_GROWTH;
  #stopped = false;

  constructor(place: ReadAheadPlace) {
    this.#place = place;
  }

  /** The batches of `blocks` in order; lines count from the first block. Call it once. */
  async *read(blocks: AsyncIterable<Block | LongLine>): RowBatches {
    const filling = this.#fill(blocks);
    try {
      return yield* inTurn(this.#inOrder());
    } finally {
      this.#stopped = true;
      this.#changed();
      await filling;
    }
  }

  async *#inOrder(): AsyncGenerator<RowBatches> {
    for (;;) {
      const turn = await this.#next();
      if ('error' in turn) throw turn.error;
      if ('ended' in turn) return;
      yield 'block' in turn ? this.#rows(turn) : longLine(turn);
    }
  }

  /** Sends blocks as long as there is room for what they become. Never rejects. */
  async #fill(blocks: AsyncIterable<Block | LongLine>): Promise<void> {
    try {
      for await (const block of blocks) {
        if ('parts' in block) await this.#room(block.size);
        if (this.#stopped) return;
        this.#turns.push('parts' in block ? this.#send(block) : block);
        this.#changed();
      }
      this.#turns.push({ ended: true });
    } catch (error) {
      this.#turns.push({ error });
    }
    this.#changed();
  }

  async #room(size: number): Promise<void> {
    const isFull = (): boolean =>
      this.#bytes > 0 && this.#bytes + size * this.#growth > LIMITS.backfillAheadBytes;
    while (isFull() && !this.#stopped) await this.#change();
  }

  #send(block: Block): Sent {
    const bytes = block.size * this.#growth;
    this.#bytes += bytes;
    const limitBytes = Math.max(LIMITS.backfillAheadBytes, bytes);
    this.#place.observe({ type: 'buffer', name: 'read ahead', bytes: this.#bytes, limitBytes });
    const sent: Sent = { block, bytes, outcome: this.#parse(block, 2) };
    void sent.outcome.then((outcome) => {
      if (outcome.kind !== 'parsed') return;
      const found = block.size + parsedBytes(outcome.parsed);
      this.#growth = found / block.size;
      this.#bytes += found - sent.bytes;
      sent.bytes = found;
      this.#changed();
    });
    return sent;
  }

  #parse(block: Block, tries: 1 | 2): Promise<Outcome> {
    const { workers, trial, declared } = this.#place;
    const { startByte, last } = block;
    return outcomeOf(() =>
      workers.parse(
        () => ({ kind: 'parse', bytes: bytesOfBlock(block), startByte, last, declared, trial }),
        tries,
      ),
    );
  }

  async *#rows(sent: Sent): RowBatches {
    const first = await sent.outcome;
    try {
      return yield* blockRows(sent.block, first, (part, tries) => this.#parse(part, tries));
    } finally {
      this.#bytes -= sent.bytes;
      this.#changed();
    }
  }

  async #next(): Promise<Turn> {
    for (;;) {
      const turn = this.#turns.shift();
      if (turn !== undefined) return turn;
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A line that needs no thread. */
export async function* longLine({ decoded, rest }: LongLine): RowBatches {
  if (decoded !== undefined) yield decoded;
  return rest;
}

function parsedBytes({ batches }: Parsed): number {
  let bytes = 0;
  for (const { batch, rejects } of batches) {
    bytes += batchBytes(batch);
    for (const reject of rejects) bytes += rejectCost(reject);
  }
  return bytes;
}
