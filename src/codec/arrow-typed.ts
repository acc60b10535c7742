/**
 * Owns: columns of declared types as the arrays Arrow has for them, for the Parquet encoder: date32,
 * decimal128, binary, lists and structs. In memory they are longs, text and bytes.
 * Not its job: everything else (arrow-ipc), what is in lists and structs (arrow-nested), reading them
 * back (arrow-typed-read).
 * llp/0021
 */
import { BATCH_MESSAGE, PREFIX_BYTES, SCHEMA_MESSAGE, messageBytes } from './arrow-ipc.ts';
import type { Allocate } from './arrow-ipc.ts';
import { nestedNode } from './arrow-nested.ts';
import { arrowType } from './arrow-node.ts';
import type { ArrowNode } from './arrow-node.ts';
import { isValid } from './columns.ts';
import type { Batch, Column, ColumnType, TextColumn } from './columns.ts';
import { unscaledOf } from './decimals.ts';
import type { FlatField, FlatTable } from './flatbuffer.ts';
import { joinBatches } from './join.ts';
import { decimalOf, isNestedType } from './types.ts';

const NO_BYTES = new Uint8Array(0);

/** True for a column that the plain encoder does not write as others know it. */
export function isTyped({ type }: { readonly type: ColumnType }): boolean {
  switch (type) {
    case 'boolean':
    case 'long':
    case 'double':
    case 'string':
    case 'json':
    case 'timestamptz':
      return false;
    default:
      return true;
  }
}

/** One stream with one record batch of all rows of `slices`, which have the same columns. */
export function encodeTypedIpc(slices: readonly Batch[], allocate: Allocate): Uint8Array {
  const { rows, columns } = joinBatches(slices);
  return encodeNodes(
    columns.map((column) => columnNode(column, rows)),
    rows,
    allocate,
  );
}

function columnNode(column: Column, rows: number): ArrowNode {
  if ('offsets' in column && isNestedType(column.type)) return nestedNode(column, rows, leafNode);
  return leafNode(column, rows);
}

/** The array of a column whose type has no parts. */
function leafNode(column: Column, rows: number): ArrowNode {
  const { name, fieldId, nullCount, type } = column;
  const validity = column.validity?.subarray(0, (rows + 7) >> 3) ?? NO_BYTES;
  const typed = arrowType(type);
  const buffers = [validity, ...valueBuffers(column, rows)];
  return { name, fieldId, rows, nullCount, ...typed, buffers, children: [] };
}

function valueBuffers(column: Column, rows: number): readonly Uint8Array[] {
  switch (column.type) {
    case 'boolean':
      return [column.values.subarray(0, (rows + 7) >> 3)];
    case 'long':
    case 'timestamptz':
    case 'double': {
      const { buffer, byteOffset } = column.values;
      return [new Uint8Array(buffer, byteOffset, 8 * rows)];
    }
    case 'date':
      return [new Uint8Array(Int32Array.from(column.values.subarray(0, rows), Number).buffer)];
    default:
      return decimalOf(column.type) === undefined
        ? textBuffers(column, rows)
        : [decimalBuffer(column, rows)];
  }
}

/** Positions that begin at 0, and the bytes. */
function textBuffers({ offsets, values }: TextColumn, rows: number): readonly Uint8Array[] {
  const from = offsets[0] ?? 0;
  const moved = offsets.subarray(0, rows + 1).map((at) => at - from);
  return [new Uint8Array(moved.buffer), values.subarray(from, offsets[rows])];
}

function decimalBuffer(column: TextColumn, rows: number): Uint8Array {
  const { offsets } = column;
  const { buffer, byteOffset, length } = column.values;
  const bytes = Buffer.from(buffer, byteOffset, length);
  const words = new BigInt64Array(2 * rows);
  for (let row = 0; row < rows; row++) {
    if (!isValid(column, row)) continue;
    const unscaled = unscaledOf(bytes.toString('latin1', offsets[row], offsets[row + 1]));
    words[2 * row] = BigInt.asIntN(64, unscaled);
    words[2 * row + 1] = unscaled >> 64n;
  }
  return new Uint8Array(words.buffer);
}

function fieldTable(node: ArrowNode): FlatTable {
  const id = node.fieldId;
  const children: readonly FlatTable[] = node.children.map(fieldTable);
  const key: FlatTable = [
    { is: 'text', value: 'PARQUET:field_id' },
    { is: 'text', value: String(id) },
  ];
  return [
    { is: 'text', value: node.name },
    { is: 'byte', value: 1 },
    { is: 'byte', value: node.tag },
    { is: 'table', fields: node.typeFields },
    undefined,
    { is: 'tables', items: children },
    { is: 'tables', items: id === undefined ? [] : [key] },
  ];
}

/** An array and those in it, in the order in which a record batch lists them. */
function allNodes(node: ArrowNode): readonly ArrowNode[] {
  return [node, ...node.children.flatMap(allNodes)];
}

function encodeNodes(columns: readonly ArrowNode[], rows: number, allocate: Allocate): Uint8Array {
  const nodes: number[] = [];
  const regions: number[] = [];
  const buffers: Uint8Array[] = [];
  let bytes = 0;
  for (const node of columns.flatMap(allNodes)) {
    nodes.push(node.rows, node.nullCount);
    for (const buffer of node.buffers) {
      regions.push(bytes, buffer.length);
      buffers.push(buffer);
      bytes += (buffer.length + 7) & ~7;
    }
  }
  const fields: FlatField = { is: 'tables', items: columns.map(fieldTable) };
  const schema: FlatField = { is: 'table', fields: [{ is: 'short', value: 0 }, fields] };
  const batch: FlatField = {
    is: 'table',
    fields: [
      { is: 'long', value: rows },
      { is: 'structs', longs: nodes, perStruct: 2 },
      { is: 'structs', longs: regions, perStruct: 2 },
    ],
  };
  const messages = [
    { head: messageBytes(SCHEMA_MESSAGE, schema, 0), body: 0 },
    { head: messageBytes(BATCH_MESSAGE, batch, bytes), body: bytes },
  ];
  const size = messages.reduce((sum, { head, body }) => sum + PREFIX_BYTES + head.length + body, 0);
  const out = allocate(size + PREFIX_BYTES);
  const view = new DataView(out.buffer, out.byteOffset);
  let at = 0;
  for (const { head, body } of messages) {
    view.setInt32(at, -1, true);
    view.setInt32(at + 4, head.length, true);
    out.set(head, at + PREFIX_BYTES);
    at += PREFIX_BYTES + head.length;
    if (body > 0)
      buffers.forEach((buffer, index) => out.set(buffer, at + (regions[2 * index] ?? 0)));
    at += body;
  }
  view.setInt32(at, -1, true);
  return out;
}
