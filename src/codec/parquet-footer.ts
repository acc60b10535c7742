/**
 * Owns: the footer of Parquet files as hyp writes them: read, cut to one row group, joined from
 * several. Pages are opaque; only their places are changed. A column has one chunk, a list or struct
 * one for each of its leaves.
 * Invariant (I12): bytes that are not a footer are E_CORRUPT; columns and types that hyp does not
 * have are E_UNSUPPORTED_FORMAT.
 * Not its job: files (storage/data), pages (parquet, parquet-decode).
 * llp/0005
 */
import { HypError } from '../core/errors.ts';
import { SEQ_COLUMN } from './columns.ts';
import type { ColumnType } from './columns.ts';
import { ELEMENT } from './parquet-annotations.ts';
import { elementType } from './parquet-element.ts';
import { chunkCount, columnElements, nestedTypeOf } from './parquet-nested.ts';
import { editThrifts, readLongs } from './thrift-edit.ts';
import type { ThriftEdit } from './thrift-edit.ts';
import {
  corrupt,
  intOf,
  listOf,
  longOf,
  needLong,
  structOf,
  structsOf,
  textOf,
} from './thrift-fields.ts';
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
/** `sums`: bytes of all chunks, plain and compressed. */
const GROUP = { chunks: 1, rows: 3, offset: 5, ordinal: 7, sums: [2, 6] };
const CHUNK = { offset: 2, meta: 3, indexes: [4, 5, 6, 7] };
const META = {
  codec: 4,
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
  /** Elements in it, in the file's order; none but in lists and structs. */
  readonly below: readonly ThriftStruct[];
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
}

export interface ParquetFooter {
  readonly rows: number;
  readonly columns: readonly FileColumn[];
  readonly rowGroups: readonly FileRowGroup[];
  readonly createdBy: ThriftValue | undefined;
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
  return columnElements(elements).map(({ element, below }) => {
    const name = textOf(element, ELEMENT.name);
    if (name === undefined) throw corrupt('a column without a name');
    const fieldId = intOf(element, ELEMENT.id);
    const type = below.length > 0 ? nestedTypeOf({ element, below }) : elementType(element);
    if (type === undefined) {
      throw new HypError('E_UNSUPPORTED_FORMAT', `column of an unsupported Parquet type: ${name}`);
    }
    const isJson = type === 'string' && fieldId !== undefined && json.has(fieldId);
    return { name, fieldId, element, below, type: isJson ? 'json' : type };
  });
}

/** The first chunk of each column in a row group, and the number of them all. */
function firstChunks(columns: readonly FileColumn[]): readonly number[] {
  let next = 0;
  const firsts = columns.map((column) => {
    const first = next;
    next += chunkCount(column);
    return first;
  });
  return [...firsts, next];
}

/** The chunks of the columns at `chosen` of a row group, by their places in it. */
export function chunksOf(
  columns: readonly FileColumn[],
  chosen: readonly number[],
): readonly number[] {
  const firsts = firstChunks(columns);
  return chosen.flatMap((index) => {
    const first = firsts[index] ?? 0;
    return Array.from({ length: (firsts[index + 1] ?? first) - first }, (_, at) => first + at);
  });
}

/** First byte of a chunk's pages, and the byte behind them. */
function chunkExtent(chunk: Uint8Array): { readonly start: number; readonly end: number } {
  const ids = [META.dataPage, META.size, META.dictionaryPage];
  const [data, size, dictionary = 0] = readLongs(chunk, CHUNK.meta, ids);
  if (data === undefined || size === undefined) throw corrupt('a number is missing');
  const wrong = [data, size, dictionary].some((at) => at < 0 || !Number.isSafeInteger(at));
  if (wrong) throw corrupt('a number out of range');
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  return { start, end: start + size };
}

