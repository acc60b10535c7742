/**
 * Owns: one column to another type, exactly or not at all: which values stay is a bitmap away.
 *
 * | from \ to   | boolean | long               | double       | string | json | timestamptz   |
 * | boolean     | same    | -                  | -            | -      | text | -             |
 * | long        | -       | same               | within ±2^53 | -      | text | -             |
 * | double      | -       | integer in ±2^53   | same         | -      | text | -             |
 * | string      | -       | -                  | -            | same   | text | if RFC 3339   |
 * | json        | -       | -                  | -            | -      | same | -             |
 * | timestamptz | -       | -                  | -            | -      | text | same          |
 *
 * "-": no value stays. "text": the value as JSON text, so a string is quoted. To date, binary,
 * decimal: convert-declared.
 * llp/0004
 */
import { RESCUED_COLUMN } from './columns.ts';
import type { Column, ColumnType } from './columns.ts';
import { convertDeclared } from './convert-declared.ts';
import { parseInstant } from './instants.ts';
import { fieldOf, isSet, putValue } from './ndjson/field.ts';
import { MAX_EXACT } from './ndjson/numbers.ts';
import { NUMBER_BYTES, newTextOut, reserve } from './ndjson/text-out.ts';

interface Target {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

export interface Converted {
  readonly column: Column;
  /** The rows whose value has to go elsewhere, as a bitmap; undefined for none. */
  readonly misfits: Uint8Array | undefined;
}

/** `source` as a column of the target's type; shares its buffers when that is its type already. */
export function convertColumn(source: Column, target: Target, nulls: NullColumns): Converted {
  const { rows } = nulls;
  if (source.type === target.type || isRescued(source, target)) {
    return { column: retyped(source, target), misfits: undefined };
  }
  if (source.nullCount === rows) return { column: nulls.like(target), misfits: undefined };
  if (target.type === 'json') return { column: toJson(source, target, rows), misfits: undefined };
  if (source.type === 'long' && target.type === 'double') {
    const values = new Float64Array(rows);
    return pick(source, target, values, (row) => {
      const value = source.values[row] ?? 0n;
      if (value > MAX_EXACT || value < -MAX_EXACT) return false;
      values[row] = Number(value);
      return true;
    });
  }
  if (source.type === 'double' && target.type === 'long') {
    const values = new BigInt64Array(rows);
    return pick(source, target, values, (row) => {
      const value = source.values[row] ?? 0;
      if (!Number.isInteger(value) || Math.abs(value) > MAX_EXACT) return false;
      values[row] = BigInt(value);
      return true;
    });
  }
  if (source.type === 'string' && target.type === 'timestamptz') {
    const values = new BigInt64Array(rows);
    const { buffer, byteOffset, length } = source.values;
    const text = Buffer.from(buffer, byteOffset, length);
    return pick(source, target, values, (row) => {
      const at = source.offsets[row] ?? 0;
      const instant = parseInstant(text.toString('latin1', at, source.offsets[row + 1]));
      if (instant === undefined) return false;
      values[row] = instant;
      return true;
    });
  }
  const declared = convertDeclared(source, target, rows);
  return declared ?? { column: nulls.like(target), misfits: source.validity ?? allRows(rows) };
}

function retyped(source: Column, target: Target): Column {
  if (source.type === target.type && source.fieldId === target.fieldId) return source;
  return { ...source, type: target.type, fieldId: target.fieldId } as Column;
}

/** A table's `_hyp_rescued` may be declared as plain text; it holds the same. */
function isRescued(source: Column, target: Target): boolean {
  return target.name === RESCUED_COLUMN && (source.type === 'json' || source.type === 'string');
}

function allRows(rows: number): Uint8Array {
  return new Uint8Array((rows + 7) >> 3).fill(0xff);
}

/** The values that `store` took (it writes them to `values`); the others are misfits. */
function pick(
  source: Column,
  target: Target,
  values: Float64Array | BigInt64Array,
  store: (row: number) => boolean,
): Converted {
  const rows = values.length;
  const stays = new Uint8Array((rows + 7) >> 3);
  const misfits = new Uint8Array(stays.length);
  let count = 0;
  let leaving = 0;
  for (let row = 0; row < rows; row++) {
    const bit = 1 << (row & 7);
    if (source.validity !== undefined && ((source.validity[row >> 3] ?? 0) & bit) === 0) continue;
    const stored = store(row);
    const into = stored ? stays : misfits;
    into[row >> 3] = (into[row >> 3] ?? 0) | bit;
    if (stored) count++;
    else leaving++;
  }
  const column = {
    ...target,
    validity: count === rows ? undefined : stays,
    nullCount: rows - count,
    values,
  } as Column;
  return { column, misfits: leaving === 0 ? undefined : misfits };
}

function toJson(source: Column, target: Target, rows: number): Column {
  const field = fieldOf(source);
  const out = newTextOut(1024);
  const offsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    if (isSet(field, row)) {
      reserve(out, NUMBER_BYTES);
      putValue(out, field, row);
    }
    offsets[row + 1] = out.length;
  }
  return {
    name: target.name,
    fieldId: target.fieldId,
    type: 'json',
    validity: source.validity,
    nullCount: source.nullCount,
    offsets,
    values: out.bytes.slice(0, out.length),
  };
}

/** Makes columns without a value, which share one buffer of zeros. */
export interface NullColumns {
  readonly rows: number;
  like(target: Target): Column;
}

export function nullColumns(rows: number): NullColumns {
  let zeros: ArrayBuffer | undefined;
  return {
    rows,
    like: (target) => nullColumn(target, rows, (zeros ??= new ArrayBuffer(8 * (rows + 1)))),
  };
}

function nullColumn(target: Target, rows: number, zeros: ArrayBuffer): Column {
  const bitmap = new Uint8Array(zeros, 0, (rows + 7) >> 3);
  const base = { ...target, validity: rows === 0 ? undefined : bitmap, nullCount: rows };
  switch (target.type) {
    case 'boolean':
      return { ...base, type: target.type, values: bitmap };
    case 'long':
    case 'timestamptz':
    case 'date':
      return { ...base, type: target.type, values: new BigInt64Array(zeros, 0, rows) };
    case 'double':
      return { ...base, type: target.type, values: new Float64Array(zeros, 0, rows) };
    default:
      return {
        ...base,
        type: target.type,
        offsets: new Int32Array(zeros, 0, rows + 1),
        values: new Uint8Array(0),
      };
  }
}
