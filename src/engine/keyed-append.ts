/**
 * Owns: an append with an idempotency key: the same key again answers the same and adds nothing,
 * across crash, restart, flush, and from another process at once.
 * The key is a source (llp/0014): its position is the bytes of NDJSON that are in, and their
 * digest. So its rows do not go through the spool: they are committed to the table, the position
 * with them, and are there when the append resolves.
 * Invariants: I3 (the commit asserts how far the key is), I13 (one batch in memory).
 *
 * | step | a crash right after leaves |
 * | commit of a batch, `part` of the key with it | the same append goes on behind it |
 * | commit of the last batch, `all` of the key with it | the same append adds nothing |
 *
 * llp/0014
 */
import { sha256Hex } from '../core/digest.ts';
import { HypError } from '../core/errors.ts';
import type { DatasetName } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { Batch } from '../codec/columns.ts';
import { NdjsonDecoder } from '../codec/ndjson/decoder.ts';
import type { DecodedBatch } from '../codec/ndjson/decoder.ts';
import type { Move, Position, Positions } from '../../storage/positions/positions.ts';
import type { Table, TableHead } from '../../storage/table.ts';
import type { AppendResult } from './api.ts';
import { PrefixDigest } from './prefix-digest.ts';
import type { EngineContext } from './context.ts';
import { declaredKinds } from './declared.ts';
import { commitRows } from './flush/commit-rows.ts';
import { addToTally, newTally } from './tally.ts';
import type { Tally } from './tally.ts';

const SOURCE = 'append/';
/** Says on which day old keys were last dropped; its position counts days since the epoch. */
const SWEPT = 'append-keys-swept';
const DAY_MS = 24 * 60 * 60_000;
/** What a position's digest begins with: all rows of the key are in, or some. */
const ALL = 'all';
const PART = 'part';
const NO_ROWS: Batch = { rows: 0, columns: [] };

export interface KeyedInput {
  readonly dataset: DatasetName;
  readonly key: string;
  readonly input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Nothing is stored when one of the rows is bad. */
  readonly strict: boolean;
}

/** Resolves when every row is durable in the table. E_USAGE when the key stands for other rows. */
export async function appendKeyed(
  context: EngineContext,
  { dataset, key, input, strict }: KeyedInput,
): Promise<AppendResult> {
  if (key.length === 0 || key.length > LIMITS.appendKeyChars) {
    throw new HypError('E_USAGE', `an idempotency key of ${key.length} characters`, {
      hint: `Use 1 to ${LIMITS.appendKeyChars} characters.`,
    });
  }
  const table = await context.writableTable(dataset);
  const source = SOURCE + sha256Hex(key);
  const known = await (await table.positions(await table.load())).get(source);
  const append = new KeyedAppend(context, table, { source, known });
  const declared = await declaredKinds(context, dataset);
  const decoder = new NdjsonDecoder({ observe: context.observe, declared });
  const batches = decode(input, append.digest, Number(known?.through ?? 0n), decoder);
  for await (const batch of strict ? await whole(batches) : batches) await append.take(batch);
  await append.end();
  return append.tally;
}

/** Batches of the input; one ends where the key's position is, wherever an earlier hyp cut. */
async function* decode(
  input: KeyedInput['input'],
  digest: PrefixDigest,
  through: number,
  decoder: NdjsonDecoder,
): AsyncGenerator<DecodedBatch, void, undefined> {
  let read = 0;
  for await (const chunk of input) {
    // The caller may use its buffer again; the digest is taken later.
    const bytes = new Uint8Array(chunk);
    digest.push(bytes);
    const cut = Math.min(Math.max(through - read, 0), bytes.length);
    read += bytes.length;
    yield* decoder.decode(bytes.subarray(0, cut));
    if (read - bytes.length + cut === through) yield* only(decoder.flush());
    yield* decoder.decode(bytes.subarray(cut));
  }
  yield* only(decoder.finish());
}

function only(batch: DecodedBatch | undefined): DecodedBatch[] {
  return batch === undefined ? [] : [batch];
}

async function whole(batches: AsyncIterable<DecodedBatch>): Promise<readonly DecodedBatch[]> {
  const all: DecodedBatch[] = [];
  for await (const batch of batches) {
    const bad = batch.rejects[0];
    if (bad !== undefined) {
      throw new HypError('E_BAD_ROW', `row ${bad.line} cannot be stored: ${bad.reason}`, {
        hint: 'Nothing of this append was stored. Mend the row and append again.',
      });
    }
    all.push(batch);
  }
  return all;
}

/** A batch of the input: bytes `start` … `end` of it. */
interface Span {
  readonly start: number;
  readonly end: number;
  /** Of all bytes before `end`. */
  readonly digest: string;
  readonly isLast: boolean;
}

type Step = 'commit' | 'mark' | 'is-in' | 'other-rows' | 'overtaken';

/**
 * Pure. `known` is where the key is; the batches before this one were in. A key that is before them
 * by now was forgotten: its dataset was dropped, or its days are over.
 *
 * | the key is | of the input's last batch | of any other batch |
 * | before its start, not at its own end | overtaken | overtaken |
 * | before its start, at its own end | other-rows | other-rows |
 * | at its start, not at its own end | commit | commit |
 * | at its start, at its own end | other-rows | other-rows |
 * | inside, not at its own end | overtaken | overtaken |
 * | inside, at its own end | other-rows | other-rows |
 * | at its end, with another digest | other-rows | other-rows |
 * | at its end, at its own end | is-in | other-rows |
 * | at its end, not at its own end | mark | is-in |
 * | behind | other-rows | is-in |
 */
