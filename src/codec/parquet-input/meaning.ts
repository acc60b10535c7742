/**
 * Owns: what the values of a Parquet leaf mean: its annotation, the newer kind before the older.
 * An annotation nobody knows leaves the bare physical type, which is exact as well.
 * llp/0019
 */
import { HypError } from '../../core/errors.ts';
import { CONVERTED, ELEMENT, LOGICAL, logicalOf } from '../parquet-annotations.ts';
import { intOf, structOf } from '../thrift-fields.ts';
import type { ThriftStruct } from '../thrift.ts';

export type Physical =
  'boolean' | 'int32' | 'int64' | 'int96' | 'float' | 'double' | 'bytes' | 'fixed';

const PHYSICAL: readonly Physical[] = [
  'boolean',
  'int32',
  'int64',
  'int96',
  'float',
  'double',
  'bytes',
  'fixed',
];

/** Digits of a second. */
export type TimeDigits = 3 | 6 | 9;

export type Meaning =
  | { readonly is: 'boolean' | 'number' | 'half' | 'date' | 'text' | 'json' | 'uuid' }
  | { readonly is: 'interval' | 'binary' | 'null' | 'int96' }
  | { readonly is: 'integer'; readonly unsigned: boolean }
  | { readonly is: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly is: 'time' | 'instant'; readonly digits: TimeDigits; readonly utc: boolean };

export interface LeafType {
  readonly physical: Physical;
  /** Bytes of a fixed value. */
  readonly length: number;
  readonly meaning: Meaning;
}

const INTERVAL_BYTES = 12;
const UUID_BYTES = 16;
const HALF_BYTES = 2;
/** More digits than any column of a table, fewer than would take long to print. */
const DECIMAL_DIGITS = 1000;

function bare(physical: Physical): Meaning {
  switch (physical) {
    case 'boolean':
      return { is: 'boolean' };
    case 'int32':
    case 'int64':
      return { is: 'integer', unsigned: false };
    case 'int96':
      return { is: 'int96' };
    case 'float':
    case 'double':
      return { is: 'number' };
    case 'bytes':
    case 'fixed':
      return { is: 'binary' };
  }
}

function isTrue(fields: ThriftStruct, id: number): boolean {
  const value = fields.get(id);
  return value?.is === 'bool' && value.value;
}

function digitsOf(fields: ThriftStruct): TimeDigits {
  const [unit] = structOf(fields.get(2)).keys();
  if (unit === 1) return 3;
  if (unit === 2) return 6;
  if (unit === 3) return 9;
  throw unsupported('a unit of time');
}

function unsupported(what: string): HypError {
  return new HypError('E_BAD_INPUT', `not a Parquet file hyp can read: ${what}`, {
    hint: 'Nothing of it was stored. Write the file again with a common type, or as NDJSON.',
  });
}

function decimal(element: ThriftStruct): Meaning {
  const [scale = 0, precision = 0] = [
    intOf(element, ELEMENT.scale),
    intOf(element, ELEMENT.precision),
  ];
  if (scale < 0 || precision < 1 || scale > precision || precision > DECIMAL_DIGITS) {
    throw unsupported(`a decimal of ${precision} digits, ${scale} of them behind the point`);
  }
  return { is: 'decimal', precision, scale };
}

function byLogical(element: ThriftStruct, type: Omit<LeafType, 'meaning'>): Meaning | undefined {
  const logical = logicalOf(element);
  if (logical === undefined) return undefined;
  const { physical, length } = type;
  const [id, fields] = logical;
  if (id === LOGICAL.null) return { is: 'null' };
  if (id === LOGICAL.decimal && physical !== 'boolean') return decimal(element);
  if (physical === 'int32' || physical === 'int64') return ofInteger(id, fields, physical);
  if (physical === 'bytes') {
    if (id === LOGICAL.string || id === LOGICAL.enum) return { is: 'text' };
    if (id === LOGICAL.json) return { is: 'json' };
  }
  if (id === LOGICAL.uuid && length === UUID_BYTES) return { is: 'uuid' };
  if (id === LOGICAL.half && length === HALF_BYTES) return { is: 'half' };
  return undefined;
}

function ofInteger(id: number, fields: ThriftStruct, physical: Physical): Meaning | undefined {
  if (id === LOGICAL.date && physical === 'int32') return { is: 'date' };
  if (id === LOGICAL.integer) return { is: 'integer', unsigned: !isTrue(fields, 2) };
  if (id !== LOGICAL.time && id !== LOGICAL.instant) return undefined;
  const is = id === LOGICAL.time ? 'time' : 'instant';
  return { is, digits: digitsOf(fields), utc: isTrue(fields, 1) };
}

/** Without a word on it, older times are UTC (the format's rule). */
function byConverted(element: ThriftStruct, type: Omit<LeafType, 'meaning'>): Meaning | undefined {
  const id = intOf(element, ELEMENT.converted);
  if (id === undefined) return undefined;
  const { physical, length } = type;
  if (id === CONVERTED.decimal && physical !== 'boolean') return decimal(element);
  if (physical === 'bytes') {
    if (id === CONVERTED.text || id === CONVERTED.enum) return { is: 'text' };
    return id === CONVERTED.json ? { is: 'json' } : undefined;
  }
  if (id === CONVERTED.interval && length === INTERVAL_BYTES) return { is: 'interval' };
  if (physical !== 'int32' && physical !== 'int64') return undefined;
  if (CONVERTED.unsigned.includes(id)) return { is: 'integer', unsigned: true };
  if (id === CONVERTED.date && physical === 'int32') return { is: 'date' };
  if (id === CONVERTED.timeMillis) return { is: 'time', digits: 3, utc: true };
  if (id === CONVERTED.timeMicros) return { is: 'time', digits: 6, utc: true };
  if (id === CONVERTED.instantMillis) return { is: 'instant', digits: 3, utc: true };
  if (id === CONVERTED.instantMicros) return { is: 'instant', digits: 6, utc: true };
  return undefined;
}

/** What a leaf's values are and mean. E_BAD_INPUT for what no Parquet type is. */
export function leafType(element: ThriftStruct): LeafType {
  const physical = PHYSICAL[intOf(element, ELEMENT.type) ?? -1];
  if (physical === undefined) throw unsupported('a column of an unknown type');
  const length = physical === 'fixed' ? (intOf(element, ELEMENT.length) ?? 0) : 0;
  if (physical === 'fixed' && length < 1) throw unsupported('values of no length');
  const type = { physical, length };
  const meaning = byLogical(element, type) ?? byConverted(element, type) ?? bare(physical);
  return { ...type, meaning };
}
