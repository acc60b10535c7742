/**
 * Owns: fields of a Parquet footer's structs as what they have to be; E_CORRUPT where they are not.
 * llp/0005
 */
import { HypError } from '../core/errors.ts';
import type { ThriftStruct, ThriftValue } from './thrift.ts';

export function corrupt(what: string): HypError {
  return new HypError('E_CORRUPT', `not a Parquet footer: ${what}`);
}

export function listOf(fields: ThriftStruct, id: number): readonly ThriftValue[] {
  const value = fields.get(id);
  return value?.is === 'list' ? value.items : [];
}

/** Structs that were left as bytes. */
export function structsOf(fields: ThriftStruct, id: number): readonly Uint8Array[] {
  const value = fields.get(id);
  return value?.is === 'structs' ? value.items : [];
}

export function structOf(value: ThriftValue | undefined): ThriftStruct {
  if (value?.is !== 'struct') throw corrupt('a struct is missing');
  return value.fields;
}

export function longOf(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  if (value?.is !== 'i64') return undefined;
  const number = Number(value.value);
  if (number < 0 || !Number.isSafeInteger(number)) throw corrupt('a number out of range');
  return number;
}

export function needLong(fields: ThriftStruct, id: number): number {
  const value = longOf(fields, id);
  if (value === undefined) throw corrupt('a number is missing');
  return value;
}

export function intOf(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  return value?.is === 'i32' ? value.value : undefined;
}

export function textOf(fields: ThriftStruct, id: number): string | undefined {
  const value = fields.get(id);
  return value?.is === 'binary' ? Buffer.from(value.value).toString('utf8') : undefined;
}