/** Smallest and largest value of an INT64 chunk; undefined when not stated. */
function longBounds(chunk: Uint8Array | undefined): LongBounds | undefined {
  const stats = chunk && structOf(readThrift(chunk).get(CHUNK.meta)).get(META.stats);
  if (stats?.is !== 'struct') return undefined;
  const [min, max] = [STATS.min, STATS.max].map((id) => {
    const value = stats.fields.get(id);
    if (value?.is !== 'binary' || value.value.length !== 8) return undefined;
    return Buffer.from(value.value).readBigInt64LE(0);
  });
  return min === undefined || max === undefined ? undefined : { min, max };
}

/** First byte of the pages of these chunks, and the byte behind them. */
function extentOf(chunks: readonly Uint8Array[]): { start: number; end: number } {
  const extents = chunks.map(chunkExtent);
  const [first = PARQUET_MAGIC.length, ...others] = extents.map(({ start }) => start);
  const start = Math.min(first, ...others);
  return { start, end: Math.max(start, ...extents.map(({ end }) => end)) };
}

function readRowGroup(struct: Uint8Array, columns: readonly FileColumn[]): FileRowGroup {
  const group = readThrift(struct, GROUP.chunks);
  const chunks = structsOf(group, GROUP.chunks);
  const firsts = firstChunks(columns);
  if (chunks.length !== firsts.at(-1)) throw corrupt('a row group has other columns');
  const seq = columns.findIndex(({ name, type }) => name === SEQ_COLUMN && type === 'long');
  return {
    rows: needLong(group, GROUP.rows),
    ...extentOf(chunks),
    seq: longBounds(chunks[firsts[seq] ?? -1]),
    struct: struct.slice(),
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

/** Parses the metadata (without the tail) of a file. */
export function parseFooter(metadata: Uint8Array): ParquetFooter {
  const file = readThrift(metadata, FILE.groups);
  const columns = readColumns(file);
  return {
    rows: needLong(file, FILE.rows),
    columns,
    rowGroups: structsOf(file, FILE.groups).map((group) => readRowGroup(group, columns)),
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

/** Chunks whose pages moved by `shift` bytes; indexes and filters stay behind. */
function movedChunks(chunks: readonly Uint8Array[], shift: number): Uint8Array[] {
  const raise = { is: 'raise', by: shift } as const;
  const drop = { is: 'drop' } as const;
  const meta = new Map<number, ThriftEdit>([
    ...[META.dataPage, META.indexPage, META.dictionaryPage].map((id) => [id, raise] as const),
    ...META.bloom.map((id) => [id, drop] as const),
  ]);
  const chunk = new Map<number, ThriftEdit>([
    [CHUNK.offset, raise],
    [CHUNK.meta, { is: 'struct', fields: meta }],
    ...CHUNK.indexes.map((id) => [id, drop] as const),
  ]);
  return editThrifts(chunks, chunk);
}

/** A row group moved by `shift` bytes, with the chunks at `chosen` only. */
export function moveRowGroup(
  group: FileRowGroup,
  move: { readonly shift: number; readonly ordinal: number; readonly chosen?: readonly number[] },
): PlacedRowGroup {
  const fields = new Map(readThrift(group.struct, GROUP.chunks));
  const all = structsOf(fields, GROUP.chunks);
  const chunks = move.chosen?.flatMap((index) => all[index] ?? []) ?? all;
  fields.set(GROUP.chunks, { is: 'structs', items: movedChunks(chunks, move.shift) });
  const at = longOf(fields, GROUP.offset);
  if (at !== undefined) fields.set(GROUP.offset, i64(at + move.shift));
  if (fields.has(GROUP.ordinal)) fields.set(GROUP.ordinal, { is: 'i16', value: move.ordinal });
  return { rows: group.rows, struct: writeThrift(fields) };
}

/** Where the pages of a chunk are in the file, and how they are packed. */
export interface ColumnPages {
  readonly start: number;
  readonly end: number;
  /** Parquet's number of the codec. */
  readonly codec: number | undefined;
}

/** The pages of each chunk of a row group, in the file's order. */
export function columnPages(group: FileRowGroup): ColumnPages[] {
  const chunks = structsOf(readThrift(group.struct, GROUP.chunks), GROUP.chunks);
  return chunks.map((chunk) => {
    const codec = intOf(structOf(readThrift(chunk).get(CHUNK.meta)), META.codec);
    return { ...chunkExtent(chunk), codec };
  });
}

/** Which of the chunks `chosen` have a dictionary in this row group, by their place in `chosen`. */
export function dictionariesOf(
  group: FileRowGroup,
  chosen: readonly number[],
): ReadonlySet<number> {
  const chunks = structsOf(readThrift(group.struct, GROUP.chunks), GROUP.chunks);
  const places = chosen.flatMap((index, place) => {
    const chunk = chunks[index];
    const [page = 0] = chunk ? readLongs(chunk, CHUNK.meta, [META.dictionaryPage]) : [];
    return page > 0 ? place : [];
  });
  return new Set(places);
}

/** Some columns of a row group, encoded as a file of its own. */
export interface ColumnRun {
  readonly rows: number;
  /** Of its pages in its own file. */
  readonly start: number;
  readonly end: number;
  /** The struct without its chunks, which are there moved and as bytes. */
  readonly fields: ThriftStruct;
  readonly chunks: readonly Uint8Array[];
}

/** The one row group of a file with this metadata, to be moved by `shift` bytes. */
export function readColumnRun(metadata: Uint8Array, shift: number): ColumnRun {
  const [group, ...others] = structsOf(readThrift(metadata, FILE.groups), FILE.groups);
  if (group === undefined || others.length > 0) throw corrupt('not one row group');
  const fields = new Map(readThrift(group, GROUP.chunks));
  const chunks = structsOf(fields, GROUP.chunks);
  fields.delete(GROUP.chunks);
  const at = longOf(fields, GROUP.offset);
  if (at !== undefined) fields.set(GROUP.offset, i64(at + shift));
  const rows = needLong(fields, GROUP.rows);
  return { rows, ...extentOf(chunks), fields, chunks: movedChunks(chunks, shift) };
}

/** The runs of all columns of one row group, in order and at their places, as the row group. */
export function joinColumnRuns(runs: readonly ColumnRun[], ordinal: number): PlacedRowGroup {
  const first = runs[0];
  if (first === undefined) throw new HypError('E_INTERNAL', 'a row group without columns');
  const fields = new Map<number, ThriftValue>([
    [GROUP.chunks, { is: 'structs', items: runs.flatMap((run) => run.chunks) }],
    ...first.fields,
  ]);
  for (const id of GROUP.sums) {
    if (!fields.has(id)) continue;
    fields.set(id, i64(runs.reduce((sum, run) => sum + needLong(run.fields, id), 0)));
  }
  if (fields.has(GROUP.ordinal)) fields.set(GROUP.ordinal, { is: 'i16', value: ordinal });
  return { rows: first.rows, struct: writeThrift(fields) };
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
  const groups = rowGroups.map(({ struct }) => struct);
  const fields = new Map<number, ThriftValue>([
    [FILE.version, i32(1)],
    [FILE.schema, structs([root, ...columns.flatMap(({ element, below }) => [element, ...below])])],
    [FILE.rows, i64(rows)],
    [FILE.groups, { is: 'structs', items: groups }],
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
  fields.set(
    FILE.orders,
    structs(columns.flatMap((column) => Array.from({ length: chunkCount(column) }, () => order))),
  );
  const metadata = writeThrift(fields);
  const out = new Uint8Array(metadata.length + TAIL_BYTES);
  out.set(metadata);
  new DataView(out.buffer).setUint32(metadata.length, metadata.length, true);
  out.set(PARQUET_MAGIC, metadata.length + 4);
  return out;
}
