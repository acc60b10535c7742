/**
 * Owns: the footer of flat Parquet files: read, cut to one row group, joined from several. Pages
 * are opaque; only their places are changed.
 * Invariant (I12): bytes that are not a footer are E_CORRUPT; nested columns and types that hyp
 * does not have are E_UNSUPPORTED_FORMAT.
 * Not its job: files (storage/data), pages (parquet, parquet-decode).
 * llp/0005
 */
import { HypError } from '../core/errors.ts';
import { SEQ_COLUMN } from './columns.ts';
import type { ColumnType } from './columns.ts';
import { THRIFT_STRUCT, readThrift, writeThrift } from './thrift.ts';
import type { ThriftStruct, ThriftValue } from './thrift.ts';

export const PARQUET_MAGIC = Uint8Array.of(0x50, 0x41, 0x52, 0x31);
/** Length and magic behind the metadata. */
export const TAIL_BYTES = 8;
/** Key whose value lists the field ids of json columns: others see strings. */
const JSON_KEY = 'hyp.json';
/** Key of the Arrow schema a reader should answer with, as base64. */
const ARROW_KEY = 'ARROW:schema';

const FILE = { version: 1, schema: 2, rows: 3, groups: 4, pairs: 5, createdBy: 6, orders: 7 };
const ELEMENT = { type: 1, repetition: 3, name: 4, children: 5, converted: 6, id: 9, logical: 10 };
const GROUP = { chunks: 1, rows: 3, offset: 5, ordinal: 7 };
const CHUNK = { offset: 2, meta: 3, indexes: [4, 5, 6, 7] };
const META = {
  size: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  stats: 12,
  bloom: [14, 15],
};
const STATS = { max: 5, min: 6 };

/** One column as a file states it. */
export interface FileColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number | undefined;
  readonly element: ThriftStruct;
}

export interface LongBounds {
  readonly min: bigint;
  readonly max: bigint;
}

export interface FileRowGroup {
  readonly rows: number;
  /** First byte of its pages. */
  readonly start: number;
  /** Byte behind its pages. */
  readonly end: number;
  /** Bounds of `_hyp_seq`, undefined where the file has or states none. */
  readonly seq: LongBounds | undefined;
  /** Its struct in the footer, parsed anew when needed: trees of large footers are large. */
  readonly struct: Uint8Array;
}

/** A row group at its place in a new file, as bytes: the trees of many wide groups are large. */
export interface PlacedRowGroup {
  readonly rows: number;
  readonly struct: Uint8Array;
  /** Places of the columns that have a dictionary. */
  readonly dictionaries: ReadonlySet<number>;
}

export interface ParquetFooter {
  readonly rows: number;
  readonly columns: readonly FileColumn[];
  readonly rowGroups: readonly FileRowGroup[];
  readonly createdBy: ThriftValue | undefined;
}

function corrupt(what: string): HypError {
  return new HypError('E_CORRUPT', `not a Parquet footer: ${what}`);
}

function listOf(fields: ThriftStruct, id: number): readonly ThriftValue[] {
  const value = fields.get(id);
  return value?.is === 'list' ? value.items : [];
}

function structOf(value: ThriftValue | undefined): ThriftStruct {
  if (value?.is !== 'struct') throw corrupt('a struct is missing');
  return value.fields;
}

function longOf(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  if (value?.is !== 'i64') return undefined;
  const number = Number(value.value);
  if (number < 0 || !Number.isSafeInteger(number)) throw corrupt('a number out of range');
  return number;
}

function needLong(fields: ThriftStruct, id: number): number {
  const value = longOf(fields, id);
  if (value === undefined) throw corrupt('a number is missing');
  return value;
}

function intOf(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  return value?.is === 'i32' ? value.value : undefined;
}

function textOf(fields: ThriftStruct, id: number): string | undefined {
  const value = fields.get(id);
  return value?.is === 'binary' ? Buffer.from(value.value).toString('utf8') : undefined;
}

const BOOLEAN = 0;
const INT64 = 2;
const DOUBLE = 5;
const BYTE_ARRAY = 6;
const CONVERTED_UTF8 = 0;
const CONVERTED_TIMESTAMP_MICROS = 10;
const CONVERTED_INT_64 = 18;
const LOGICAL_STRING = 1;
const LOGICAL_TIMESTAMP = 8;
const LOGICAL_INTEGER = 10;
const UNIT_MICROS = 2;

/** The logical type's number and its struct, or undefined. */
function logicalOf(element: ThriftStruct): readonly [number, ThriftStruct] | undefined {
  const logical = element.get(ELEMENT.logical);
  if (logical?.is !== 'struct') return undefined;
  for (const [id, value] of logical.fields) return [id, structOf(value)];
  return undefined;
}

