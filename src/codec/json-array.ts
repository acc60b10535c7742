/**
 * Owns: a file that is one JSON array, element by element: streamed, never held whole.
 * A batch ends behind an element, before the comma or bracket that follows: an array that is
 * written again with more elements at its end goes on from there.
 * What is no JSON between elements ends the reading with an error that says where; an element that
 * is no row is a reject.
 * llp/0019
 */
import { HypError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Unfinished } from './ndjson/decoder.ts';
import { RowTexts } from './row-texts.ts';
import type { ReadFrom, RecordPlace, RowBatches } from './row-texts.ts';

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
/** No control character may stand in a JSON string: the decoder refuses the element for it. */
const BAD_CONTROL = 0x01;

/** before: `[` · first: an element or `]` · element · next: an element · behind: `,` or `]` · done */
type State = 'before' | 'first' | 'element' | 'next' | 'behind' | 'done';

interface Element {
  readonly bytes: Uint8Array;
  readonly place: RecordPlace;
}

/** Cuts a content into the elements of its array. */
class ArrayScanner {
  readonly #start: number;
  #state: State = 'before';
  #byte = 0;
  #line = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** The element so far, from earlier chunks. */
  #parts: Uint8Array[] = [];
  #length = 0;
  #from = { byte: 0, line: 1 };

  constructor(start: number) {
    this.#start = start;
  }

  /** Elements that end in `chunk` and behind `start`. The chunk is not kept. */
  *scan(chunk: Uint8Array): Generator<Element> {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#state === 'element') {
        if (!this.#endsElement(byte)) {
          if (byte === LF) this.#line += 1;
          continue;
        }
        yield* this.#take(chunk.subarray(from, at), this.#byte + at);
        this.#state = 'behind';
      }
      if (this.#between(byte, this.#byte + at)) {
        from = at;
        this.#endsElement(byte);
      }
      if (byte === LF) this.#line += 1;
    }
    if (this.#state === 'element') this.#keep(chunk.subarray(from));
    this.#byte += chunk.length;
  }

  /** What is not whole at the end of the content. */
  end(): Unfinished | undefined {
    if (this.#state === 'done' || (this.#state === 'before' && this.#byte === 0)) return undefined;
    if (this.#state === 'element') return this.#from;
    return { line: this.#line, byte: this.#byte };
  }

  /** True when an element begins with `byte`. */
  #between(byte: number, at: number): boolean {
    if (byte <= SPACE) return false;
    const state = this.#state;
    if (state === 'before' && byte === OPEN) this.#state = 'first';
    else if (state === 'behind' && byte === COMMA) this.#state = 'next';
    else if ((state === 'behind' || state === 'first') && byte === CLOSE) this.#state = 'done';
    else if (state === 'first' || state === 'next') {
      if (byte === COMMA || byte === CLOSE) throw this.#bad(at, 'an element is missing');
      this.#state = 'element';
      this.#from = { byte: at, line: this.#line };
      this.#depth = 0;
      this.#inText = false;
      return true;
    } else if (state !== 'before' || !isByteOrderMark(byte, at)) {
      const wanted = state === 'before' ? 'it does not begin with [' : 'text after an element';
      throw this.#bad(at, state === 'done' ? 'text after the array' : wanted);
    }
    return false;
  }

  /** Takes the next byte of an element; true when it is the first one behind it. */
  #endsElement(byte: number): boolean {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inText = false;
      return false;
    }
    if (byte === QUOTE) this.#inText = true;
    else if (byte === OPEN || byte === OPEN_BRACE) this.#depth += 1;
    else if (this.#depth === 0) return byte === COMMA || byte === CLOSE || byte <= SPACE;
    else if (byte === CLOSE || byte === CLOSE_BRACE) this.#depth -= 1;
    return false;
  }

  *#take(bytes: Uint8Array, endByte: number): Generator<Element> {
    this.#keep(bytes);
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    if (endByte <= this.#start) return;
    if (this.#from.byte < this.#start)
      throw this.#bad(this.#start, 'it was read in another format');
    const place = { ...this.#from, endByte, endLine: this.#line - 1 };
    yield { bytes: asLine(Buffer.concat(parts)), place };
  }

  #keep(bytes: Uint8Array): void {
    if (this.#length + bytes.length > LIMITS.lineBytes) {
      throw this.#bad(this.#from.byte, `an element of more than ${LIMITS.lineBytes} bytes`);
    }
    this.#parts.push(bytes.slice());
    this.#length += bytes.length;
  }

  #bad(at: number, what: string): HypError {
    return new HypError('E_BAD_INPUT', `not a JSON array at byte ${at}: ${what}`, {
      hint: 'Elements before it are stored. Mend the file, or name its format with --format.',
      details: { byte: at, line: this.#line },
    });
  }
}

/** The bytes EF BB BF at the beginning. */
function isByteOrderMark(byte: number, at: number): boolean {
  return at < 3 && byte === [0xef, 0xbb, 0xbf][at];
}

/** Line feeds between tokens become spaces; those inside a text, escaped or not, stay wrong. */
function asLine(bytes: Buffer): Uint8Array {
  let inText = false;
  let escaped = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === LF) bytes[at] = inText ? BAD_CONTROL : SPACE;
    else if (byte === QUOTE && !escaped) inText = !inText;
    escaped = byte === BACKSLASH && inText && !escaped;
  }
  return bytes;
}

/** Rows of a JSON array behind `start`. Throws E_BAD_INPUT, after the batches before it. */
export async function* readJsonArray(
  content: AsyncIterable<Uint8Array>,
  { start, observe, declared }: ReadFrom,
): RowBatches {
  const rows = new RowTexts(observe, declared);
  const scanner = new ArrayScanner(start);
  try {
    for await (const chunk of content) {
      for (const { bytes, place } of scanner.scan(chunk)) yield* rows.add(bytes, place);
    }
  } catch (error) {
    yield* rows.finish();
    throw error;
  }
  yield* rows.finish();
  return scanner.end();
}
