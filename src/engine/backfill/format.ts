/**
 * Owns: which format a file has, and its reader. What is named wins, then the path's extension,
 * then its first bytes.
 * llp/0019
 */
import { HypError } from '../../core/errors.ts';
import { readCsv } from '../../codec/csv.ts';
import { readJsonArray } from '../../codec/json-array.ts';
import type { ColumnType } from '../../codec/columns.ts';
import type { ReadFrom, RowBatches } from '../../codec/row-texts.ts';
import type { InputFormat } from './report.ts';
import { readNdjson } from './read-rows.ts';
import type { ReadApart } from './read-rows.ts';

const PACKED = /\.(?:gz|zst)$/i;
const EXTENSIONS: Readonly<Record<string, InputFormat>> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};
const PARQUET = /\.(?:parquet|pq)$/i;

/** Parquet is never packed as a whole. */
export function isNamedParquet(path: string): boolean {
  return PARQUET.test(path);
}

/** True when the extension says that it is text. */
export function isNamedText(path: string): boolean {
  const name = path.replace(PACKED, '').toLowerCase();
  return name !== path.toLowerCase() || EXTENSIONS[name.slice(name.lastIndexOf('.'))] !== undefined;
}

/** The format of a content that begins with `head`. Pure. */
export function formatOf(path: string, head: Uint8Array): InputFormat {
  const name = path.replace(PACKED, '').toLowerCase();
  const byName = EXTENSIONS[name.slice(name.lastIndexOf('.'))];
  if (byName !== undefined) return byName;
  const first = head.find((byte) => byte > 0x20 && ![0xef, 0xbb, 0xbf].includes(byte));
  return first === 0x5b ? 'json' : 'ndjson';
}

export interface ReadOptions extends ReadFrom, ReadApart {
  readonly format: InputFormat;
  readonly typeOf: (name: string) => ColumnType | undefined;
}

export function readRows(content: AsyncIterable<Uint8Array>, options: ReadOptions): RowBatches {
  switch (options.format) {
    case 'ndjson':
      return readNdjson(content, options, options);
    case 'json':
      return readJsonArray(content, options);
    case 'csv':
      return readCsv(content, { ...options, delimiter: ',' });
    case 'tsv':
      return readCsv(content, { ...options, delimiter: '\t' });
    case 'parquet':
      throw new HypError('E_INTERNAL', 'Parquet has no content to be read in order');
  }
}
