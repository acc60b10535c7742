/**
 * Owns: smallest and largest values of columns of declared types, from the rows themselves: the
 * footer's reader rounds decimals and cuts binary values.
 * Not its job: lists and structs, for which Iceberg has no bounds; Iceberg's bytes (iceberg/bounds).
 * llp/0021
 */
import { isValid } from '../../src/codec/columns.ts';
import type { Column } from '../../src/codec/columns.ts';
import { unscaledOf } from '../../src/codec/decimals.ts';
import { isDecimalType } from '../../src/codec/types.ts';
import type { StatValue } from './stats.ts';

export interface ValueRange {
  min: StatValue | undefined;
  max: StatValue | undefined;
}

/** Widens `range` by the values of the column's first `rows` rows. */
export function addToRange(range: ValueRange, column: Column, rows: number): void {
  const valueAt = reader(column);
  if (valueAt === undefined) return;
  for (let row = 0; row < rows; row++) {
    if (!isValid(column, row)) continue;
    const value = valueAt(row);
    if (range.min === undefined || below(value, range.min)) range.min = owned(value);
    if (range.max === undefined || below(range.max, value)) range.max = owned(value);
  }
}

/** A decimal in units of its last place. */
function reader(column: Column): ((row: number) => StatValue) | undefined {
  if (column.type === 'date') return (row) => column.values[row] ?? 0n;
  if (!('offsets' in column)) return undefined;
  const { offsets } = column;
  const { buffer, byteOffset, length } = column.values;
  const bytes = Buffer.from(buffer, byteOffset, length);
  if (column.type === 'binary') return (row) => bytes.subarray(offsets[row], offsets[row + 1]);
  if (!isDecimalType(column.type)) return undefined;
  return (row) => unscaledOf(bytes.toString('latin1', offsets[row], offsets[row + 1]));
}

function below(a: StatValue, b: StatValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) < 0;
  return a < b;
}

/** A view would keep its whole batch alive. */
function owned(value: StatValue): StatValue {
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}
