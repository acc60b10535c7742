/**
 * Owns: one column of a row group, page by page: the entries with their levels, read as the rows
 * need them. A page is held until its last entry is passed, a column only as long as its row group.
 * Invariants: I12 (a page with another checksum than it states is E_CORRUPT), I13 (all pages of all
 * columns held at once count against one limit, before anything is unpacked).
 * llp/0019
 */
import { checksum } from '../../core/digest.ts';
import { HypError, isHypError } from '../../core/errors.ts';
import { corruptPage, readRuns } from '../parquet-encodings.ts';
import type { Bits } from '../parquet-encodings.ts';
import { I32, THRIFT_STRUCT, eachField, inputOf, readZigZag32, skipValue } from '../thrift.ts';
import type { Input } from '../thrift.ts';
import { readDictionary, readValues } from './encoded.ts';
import type { Dictionary, PhysicalValue, Values } from './encoded.ts';
import type { ChunkPlace } from './footer.ts';
import type { LeafColumn } from './schema.ts';
import { unpackPage } from './unpack.ts';

/** A file as its bytes. */
export interface ByteSource {
  readonly size: number;
  /** Exactly `length` bytes from `at` on, which lie inside. They may be shared: read only. */
  read(at: number, length: number): Promise<Uint8Array>;
}

/** What the pages of all columns take now. */
export interface HeldBytes {
  bytes: number;
  readonly limit: number;
}

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;
const RUNS = 3;
/** Fields of a PageHeader, and of the headers in it; nested ones at a hundred times their struct. */
const PAGE = { type: 1, size: 2, packed: 3, crc: 4, data: 5, dictionary: 7, data2: 8 };
const HEAD_BYTES = [512, 64 * 1024, 4 * 1024 * 1024];
/** Levels and the places of values while a page is read. */
const ENTRY_BYTES = 16;

interface PageHead {
  /** Bytes of the head itself. */
  readonly headBytes: number;
  readonly ints: ReadonlyMap<number, number>;
  /** Of a page of version 2. */
  readonly isPacked: boolean;
}

interface Page {
  readonly entries: number;
  /** undefined: all are 0. */
  readonly reps: Uint8Array | undefined;
  /** undefined: all are the highest. */
  readonly defs: Uint8Array | undefined;
  readonly values: Values;
  readonly held: number;
}

function readHead(bytes: Uint8Array): PageHead {
  const input = inputOf(bytes);
  const ints = new Map<number, number>();
  let isPacked = true;
  const read = (from: Input, inside: number): void => {
    eachField(from, (id, type) => {
      if (type === I32) ints.set(inside * 100 + id, readZigZag32(from));
      else if (type === THRIFT_STRUCT && inside === 0) read(from, id);
      else {
        if (inside === PAGE.data2 && id === 7) isPacked = type === 1;
        skipValue(from, type, 0);
      }
    });
  };
  read(input, 0);
  return { headBytes: input.at, ints, isPacked };
}

function levelsOf(bits: Bits, highest: number, count: number): Uint8Array {
  const levels = new Int32Array(count);
  readRuns(bits, 32 - Math.clz32(highest), levels, 0, count);
  const bytes = Uint8Array.from(levels);
  for (const level of levels)
    if (level > highest || level < 0) throw corruptPage('a level too high');
  return bytes;
}

export class ColumnStream {
  readonly #source: ByteSource;
  readonly #place: ChunkPlace;
  readonly #column: LeafColumn;
  readonly #held: HeldBytes;
  #at: number;
  #dictionary: Dictionary | undefined;
  #dictionaryHeld = 0;
  readonly #pages: Page[] = [];
  /** Entries of the chunk in pages that were read, and rows that begin in them. */
  #entriesRead = 0;
  #rowsRead = 0;
  /** Of the first page: the entry it stands at, and its value. */
  #entry = 0;
  #value = 0;
  /** The row of the current entry in its row group; rows of it when it is past the last. */
  row = 0;

  constructor(source: ByteSource, place: ChunkPlace, column: LeafColumn, held: HeldBytes) {
    this.#source = source;
    this.#place = place;
    this.#column = column;
    this.#held = held;
    this.#at = place.start;
  }

