/**
 * Owns: batches to NDJSON bytes: one line per row, the same bytes for the same rows however they
 * were cut into batches.
 * A row is written as it came: null is left out, json columns are raw, the members of
 * `_hyp_rescued` stand among the others, the columns hyp added are left out.
 * llp/0004
 */
import { INGESTED_AT_COLUMN, SEQ_COLUMN } from '../columns.ts';
import type { Batch } from '../columns.ts';
import { defined } from '../../core/invariant.ts';
import { CLOSE_BRACE, COMMA, LF, OPEN_BRACE } from './scan.ts';
import { NUMBER_BYTES, newTextOut, putBytes, putRaw, reserve } from './text-out.ts';
import type { TextOut } from './text-out.ts';
import { fieldOf, membersOf, putValue } from './field.ts';
import type { Field } from './field.ts';

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
/** Room for the row that fills a chunk, so that most never grow. */
const CHUNK_SLACK_BYTES = 16 * 1024;
/** The first guess at the output: names, quotes and commas beside the values. */
const ESTIMATE_ROWS = 16;

/** All rows of `batch`, each with its line feed. */
export function encodeNdjson(batch: Batch, options: EncodeOptions = {}): Uint8Array {
  const fields = fieldsOf(batch, options);
  const out = newTextOut(estimate(batch, fields));
  for (let row = 0; row < batch.rows; row++) putRow(out, fields, row);
  return out.bytes.subarray(0, out.length);
}

/**
 * The same bytes in pieces of whole rows, each about `chunkBytes` (default 512 KiB) or one row. All
 * share one buffer: a piece is good until the next one is asked for.
 */
export function* encodeNdjsonChunks(
  batch: Batch,
  options: EncodeOptions & { readonly chunkBytes?: number | undefined } = {},
): Iterable<Uint8Array> {
  const fields = fieldsOf(batch, options);
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  const out = newTextOut(chunkBytes + CHUNK_SLACK_BYTES);
  for (let row = 0; row < batch.rows; row++) {
    const before = out.length;
    putRow(out, fields, row);
    if (out.length <= chunkBytes) continue;
    const cut = before === 0 ? out.length : before;
    yield out.bytes.subarray(0, cut);
    out.bytes.copyWithin(0, cut, out.length);
    out.length -= cut;
  }
  if (out.length > 0) yield out.bytes.subarray(0, out.length);
}

/** From the lengths of some rows; an output that grows is copied. */
function estimate(batch: Batch, fields: readonly Field[]): number {
  if (batch.rows === 0) return 0;
  const sample = newTextOut(4096);
  const step = Math.max(1, Math.floor(batch.rows / ESTIMATE_ROWS));
  let rows = 0;
  for (let row = 0; row < batch.rows; row += step, rows++) putRow(sample, fields, row);
  return Math.ceil((sample.length / rows) * batch.rows * 1.1) + 64;
}

function fieldsOf(batch: Batch, options: EncodeOptions): Field[] {
  const wanted = options.columns === undefined ? undefined : new Set(options.columns);
  const fields: Field[] = [];
  if (options.seq === true) {
    const seq = batch.columns.find((column) => column.name === SEQ_COLUMN);
    fields.push(fieldOf(defined(seq, `a batch with ${SEQ_COLUMN}`)));
  }
  for (const column of batch.columns) {
    if (column.name === SEQ_COLUMN || column.name === INGESTED_AT_COLUMN) continue;
    if (wanted?.has(column.name) === false) continue;
    if (column.nullCount < batch.rows) fields.push(fieldOf(column));
  }
  return fields;
}

function putRow(out: TextOut, fields: readonly Field[], row: number): void {
  reserve(out, 3);
  const start = out.length;
  out.length++;
  for (const field of fields) {
    const { valid } = field;
    if (valid !== undefined && ((valid[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
    putMember(out, field, row);
  }
  // Each member ended with a comma: the last one becomes the closing brace.
  if (out.length === start + 1) out.length++;
  out.bytes[start] = OPEN_BRACE;
  out.bytes[out.length - 1] = CLOSE_BRACE;
  reserve(out, 1);
  out.bytes[out.length++] = LF;
}

function putMember(out: TextOut, field: Field, row: number): void {
  if (field.kind === 'members') {
    putMembers(out, field, row);
    return;
  }
  reserve(out, field.prefix.length + NUMBER_BYTES);
  putBytes(out, field.prefix);
  putValue(out, field, row);
  out.bytes[out.length++] = COMMA;
}

/** The members of `_hyp_rescued`, without the braces around them. */
function putMembers(out: TextOut, field: Field, row: number): void {
  const { start, end } = membersOf(field.bytes, field.ends[row] ?? 0, field.ends[row + 1] ?? 0);
  if (start === end) return;
  putRaw(out, field.bytes, start, end);
  reserve(out, 1);
  out.bytes[out.length++] = COMMA;
}