export function keyedStep(known: Position | undefined, span: Span): Step {
  const through = Number(known?.through ?? 0n);
  const ended = known?.digest.startsWith(ALL) === true;
  if (through <= span.start && ended) return 'other-rows';
  if (through < span.start) return 'overtaken';
  if (through === span.start) return 'commit';
  if (through < span.end) return ended ? 'other-rows' : 'overtaken';
  if (through > span.end) return span.isLast ? 'other-rows' : 'is-in';
  if (known?.digest.slice(known.digest.indexOf('.')) !== `.${span.digest}`) return 'other-rows';
  if (ended) return span.isLast ? 'is-in' : 'other-rows';
  return span.isLast ? 'mark' : 'is-in';
}

/** One use of a key, batch by batch. */
class KeyedAppend {
  readonly tally: Tally = newTally();
  readonly digest = new PrefixDigest();
  readonly #context: EngineContext;
  readonly #table: Table;
  readonly #source: string;
  /** Where the key is, as far as we know. */
  #known: Position | undefined;
  #start = 0;
  /** The last batch: the end of the input may follow it. */
  #held: DecodedBatch | undefined;

  constructor(
    context: EngineContext,
    table: Table,
    key: { readonly source: string; readonly known: Position | undefined },
  ) {
    this.#context = context;
    this.#table = table;
    this.#source = key.source;
    this.#known = key.known;
  }

  async take(batch: DecodedBatch): Promise<void> {
    const before = this.#held;
    this.#held = batch;
    if (before !== undefined) await this.#store(before, false);
  }

  async end(): Promise<void> {
    if (this.#held !== undefined) await this.#store(this.#held, true);
    else if (this.#known !== undefined) throw otherRows();
  }

  /** Commits `batch` unless it is in; another process may put it in at any time. */
  async #store(batch: DecodedBatch, isLast: boolean): Promise<void> {
    const end = batch.endByte;
    const span = { start: this.#start, end, digest: this.digest.at(end), isLast };
    for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
      const step = keyedStep(this.#known, span);
      if (step === 'other-rows') throw otherRows();
      if (step === 'overtaken') throw overtaken();
      if (step === 'is-in' || (await this.#commit(span, step === 'mark' ? NO_ROWS : batch.batch))) {
        addToTally(this.tally, batch);
        this.#start = end;
        return;
      }
    }
    throw overtaken();
  }

  /** False when the key is elsewhere: `#known` is where, nothing was stored. */
  async #commit(span: Span, rows: Batch): Promise<boolean> {
    const source = this.#source;
    const from = this.#known?.through;
    const digest = `${span.isLast ? ALL : PART}.${span.digest}`;
    let to: Position = { source, through: BigInt(span.end), digest };
    const committed = await commitRows(this.#context, this.#table, async (positions, head) => {
      const at = await positions.get(source);
      if (at?.through !== from || at?.digest !== this.#known?.digest) {
        this.#known = at;
        return undefined;
      }
      // Each attempt has a time of its own: one may come long after the one before.
      const nowMs = this.#context.clock.nowMs();
      to = { ...to, hint: new Date(nowMs).toISOString() };
      const sweep = await sweepKeys(positions, head, { nowMs, used: source });
      return {
        batches: [rows],
        moves: [{ source, from, to, finished: true }, ...sweep.moves],
        drop: sweep.drop,
      };
    });
    if (committed !== undefined) this.#known = to;
    return committed !== undefined;
  }
}

interface Sweep {
  readonly moves: readonly Move[];
  readonly drop: readonly string[];
}

/**
 * Once a day, keys that are old enough are dropped, but the one in use. A clock that is more than a day from the last
 * commit is not believed: keys are kept a while longer.
 */
async function sweepKeys(
  positions: Positions,
  head: TableHead | undefined,
  { nowMs, used }: { readonly nowMs: number; readonly used: string },
): Promise<Sweep> {
  const today = BigInt(Math.floor(nowMs / DAY_MS));
  const swept = (await positions.get(SWEPT))?.through;
  const lastMs = Number((head?.value.hyp.lastIngestedAtUs ?? 0n) / 1000n);
  const jumped = Math.abs(nowMs - lastMs) > DAY_MS;
  if (swept !== undefined && (swept >= today || jumped)) return { moves: [], drop: [] };
  const to = { source: SWEPT, through: today, digest: '' };
  const moves = [{ source: SWEPT, from: swept, to, finished: true }];
  const known = swept === undefined ? [] : await positions.withPrefix(SOURCE);
  const old = known.filter(
    ({ source, hint }) =>
      source !== used && nowMs - Date.parse(hint ?? '') > LIMITS.appendKeyKeepMs,
  );
  return { moves, drop: old.map(({ source }) => source) };
}

function otherRows(): HypError {
  return new HypError('E_USAGE', 'this idempotency key was used for other rows', {
    hint: 'Nothing was stored by this call. Use a key of its own for each append.',
  });
}

function overtaken(): HypError {
  return new HypError('E_CONFLICT', 'another process appends under this idempotency key', {
    hint: 'Append again with the same key: what is in stays in, once.',
  });
}
