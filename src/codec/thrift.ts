/**
 * Owns: Thrift's compact protocol as a tree that is written back exactly as it was read: Parquet
 * footers are cut and joined without losing fields we do not know.
 * Invariant (I12): any bytes give a tree or an error; nothing is read outside of them.
 * Not its job: what the fields mean (parquet-footer).
 * llp/0005
 */
import { HypError } from '../core/errors.ts';

export const STOP = 0;
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
export const I32 = 5;
export const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** Deep enough for Parquet, shallow enough for the stack. */
const DEPTH_MAX = 32;

export type ThriftValue =
  | { readonly is: 'bool'; readonly value: boolean }
  | { readonly is: 'byte' | 'i16' | 'i32'; readonly value: number }
  | { readonly is: 'i64'; readonly value: bigint }
  | { readonly is: 'double'; readonly value: number }
  | { readonly is: 'binary'; readonly value: Uint8Array }
  | { readonly is: 'list'; readonly of: number; readonly items: readonly ThriftValue[] }
  | { readonly is: 'struct'; readonly fields: ThriftStruct }
  /** A list of structs, each as the bytes that it was read from or is to be written as. */
  | { readonly is: 'structs'; readonly items: readonly Uint8Array[] };

/** Fields by id, in rising order as read. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

/** Wire code of struct elements, for building lists. */
export const THRIFT_STRUCT = STRUCT;

export interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function damaged(what: string): HypError {
  return new HypError('E_CORRUPT', `not a Thrift struct: ${what}`);
}

function readByte(input: Input): number {
  const byte = input.bytes[input.at++];
  if (byte === undefined) throw damaged('it ends too soon');
  return byte;
}

/** The two halves of the 64-bit number being read or written. */
const halves = new DataView(new ArrayBuffer(8));

/**
 * Leaves the number in `halves`, undoing zig-zag. By halves because arithmetic on 64-bit bigints
 * in a hot loop crashes the optimising compiler of Node 20 (RepresentationChangerError, measured).
 */
function readZigZagHalves(input: Input): void {
  let low = 0;
  let high = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = readByte(input);
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >> 4;
    } else if (shift < 70) high |= bits << (shift - 32);
    else throw damaged('a number is too long');
    if (byte < 0x80) break;
  }
  const sign = -(low & 1);
  halves.setInt32(0, ((low >>> 1) | (high << 31)) ^ sign, true);
  halves.setInt32(4, (high >>> 1) ^ sign, true);
}

/** An i64 that may be inexact above 2^53: the caller checks. */
export function readLongNumber(input: Input): number {
  readZigZagHalves(input);
  return halves.getInt32(4, true) * 2 ** 32 + halves.getUint32(0, true);
}

function readZigZag64(input: Input): bigint {
  readZigZagHalves(input);
  return halves.getBigInt64(0, true);
}

export function readZigZag32(input: Input): number {
  readZigZagHalves(input);
  return halves.getInt32(0, true);
}

function readUnsigned(input: Input): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(input);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw damaged('a number is too long');
}

/** A length, not more than what is left. */
function readLength(input: Input): number {
  const length = readUnsigned(input);
  if (length > input.bytes.length - input.at) throw damaged('a length runs past the end');
  return length;
}

function readList(input: Input, depth: number): ThriftValue {
  const head = readByte(input);
  const of = head & 0x0f;
  const count = head >> 4 === 15 ? readLength(input) : head >> 4;
  const items = Array.from({ length: count }, (): ThriftValue =>
    of === TRUE || of === FALSE
      ? { is: 'bool', value: readByte(input) === TRUE }
      : readValue(input, of, depth),
  );
  return { is: 'list', of, items };
}

