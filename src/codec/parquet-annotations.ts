/**
 * Owns: the numbers by which a Parquet schema says what a column is, and the annotation of an element.
 * Format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 * Not its job: which of our types that is (parquet-element), what a value of any file means
 * (parquet-input/meaning).
 * llp/0005
 */
import { structOf } from './thrift-fields.ts';
import type { ThriftStruct } from './thrift.ts';

/** Fields of a SchemaElement. */
export const ELEMENT = {
  type: 1,
  length: 2,
  repetition: 3,
  name: 4,
  children: 5,
  converted: 6,
  scale: 7,
  precision: 8,
  id: 9,
  logical: 10,
};

export const REPETITION = { required: 0, optional: 1, repeated: 2 };

/** LogicalType. */
export const LOGICAL = {
  string: 1,
  map: 2,
  list: 3,
  enum: 4,
  decimal: 5,
  date: 6,
  time: 7,
  instant: 8,
  integer: 10,
  null: 11,
  json: 12,
  uuid: 14,
  half: 15,
};

/** ConvertedType, which is older. */
export const CONVERTED = {
  text: 0,
  map: [1, 2],
  list: 3,
  enum: 4,
  decimal: 5,
  date: 6,
  timeMillis: 7,
  timeMicros: 8,
  instantMillis: 9,
  instantMicros: 10,
  unsigned: [11, 12, 13, 14],
  int64: 18,
  json: 19,
  interval: 21,
};

/** The logical type's number and its struct; undefined without one. */
export function logicalOf(element: ThriftStruct): readonly [number, ThriftStruct] | undefined {
  const logical = element.get(ELEMENT.logical);
  if (logical?.is !== 'struct') return undefined;
  for (const [id, value] of logical.fields) return [id, structOf(value)];
  return undefined;
}
