/**
 * Owns: CSV with a header, record by record (RFC 4180; also LF, and TAB for .tsv). Records are cut
 * here by their quotes and line feeds, so that each has its place and a bad one costs itself only;
 * what is in them is csv-parse's.
 * Values are text; an empty field without quotes is null. Where the table has a column of the name,
 * text that is exactly a value of its type becomes one.
 * Invariant: I13 (a record of more than LIMITS.lineBytes is cut at its first line feed).
 * llp/0019
 */
import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { HypError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ColumnType } from './columns.ts';
import type { DecodedBatch, Unfinished } from './ndjson/decoder.ts';
import { RowTexts } from './row-texts.ts';
import { isDecimalType } from './types.ts';
import type { ReadFrom, RecordPlace, RowBatches } from './row-texts.ts';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
/** A byte order mark, at byte 0: the first field begins behind it. */
const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NOT_UTF8 = 'not UTF-8';
/** Records given to the parser at once. */
const BLOCK_RECORDS = 500;

export interface CsvOptions extends ReadFrom {
  readonly delimiter: ',' | '\t';
  /** Type of the table's column of that name; undefined: it has none yet. */
  readonly typeOf: (name: string) => ColumnType | undefined;
}

type Field = string | null;
type Fields = readonly Field[];

/** The records of some bytes, or why they are none. */
type Parsed = { readonly records: readonly Fields[] } | { readonly wrong: string };

interface CutRecord {
  readonly bytes: Uint8Array;
  readonly place: RecordPlace;
  /** It has its line feed. */
  readonly ended: boolean;
  /** A quote that is never closed: this is its first line. */
  readonly broken: boolean;
}

/**
 * Where in its field the next byte stands. A quote opens at the start, closes inside, and directly
 * behind a closing one makes both a quote of the text; anywhere else it is no more than a wrong byte.
 */
type Inside = 'start' | 'plain' | 'quoted' | 'closed';

/** Behind `byte`, which ends no record. */
function behind(byte: number | undefined, inside: Inside, delimiter: number): Inside {
  if (inside === 'quoted') return byte === QUOTE ? 'closed' : 'quoted';
  if (byte === delimiter) return 'start';
  return byte === QUOTE && inside !== 'plain' ? 'quoted' : 'plain';
}

/** Cuts a content into records, blank ones too. */
class RecordCutter {
  readonly #delimiter: number;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of `#rest` that were looked at, and what the next one stands in. */
  #seen = 0;
  #inside: Inside = 'start';
  #byte = 0;
  #line = 1;

  constructor(delimiter: CsvOptions['delimiter']) {
    this.#delimiter = delimiter.charCodeAt(0);
  }

