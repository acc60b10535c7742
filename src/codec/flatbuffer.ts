/**
 * Owns: as much of the FlatBuffers format as Arrow's messages need: a writer of small trees and a
 * reader that survives any bytes (I12: every position is checked, so garbage is an error).
 * Not its job: what the tables mean (arrow-schema, arrow-ipc).
 * llp/0005
 */
import { HypError } from '../core/errors.ts';

/** One field of a table to write; `structs` are records of 64-bit integers, laid end to end. */
export type FlatField =
  | { readonly is: 'byte' | 'short' | 'int'; readonly value: number }
  | { readonly is: 'long'; readonly value: number }
  | { readonly is: 'text'; readonly value: string }
  | { readonly is: 'table'; readonly fields: FlatTable }
  | { readonly is: 'tables'; readonly items: readonly FlatTable[] }
  | { readonly is: 'structs'; readonly longs: readonly number[]; readonly perStruct: number };

/** Fields by their number in the format's schema; undefined where absent. */
export type FlatTable = readonly (FlatField | undefined)[];

const INLINE_BYTES = {
  byte: 1,
  short: 2,
  int: 4,
  long: 8,
  text: 4,
  table: 4,
  tables: 4,
  structs: 4,
};
const TWO_32 = 2 ** 32;

interface Out {
  bytes: Uint8Array;
  view: DataView;
  length: number;
}

/** Makes room for `size` bytes at a multiple of `align` and returns where they begin. */
function reserve(out: Out, size: number, align: number): number {
  const at = Math.ceil(out.length / align) * align;
  out.length = at + size;
  if (out.length > out.bytes.length) {
    const grown = new Uint8Array(Math.max(out.length, out.bytes.length * 2));
    grown.set(out.bytes);
    out.bytes = grown;
    out.view = new DataView(grown.buffer);
  }
  return at;
}

function setLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setInt32(at + 4, Math.floor(value / TWO_32), true);
}

function writeText(out: Out, text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  const at = reserve(out, 4 + bytes.length + 1, 4);
  out.view.setUint32(at, bytes.length, true);
  out.bytes.set(bytes, at + 4);
  return at;
}

function writeTables(out: Out, items: readonly FlatTable[]): number {
  const at = reserve(out, 4 + 4 * items.length, 4);
  out.view.setUint32(at, items.length, true);
  items.forEach((item, index) => {
    const slot = at + 4 + 4 * index;
    const target = writeTable(out, item);
    out.view.setUint32(slot, target - slot, true);
  });
  return at;
}

function writeStructs(out: Out, longs: readonly number[], perStruct: number): number {
  // The elements, not their count, must be 8-aligned.
  const at = reserve(out, 8 + 8 * longs.length, 8) + 4;
  out.view.setUint32(at, longs.length / perStruct, true);
  longs.forEach((value, index) => setLong(out.view, at + 4 + 8 * index, value));
  return at;
}

function writeChild(out: Out, field: FlatField): number | undefined {
  switch (field.is) {
    case 'text':
      return writeText(out, field.value);
    case 'table':
      return writeTable(out, field.fields);
    case 'tables':
      return writeTables(out, field.items);
    case 'structs':
      return writeStructs(out, field.longs, field.perStruct);
    default:
      return undefined;
  }
}

/** Where each field stands in its table (0 when absent), widest first so that little is padded. */
function layOut(fields: FlatTable): { readonly places: readonly number[]; readonly size: number } {
  const places = fields.map(() => 0);
  let size = 4;
  for (const width of [8, 4, 2, 1]) {
    fields.forEach((field, index) => {
      if (field === undefined || INLINE_BYTES[field.is] !== width) return;
      size = Math.ceil(size / width) * width;
      places[index] = size;
      size += width;
    });
  }
  return { places, size };
}

/** Parents stand before their children, because references only point forward. */
function writeTable(out: Out, fields: FlatTable): number {
  const { places, size } = layOut(fields);
  const vtable = reserve(out, 4 + 2 * fields.length, 2);
  const wide = fields.some((field) => field?.is === 'long');
  const at = reserve(out, size, wide ? 8 : 4);
  out.view.setUint16(vtable, 4 + 2 * fields.length, true);
  out.view.setUint16(vtable + 2, size, true);
  places.forEach((place, index) => out.view.setUint16(vtable + 4 + 2 * index, place, true));
  out.view.setInt32(at, at - vtable, true);
  fields.forEach((field, index) => {
    if (field === undefined) return;
    const slot = at + (places[index] ?? 0);
    if (field.is === 'byte') out.view.setUint8(slot, field.value);
    else if (field.is === 'short') out.view.setInt16(slot, field.value, true);
    else if (field.is === 'int') out.view.setInt32(slot, field.value, true);
    else if (field.is === 'long') setLong(out.view, slot, field.value);
    else {
      const target = writeChild(out, field);
      if (target !== undefined) out.view.setUint32(slot, target - slot, true);
    }
  });
  return at;
}

