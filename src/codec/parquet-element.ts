/**
 * Owns: which of our types a column of a Parquet schema has.
 * llp/0005
 */
import { CONVERTED, ELEMENT, LOGICAL, REPETITION, logicalOf } from './parquet-annotations.ts';
import { intOf } from './thrift-fields.ts';
import type { ThriftStruct } from './thrift.ts';
import { leafNamed } from './types.ts';
import type { LeafType } from './types.ts';

const BOOLEAN = 0;
const INT32 = 1;
const INT64 = 2;
const DOUBLE = 5;
const BYTE_ARRAY = 6;
const FIXED_BYTES = 7;
const UNIT_MICROS = 2;

/** True when a value may be null: then its pages have levels. */
export function isOptional({ element }: { readonly element: ThriftStruct }): boolean {
  return intOf(element, ELEMENT.repetition) !== REPETITION.required;
}

function int64Type(element: ThriftStruct): LeafType | undefined {
  const logical = logicalOf(element);
  const converted = intOf(element, ELEMENT.converted);
  if (logical?.[0] === LOGICAL.instant) {
    const utc = logical[1].get(1);
    const unit = logical[1].get(2);
    const micros = unit?.is === 'struct' && unit.fields.has(UNIT_MICROS);
    return micros && utc?.is === 'bool' && utc.value ? 'timestamptz' : undefined;
  }
  if (logical === undefined && converted === CONVERTED.instantMicros) return 'timestamptz';
  if (logical === undefined) {
    return converted === undefined || converted === CONVERTED.int64 ? 'long' : undefined;
  }
  const signed = logical[1].get(2);
  return logical[0] === LOGICAL.integer && signed?.is === 'bool' && signed.value
    ? 'long'
    : undefined;
}

/** The decimal type of an element that is a decimal and can be one of ours. */
function decimalType(element: ThriftStruct): LeafType | undefined {
  const converted = intOf(element, ELEMENT.converted) === CONVERTED.decimal;
  if (!converted && logicalOf(element)?.[0] !== LOGICAL.decimal) return undefined;
  const precision = intOf(element, ELEMENT.precision) ?? 0;
  return leafNamed(`decimal(${precision},${intOf(element, ELEMENT.scale) ?? 0})`);
}

function bytesType(element: ThriftStruct): LeafType | undefined {
  const logical = logicalOf(element)?.[0];
  const converted = intOf(element, ELEMENT.converted);
  if (logical === undefined && converted === undefined) return 'binary';
  return logical === LOGICAL.string || converted === CONVERTED.text ? 'string' : undefined;
}

/** Our type of a schema element; undefined for nested, repeated and other columns. */
export function elementType(element: ThriftStruct): LeafType | undefined {
  if (intOf(element, ELEMENT.repetition) === REPETITION.repeated || element.has(ELEMENT.children))
    return undefined;
  switch (intOf(element, ELEMENT.type)) {
    case BOOLEAN:
      return 'boolean';
    case INT32: {
      const isDate =
        logicalOf(element)?.[0] === LOGICAL.date ||
        intOf(element, ELEMENT.converted) === CONVERTED.date;
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