function readValue(input: Input, type: number, depth: number): ThriftValue {
  if (depth > DEPTH_MAX) throw damaged('it is nested too deep');
  switch (type) {
    case TRUE:
    case FALSE:
      return { is: 'bool', value: type === TRUE };
    case BYTE:
      return { is: 'byte', value: (readByte(input) << 24) >> 24 };
    case I16:
      return { is: 'i16', value: readZigZag32(input) };
    case I32:
      return { is: 'i32', value: readZigZag32(input) };
    case I64:
      return { is: 'i64', value: readZigZag64(input) };
    case DOUBLE:
      if (input.at + 8 > input.bytes.length) throw damaged('it ends too soon');
      input.at += 8;
      return { is: 'double', value: input.view.getFloat64(input.at - 8, true) };
    case BINARY: {
      const length = readLength(input);
      input.at += length;
      return { is: 'binary', value: input.bytes.subarray(input.at - length, input.at) };
    }
    case LIST:
      return readList(input, depth + 1);
    case STRUCT:
      return { is: 'struct', fields: readFields(input, depth + 1) };
    default:
      throw damaged(`type ${type}`);
  }
}

/** Calls `use` for each field; it must read or skip the value. */
export function eachField(input: Input, use: (id: number, type: number) => void): void {
  let id = 0;
  for (;;) {
    const head = readByte(input);
    if (head === STOP) return;
    id = head >> 4 === 0 ? readZigZag32(input) : id + (head >> 4);
    use(id, head & 0x0f);
  }
}

function readFields(input: Input, depth: number, asBytes?: number): ThriftStruct {
  const fields = new Map<number, ThriftValue>();
  eachField(input, (id, type) => {
    const raw = id === asBytes && type === LIST;
    fields.set(id, raw ? readStructs(input) : readValue(input, type, depth));
  });
  return fields;
}

function readStructs(input: Input): ThriftValue {
  const head = readByte(input);
  const count = head >> 4 === 15 ? readLength(input) : head >> 4;
  if (count > 0 && (head & 0x0f) !== STRUCT) throw damaged('not a list of structs');
  const items = Array.from({ length: count }, () => {
    const from = input.at;
    skipValue(input, STRUCT, 0);
    return input.bytes.subarray(from, input.at);
  });
  return { is: 'structs', items };
}

export function skipValue(input: Input, type: number, depth: number): void {
  if (depth > DEPTH_MAX) throw damaged('it is nested too deep');
  if (type === TRUE || type === FALSE) return;
  if (type === BYTE) readByte(input);
  else if (type === I16 || type === I32 || type === I64) readZigZagHalves(input);
  else if (type === DOUBLE || type === BINARY) {
    const size = type === DOUBLE ? 8 : readLength(input);
    input.at += size;
    if (input.at > input.bytes.length) throw damaged('it ends too soon');
  } else if (type === LIST) {
    const head = readByte(input);
    const of = head & 0x0f;
    const count = head >> 4 === 15 ? readLength(input) : head >> 4;
    const bytes = of === TRUE || of === FALSE;
    for (let i = 0; i < count; i++) {
      if (bytes) readByte(input);
      else skipValue(input, of, depth + 1);
    }
  } else if (type === STRUCT) {
    eachField(input, (_id, of) => {
      skipValue(input, of, depth + 1);
    });
  } else throw damaged(`type ${type}`);
}

export function inputOf(bytes: Uint8Array): Input {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
}

/**
 * The struct that fills `bytes` from its start; E_CORRUPT when there is none. Its field `asBytes`, a
 * list of structs, is left as bytes: trees of the chunks of a thousand columns take megabytes.
 */
export function readThrift(bytes: Uint8Array, asBytes?: number): ThriftStruct {
  return readFields(inputOf(bytes), 0, asBytes);
}

export interface Output {
  bytes: Uint8Array;
  length: number;
}

export function room(out: Output, size: number): void {
  if (out.length + size <= out.bytes.length) return;
  const grown = new Uint8Array(Math.max(out.length + size, out.bytes.length * 2));
  grown.set(out.bytes.subarray(0, out.length));
  out.bytes = grown;
}

