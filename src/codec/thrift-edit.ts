/**
 * Owns: Thrift structs read and changed in their bytes, without a tree: the chunks of a thousand
 * columns, of each row group that is written or read, would be megabytes of short-lived objects.
 * Invariant (I12): any bytes give an answer or an error; nothing is read outside of them.
 * Not its job: what the fields mean (parquet-footer).
 * llp/0005
 */
import {
  I64,
  STOP,
  THRIFT_STRUCT,
  eachField,
  inputOf,
  readLongNumber,
  room,
  skipValue,
  writeByte,
  writeFieldHead,
  writeLongNumber,
} from './thrift.ts';
import type { Input, Output } from './thrift.ts';

/** The i64 fields `ids` of the struct in field `inside`; undefined where there is none. */
export function readLongs(
  bytes: Uint8Array,
  inside: number,
  ids: readonly number[],
): (number | undefined)[] {
  const input = inputOf(bytes);
  const found = ids.map((): number | undefined => undefined);
  eachField(input, (id, type) => {
    if (id !== inside || type !== THRIFT_STRUCT) skipValue(input, type, 0);
    else {
      eachField(input, (innerId, innerType) => {
        const index = ids.indexOf(innerId);
        if (index < 0 || innerType !== I64) skipValue(input, innerType, 1);
        else {
          found[index] = readLongNumber(input);
        }
      });
    }
  });
  return found;
}

/** What becomes of a field: dropped, an i64 above 0 raised, a struct edited. */
export type ThriftEdit =
  | { readonly is: 'drop' }
  | { readonly is: 'raise'; readonly by: number }
  | { readonly is: 'struct'; readonly fields: ThriftEdits };
export type ThriftEdits = ReadonlyMap<number, ThriftEdit>;

function copyEdited(input: Input, out: Output, edits: ThriftEdits): void {
  let last = 0;
  eachField(input, (id, type) => {
    const edit = edits.get(id);
    if (edit?.is === 'drop') {
      skipValue(input, type, 0);
      return;
    }
    writeFieldHead(out, last, id, type);
    last = id;
    const from = input.at;
    if (edit?.is === 'struct' && type === THRIFT_STRUCT) copyEdited(input, out, edit.fields);
    else if (edit?.is === 'raise' && type === I64) {
      const value = readLongNumber(input);
      writeLongNumber(out, value > 0 ? value + edit.by : value);
    } else {
      skipValue(input, type, 0);
      room(out, input.at - from);
      for (let at = from; at < input.at; at++) out.bytes[out.length++] = input.bytes[at] ?? 0;
    }
  });
  writeByte(out, STOP);
}

/** Each struct with its edits, all in one buffer; other fields are copied as they are. */
export function editThrifts(structs: readonly Uint8Array[], edits: ThriftEdits): Uint8Array[] {
  const size = structs.reduce((sum, bytes) => sum + bytes.length, 0);
  const out: Output = { bytes: new Uint8Array(size + 8 * structs.length), length: 0 };
  const ends = structs.map((bytes) => {
    copyEdited(inputOf(bytes), out, edits);
    return out.length;
  });
  return ends.map((end, index) => out.bytes.subarray(ends[index - 1] ?? 0, end));
}
