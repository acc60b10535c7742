/**
 * Owns: one array of an Arrow record batch as it is described, and the Arrow types of leaves as other
 * programs know them.
 * llp/0021
 */
import type { FlatField, FlatTable } from './flatbuffer.ts';
import { decimalOf } from './types.ts';

/** Numbers of Arrow's types. */
export const ARROW = {
  int: 2,
  float: 3,
  binary: 4,
  text: 5,
  boolean: 6,
  decimal: 7,
  date: 8,
  instant: 10,
  list: 12,
  struct: 13,
} as const;

export const DECIMAL_BYTES = 16;
const LONG_BITS = 64;
const DAY = 0;
const DOUBLE_PRECISION = 2;
const MICROSECOND = 2;

/** An array of a record batch: its field, its buffers and the arrays in it. */
export interface ArrowNode {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly tag: number;
  readonly typeFields: FlatTable;
  readonly rows: number;
  readonly nullCount: number;
  readonly buffers: readonly Uint8Array[];
  readonly children: readonly ArrowNode[];
}

type ArrowType = Pick<ArrowNode, 'tag' | 'typeFields'>;

function ints(...values: readonly number[]): FlatTable {
  return values.map((value): FlatField => ({ is: 'int', value }));
}

/** The Arrow type of a leaf; JSON text is text. */
export function arrowType(type: string): ArrowType {
  switch (type) {
    case 'boolean':
      return { tag: ARROW.boolean, typeFields: [] };
    case 'long':
      return { tag: ARROW.int, typeFields: [...ints(LONG_BITS), { is: 'byte', value: 1 }] };
    case 'double':
      return { tag: ARROW.float, typeFields: [{ is: 'short', value: DOUBLE_PRECISION }] };
    case 'timestamptz': {
      const unit: FlatField = { is: 'short', value: MICROSECOND };
      return { tag: ARROW.instant, typeFields: [unit, { is: 'text', value: 'UTC' }] };
    }
    case 'date':
      return { tag: ARROW.date, typeFields: [{ is: 'short', value: DAY }] };
    case 'binary':
      return { tag: ARROW.binary, typeFields: [] };
    default: {
      const decimal = decimalOf(type);
      if (decimal === undefined) return { tag: ARROW.text, typeFields: [] };
      const { precision, scale } = decimal;
      return { tag: ARROW.decimal, typeFields: ints(precision, scale, 8 * DECIMAL_BYTES) };
    }
  }
}