/** The buffer whose root is `root`, padded to a multiple of 8 bytes. */
export function writeFlatbuffer(root: FlatTable): Uint8Array {
  const bytes = new Uint8Array(512);
  const out: Out = { bytes, view: new DataView(bytes.buffer), length: 0 };
  reserve(out, 4, 8);
  const at = writeTable(out, root);
  out.view.setUint32(0, at, true);
  reserve(out, 0, 8);
  return out.bytes.subarray(0, out.length);
}

/** A table in bytes nobody vouches for; reading past them throws. */
export interface FlatView {
  readonly view: DataView;
  readonly at: number;
}

function damaged(what: string): HypError {
  return new HypError('E_CORRUPT', `not a FlatBuffer: ${what}`);
}

export function rootTable(view: DataView): FlatView {
  return { view, at: view.getUint32(0, true) };
}

/** Position of field `index`, or undefined when it is absent. */
function placeOf(table: FlatView, index: number): number | undefined {
  const { view, at } = table;
  const vtable = at - view.getInt32(at, true);
  const slot = 4 + 2 * index;
  if (slot >= view.getUint16(vtable, true)) return undefined;
  const place = view.getUint16(vtable + slot, true);
  return place === 0 ? undefined : at + place;
}

export function byteField(table: FlatView, index: number, absent: number): number {
  const place = placeOf(table, index);
  return place === undefined ? absent : table.view.getUint8(place);
}

export function shortField(table: FlatView, index: number, absent: number): number {
  const place = placeOf(table, index);
  return place === undefined ? absent : table.view.getInt16(place, true);
}

export function intField(table: FlatView, index: number, absent: number): number {
  const place = placeOf(table, index);
  return place === undefined ? absent : table.view.getInt32(place, true);
}

function longAt(view: DataView, at: number): number {
  const value = view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true);
  if (value < 0 || !Number.isSafeInteger(value)) throw damaged('a length out of range');
  return value;
}

/** A 64-bit integer that is a length or a position. */
export function longField(table: FlatView, index: number, absent: number): number {
  const place = placeOf(table, index);
  return place === undefined ? absent : longAt(table.view, place);
}

function reference(table: FlatView, index: number): number | undefined {
  const place = placeOf(table, index);
  return place === undefined ? undefined : place + table.view.getUint32(place, true);
}

export function tableField(table: FlatView, index: number): FlatView | undefined {
  const at = reference(table, index);
  return at === undefined ? undefined : { view: table.view, at };
}

/** Elements of a vector at `at` whose elements take `width` bytes, checked against the end. */
function vectorLength(view: DataView, at: number, width: number): number {
  const length = view.getUint32(at, true);
  if (at + 4 + length * width > view.byteLength) throw damaged('a vector runs past the end');
  return length;
}

export function textField(table: FlatView, index: number): string | undefined {
  const at = reference(table, index);
  if (at === undefined) return undefined;
  const { view } = table;
  const length = vectorLength(view, at, 1);
  return Buffer.from(view.buffer, view.byteOffset + at + 4, length).toString('utf8');
}

export function tablesField(table: FlatView, index: number): readonly FlatView[] {
  const at = reference(table, index);
  if (at === undefined) return [];
  const { view } = table;
  return Array.from({ length: vectorLength(view, at, 4) }, (_, item) => {
    const slot = at + 4 + 4 * item;
    return { view, at: slot + view.getUint32(slot, true) };
  });
}

/** The 64-bit integers of a vector of structs, end to end. */
export function structsField(table: FlatView, index: number, perStruct: number): readonly number[] {
  const at = reference(table, index);
  if (at === undefined) return [];
  const { view } = table;
  const longs = vectorLength(view, at, 8 * perStruct) * perStruct;
  return Array.from({ length: longs }, (_, item) => longAt(view, at + 4 + 8 * item));
}