  *cut(chunk: Uint8Array): Generator<CutRecord> {
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    let from = 0;
    let inside = this.#inside;
    for (let at = this.#seen; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === LF && inside !== 'quoted') {
        yield* this.#take(bytes.subarray(from, at + 1), { ended: true, broken: false });
        from = at + 1;
        inside = 'start';
      } else if (inside !== 'start' || byte !== MARK[this.#byte + at - from]) {
        inside = behind(byte, inside, this.#delimiter);
      }
      if (at - from < LIMITS.lineBytes) continue;
      const end = bytes.indexOf(LF, from);
      if (end < 0 || end > at) throw tooLong(this.#line, this.#byte);
      yield* this.#take(bytes.subarray(from, end + 1), { ended: true, broken: true });
      from = end + 1;
      at = end;
      inside = 'start';
    }
    this.#inside = inside;
    this.#rest = bytes.subarray(from);
    this.#seen = this.#rest.length;
  }

  /** The last record, without its line feed; undefined when there is none. */
  end(): CutRecord | Unfinished | undefined {
    if (this.#inside === 'quoted') return { line: this.#line, byte: this.#byte };
    if (isBlank(this.#rest)) return undefined;
    const [last] = this.#take(this.#rest, { ended: false, broken: false });
    return last;
  }

  *#take(
    bytes: Uint8Array,
    how: { readonly ended: boolean; readonly broken: boolean },
  ): Generator<CutRecord> {
    const place = {
      line: this.#line,
      byte: this.#byte,
      endByte: this.#byte + bytes.length,
      endLine: this.#line - 1,
    };
    for (const byte of bytes) if (byte === LF) this.#line += 1;
    this.#byte += bytes.length;
    yield { bytes, place: { ...place, endLine: this.#line - 1 }, ...how };
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === LF || byte === CR);
}

function tooLong(line: number, byte: number): HypError {
  return new HypError('E_BAD_INPUT', `line ${line} is longer than ${LIMITS.lineBytes} bytes`, {
    hint: 'Records before it are stored. Is this a CSV file? Name its format with --format.',
    details: { line, byte },
  });
}

/** Rows of a CSV content behind `start`. Throws E_BAD_INPUT for a header that cannot be one. */
export async function* readCsv(
  content: AsyncIterable<Uint8Array>,
  options: CsvOptions,
): RowBatches {
  const cutter = new RecordCutter(options.delimiter);
  const reader = new RecordReader(options);
  try {
    for await (const chunk of content) {
      for (const record of cutter.cut(chunk)) yield* reader.take(record);
    }
  } catch (error) {
    yield* reader.finish();
    throw error;
  }
  const last = cutter.end();
  if (last === undefined || !('bytes' in last)) {
    yield* reader.finish();
    return last;
  }
  const taken = reader.isWhole(last);
  if (taken) yield* reader.take(last);
  yield* reader.finish();
  return taken ? undefined : { line: last.place.line, byte: last.place.byte };
}

/** Records to rows, a block of them at a time. */
class RecordReader {
  readonly #options: CsvOptions;
  readonly #rows: RowTexts;
  #names: readonly string[] | undefined;
  #block: CutRecord[] = [];

  constructor(options: CsvOptions) {
    this.#options = options;
    this.#rows = new RowTexts(options.observe, options.declared);
  }

  *take(record: CutRecord): Generator<DecodedBatch> {
    const { start } = this.#options;
    const { byte, endByte } = record.place;
    // The only column being null is a blank line; beside other columns it would have its delimiters.
    if (this.#names?.length !== 1 && isBlank(record.bytes)) return;
    if (this.#names === undefined) this.#names = this.#header(record);
    else if (byte < start && endByte > start) yield* this.#continued(record);
    else if (byte >= start) {
      this.#block.push(record);
      if (this.#block.length >= BLOCK_RECORDS) yield* this.#parseBlock();
    }
  }

  *finish(): Generator<DecodedBatch> {
    yield* this.#parseBlock();
    yield* this.#rows.finish();
  }

  /** A last record without its line feed counts when it has all its fields. */
  isWhole({ bytes }: CutRecord): boolean {
    // Half a line end: a carriage return would become part of the last field.
    if (bytes.at(-1) === CR || this.#names === undefined) return false;
    const fields = onlyRecord(this.#parse(bytes));
    return typeof fields !== 'string' && fields.length === this.#names.length;
  }

  /** The line of a record that was taken without its end has grown. */
  *#continued({ bytes, place }: CutRecord): Generator<DecodedBatch> {
    const { start } = this.#options;
    const rest = bytes.subarray(start - place.byte);
    if (isBlank(rest)) return;
    const reason = 'continues a record that was taken when the file ended there';
    yield* this.#rows.reject(reason, rest, { ...place, byte: start });
  }

  #header({ bytes, place }: CutRecord): readonly string[] {
    const fields = onlyRecord(this.#parse(place.byte === 0 ? withoutMark(bytes) : bytes));
    const names =
      typeof fields === 'string' ? [] : fields.map((name, at) => name ?? `column_${at + 1}`);
    if (names.length > 0 && new Set(names).size === names.length) return names;
    const what = typeof fields === 'string' ? fields : 'a name stands twice';
    throw new HypError('E_BAD_INPUT', `the header in line ${place.line} is none: ${what}`, {
      hint:
        what === NOT_UTF8
          ? 'Convert the file first, for example with `iconv -f LATIN1 -t UTF-8` or `-f UTF-16`.'
          : 'The first line of a CSV file names its columns, each once.',
    });
  }

  *#parseBlock(): Generator<DecodedBatch> {
    const block = this.#block;
    this.#block = [];
    if (block.length === 0) return;
    const parsed = this.#parse(Buffer.concat(block.map(({ bytes }) => bytes)));
    const together =
      'records' in parsed && parsed.records.length === block.length ? parsed : undefined;
    for (const [at, { bytes, place, broken }] of block.entries()) {
      const fields = together?.records[at] ?? onlyRecord(this.#parse(bytes));
      const wrong = broken ? 'a quote that is not closed' : this.#wrong(fields);
      if (wrong !== undefined || typeof fields === 'string') {
        yield* this.#rows.reject(wrong ?? 'not a record', bytes, place);
      } else yield* this.#rows.add(this.#rowText(fields), place);
    }
  }

  #wrong(fields: Fields | string): string | undefined {
    if (typeof fields === 'string') return fields;
    const wanted = this.#names?.length ?? 0;
    return fields.length === wanted ? undefined : `${fields.length} fields instead of ${wanted}`;
  }

  #parse(bytes: Uint8Array): Parsed {
    // csv-parse would put U+FFFD where other bytes were.
    if (!isUtf8(bytes)) return { wrong: NOT_UTF8 };
    try {
      const records: readonly unknown[] = parse(Buffer.from(bytes), {
        delimiter: this.#options.delimiter,
        record_delimiter: ['\r\n', '\n'],
        relax_column_count: true,
        cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
      });
      return { records: records as readonly Fields[] };
    } catch (error) {
      if (error instanceof CsvError) return { wrong: error.message };
      throw error;
    }
  }

  #rowText(fields: readonly Field[]): string {
    let text = '';
    for (const [at, name] of (this.#names ?? []).entries()) {
      const value = fields[at] ?? null;
      if (value === null) continue;
      const key = JSON.stringify(name);
      text += `${text === '' ? '' : ','}${key}:${valueText(value, this.#options.typeOf(name))}`;
    }
    return `{${text}}`;
  }
}

/** Its fields, or why it is not one record. */
function onlyRecord(parsed: Parsed): Fields | string {
  if ('wrong' in parsed) return parsed.wrong;
  const [fields, ...others] = parsed.records;
  return fields === undefined || others.length > 0 ? 'not one record' : fields;
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return MARK.every((byte, at) => bytes[at] === byte) ? bytes.subarray(MARK.length) : bytes;
}

/** JSON of a field: a value of the column's type when it is spelled like one, else text. */
function valueText(value: string, type: ColumnType | undefined): string {
  const asIs =
    (type === 'long' && INTEGER.test(value)) ||
    (type !== undefined && (type === 'double' || isDecimalType(type)) && NUMBER.test(value)) ||
    (type === 'boolean' && (value === 'true' || value === 'false'));
  return asIs ? value : JSON.stringify(value);
}
