/**
 * Owns: our column types in Arrow's Schema message and back, as they are in memory. `hyp.type` in a
 * field's metadata is the type itself (a json column is Utf8 to others); without it the Arrow type
 * decides.
 * Not its job: record batches (arrow-ipc), declared types as others know them (arrow-typed).
 * llp/0005
 */
import { HypError } from '../core/errors.ts';
import { SEQ_COLUMN } from './columns.ts';
import type { ColumnType } from './columns.ts';
import { typeNamed } from './nested-types.ts';
import { isDecimalType, isNestedType } from './types.ts';
import {
  byteField,
  intField,
  longField,
  shortField,
  tableField,
  tablesField,
  textField,
} from './flatbuffer.ts';
import type { FlatField, FlatTable, FlatView } from './flatbuffer.ts';

/** A column without its values. */
export interface ColumnShape {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number | undefined;
}

const TYPE_KEY = 'hyp.type';
const FIELD_ID_KEY = 'PARQUET:field_id';

const ARROW_INT = 2;
const ARROW_FLOAT = 3;
const ARROW_BINARY = 4;
const ARROW_UTF8 = 5;
const ARROW_BOOL = 6;
const ARROW_TIMESTAMP = 10;
const DOUBLE_PRECISION = 2;
const MICROSECOND = 2;

interface ArrowType {
  readonly tag: number;
  readonly fields: FlatTable;
}

const INT_BITS = 32;

const UTF8: ArrowType = { tag: ARROW_UTF8, fields: [] };
const LONG: ArrowType = {
  tag: ARROW_INT,
  fields: [
    { is: 'int', value: 64 },
    { is: 'byte', value: 1 },
  ],
};

const ARROW_TYPES: Readonly<Partial<Record<ColumnType, ArrowType>>> = {
  boolean: { tag: ARROW_BOOL, fields: [] },
  long: LONG,
  double: { tag: ARROW_FLOAT, fields: [{ is: 'short', value: DOUBLE_PRECISION }] },
  string: UTF8,
  json: UTF8,
  timestamptz: {
    tag: ARROW_TIMESTAMP,
    fields: [
      { is: 'short', value: MICROSECOND },
      { is: 'text', value: 'UTC' },
    ],
  },
  date: LONG,
  binary: { tag: ARROW_BINARY, fields: [] },
};

function keyValue(key: string, value: string): FlatTable {
  return [
    { is: 'text', value: key },
    { is: 'text', value },
  ];
}

/** DictionaryEncoding: ids are the columns' places, codes are int32. */
function dictionaryTable(id: number): FlatField {
  const index: FlatTable = [
    { is: 'int', value: INT_BITS },
    { is: 'byte', value: 1 },
  ];
  return {
    is: 'table',
    fields: [
      { is: 'long', value: id },
      { is: 'table', fields: index },
    ],
  };
}

function fieldTable(column: ColumnShape, dictionaryId: number | undefined): FlatTable {
  // Decimals, lists and structs are text in memory.
  const arrow = ARROW_TYPES[column.type] ?? UTF8;
  const metadata = [keyValue(TYPE_KEY, column.type)];
  if (column.fieldId !== undefined) {
    metadata.push(keyValue(FIELD_ID_KEY, column.fieldId.toString()));
  }
  return [
    { is: 'text', value: column.name },
    { is: 'byte', value: column.name === SEQ_COLUMN ? 0 : 1 },
    { is: 'byte', value: arrow.tag },
    { is: 'table', fields: arrow.fields },
    dictionaryId === undefined ? undefined : dictionaryTable(dictionaryId),
    // Some readers refuse a field whose list of children is absent rather than empty.
    { is: 'tables', items: [] },
    { is: 'tables', items: metadata },
  ];
}

/**
 * The Schema table for these columns; only `_hyp_seq` is required, all others may be null. Text
 * columns whose place is in `coded` are dictionary-encoded.
 */
export function schemaTable(
  columns: readonly ColumnShape[],
  coded: ReadonlySet<number> = new Set(),
): FlatField {
  return {
    is: 'table',
    fields: [
      { is: 'short', value: 0 },
      {
        is: 'tables',
        items: columns.map((column, index) =>
          fieldTable(column, coded.has(index) ? index : undefined),
        ),
      },
    ],
  };
}

/** The type Arrow itself states, or undefined when it is none of ours. */
function arrowType(field: FlatView): ColumnType | undefined {
  const type = tableField(field, 3);
  if (type === undefined) return undefined;
  switch (byteField(field, 2, 0)) {
    case ARROW_BOOL:
      return 'boolean';
    case ARROW_INT:
      return intField(type, 0, 0) === 64 && byteField(type, 1, 0) === 1 ? 'long' : undefined;
    case ARROW_FLOAT:
      return shortField(type, 0, 0) === DOUBLE_PRECISION ? 'double' : undefined;
    case ARROW_BINARY:
      return 'binary';
    case ARROW_UTF8:
      return 'string';
    case ARROW_TIMESTAMP:
      return shortField(type, 0, 0) === MICROSECOND && textField(type, 1) !== undefined
        ? 'timestamptz'
        : undefined;
    default:
      return undefined;
  }
}

/** The type a field states, where it is kept as what Arrow says. */
function statedType(kept: ColumnType, stated: string | undefined): ColumnType {
  if (kept === 'long' && stated === 'date') return stated;
  if (kept !== 'string' || stated === undefined) return kept;
  if (stated === 'json') return stated;
  return isDecimalType(stated) || isNestedType(stated) ? (typeNamed(stated) ?? kept) : kept;
}

/** A column of a stream, with the id of its dictionary where it has one. */
export interface StreamColumn extends ColumnShape {
  readonly dictionary: number | undefined;
}

/** The id of a field's dictionary of int32 codes. */
function dictionaryOf(field: FlatView, type: ColumnType): number | undefined {
  const encoding = tableField(field, 4);
  if (encoding === undefined) return undefined;
  const index = tableField(encoding, 1);
  // Codes are int32 where nothing is stated.
  const bits = index === undefined ? INT_BITS : intField(index, 0, 0);
  if (bits !== INT_BITS || type !== 'string') {
    throw new HypError('E_UNSUPPORTED_FORMAT', 'a dictionary of an unsupported kind');
  }
  return longField(encoding, 0, 0);
}

function streamColumn(field: FlatView): StreamColumn {
  const name = textField(field, 0) ?? '';
  const metadata = new Map(
    tablesField(field, 6).map((entry) => [textField(entry, 0), textField(entry, 1)]),
  );
  const type = arrowType(field);
  if (type === undefined) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `column of an unsupported Arrow type: ${name}`);
  }
  const id = metadata.get(FIELD_ID_KEY);
  return {
    name,
    type: statedType(type, metadata.get(TYPE_KEY)),
    fieldId: id !== undefined && /^\d{1,10}$/.test(id) ? Number(id) : undefined,
    dictionary: dictionaryOf(field, type),
  };
}

/** Throws E_UNSUPPORTED_FORMAT for types that are not ours. */
export function streamColumns(schema: FlatView): readonly StreamColumn[] {
  if (shortField(schema, 0, 0) !== 0) {
    throw new HypError('E_UNSUPPORTED_FORMAT', 'big-endian Arrow data');
  }
  return tablesField(schema, 1).map(streamColumn);
}
