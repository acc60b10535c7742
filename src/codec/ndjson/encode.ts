/**
 * Owns: batches to NDJSON bytes: one line per row, the same bytes for the same rows however they
 * were cut into batches.
 * A row is written as it came: null is left out, json columns are raw, the members of
 * `_hyp_rescued` stand among the others, the columns hyp added are left out.
 * Rows go out in blocks: every row of a block is measured, then its columns are written one after
 * the other, each row's next member behind its last.
 * llp/0004
 */
import { INGESTED_AT_COLUMN, SEQ_COLUMN } from '../columns.ts';
import type { CodedBatch } from '../columns.ts';
import { defined, invariant } from '../../core/invariant.ts';
import { memberOf } from './members.ts';
import type { Block, Member } from './members.ts';
import { CLOSE_BRACE, LF, OPEN_BRACE } from './scan.ts';
import { SLACK_BYTES, newTextOut, reserve } from './text-out.ts';
import type { TextOut } from './text-out.ts';

export interface EncodeOptions {
  /** Writes `"_hyp_seq":…` as the first member of each row. */
  readonly seq?: boolean | undefined;
  /**
   * Only these columns, in batch order. `_hyp_rescued` is written only when it is named, and then
   * with all its members: to keep a name out, use `omitColumns` first.
   */
  readonly columns?: readonly string[] | undefined;
}

const CHUNK_BYTES = 512 * 1024;
/** Small enough that a block of common rows stays in the second-level cache. */
const BLOCK_ROWS = 256;

/** All rows of `batch`, each with its line feed. */
export function encodeNdjson(batch: CodedBatch, options: EncodeOptions = {}): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const chunk of encodeNdjsonChunks(batch, options)) chunks.push(chunk.slice());
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array(0)) : Buffer.concat(chunks);
}

/**
 * The buffer of the last pieces, for the next ones: one for each batch would stay until the next
 * collection of garbage (I13). Whoever works with it has taken it from here.
 */
let spare: TextOut | undefined;
/** One that had to grow for rows of another kind is not kept. */
const SPARE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The same bytes in pieces of whole rows, each at most `chunkBytes` (default 512 KiB) or one row.
 * All share one buffer: a piece is good until the next one is asked for.
 */
export function* encodeNdjsonChunks(
  batch: CodedBatch,
  options: EncodeOptions & { readonly chunkBytes?: number | undefined } = {},
): Iterable<Uint8Array> {
  const members = membersOf(batch, options);
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  const out = spare ?? newTextOut(chunkBytes + SLACK_BYTES);
  spare = undefined;
  const sizes = new Int32Array(BLOCK_ROWS);
  const places = new Int32Array(BLOCK_ROWS);
  let written = 0;
  for (let row = 0; row < batch.rows;) {
    const rows = Math.min(BLOCK_ROWS, batch.rows - row);
    const block = measure(members, { from: row, count: rows }, sizes);
    const { count, bytes } = fitting(block, chunkBytes);
    if (written > 0 && written + bytes > chunkBytes) {
      yield out.bytes.subarray(0, written);
      written = 0;
    }
    out.length = written;
    reserve(out, bytes + SLACK_BYTES);
    writeBlock(out, members, { ...block, count }, written, places);
    written += bytes;
    row += count;
  }
  if (written > 0) yield out.bytes.subarray(0, written);
  if (out.bytes.length <= SPARE_BYTES_MAX) spare = out;
}

interface MeasuredBlock extends Block {
  /** Bytes of each row with braces and line feed. */
  readonly sizes: Int32Array;
}

function measure(members: readonly Member[], block: Block, sizes: Int32Array): MeasuredBlock {
  sizes.fill(0);
  for (const member of members) member.measure(block, sizes);
  // Each member ended with a comma: the last one becomes the closing brace.
  for (let i = 0; i < block.count; i++) {
    const bytes = sizes[i] ?? 0;
    sizes[i] = (bytes === 0 ? 1 : bytes) + 2;
  }
  return { ...block, sizes };
}

/** How many of the rows take at most `most` bytes together, at least one, and what they take. */
function fitting(
  { count, sizes }: MeasuredBlock,
  most: number,
): { readonly count: number; readonly bytes: number } {
  let bytes = sizes[0] ?? 0;
  for (let i = 1; i < count; i++) {
    if (bytes + (sizes[i] ?? 0) > most) return { count: i, bytes };
    bytes += sizes[i] ?? 0;
  }
  return { count, bytes };
}

// eslint-disable-next-line max-params -- once per block: what is written, where to, in what room
function writeBlock(
  out: TextOut,
  members: readonly Member[],
  block: MeasuredBlock,
  at: number,
  places: Int32Array,
): void {
  const { count, sizes } = block;
  let start = at;
  for (let i = 0; i < count; i++) {
    out.bytes[start] = OPEN_BRACE;
    places[i] = start + 1;
    start += sizes[i] ?? 0;
  }
  for (const member of members) member.write(block, out, places);
  let end = at;
  for (let i = 0; i < count; i++) {
    const place = places[i] ?? 0;
    const from = end;
    end += sizes[i] ?? 0;
    invariant(
      place === from + 1 ? end === from + 3 : place === end - 1,
      'a row is as long as measured',
    );
    out.bytes[end - 2] = CLOSE_BRACE;
    out.bytes[end - 1] = LF;
  }
}

function membersOf(batch: CodedBatch, options: EncodeOptions): Member[] {
  const wanted = options.columns === undefined ? undefined : new Set(options.columns);
  const members: Member[] = [];
  if (options.seq === true) {
    const seq = batch.columns.find((column) => column.name === SEQ_COLUMN);
    members.push(memberOf(defined(seq, `a batch with ${SEQ_COLUMN}`)));
  }
  for (const column of batch.columns) {
    if (column.name === SEQ_COLUMN || column.name === INGESTED_AT_COLUMN) continue;
    if (wanted?.has(column.name) === false) continue;
    if (column.nullCount < batch.rows) members.push(memberOf(column));
  }
  return members;
}