function int64Type(element: ThriftStruct): ColumnType | undefined {
  const logical = logicalOf(element);
  const converted = intOf(element, ELEMENT.converted);
  if (logical?.[0] === LOGICAL_TIMESTAMP) {
    const utc = logical[1].get(1);
    const unit = logical[1].get(2);
    const micros = unit?.is === 'struct' && unit.fields.has(UNIT_MICROS);
    return micros && utc?.is === 'bool' && utc.value ? 'timestamptz' : undefined;
  }
  if (logical === undefined && converted === CONVERTED_TIMESTAMP_MICROS) return 'timestamptz';
  if (logical === undefined) {
    return converted === undefined || converted === CONVERTED_INT_64 ? 'long' : undefined;
  }
  const signed = logical[1].get(2);
  return logical[0] === LOGICAL_INTEGER && signed?.is === 'bool' && signed.value
    ? 'long'
    : undefined;
}

function typeOf(element: ThriftStruct): ColumnType | undefined {
  if (intOf(element, ELEMENT.repetition) === 2 || element.has(ELEMENT.children)) return undefined;
  switch (intOf(element, ELEMENT.type)) {
    case BOOLEAN:
      return 'boolean';
    case INT64:
      return int64Type(element);
    case DOUBLE:
      return 'double';
    case BYTE_ARRAY:
      return logicalOf(element)?.[0] === LOGICAL_STRING ||
        intOf(element, ELEMENT.converted) === CONVERTED_UTF8
        ? 'string'
        : undefined;
    default:
      return undefined;
  }
}

function jsonIds(file: ThriftStruct): ReadonlySet<number> {
  for (const pair of listOf(file, FILE.pairs)) {
    const fields = structOf(pair);
    if (textOf(fields, 1) === JSON_KEY) {
      return new Set((textOf(fields, 2) ?? '').split(',').map(Number));
    }
  }
  return new Set();
}

function readColumns(file: ThriftStruct): readonly FileColumn[] {
  const [root, ...elements] = listOf(file, FILE.schema).map(structOf);
  if (root === undefined) throw corrupt('no schema');
  const json = jsonIds(file);
  return elements.map((element) => {
    const name = textOf(element, ELEMENT.name);
    if (name === undefined) throw corrupt('a column without a name');
    const fieldId = intOf(element, ELEMENT.id);
    const type = typeOf(element);
    if (type === undefined) {
      throw new HypError('E_UNSUPPORTED_FORMAT', `column of an unsupported Parquet type: ${name}`);
    }
    const isJson = type === 'string' && fieldId !== undefined && json.has(fieldId);
    return { name, fieldId, element, type: isJson ? 'json' : type };
  });
}

function chunkMeta(chunk: ThriftValue): ThriftStruct {
  return structOf(structOf(chunk).get(CHUNK.meta));
}

/** First byte of a chunk's pages, and how many they are. */
function chunkPlace(meta: ThriftStruct): { readonly start: number; readonly size: number } {
  const data = needLong(meta, META.dataPage);
  const dictionary = longOf(meta, META.dictionaryPage) ?? 0;
  return {
    start: dictionary > 0 ? Math.min(dictionary, data) : data,
    size: needLong(meta, META.size),
  };
}

/** Smallest and largest value of an INT64 chunk; undefined when not stated. */
function longBounds(chunk: ThriftValue | undefined): LongBounds | undefined {
  const stats = chunk && chunkMeta(chunk).get(META.stats);
  if (stats?.is !== 'struct') return undefined;
  const [min, max] = [STATS.min, STATS.max].map((id) => {
    const value = stats.fields.get(id);
    if (value?.is !== 'binary' || value.value.length !== 8) return undefined;
    return Buffer.from(value.value).readBigInt64LE(0);
  });
  return min === undefined || max === undefined ? undefined : { min, max };
}

function readRowGroup(value: ThriftValue, columns: readonly FileColumn[]): FileRowGroup {
  const group = structOf(value);
  const chunks = listOf(group, GROUP.chunks);
  if (chunks.length !== columns.length) throw corrupt('a row group has other columns');
  let start = Number.MAX_SAFE_INTEGER;
  let end = 0;
  for (const chunk of chunks) {
    const place = chunkPlace(chunkMeta(chunk));
    start = Math.min(start, place.start);
    end = Math.max(end, place.start + place.size);
  }
  if (chunks.length === 0) start = end = PARQUET_MAGIC.length;
  const seq = columns.findIndex(({ name, type }) => name === SEQ_COLUMN && type === 'long');
  return {
    rows: needLong(group, GROUP.rows),
    start,
    end,
    seq: longBounds(chunks[seq]),
    struct: writeThrift(group),
  };
}

/** Bytes of the metadata in front of the tail; E_CORRUPT when `tail` is not one. */
export function metadataBytes(tail: Uint8Array): number {
  const at = tail.length - TAIL_BYTES;
  if (at < 0 || !PARQUET_MAGIC.every((byte, index) => tail[at + 4 + index] === byte)) {
    throw corrupt('the file does not end as one');
  }
  return new DataView(tail.buffer, tail.byteOffset + at, 4).getUint32(0, true);
}

/** Parses the metadata (without the tail) of a flat file. */
export function parseFooter(metadata: Uint8Array): ParquetFooter {
  const file = readThrift(metadata);
  const columns = readColumns(file);
  return {
    rows: needLong(file, FILE.rows),
    columns,
    rowGroups: listOf(file, FILE.groups).map((group) => readRowGroup(group, columns)),
    createdBy: file.get(FILE.createdBy),
  };
}

