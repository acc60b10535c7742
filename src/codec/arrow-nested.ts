/**
 * Owns: columns of lists and structs, which are JSON text in memory, as the arrays Arrow has for
 * them: each leaf as a column of its own type, with as many places as the lists around it have
 * elements, and how those places make lists and structs.
 * Not its job: streams and leaves (arrow-typed), what a text says (nested-values).
 * llp/0021
 */
import { invariant } from '../core/invariant.ts';
import { ARROW } from './arrow-node.ts';
import type { ArrowNode } from './arrow-node.ts';
import { isValid } from './columns.ts';
import type { Column, TextColumn } from './columns.ts';
import { nullColumns } from './convert.ts';
import {
  appendText,
  closeText,
  finishColumn,
  newBuilder,
  openText,
  putBoolean,
  putDouble,
  putLong,
  resizeRows,
} from './ndjson/builders.ts';
import type { Kind } from './ndjson/builders.ts';
import { ELEMENT_NAME, shapeOf } from './nested-types.ts';
import type { LeafShape, ListShape, Shape, StructShape } from './nested-types.ts';
import { readNested } from './nested-values.ts';
import type { NestedValue } from './nested-values.ts';
import type { DeclaredType } from './types.ts';

/** The array of a leaf, as a column of `rows` places. */
type LeafNode = (column: Column, rows: number) => ArrowNode;

/** An array being filled. */
interface Filling {
  add(value: NestedValue): void;
  /** `name`: of the field. */
  node(name: string): ArrowNode;
}

/** Where the field ids of a column's parts begin, and who makes arrays of leaves. */
interface Making {
  readonly fieldId: number | undefined;
  readonly leafNode: LeafNode;
}

const FIRST_ROWS = 64;

/** The column's arrays. Its texts are those `onlyText` gives. */
export function nestedNode(column: TextColumn, rows: number, leafNode: LeafNode): ArrowNode {
  const shape = shapeOf(column.type as DeclaredType);
  const filling = fill(shape, { fieldId: column.fieldId, leafNode });
  const { offsets } = column;
  const { buffer, byteOffset, length } = column.values;
  const bytes = Buffer.from(buffer, byteOffset, length);
  for (let row = 0; row < rows; row++) {
    const text = isValid(column, row) ? bytes.toString('utf8', offsets[row], offsets[row + 1]) : '';
    const value = text === '' ? null : readNested(text, shape);
    invariant(value !== undefined, `a value of ${column.name} is one of its type`);
    filling.add(value);
  }
  return filling.node(column.name);
}

function fill(shape: Shape, making: Making): Filling {
  switch (shape.is) {
    case 'leaf':
      return fillLeaf(shape, making);
    case 'list':
      return fillList(shape, making);
    case 'struct':
      return fillStruct(shape, making);
  }
}

function idOf({ part }: Shape, { fieldId }: Making): number | undefined {
  return fieldId === undefined ? undefined : fieldId + part;
}

/** As what values of the type are written to columns. */
function kindOf(type: LeafShape['type']): Kind {
  switch (type) {
    case 'boolean':
    case 'long':
    case 'double':
      return type;
    case 'timestamptz':
    case 'date':
      return 'long';
    default:
      return 'string';
  }
}

function fillLeaf(shape: LeafShape, making: Making): Filling {
  const { type } = shape;
  let capacity = FIRST_ROWS;
  let rows = 0;
  const builder = newBuilder('', kindOf(type), capacity);
  const add = (value: NestedValue): void => {
    if (rows === capacity) resizeRows(builder, (capacity *= 2));
    if (typeof value === 'boolean') putBoolean(builder, rows, value);
    else if (typeof value === 'bigint') putLong(builder, rows, value);
    else if (typeof value === 'number') putDouble(builder, rows, value);
    else if (typeof value === 'string') {
      const bytes = Buffer.from(value, type === 'binary' ? 'base64' : 'utf8');
      openText(builder, rows);
      appendText(builder, bytes, 0, bytes.length);
      closeText(builder, rows);
    }
    rows++;
  };
  const node = (name: string): ArrowNode => {
    const target = { name, type, fieldId: idOf(shape, making) ?? 0 };
    const column = finishColumn(builder, rows) ?? nullColumns(rows).like(target);
    const typed = { ...column, name, type, fieldId: idOf(shape, making) } as Column;
    return making.leafNode(typed, rows);
  };
  return { add, node };
}

/** Which places hold something. */
function newPlaces() {
  const builder = newBuilder('', 'boolean', FIRST_ROWS);
  let capacity = FIRST_ROWS;
  let rows = 0;
  return {
    add: (isThere: boolean): void => {
      if (rows === capacity) resizeRows(builder, (capacity *= 2));
      if (isThere) putBoolean(builder, rows, true);
      rows++;
    },
    base: () => {
      const column = finishColumn(builder, rows);
      const nullCount = column?.nullCount ?? rows;
      const validity =
        nullCount === 0 ? new Uint8Array(0) : builder.valid.subarray(0, (rows + 7) >> 3);
      return { rows, nullCount, validity };
    },
  };
}

function fillList(shape: ListShape, making: Making): Filling {
  const places = newPlaces();
  const element = fill(shape.element, making);
  const ends: number[] = [0];
  let count = 0;
  const add = (value: NestedValue): void => {
    const items = Array.isArray(value) ? (value as readonly NestedValue[]) : undefined;
    places.add(items !== undefined);
    for (const item of items ?? []) element.add(item);
    ends.push((count += items?.length ?? 0));
  };
  const node = (name: string): ArrowNode => {
    const { validity, ...base } = places.base();
    const offsets = new Uint8Array(Int32Array.from(ends).buffer);
    return {
      ...base,
      name,
      fieldId: idOf(shape, making),
      tag: ARROW.list,
      typeFields: [],
      buffers: [validity, offsets],
      children: [element.node(ELEMENT_NAME)],
    };
  };
  return { add, node };
}

function fillStruct(shape: StructShape, making: Making): Filling {
  const places = newPlaces();
  const members = shape.members.map((member) => fill(member.shape, making));
  const add = (value: NestedValue): void => {
    const items = Array.isArray(value) ? (value as readonly NestedValue[]) : undefined;
    places.add(items !== undefined);
    members.forEach((member, at) => {
      member.add(items?.[at] ?? null);
    });
  };
  const node = (name: string): ArrowNode => {
    const { validity, ...base } = places.base();
    return {
      ...base,
      name,
      fieldId: idOf(shape, making),
      tag: ARROW.struct,
      typeFields: [],
      buffers: [validity],
      children: members.map((member, at) => member.node(shape.members[at]?.name ?? '')),
    };
  };
  return { add, node };
}
