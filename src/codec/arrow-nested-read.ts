/**
 * Owns: columns of lists and structs out of the arrays the Parquet decoder gives for them, as JSON
 * text in its one spelling.
 * Invariant (I12): whatever the bytes are, reading gives whole columns or an error.
 * Not its job: streams and leaves (arrow-typed-read).
 * llp/0021
 */
import { HypError } from '../core/errors.ts';
import { ARROW } from './arrow-node.ts';
import type { TakeBuffer } from './arrow-read.ts';
import { isNull, isValid } from './columns.ts';
import type { Column, TextColumn } from './columns.ts';
import { byteField, tablesField } from './flatbuffer.ts';
import type { FlatView } from './flatbuffer.ts';
import { newTextOut, putRaw } from './ndjson/text-out.ts';
import { shapeOf } from './nested-types.ts';
import type { LeafShape, ListShape, Shape, StructShape } from './nested-types.ts';
import { nestedText } from './nested-values.ts';
import type { NestedValue } from './nested-values.ts';
import type { NestedType } from './types.ts';

/** A field's next array, whose buffers are the next to take. */
export interface ArrayPlace {
  readonly rows: number;
  readonly nullCount: number;
  readonly take: TakeBuffer;
}

/** What is read besides the field: the arrays in order, and leaves. */
export interface NestedSource {
  /** The next array; E_CORRUPT unless it has so many rows, where that is known. */
  next(rows: number | undefined): ArrayPlace;
  readLeaf(field: FlatView, array: ArrayPlace, type: LeafShape['type']): Column;
}

type NestedBase = Pick<TextColumn, 'name' | 'fieldId'> & { readonly type: NestedType };

/** The value at a place of an array. */
type ValueAt = (at: number) => NestedValue;

function other(what: string): HypError {
  return new HypError('E_CORRUPT', `a row group does not decode as its footer says: ${what}`, {
    hint: 'Run `hyp check`.',
  });
}

/** The column whose own array is `array`. */
export function readNestedColumn(
  field: FlatView,
  array: ArrayPlace,
  stated: NestedBase,
  source: NestedSource,
): TextColumn {
  const { rows, nullCount } = array;
  const shape = shapeOf(stated.type);
  const valueAt = readArray(field, array, shape, source);
  const offsets = new Int32Array(rows + 1);
  const validity = nullCount === 0 ? undefined : new Uint8Array((rows + 7) >> 3);
  const out = newTextOut(1024);
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    const value = valueAt(row);
    if (value === null) nulls++;
    else {
      const text = nestedText(value, shape);
      if (text === undefined) throw other(`a value of ${stated.name}`);
      const bytes = Buffer.from(text);
      putRaw(out, bytes, 0, bytes.length);
      if (validity !== undefined) {
        validity[row >> 3] = (validity[row >> 3] ?? 0) | (1 << (row & 7));
      }
    }
    offsets[row + 1] = out.length;
  }
  if (nulls !== nullCount) throw other(`the nulls of ${stated.name}`);
  return { ...stated, nullCount, validity, offsets, values: out.bytes.slice(0, out.length) };
}

function readArray(
  field: FlatView,
  array: ArrayPlace,
  shape: Shape,
  source: NestedSource,
): ValueAt {
  switch (shape.is) {
    case 'leaf':
      return leafReader(source.readLeaf(field, array, shape.type));
    case 'list':
      return listReader(field, array, shape, source);
    case 'struct':
      return structReader(field, array, shape, source);
  }
}

/** The validity bits of the array; undefined when every place holds something. */
function takeValidity({ rows, nullCount, take }: ArrayPlace): Uint8Array | undefined {
  const bits = take(nullCount === 0 ? 0 : (rows + 7) >> 3);
  return nullCount === 0 ? undefined : bits;
}

function listReader(
  field: FlatView,
  array: ArrayPlace,
  { element }: ListShape,
  source: NestedSource,
): ValueAt {
  const [child, ...others] = tablesField(field, 5);
  const isList = byteField(field, 2, 0) === ARROW.list;
  if (!isList || child === undefined || others.length > 0) throw other('a list');
  const { rows, take } = array;
  const validity = takeValidity(array);
  // Some writers leave the positions of an empty array out.
  const bytes = take(rows === 0 ? 0 : 4 * (rows + 1));
  const ends =
    rows === 0 ? new Int32Array(1) : new Int32Array(bytes.buffer, bytes.byteOffset, rows + 1);
  const inner = source.next(undefined);
  let last = ends[0] ?? 0;
  if (last < 0) throw other('the places of a list');
  for (let row = 1; row <= rows; row++) {
    const next = ends[row] ?? 0;
    if (next < last) throw other('the places of a list');
    last = next;
  }
  if (last > inner.rows) throw other('the elements of a list');
  const valueAt = readArray(child, inner, element, source);
  return (at) => {
    if (isNull(validity, at)) return null;
    const items: NestedValue[] = [];
    for (let place = ends[at] ?? 0; place < (ends[at + 1] ?? 0); place++) {
      items.push(valueAt(place));
    }
    return items;
  };
}

function structReader(
  field: FlatView,
  array: ArrayPlace,
  { members }: StructShape,
  source: NestedSource,
): ValueAt {
  const children = tablesField(field, 5);
  const isStruct = byteField(field, 2, 0) === ARROW.struct;
  if (!isStruct || children.length !== members.length) throw other('a struct');
  const validity = takeValidity(array);
  const readers = members.map(({ shape }, at) => {
    const child = children[at];
    if (child === undefined) throw other('a member');
    return readArray(child, source.next(array.rows), shape, source);
  });
  return (at) => (isNull(validity, at) ? null : readers.map((read) => read(at)));
}

function leafReader(column: Column): ValueAt {
  const read = valueReader(column);
  return (at) => (isValid(column, at) ? read(at) : null);
}

function valueReader(column: Column): ValueAt {
  switch (column.type) {
    case 'boolean':
      return (at) => ((column.values[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
    case 'long':
    case 'timestamptz':
    case 'date':
      return (at) => column.values[at] ?? 0n;
    case 'double':
      return (at) => column.values[at] ?? 0;
    default: {
      const { offsets } = column;
      const { buffer, byteOffset, length } = column.values;
      const bytes = Buffer.from(buffer, byteOffset, length);
      const encoding = column.type === 'binary' ? 'base64' : 'utf8';
      return (at) => bytes.toString(encoding, offsets[at], offsets[at + 1]);
    }
  }
}
