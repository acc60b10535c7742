/**
 * Owns: NDJSON bytes to batches: lines, limits, positions in the source, refused lines.
 * Invariants: I13 (a batch is cut before a row would make it exceed a limit; a line without an end
 * is dropped once it is too long). What comes out depends on the bytes alone, never on how they
 * were cut into chunks.
 * A line is never half in: its row is complete in the batch, or the line is a reject.
 * Not its job: what a line means (row-reader.ts).
 * llp/0004
 */
import { isUtf8 } from 'node:buffer';
import { LIMITS } from '../../core/limits.ts';
import { invariant } from '../../core/invariant.ts';
import { unobserved } from '../../core/events.ts';
import type { Observe } from '../../core/events.ts';
import type { Batch } from '../columns.ts';
import { CLOSE_BRACE, CR, LF, OPEN_BRACE, SPACE, TAB, fail, skipSpace } from './scan.ts';
import { isWhole, readRow } from './row-reader.ts';
import { bytesOf, dropRow, newRowState, takeBatch } from './row-state.ts';
import type { DeclaredKinds, RowState } from './row-state.ts';
import { REJECT_BYTES, newReject, rejectCost } from './reject.ts';
import type { Reject } from './reject.ts';

export type { Reject } from './reject.ts';
export type { DeclaredKinds } from './row-state.ts';

export interface DecodedBatch {
  readonly batch: Batch;
  /** Bytes of the source through the last line of this batch, with its LF; refused and blank too. */
  readonly endByte: number;
  /** Lines of the source through the same place. */
  readonly endLine: number;
  readonly rejects: readonly Reject[];
  /** Rows in which a key stood more than once: its last value won. */
  readonly duplicateKeyRows: number;
}

/** A last line that was not decided, because nothing shows that all of it is there. */
export interface Unfinished {
  /** 1-based. */
  readonly line: number;
  /** Where it begins in the source. */
  readonly byte: number;
}

export interface NdjsonOptions {
  readonly maxRows?: number | undefined;
  /** Of the buffers of a batch and its rejects; one row is always taken. */
  readonly maxBytes?: number | undefined;
  /** Without the line feed. */
  readonly maxLineBytes?: number | undefined;
  /** Where in the source the first chunk begins; a byte order mark is skipped at 0 only. */
  readonly startByte?: number | undefined;
  /** Lines before the first chunk. */
  readonly startLine?: number | undefined;
  readonly observe?: Observe | undefined;
  /** How values of declared columns are kept, whatever comes first (llp/0021). */
  readonly declared?: DeclaredKinds | undefined;
}

const NO_BYTES = new Uint8Array(0);
/** A larger buffer is not kept for the next line. */
const KEEP_HEAD_BYTES = 1024 * 1024;

/** Decodes one source. Bytes that are no JSON object are rejects, never an error. */
export class NdjsonDecoder {
  readonly #state: RowState;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #maxLineBytes: number;
  readonly #observe: Observe;
  /** The beginning of a line whose end has not come yet. */
  #head = NO_BYTES;
  #headLength = 0;
  /** The line is too long: only `#head` of it is kept, `#skipped` counts all of it. */
  #skipping = false;
  #skipped = 0;
  /** Source bytes and lines that are decided. */
  #byte: number;
  #line: number;
  #takenByte: number;
  #rejects: Reject[] = [];
  #rejectBytes = 0;
  #duplicateKeyRows = 0;
  #done: DecodedBatch[] = [];

  constructor(options: NdjsonOptions = {}) {
    this.#maxRows = options.maxRows ?? LIMITS.batchRows;
    this.#maxBytes = options.maxBytes ?? LIMITS.batchBytes;
    this.#maxLineBytes = options.maxLineBytes ?? LIMITS.lineBytes;
    this.#byte = options.startByte ?? 0;
    this.#takenByte = this.#byte;
    this.#line = options.startLine ?? 0;
    this.#observe = options.observe ?? unobserved;
    this.#state = newRowState(this.#maxBytes, options.declared);
  }

  /** The batches that `chunk` completes. The chunk may be reused afterwards. */
  decode(chunk: Uint8Array): DecodedBatch[] {
    // In a piece that is no longer than a line may be, no whole line is too long.
    for (let at = 0; at < chunk.length; at += this.#maxLineBytes) {
      this.#piece(chunk.subarray(at, at + this.#maxLineBytes));
    }
    this.#leaveRoom();
    return this.#takeDone();
  }