export function writeByte(out: Output, byte: number): void {
  room(out, 1);
  out.bytes[out.length++] = byte;
}

function writeUnsigned(out: Output, low: number, high: number): void {
  let [lowLeft, highLeft] = [low >>> 0, high >>> 0];
  while (highLeft !== 0 || lowLeft > 0x7f) {
    writeByte(out, (lowLeft & 0x7f) | 0x80);
    lowLeft = ((lowLeft >>> 7) | (highLeft << 25)) >>> 0;
    highLeft >>>= 7;
  }
  writeByte(out, lowLeft);
}

function writeZigZag(out: Output, low: number, high: number): void {
  const sign = high >> 31;
  writeUnsigned(out, (low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
}

/** A safe integer as an i64. */
export function writeLongNumber(out: Output, value: number): void {
  writeZigZag(out, value | 0, Math.floor(value / 2 ** 32));
}

function writeZigZag64(out: Output, value: bigint): void {
  halves.setBigInt64(0, value, true);
  writeZigZag(out, halves.getInt32(0, true), halves.getInt32(4, true));
}

function writeZigZag32(out: Output, value: number): void {
  writeZigZag(out, value, value >> 31);
}

function writeRaw(out: Output, bytes: Uint8Array): void {
  room(out, bytes.length);
  out.bytes.set(bytes, out.length);
  out.length += bytes.length;
}

function writeListHead(out: Output, length: number, of: number): void {
  writeByte(out, (Math.min(length, 15) << 4) | of);
  if (length >= 15) writeUnsigned(out, length, 0);
}

const WIRE = {
  byte: BYTE,
  i16: I16,
  i32: I32,
  i64: I64,
  double: DOUBLE,
  binary: BINARY,
  list: LIST,
  struct: STRUCT,
  structs: LIST,
};

function wireType(value: ThriftValue): number {
  if (value.is === 'bool') return value.value ? TRUE : FALSE;
  return WIRE[value.is];
}

function writeValue(out: Output, value: ThriftValue): void {
  switch (value.is) {
    case 'bool':
      return;
    case 'byte':
      writeByte(out, value.value & 0xff);
      return;
    case 'i16':
    case 'i32':
      writeZigZag32(out, value.value);
      return;
    case 'i64':
      writeZigZag64(out, value.value);
      return;
    case 'double':
      writeRaw(out, new Uint8Array(Float64Array.of(value.value).buffer));
      return;
    case 'structs':
      writeListHead(out, value.items.length, STRUCT);
      for (const item of value.items) writeRaw(out, item);
      return;
    case 'binary':
      writeUnsigned(out, value.value.length, 0);
      writeRaw(out, value.value);
      return;
    case 'list': {
      const { items, of } = value;
      writeListHead(out, items.length, of);
      for (const item of items) {
        if (item.is === 'bool') writeByte(out, item.value ? TRUE : FALSE);
        else writeValue(out, item);
      }
      return;
    }
    case 'struct':
      writeFields(out, value.fields);
  }
}

export function writeFieldHead(out: Output, last: number, id: number, type: number): void {
  const delta = id - last;
  if (delta > 0 && delta <= 15) writeByte(out, (delta << 4) | type);
  else {
    writeByte(out, type);
    writeZigZag32(out, id);
  }
}

function writeFields(out: Output, fields: ThriftStruct): void {
  let last = 0;
  // No iterator: it would make a pair of each field.
  fields.forEach((value, id) => {
    writeFieldHead(out, last, id, wireType(value));
    last = id;
    writeValue(out, value);
  });
  writeByte(out, STOP);
}

/** The bytes of a struct; of one that was read, the bytes it was read from. */
export function writeThrift(fields: ThriftStruct): Uint8Array {
  const out: Output = { bytes: new Uint8Array(1024), length: 0 };
  writeFields(out, fields);
  return out.bytes.slice(0, out.length);
}
