/**
 * Owns: taking decoded Avro values apart with their types proven, and the Avro shapes Iceberg uses
 * (optional fields, maps with int keys). A surprise throws RangeError; callers say which file.
 * llp/0006
 */
import type { AvroJson } from './avro.ts';

export type AvroRecord = Readonly<Record<string, unknown>>;

export function field(id: number, name: string, type: AvroJson): AvroJson {
  return { name, type, 'field-id': id };
}

export function optional(id: number, name: string, type: AvroJson): AvroJson {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

/** Avro maps have text keys only, so Iceberg writes an array of records and says 'map'. */
export function intMap(keyId: number, valueId: number, valueType: AvroJson): AvroJson {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [field(keyId, 'key', 'int'), field(valueId, 'value', valueType)],
    },
  };
}

export function intMapEntries<V, W>(
  map: ReadonlyMap<number, V>,
  toAvro: (value: V) => W,
): { readonly key: number; readonly value: W }[] {
  return [...map].map(([key, value]) => ({ key, value: toAvro(value) }));
}

export function asRecord(value: unknown, name: string): AvroRecord {
  if (typeof value !== 'object' || value === null) throw new RangeError(`${name} is not a record`);
  return value as AvroRecord;
}

export function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new RangeError(`${name} is not text`);
  return value;
}

export function asBytes(value: unknown, name: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new RangeError(`${name} is not bytes`);
  return value;
}

/** An Avro long. */
export function asLong(value: unknown, name: string): bigint {
  if (typeof value !== 'bigint') throw new RangeError(`${name} is not a long`);
  return value;
}

/** An Avro int, or a long that a number holds exactly. */
export function asNumber(value: unknown, name: string): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    throw new RangeError(`${name} is not a whole number within 2^53`);
  }
  return number;
}

/** undefined for null and for a field the file does not have. */
export function orUndefined<T>(
  read: (value: unknown, name: string) => T,
  value: unknown,
  name: string,
): T | undefined {
  return value === null || value === undefined ? undefined : read(value, name);
}

export function asArray(value: unknown, name: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new RangeError(`${name} is not a list`);
  return value as readonly unknown[];
}

export function asIntMap<V>(
  value: unknown,
  name: string,
  read: (value: unknown, name: string) => V,
): ReadonlyMap<number, V> {
  const entries = asArray(value, name).map((item): [number, V] => {
    const entry = asRecord(item, name);
    return [asNumber(entry['key'], name), read(entry['value'], name)];
  });
  return new Map(entries);
}