const i64 = (value: number): ThriftValue => ({ is: 'i64', value: BigInt(value) });
const i32 = (value: number): ThriftValue => ({ is: 'i32', value });
const binary = (text: string): ThriftValue => ({ is: 'binary', value: Buffer.from(text) });
const structs = (items: readonly ThriftStruct[]): ThriftValue => ({
  is: 'list',
  of: THRIFT_STRUCT,
  items: items.map((fields) => ({ is: 'struct', fields })),
});

/** A chunk whose pages moved by `shift` bytes; indexes and filters stay behind. */
function moveChunk(chunk: ThriftValue, shift: number): ThriftValue {
  const fields = new Map(structOf(chunk));
  const meta = new Map(structOf(fields.get(CHUNK.meta)));
  for (const id of [META.dataPage, META.indexPage, META.dictionaryPage]) {
    const at = longOf(meta, id);
    if (at !== undefined && at > 0) meta.set(id, i64(at + shift));
  }
  for (const id of META.bloom) meta.delete(id);
  for (const id of CHUNK.indexes) fields.delete(id);
  const at = longOf(fields, CHUNK.offset) ?? 0;
  if (at > 0) fields.set(CHUNK.offset, i64(at + shift));
  fields.set(CHUNK.meta, { is: 'struct', fields: meta });
  return { is: 'struct', fields };
}

/** A row group moved by `shift` bytes, with the chunks of `chosen` columns only. */
export function moveRowGroup(
  group: FileRowGroup,
  move: { readonly shift: number; readonly ordinal: number; readonly chosen?: readonly number[] },
): PlacedRowGroup {
  const fields = new Map(readThrift(group.struct));
  const all = listOf(fields, GROUP.chunks);
  const chunks = move.chosen?.flatMap((index) => all[index] ?? []) ?? all;
  const dictionaries = new Set(
    chunks.flatMap((chunk, place) =>
      (longOf(chunkMeta(chunk), META.dictionaryPage) ?? 0) > 0 ? place : [],
    ),
  );
  fields.set(GROUP.chunks, {
    is: 'list',
    of: THRIFT_STRUCT,
    items: chunks.map((chunk) => moveChunk(chunk, move.shift)),
  });
  const at = longOf(fields, GROUP.offset);
  if (at !== undefined) fields.set(GROUP.offset, i64(at + move.shift));
  if (fields.has(GROUP.ordinal)) fields.set(GROUP.ordinal, { is: 'i16', value: move.ordinal });
  return { rows: group.rows, struct: writeThrift(fields), dictionaries };
}

function keyValue(key: string, value: string): ThriftStruct {
  return new Map([
    [1, binary(key)],
    [2, binary(value)],
  ]);
}

/**
 * Metadata and tail of a file of these columns and row groups. `arrowSchema`: the message with the
 * Arrow types readers should answer with (arrow-ipc), none by default.
 */
export function buildFooter(file: {
  readonly columns: readonly FileColumn[];
  readonly rowGroups: readonly PlacedRowGroup[];
  readonly createdBy: ThriftValue | undefined;
  readonly arrowSchema?: Uint8Array | undefined;
}): Uint8Array {
  const { columns, rowGroups, createdBy, arrowSchema } = file;
  const root: ThriftStruct = new Map([
    [ELEMENT.name, binary('schema')],
    [ELEMENT.children, i32(columns.length)],
  ]);
  const rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
  const groups = rowGroups.map(({ struct }): ThriftValue => ({ is: 'written', bytes: struct }));
  const fields = new Map<number, ThriftValue>([
    [FILE.version, i32(1)],
    [FILE.schema, structs([root, ...columns.map((column) => column.element)])],
    [FILE.rows, i64(rows)],
    [FILE.groups, { is: 'list', of: THRIFT_STRUCT, items: groups }],
  ]);
  const json = columns.flatMap((column) => (column.type === 'json' ? column.fieldId : []) ?? []);
  const pairs = json.length > 0 ? [keyValue(JSON_KEY, json.join(','))] : [];
  if (arrowSchema !== undefined) {
    pairs.push(keyValue(ARROW_KEY, Buffer.from(arrowSchema).toString('base64')));
  }
  if (pairs.length > 0) fields.set(FILE.pairs, structs(pairs));
  if (createdBy !== undefined) fields.set(FILE.createdBy, createdBy);
  // Without an order readers ignore min and max; TypeDefinedOrder is the empty struct 1.
  const order: ThriftStruct = new Map([[1, { is: 'struct', fields: new Map() }]]);
  fields.set(FILE.orders, structs(columns.map(() => order)));
  const metadata = writeThrift(fields);
  const out = new Uint8Array(metadata.length + TAIL_BYTES);
  out.set(metadata);
  new DataView(out.buffer).setUint32(metadata.length, metadata.length, true);
  out.set(PARQUET_MAGIC, metadata.length + 4);
  return out;
}
