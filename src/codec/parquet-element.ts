/**
 * Owns: which of our types a column of a Parquet schema has.
 * llp/0005
 */
import { intOf, structOf } from './thrift-fields.ts';
import type { ThriftStruct } from './thrift.ts';
import { typeNamed } from './types.ts';
import type { DeclaredType } from './types.ts';

/** Fields of a SchemaElement. */
export const ELEMENT = {
  type: 1,
  repetition: 3,
  name: 4,
  children: 5,
  converted: 6,
  scale: 7,
  precision: 8,
  id: 9,
  logical: 10,
};

const REQUIRED = 0;

const BOOLEAN = 0;
const INT32 = 1;
const INT64 = 2;
const DOUBLE = 5;
const BYTE_ARRAY = 6;
const FIXED_BYTES = 7;
const CONVERTED_UTF8 = 0;
const CONVERTED_DECIMAL = 5;
const CONVERTED_DATE = 6;
const CONVERTED_TIMESTAMP_MICROS = 10;
const CONVERTED_INT_64 = 18;
const LOGICAL_STRING = 1;
const LOGICAL_DECIMAL = 5;
const LOGICAL_DATE = 6;
const LOGICAL_TIMESTAMP = 8;
const LOGICAL_INTEGER = 10;
const UNIT_MICROS = 2;

/** True when a value may be null: then its pages have levels. */
export function isOptional({ element }: { readonly element: ThriftStruct }): boolean {
  return intOf(element, ELEMENT.repetition) !== REQUIRED;
}

/** The logical type's number and its struct, or undefined. */
function logicalOf(element: ThriftStruct): readonly [number, ThriftStruct] | undefined {
  const logical = element.get(ELEMENT.logical);
  if (logical?.is !== 'struct') return undefined;
  for (const [id, value] of logical.fields) return [id, structOf(value)];
  return undefined;
}

function int64Type(element: ThriftStruct): DeclaredType | undefined {
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

/** The decimal type of an element that is a decimal and can be one of ours. */
function decimalType(element: ThriftStruct): DeclaredType | undefined {
  const converted = intOf(element, ELEMENT.converted) === CONVERTED_DECIMAL;
  if (!converted && logicalOf(element)?.[0] !== LOGICAL_DECIMAL) return undefined;
  const precision = intOf(element, ELEMENT.precision) ?? 0;
  return typeNamed(`decimal(${precision},${intOf(element, ELEMENT.scale) ?? 0})`);
}

function bytesType(element: ThriftStruct): DeclaredType | undefined {
  const logical = logicalOf(element)?.[0];
  const converted = intOf(element, ELEMENT.converted);
  if (logical === undefined && converted === undefined) return 'binary';
  return logical === LOGICAL_STRING || converted === CONVERTED_UTF8 ? 'string' : undefined;
}

/** Our type of a schema element; undefined for nested, repeated and other columns. */
export function elementType(element: ThriftStruct): DeclaredType | undefined {
  if (intOf(element, ELEMENT.repetition) === 2 || element.has(ELEMENT.children)) return undefined;
  switch (intOf(element, ELEMENT.type)) {
    case BOOLEAN:
      return 'boolean';
    case INT32: {
      const isDate =
        logicalOf(element)?.[0] === LOGICAL_DATE ||
        intOf(element, ELEMENT.converted) === CONVERTED_DATE;
      return isDate ? 'date' : decimalType(element);
    }
    case INT64:
      return decimalType(element) ?? int64Type(element);
    case DOUBLE:
      return 'double';
    case BYTE_ARRAY:
      return bytesType(element);
    case FIXED_BYTES:
      return decimalType(element);
    default:
      return undefined;
  }
}
