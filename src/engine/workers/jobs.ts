/**
 * Owns: the work that may be done on any thread, as plain data in and out: lines of NDJSON to
 * batches, a row group to bytes. Nothing here knows of threads: the same functions run where there
 * are none, so the rows are the same.
 * Invariant: I13 (an answer ends soon after its batches are as large as one may be; what is left of
 * the bytes is asked for again).
 * Not its job: who does it (workers.ts), what is done with a job that kills (backfill/read-ahead.ts).
 * llp/0023
 */
import type { Observe } from '../../core/events.ts';
import { encodeIpcJoined } from '../../codec/arrow-ipc.ts';
import { decodeIpc } from '../../codec/arrow-read.ts';
import type { Batch } from '../../codec/columns.ts';
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { DecodedBatch, DeclaredKinds, Unfinished } from '../../codec/ndjson/decoder.ts';
import type { ParquetCodec } from '../../codec/parquet.ts';
import { loadParquetWasm } from '../../codec/parquet-wasm.ts';
import { encodeRuns } from '../../codec/row-group-encode.ts';

/** Whole lines of a content; the last ones may lack their line feed. */
export interface Lines {
  readonly bytes: Uint8Array;
  /** Where in the content they begin. */
  readonly startByte: number;
  /** Nothing follows them now. */
  readonly last: boolean;
  /** How values of declared columns are kept (llp/0021). */
  readonly declared?: DeclaredKinds | undefined;
}

export interface ParseJob extends Lines {
  readonly kind: 'parse';
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Encodes what it parsed, too, and throws that away: to see whether it can be. */
  readonly trial: boolean;
}

/** A row group as one Arrow IPC stream. */
export interface EncodeJob {
  readonly kind: 'encode';
  readonly rows: Uint8Array<ArrayBuffer>;
  readonly codec: ParquetCodec;
}

export interface Parsed {
  /** In places of the content; lines count from the first one of the job. */
  readonly batches: readonly DecodedBatch[];
  /** Of the bytes of the job; fewer than all: ask for the rest. */
  readonly consumed: number;
  readonly rest: Unfinished | undefined;
}

export interface Answers {
  readonly parse: Parsed;
  readonly encode: readonly Uint8Array[];
}

export type Job = ParseJob | EncodeJob;

/** What is decoded at once: rows behind a full batch are of one such piece at most. */
const PIECE_BYTES = 64 * 1024;
const TRIAL_CODEC = 'lz4_raw';

/** Their batches. A line that is no row is a reject, never an error. */
export function parseLines(lines: Lines, observe?: Observe): Parsed {
  const { bytes, startByte, last, declared } = lines;
  const decoder = new NdjsonDecoder({ startByte, observe, declared });
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + PIECE_BYTES, bytes.length);
    const full = decoder.decode(bytes.subarray(at, end));
    at = end;
    if (full.length > 0 && at < bytes.length) return parsed(lines, [...full, decoder.flush()]);
    if (at < bytes.length) continue;
    if (!last) return parsed(lines, [...full, decoder.flush()]);
    const ended = decoder.finishGrowing();
    return { ...parsed(lines, [...full, ended.last]), consumed: bytes.length, rest: ended.rest };
  }
  return { batches: [], consumed: 0, rest: undefined };
}

function parsed(lines: Lines, found: readonly (DecodedBatch | undefined)[]): Parsed {
  const batches = found.filter((batch) => batch !== undefined);
  const consumed = (batches.at(-1)?.endByte ?? lines.startByte) - lines.startByte;
  return { batches, consumed, rest: undefined };
}

/** The rows of `slices`, which have the same columns, as a job of its own buffer. */
export function encodeJob(slices: readonly Batch[], codec: ParquetCodec): EncodeJob {
  const rows = encodeIpcJoined(slices, (bytes) => new Uint8Array(bytes));
  return { kind: 'encode', rows: rows as Uint8Array<ArrayBuffer>, codec };
}

/** Does `job` on this thread. What it throws is a bug, or a lack of memory. */
export async function doJob(job: Job): Promise<Answers[Job['kind']]> {
  if (job.kind === 'encode') {
    return encodeRuns(await loadParquetWasm(), decodeIpc(job.rows), job.codec);
  }
  const answer = parseLines(job);
  if (job.trial) await encodeAll(answer.batches);
  return answer;
}

async function encodeAll(decoded: readonly DecodedBatch[]): Promise<void> {
  const wasm = await loadParquetWasm();
  for (const { batch } of decoded) {
    if (batch.rows > 0 && batch.columns.length > 0) encodeRuns(wasm, [batch], TRIAL_CODEC);
  }
}

/** The buffers of an answer, to be handed over instead of copied: nobody here needs them again. */
export function buffersOf(answer: Answers[Job['kind']]): ArrayBuffer[] {
  const arrays: ArrayBufferView[] = [];
  if (!('batches' in answer)) arrays.push(...answer);
  else {
    for (const column of answer.batches.flatMap(({ batch }) => batch.columns)) {
      arrays.push(column.values);
      if (column.validity !== undefined) arrays.push(column.validity);
      if ('offsets' in column) arrays.push(column.offsets);
    }
  }
  const buffers = new Set<ArrayBuffer>();
  for (const { buffer } of arrays) {
    // Empty ones are shared constants.
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffers.add(buffer);
  }
  return [...buffers];
}