  /** The complete lines read so far as a batch; the beginning of a line stays. */
  flush(): DecodedBatch | undefined {
    if (this.#byte > this.#takenByte) this.#cut(this.#byte, this.#line);
    const done = this.#takeDone();
    invariant(done.length <= 1, 'the rest of a source is one batch');
    return done[0];
  }

  /** The rest, a last line without a line feed included. Call it once, after the last chunk. */
  finish(): DecodedBatch | undefined {
    if (this.#skipping) this.#endSkipped(0);
    else if (this.#headLength > 0) this.#lines(this.#takeHead(), 0);
    return this.flush();
  }

  /**
   * As `finish`, of a source that may still grow: a last line without a line feed is taken when it is
   * a whole row or blank, because nothing that follows can make another row of it. Any other is left
   * undecided, and the batch ends before it.
   */
  finishGrowing(): {
    readonly last: DecodedBatch | undefined;
    readonly rest: Unfinished | undefined;
  } {
    if (!this.#skipping && (this.#headLength === 0 || this.#isHeadWhole())) {
      return { last: this.finish(), rest: undefined };
    }
    this.#skipping = false;
    this.#headLength = 0;
    const rest = { line: this.#line + 1, byte: this.#byte };
    return { last: this.flush(), rest };
  }

  #isHeadWhole(): boolean {
    const state = this.#state;
    const bytes = this.#head.subarray(0, this.#headLength + 1);
    bytes[this.#headLength] = LF;
    state.bytes = bytes;
    state.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const first = skipSpace(bytes, this.#byte === 0 ? afterMark(bytes) : 0);
    if (bytes[first] === LF) return true;
    return bytes[first] === OPEN_BRACE && isWhole(state, first) && isUtf8(bytes);
  }

  #piece(piece: Uint8Array): void {
    const found = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    let at = 0;
    if (this.#skipping || this.#headLength > 0) {
      const end = found.indexOf(LF);
      this.#keep(end < 0 ? piece : piece.subarray(0, end));
      if (end < 0) return;
      if (this.#skipping) this.#endSkipped(1);
      else this.#lines(this.#takeHead(), 1);
      at = end + 1;
    }
    const last = found.lastIndexOf(LF) + 1;
    if (last > at) this.#lines(piece.subarray(at, last), 1);
    this.#keep(piece.subarray(Math.max(at, last)));
  }

  /** Adds to the line whose end has not come yet. */
  #keep(bytes: Uint8Array): void {
    const whole = this.#headLength + bytes.length;
    if (!this.#skipping && whole > this.#maxLineBytes) {
      this.#skipping = true;
      this.#skipped = this.#headLength;
    }
    if (this.#skipping) this.#skipped += bytes.length;
    const wanted = this.#skipping ? Math.min(whole, REJECT_BYTES) - this.#headLength : bytes.length;
    if (wanted <= 0) return;
    const length = this.#headLength + wanted;
    if (length >= this.#head.length) {
      const size = Math.min(Math.max(length + 1, this.#head.length * 2), this.#maxLineBytes + 1);
      const head = new Uint8Array(Math.max(size, length + 1));
      head.set(this.#head.subarray(0, this.#headLength));
      this.#head = head;
    }
    this.#head.set(bytes.subarray(0, wanted), this.#headLength);
    this.#headLength = length;
    this.#observe({
      type: 'buffer',
      name: 'ndjson line',
      bytes: length,
      limitBytes: this.#maxLineBytes,
    });
  }

  /** The kept line with a line feed; gives up the buffer when it is large. */
  #takeHead(): Uint8Array {
    const head = this.#head;
    const length = this.#headLength;
    head[length] = LF;
    this.#headLength = 0;
    if (head.length > KEEP_HEAD_BYTES) this.#head = NO_BYTES;
    return head.subarray(0, length + 1);
  }

  /** `lineFeeds` is 1 when the last line feed stands in the source, 0 when it was added. */
  #lines(bytes: Uint8Array, lineFeeds: 0 | 1): void {
    const base = this.#byte;
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#state.bytes = plain;
    this.#state.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const checkEach = !isUtf8(bytes);
    let at = 0;
    while (at < plain.length) {
      at = this.#oneLine(plain, at, base, checkEach);
      this.#line++;
      this.#byte = base + at;
      if (this.#isFull())
        this.#cut(base + at - (at === plain.length ? 1 - lineFeeds : 0), this.#line);
    }
    this.#byte -= 1 - lineFeeds;
  }

  #isFull(): boolean {
    const { rows } = this.#state;
    return (
      rows + this.#rejects.length >= this.#maxRows ||
      (this.#rejectBytes > 0 && bytesOf(this.#state, rows) + this.#rejectBytes >= this.#maxBytes)
    );
  }

  /** Decides the line that begins at `start`; returns where the next one begins. */
  #oneLine(bytes: Uint8Array, start: number, base: number, checkUtf8: boolean): number {
    const state = this.#state;
    const first = skipSpace(bytes, base + start === 0 ? afterMark(bytes) : start);
    if (bytes[first] === LF) return first + 1;
    let end = readRow(state, first);
    if (this.#exceeds(first, end)) {
      dropRow(state);
      this.#cut(base + start, this.#line);
      end = readRow(state, first);
    }
    if (end >= 0 && checkUtf8 && !isUtf8(bytes.subarray(start, end))) {
      end = fail(state, start, 'not UTF-8');
    }
    if (end >= 0) {
      state.rows++;
      if (state.duplicate) this.#duplicateKeyRows++;
      return end;
    }
    dropRow(state);
    end = bytes.indexOf(LF, start);
    const reason = `${state.reason} (byte ${state.reasonAt - start + 1} of the line)`;
    this.#reject(base + start, reason, bytes.subarray(start, end));
    return end + 1;
  }

  /** True when the row read from `first` to `end` belongs into the next batch. */
  #exceeds(first: number, end: number): boolean {
    const state = this.#state;
    if (end < 0) return state.full && isWhole(state, skipSpace(state.bytes, first));
    const bytes = bytesOf(state, state.rows + 1) + this.#rejectBytes;
    return state.rows > 0 && bytes > this.#maxBytes;
  }

  /**
   * `finish` gives one batch at most. So when the kept line could be the last one and has no room
   * beside the rows there are, these leave now.
   */
  #leaveRoom(): void {
    const state = this.#state;
    const head = this.#head;
    const length = this.#headLength;
    if (this.#skipping || state.rows === 0 || !endsObject(head, length)) return;
    head[length] = LF;
    state.bytes = head.subarray(0, length + 1);
    state.view = new DataView(head.buffer, head.byteOffset, length + 1);
    const exceeds = this.#exceeds(0, readRow(state, 0));
    dropRow(state);
    if (exceeds) this.#cut(this.#byte, this.#line);
  }

  #endSkipped(lineFeeds: 0 | 1): void {
    const kept = this.#takeHead();
    const reason = `longer than ${this.#maxLineBytes} bytes`;
    this.#reject(this.#byte, reason, kept.subarray(0, kept.length - 1));
    this.#skipping = false;
    this.#byte += this.#skipped + lineFeeds;
    this.#line++;
    if (this.#isFull()) this.#cut(this.#byte, this.#line);
  }

  #reject(byte: number, reason: string, bytes: Uint8Array): void {
    const reject = newReject(this.#line + 1, byte, reason, bytes);
    this.#rejects.push(reject);
    this.#rejectBytes += rejectCost(reject);
  }

  /** Ends the batch before the byte `endByte` of the source, which follows `endLine` lines. */
  #cut(endByte: number, endLine: number): void {
    const state = this.#state;
    this.#observe({
      type: 'buffer',
      name: 'ndjson batch',
      bytes: bytesOf(state, state.rows),
      // A row is never divided.
      limitBytes:
        state.rows > 1 ? this.#maxBytes : Math.max(this.#maxBytes, 2 * this.#maxLineBytes),
    });
    this.#done.push({
      batch: takeBatch(state),
      endByte,
      endLine,
      rejects: this.#rejects,
      duplicateKeyRows: this.#duplicateKeyRows,
    });
    this.#takenByte = endByte;
    this.#rejects = [];
    this.#rejectBytes = 0;
    this.#duplicateKeyRows = 0;
  }

  #takeDone(): DecodedBatch[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }
}

/** The position after a UTF-8 byte order mark. */
function afterMark(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** True when the last byte that is not white space is a closing brace. */
function endsObject(bytes: Uint8Array, length: number): boolean {
  let last = length - 1;
  for (; last >= 0; last--) {
    const byte = bytes[last];
    if (byte !== SPACE && byte !== TAB && byte !== CR) break;
  }
  return bytes[last] === CLOSE_BRACE;
}
