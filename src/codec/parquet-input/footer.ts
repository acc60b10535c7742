/**
 * Owns: the footer of any Parquet file: its schema, and where each row group's columns lie.
 * Row groups stay bytes until they are read: the trees of many wide ones are large (I13).
 * Invariant (I12): bytes that are not a footer are E_CORRUPT; nothing lies outside of the file.
 * llp/0019
 */
import {
  corrupt,
  intOf,
  listOf,
  longOf,
  needLong,
  structOf,
  structsOf,
  textOf,
} from '../thrift-fields.ts';
import { readThrift } from '../thrift.ts';
import { readSchema } from './schema.ts';
import type { InputSchema } from './schema.ts';

const FILE = { schema: 2, rows: 3, groups: 4 };
const GROUP = { chunks: 1, rows: 3 };
const CHUNK = { path: 1, meta: 3, encryption: 8 };
const META = { codec: 4, values: 5, size: 7, dataPage: 9, dictionaryPage: 11 };

/** The pages of one column in one row group. */
export interface ChunkPlace {
  readonly start: number;
  readonly end: number;
  /** Parquet's number of the codec. */
  readonly codec: number;
  readonly values: number;
}

export interface InputFooter {
  readonly rows: number;
  readonly schema: InputSchema;
  /** Rows of each row group. */
  readonly groups: readonly { readonly rows: number; readonly struct: Uint8Array }[];
}

/** The metadata of a file, without its tail. */
export function readInputFooter(metadata: Uint8Array): InputFooter {
  const file = readThrift(metadata, FILE.groups);
  const schema = readSchema(listOf(file, FILE.schema).map(structOf));
  const groups = structsOf(file, FILE.groups).map((struct) => {
    return { rows: needLong(readThrift(struct, GROUP.chunks), GROUP.rows), struct };
  });
  const rows = needLong(file, FILE.rows);
  const inGroups = groups.reduce((sum, group) => sum + group.rows, 0);
  if (inGroups !== rows) throw corrupt(`${rows} rows are said to be there, and ${inGroups} are`);
  return { rows, schema, groups };
}

function chunkPlace(chunk: Uint8Array, fileBytes: number): ChunkPlace {
  const fields = readThrift(chunk);
  if (fields.has(CHUNK.encryption)) throw corrupt('a column is encrypted');
  if (textOf(fields, CHUNK.path) !== undefined) throw corrupt('a column lies in another file');
  const meta = structOf(fields.get(CHUNK.meta));
  const data = needLong(meta, META.dataPage);
  const dictionary = longOf(meta, META.dictionaryPage) ?? 0;
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  const end = start + needLong(meta, META.size);
  if (start < 4 || end > fileBytes) throw corrupt('a column lies outside of the file');
  return { start, end, codec: intOf(meta, META.codec) ?? -1, values: needLong(meta, META.values) };
}

/** Where the leaves of a row group lie, in the order of the schema. */
export function chunkPlaces(
  group: { readonly struct: Uint8Array },
  leaves: number,
  fileBytes: number,
): readonly ChunkPlace[] {
  const chunks = structsOf(readThrift(group.struct, GROUP.chunks), GROUP.chunks);
  if (chunks.length !== leaves) throw corrupt('a row group with other columns than the schema');
  return chunks.map((chunk) => chunkPlace(chunk, fileBytes));
}
