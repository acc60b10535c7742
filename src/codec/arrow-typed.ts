/**
 * Owns: columns of declared types as the arrays Arrow has for them, for the Parquet encoder: date32,
 * decimal128, binary. In memory they are longs, text and bytes.
 * Not its job: everything else (arrow-ipc), reading them back (arrow-typed-read).
 * llp/0021
 */
import { invariant } from '../core/invariant.ts';
import { BATCH_MESSAGE, PREFIX_BYTES, SCHEMA_MESSAGE, messageBytes } from './arrow-ipc.ts';
import type { Allocate } from './arrow-ipc.ts';
import { isValid } from './columns.ts';
import type { Batch, Column, ColumnType, TextColumn } from './columns.ts';
import { unscaledOf } from './decimals.ts';
import type { FlatField, FlatTable } from './flatbuffer.ts';
import { joinBatches } from './join.ts';
import { decimalOf } from './types.ts';

/** Numbers of Arrow's types. */
export const ARROW = {
  binary: 4,
  decimal: 7,
  date: 8,
} as const;

/** An array of a record batch: its field and its buffers. */
interface ArrowNode {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly tag: number;
  readonly typeFields: FlatTable;
  readonly rows: number;
  readonly nullCount: number;
  readonly buffers: readonly Uint8Array[];
}

const NO_BYTES = new Uint8Array(0);
export const DECIMAL_BYTES = 16;
const DAY = 0;

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
  const { name, fieldId, nullCount, type } = column;
  const validity = column.validity?.subarray(0, (rows + 7) >> 3) ?? NO_BYTES;
  const base = { name, fieldId, rows, nullCount };
  if (type === 'date') {
    const days = Int32Array.from(column.values.subarray(0, rows), Number);
    const typeFields: FlatTable = [{ is: 'short', value: DAY }];
    const buffers = [validity, new Uint8Array(days.buffer)];
    return { ...base, tag: ARROW.date, typeFields, buffers };
  }
  invariant('offsets' in column, 'dates, decimals and binary columns are typed');
  const decimal = decimalOf(type);
  if (decimal === undefined) {
    const buffers = [validity, ...textBuffers(column, rows)];
    return { ...base, tag: ARROW.binary, typeFields: [], buffers };
  }
  const typeFields = ints(decimal.precision, decimal.scale, 8 * DECIMAL_BYTES);
  const buffers = [validity, decimalBuffer(column, rows)];
  return { ...base, tag: ARROW.decimal, typeFields, buffers };
}

function ints(...values: readonly number[]): FlatTable {
  return values.map((value): FlatField => ({ is: 'int', value }));
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
    { is: 'tables', items: [] },
    { is: 'tables', items: id === undefined ? [] : [key] },
  ];
}

function encodeNodes(columns: readonly ArrowNode[], rows: number, allocate: Allocate): Uint8Array {
  const nodes: number[] = [];
  const regions: number[] = [];
  const buffers: Uint8Array[] = [];
  let bytes = 0;
  for (const node of columns) {
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