  /** True when all of the current row is in pages that are held. */
  get hasRow(): boolean {
    if (this.#entriesRead === this.#place.values) return this.row < this.#rowsRead;
    return this.#column.maxRep === 0 ? this.row < this.#rowsRead : this.row + 1 < this.#rowsRead;
  }

  /** Reads until all of the current row is there. E_CORRUPT when there is none. */
  async needRow(): Promise<void> {
    while (!this.hasRow) {
      if (this.#entriesRead >= this.#place.values) throw corruptPage('rows are missing');
      await this.#readPage();
    }
  }

  /** Repetition level of the current entry; 0 behind the last one. */
  get rep(): number {
    const [page] = this.#pages;
    return page?.reps?.[this.#entry] ?? 0;
  }

  get def(): number {
    const [page] = this.#pages;
    if (page === undefined) throw corruptPage('entries are missing');
    return page.defs === undefined ? this.#column.maxDef : (page.defs[this.#entry] ?? 0);
  }

  /** The value of the current entry, whose definition level is the highest. */
  get value(): PhysicalValue {
    const [page] = this.#pages;
    if (page === undefined) throw corruptPage('values are missing');
    return page.values.at(this.#value);
  }

  advance(): void {
    const [page] = this.#pages;
    if (page === undefined) throw corruptPage('entries are missing');
    if (this.def === this.#column.maxDef) this.#value += 1;
    this.#entry += 1;
    if (this.#entry === page.entries) {
      this.#pages.shift();
      this.#held.bytes -= page.held;
      this.#entry = 0;
      this.#value = 0;
    }
    if (this.rep === 0) this.row += 1;
  }

  /** Passes over what is left of `row`. */
  endRow(row: number): void {
    while (this.row === row) this.advance();
  }

  /** Gives up what it holds. E_CORRUPT when entries of the chunk are left. */
  end(rows: number): void {
    const whole = this.#entriesRead === this.#place.values && this.#pages.length === 0;
    if (!whole || this.#rowsRead !== rows) throw corruptPage('other rows than the footer says');
    this.#held.bytes -= this.#dictionaryHeld;
    this.#dictionary = undefined;
  }

  async #readPage(): Promise<void> {
    const head = await this.#readHead();
    const type = head.ints.get(PAGE.type) ?? -1;
    const size = head.ints.get(PAGE.size) ?? -1;
    const packedBytes = head.ints.get(PAGE.packed) ?? -1;
    const from = this.#at + head.headBytes;
    if (size < 0 || packedBytes < 0) throw corruptPage('a size is missing');
    if (packedBytes > this.#place.end - from) throw corruptPage('it is cut off');
    this.#at = from + packedBytes;
    if (type !== DATA_PAGE && type !== DATA_PAGE_V2 && type !== DICTIONARY_PAGE) return;
    const of =
      type === DICTIONARY_PAGE ? PAGE.dictionary : type === DATA_PAGE ? PAGE.data : PAGE.data2;
    const count = head.ints.get(of * 100 + 1) ?? -1;
    if (count < 0) throw corruptPage('a count is missing');
    if (type !== DICTIONARY_PAGE && count > this.#place.values - this.#entriesRead) {
      throw corruptPage('more values than the footer says');
    }
    const held = size + ENTRY_BYTES * count;
    this.#assertRoom(held + packedBytes);
    const packed = await this.#source.read(from, packedBytes);
    const crc = head.ints.get(PAGE.crc);
    if (crc !== undefined && (checksum(packed) | 0) !== crc)
      throw corruptPage('its checksum is wrong');
    if (type === DICTIONARY_PAGE) await this.#takeDictionary(packed, { size, count, held });
    else await this.#takeData(head, packed, { size, count, isV2: type === DATA_PAGE_V2 });
  }

  async #readHead(): Promise<PageHead> {
    const left = this.#place.end - this.#at;
    if (left <= 0) throw corruptPage('pages are missing');
    for (const length of HEAD_BYTES) {
      const bytes = await this.#source.read(this.#at, Math.min(length, left));
      try {
        return readHead(bytes);
      } catch (error) {
        if (length >= left || !isHypError(error, 'E_CORRUPT')) throw error;
      }
    }
    throw corruptPage('a head of megabytes');
  }

  #assertRoom(more: number): void {
    const { bytes, limit } = this.#held;
    if (bytes + more <= limit) return;
    const mib = (count: number): number => Math.ceil(count / (1024 * 1024));
    throw new HypError(
      'E_BAD_INPUT',
      `its pages do not fit: ${mib(bytes + more)} MiB of them are needed at once, ${mib(limit)} is the limit`,
      {
        hint: 'Write the file again with smaller row groups or pages (DuckDB: COPY … (ROW_GROUP_SIZE 10000); pyarrow: row_group_size=10000). What is in stays.',
      },
    );
  }

  async #takeDictionary(
    packed: Uint8Array,
    { size, count, held }: { readonly size: number; readonly count: number; readonly held: number },
  ): Promise<void> {
    if (this.#dictionary !== undefined) throw corruptPage('two dictionaries');
    const bytes = await unpackPage(packed, this.#place.codec, size);
    const page = { view: viewOf(bytes), at: 0, end: size };
    this.#dictionary = readDictionary(page, this.#column.type, count);
    this.#dictionaryHeld = held;
    this.#held.bytes += held;
  }

  async #takeData(
    head: PageHead,
    packed: Uint8Array,
    stated: {
      readonly size: number;
      readonly count: number;
      readonly isV2: boolean;
    },
  ): Promise<void> {
    const { count, isV2 } = stated;
    if (count === 0) return;
    const { maxDef } = this.#column;
    const laid = isV2
      ? await this.#layV2(head, packed, stated)
      : await this.#layV1(head, packed, stated);
    const { page, reps, defs, encoding } = laid;
    const present = defs?.reduce((sum, def) => sum + (def === maxDef ? 1 : 0), 0) ?? count;
    const { type } = this.#column;
    const limitBytes = this.#held.limit - this.#held.bytes;
    const dictionary = this.#dictionary;
    const values = readValues({ page, type, encoding, count: present, dictionary, limitBytes });
    const levels = (reps?.length ?? 0) + (defs?.length ?? 0);
    const held = stated.size + levels + values.bytes;
    this.#held.bytes += held;
    const starts = reps?.reduce((sum, rep) => sum + (rep === 0 ? 1 : 0), 0) ?? count;
    if (this.#entriesRead === 0 && (reps?.[0] ?? 0) !== 0)
      throw corruptPage('it begins inside a row');
    this.#pages.push({ entries: count, reps, defs, values, held });
    this.#entriesRead += count;
    this.#rowsRead += starts;
  }

  async #layV1(
    head: PageHead,
    packed: Uint8Array,
    { size, count }: { readonly size: number; readonly count: number },
  ) {
    const { maxDef, maxRep } = this.#column;
    const bytes = await unpackPage(packed, this.#place.codec, size);
    const page: Bits = { view: viewOf(bytes), at: 0, end: size };
    const levels = (highest: number, encodingField: number): Uint8Array | undefined => {
      if (highest === 0) return undefined;
      if (head.ints.get(PAGE.data * 100 + encodingField) !== RUNS) {
        throw corruptPage('levels in an encoding long given up');
      }
      if (page.end - page.at < 4) throw corruptPage('levels are missing');
      const end = page.at + 4 + page.view.getUint32(page.at, true);
      if (end > page.end) throw corruptPage('levels run past it');
      const read = levelsOf({ view: page.view, at: page.at + 4, end }, highest, count);
      page.at = end;
      return read;
    };
    const reps = levels(maxRep, 4);
    const defs = levels(maxDef, 3);
    return { page, reps, defs, encoding: head.ints.get(PAGE.data * 100 + 2) ?? -1 };
  }

  /** Levels stand before the packed values, without being packed themselves. */
  async #layV2(
    head: PageHead,
    packed: Uint8Array,
    { size, count }: { readonly size: number; readonly count: number },
  ) {
    const { maxDef, maxRep } = this.#column;
    const of = (field: number): number => head.ints.get(PAGE.data2 * 100 + field) ?? -1;
    const [defBytes, repBytes] = [of(5), of(6)];
    const levelBytes = defBytes + repBytes;
    if (defBytes < 0 || repBytes < 0 || levelBytes > Math.min(size, packed.length)) {
      throw corruptPage('levels run past it');
    }
    const slack = await unpackPage(packed.subarray(0, levelBytes), 0, levelBytes);
    const view = viewOf(slack);
    const reps = maxRep === 0 ? undefined : levelsOf({ view, at: 0, end: repBytes }, maxRep, count);
    const defs =
      maxDef === 0 ? undefined : levelsOf({ view, at: repBytes, end: levelBytes }, maxDef, count);
    const codec = head.isPacked ? this.#place.codec : 0;
    const rest = size - levelBytes;
    // Without a value nothing is packed, whatever the codec.
    const empty = rest === 0 || packed.length === levelBytes;
    const values = await unpackPage(packed.subarray(levelBytes), empty ? 0 : codec, rest);
    const page: Bits = { view: viewOf(values), at: 0, end: rest };
    return { page, reps, defs, encoding: of(4) };
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
