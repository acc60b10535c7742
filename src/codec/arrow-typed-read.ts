/**
 * Owns: columns of declared types out of the arrays the Parquet decoder gives for them, as they are
 * in memory: dates as days, decimals as text.
 * Invariant (I12): whatever the bytes are, reading gives whole columns or an error.
 * llp/0021
 */
import { HypError, isHypError } from '../core/errors.ts';
import { BATCH_MESSAGE, SCHEMA_MESSAGE } from './arrow-ipc.ts';
import { bufferTaker, readText, streamMessages } from './arrow-read.ts';
import { readNestedColumn } from './arrow-nested-read.ts';
import type { ArrayPlace } from './arrow-nested-read.ts';
import { DECIMAL_BYTES, arrowType } from './arrow-node.ts';
import { isValid } from './columns.ts';
import type { Column, ColumnType, LongColumn, TextColumn } from './columns.ts';
import { unscaledText } from './decimals.ts';
import {
  byteField,
  intField,
  longField,
  shortField,
  structsField,
  tableField,
  tablesField,
} from './flatbuffer.ts';
import type { FlatView } from './flatbuffer.ts';
import { decimalOf, isDecimalType, isNestedType } from './types.ts';
import type { DecimalType } from './types.ts';

interface Stated {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number | undefined;
}

function other(what: string): HypError {
  return new HypError('E_CORRUPT', `a row group does not decode as its footer says: ${what}`, {
    hint: 'Run `hyp check`.',
  });
}

/** Reads the next array, of a type without parts, as a column of that type. */
function readLeaf(field: FlatView, array: ArrayPlace, stated: Stated): Column {
  const { rows, nullCount, take } = array;
  const { name, fieldId, type } = stated;
  const bits = take(nullCount === 0 ? 0 : (rows + 7) >> 3);
  const base = { name, fieldId, nullCount, validity: nullCount === 0 ? undefined : bits };
  assertArrowType(field, stated);
  switch (type) {
    case 'boolean':
      return { ...base, type, values: take((rows + 7) >> 3) };
    case 'long':
    case 'timestamptz': {
      const { buffer, byteOffset } = take(8 * rows);
      return { ...base, type, values: new BigInt64Array(buffer, byteOffset, rows) };
    }
    case 'double': {
      const { buffer, byteOffset } = take(8 * rows);
      return { ...base, type, values: new Float64Array(buffer, byteOffset, rows) };
    }
    case 'date': {
      const { buffer, byteOffset } = take(4 * rows);
      return days({ ...base, type }, new Int32Array(buffer, byteOffset, rows));
    }
    case 'string':
    case 'binary':
      return { ...base, type, ...readText(take, rows, type === 'string') };
    default: {
      if (!isDecimalType(type)) throw other(`the type of ${name}`);
      const bytes = take(DECIMAL_BYTES * rows).subarray(0, DECIMAL_BYTES * rows);
      return decimals({ ...base, type }, bytes);
    }
  }
}

/** E_CORRUPT unless the array has the type that `readLeaf` reads it as. */
function assertArrowType(field: FlatView, { name, type }: Stated): void {
  const wanted = arrowType(type);
  const found = tableField(field, 3);
  const same =
    byteField(field, 2, 0) === wanted.tag &&
    found !== undefined &&
    wanted.typeFields.every((part, at) => {
      // What stands for a field that is left out: dates count milliseconds, decimals are wide.
      if (part?.is === 'short')
        return shortField(found, at, type === 'date' ? 1 : 0) === part.value;
      const absent = isDecimalType(type) && at === 2 ? 8 * DECIMAL_BYTES : 0;
      return part?.is !== 'int' || intField(found, at, absent) === part.value;
    });
  if (!same) throw other(`the type of ${name}`);
}

/** The decoder leaves what it finds in the place of a null; a batch has zeros there. */
function days(base: Omit<LongColumn, 'values'>, from: Int32Array): LongColumn {
  const values = new BigInt64Array(from.length);
  for (let row = 0; row < from.length; row++) {
    if (isValid(base, row)) values[row] = BigInt(from[row] ?? 0);
  }
  return { ...base, values };
}

type DecimalBase = Omit<TextColumn, 'values' | 'offsets'> & { readonly type: DecimalType };

function decimals(base: DecimalBase, bytes: Uint8Array): TextColumn {
  const { scale } = decimalOf(base.type) ?? { scale: 0 };
  const words = new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3);
  const rows = words.length / 2;
  const offsets = new Int32Array(rows + 1);
  const pieces: string[] = [];
  for (let row = 0; row < rows; row++) {
    if (isValid(base, row)) {
      const low = BigInt.asUintN(64, words[2 * row] ?? 0n);
      pieces.push(unscaledText(((words[2 * row + 1] ?? 0n) << 64n) | low, scale));
    } else pieces.push('');
    offsets[row + 1] = (offsets[row] ?? 0) + (pieces[row]?.length ?? 0);
  }
  return { ...base, offsets, values: Buffer.from(pieces.join(''), 'latin1') };
}

/** The columns of the one record batch of a stream, as `stated`. E_CORRUPT when they are others. */
export function decodeTypedIpc(
  bytes: Uint8Array,
  stated: readonly Stated[],
  rows: number,
): readonly Column[] {
  try {
    return readColumns((bytes.byteOffset & 7) === 0 ? bytes : new Uint8Array(bytes), stated, rows);
  } catch (error) {
    if (isHypError(error)) throw error;
    throw new HypError('E_CORRUPT', 'not a whole Arrow stream: a position outside of it', {
      cause: error,
      hint: 'Run `hyp check`.',
    });
  }
}

function readColumns(
  bytes: Uint8Array,
  stated: readonly Stated[],
  rows: number,
): readonly Column[] {
  let fields: readonly FlatView[] = [];
  let columns: readonly Column[] | undefined;
  for (const { tag, header, body } of streamMessages(bytes)) {
    if (tag === SCHEMA_MESSAGE) fields = tablesField(header, 1);
    else if (tag !== BATCH_MESSAGE || columns !== undefined) throw other('its messages');
    else {
      if (longField(header, 0, 0) !== rows) throw other('its rows');
      columns = readBatch(header, body, fields, { stated, rows });
    }
  }
  if (columns === undefined) throw other('it is empty');
  return columns;
}

/** The arrays of a record batch, one column after the other. */
function readBatch(
  header: FlatView,
  body: Uint8Array,
  fields: readonly FlatView[],
  { stated, rows }: { readonly stated: readonly Stated[]; readonly rows: number },
): readonly Column[] {
  const nodes = structsField(header, 1, 2);
  const take = bufferTaker(body, structsField(header, 2, 2));
  let node = 0;
  const next = (wanted: number | undefined): ArrayPlace => {
    const count = nodes[2 * node];
    const nullCount = nodes[2 * node + 1] ?? 0;
    node++;
    const whole = count !== undefined && (wanted ?? count) === count && nullCount <= count;
    if (!whole) throw other('its columns');
    return { rows: count, nullCount, take };
  };
  return stated.map((column, index) => {
    const field = fields[index];
    if (field === undefined) throw other('its columns');
    const { name, fieldId, type } = column;
    if (!isNestedType(type)) return readLeaf(field, next(rows), column);
    return readNestedColumn(
      field,
      next(rows),
      { name, fieldId, type },
      {
        next,
        readLeaf: (leaf, array, leafType) =>
          readLeaf(leaf, array, { name, fieldId: undefined, type: leafType }),
      },
    );
  });
}
