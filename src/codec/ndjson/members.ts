/**
 * Owns: one column as the members `"name":value,` of a block of rows: first how many bytes each row
 * gets, then the bytes at each row's place. Column by column, because a loop over one column runs
 * several times as fast as a row that asks each column what it is.
 * The loops are functions of the module, not of a member: V8 drops fast code when the last member that
 * holds it is collected, and would compile it again for each file.
 * Invariant: what is written of a row is exactly as long as was measured.
 * Not its job: braces, commas between rows, blocks (encode).
 * llp/0004
 */
import { isNull } from '../columns.ts';
import type { Column, DictionaryColumn } from '../columns.ts';
import { fieldOf, membersOf, putValue } from './field.ts';
import type { Field } from './field.ts';
import { COMMA, QUOTE, isClean } from './scan.ts';
import {
  NUMBER_BYTES,
  escapedBytes,
  longBytes,
  newTextOut,
  putBytes,
  putEscaped,
  putLongAt,
  putText,
} from './text-out.ts';
import type { TextOut } from './text-out.ts';

/** Rows `from` … `from + count` of a batch; what is kept for each stands at 0 … `count`. */
export interface Block {
  readonly from: number;
  readonly count: number;
}

export interface Member {
  /** Adds the bytes of each row's member, comma and all, to `sizes`; none where it is null. */
  measure(block: Block, sizes: Int32Array): void;
  /** Writes each row's member at `places` and moves the place behind it. Room is there. */
  write(block: Block, out: TextOut, places: Int32Array): void;
}

export function memberOf(column: Column | DictionaryColumn): Member {
  if ('codes' in column) return entryMember(column);
  const field = fieldOf(column);
  switch (field.kind) {
    case 'long':
      return longMember(field);
    case 'string':
      return textMember(field);
    case 'members':
      return rawMember(field, NO_NAME, insideOfText);
    case 'json':
      return rawMember(field, field.prefix, wholeText);
    case 'boolean':
    case 'double':
    case 'timestamptz':
      return shortMember(field);
  }
}

const OPENING = Uint8Array.of(QUOTE);
const NO_NAME = new Uint8Array(0);

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Text in a dictionary: the whole member of each entry is made once and copied for each row. */
function entryMember({ codes, entries, ...column }: DictionaryColumn): Member {
  const { count, offsets, values } = entries;
  const each = memberOf({ ...column, validity: undefined, nullCount: 0, offsets, values });
  const all = { from: 0, count };
  const ends = new Int32Array(count + 1);
  each.measure(all, ends.subarray(1));
  for (let entry = 1; entry <= count; entry++)
    ends[entry] = (ends[entry] ?? 0) + (ends[entry - 1] ?? 0);
  const made = newTextOut(ends[count] ?? 0);
  each.write(all, made, ends.slice(0, count));
  const coded = { codes, ends, valid: column.validity, view: made.view };
  return {
    measure: (block, sizes) => {
      measureEntries(coded, block, sizes);
    },
    write: (block, out, places) => {
      writeEntries(coded, block, out, places);
    },
  };
}

interface CodedMembers {
  readonly codes: Int32Array;
  /** Where the member of each entry begins in `view`, and the last one ends. */
  readonly ends: Int32Array;
  readonly valid: Uint8Array | undefined;
  readonly view: DataView;
}

function measureEntries(
  { codes, ends, valid }: CodedMembers,
  { from, count }: Block,
  sizes: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    if (isNull(valid, from + i)) continue;
    const code = codes[from + i] ?? 0;
    sizes[i] = (sizes[i] ?? 0) + (ends[code + 1] ?? 0) - (ends[code] ?? 0);
  }
}

function writeEntries(
  { codes, ends, valid, view }: CodedMembers,
  { from, count }: Block,
  out: TextOut,
  places: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    if (isNull(valid, from + i)) continue;
    const code = codes[from + i] ?? 0;
    places[i] = putText(out, places[i] ?? 0, view, ends[code] ?? 0, ends[code + 1] ?? 0);
  }
}

function longMember(field: Field): Member {
  const name = viewOf(field.prefix);
  return {
    measure: (block, sizes) => {
      measureLongs(field, block, sizes);
    },
    write: (block, out, places) => {
      writeLongs(field, name, block, out, places);
    },
  };
}

function measureLongs(
  { prefix, valid, words }: Field,
  { from, count }: Block,
  sizes: Int32Array,
): void {
  const around = prefix.length + 1;
  for (let i = 0; i < count; i++) {
    const row = from + i;
    if (isNull(valid, row)) continue;
    const bytes = longBytes(words[2 * row] ?? 0, words[2 * row + 1] ?? 0);
    sizes[i] = (sizes[i] ?? 0) + around + bytes;
  }
}

// eslint-disable-next-line max-params -- once per block: the column, the rows, where they go
function writeLongs(
  { valid, words }: Field,
  name: DataView,
  { from, count }: Block,
  out: TextOut,
  places: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    const row = from + i;
    if (isNull(valid, row)) continue;
    const place = putText(out, places[i] ?? 0, name, 0, name.byteLength);
    const end = putLongAt(out, place, words[2 * row] ?? 0, words[2 * row + 1] ?? 0);
    out.bytes[end] = COMMA;
    places[i] = end + 1;
  }
}

/** Strings: a block without a quote, backslash or control character is measured without a look. */
function textMember(field: Field): Member {
  const name = viewOf(Buffer.concat([field.prefix, OPENING]));
  /** Of the block that was measured last, which is the one that is written. */
  let clean = false;
  return {
    measure: (block, sizes) => {
      const { view, ends } = field;
      clean = isClean(view, ends[block.from] ?? 0, ends[block.from + block.count] ?? 0);
      measureTexts(field, clean, block, sizes);
    },
    write: (block, out, places) => {
      writeTexts({ ...field, name, clean }, block, out, places);
    },
  };
}

function measureTexts(
  { prefix, valid, view, ends }: Field,
  clean: boolean,
  { from, count }: Block,
  sizes: Int32Array,
): void {
  const around = prefix.length + 3;
  for (let i = 0; i < count; i++) {
    const row = from + i;
    if (isNull(valid, row)) continue;
    const at = ends[row] ?? 0;
    const end = ends[row + 1] ?? 0;
    const bytes = clean ? end - at : escapedBytes(view, at, end);
    sizes[i] = (sizes[i] ?? 0) + around + bytes;
  }
}

function writeTexts(
  { name, clean, valid, view, ends }: Field & { readonly name: DataView; readonly clean: boolean },
  { from, count }: Block,
  out: TextOut,
  places: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    const row = from + i;
    if (isNull(valid, row)) continue;
    let place = putText(out, places[i] ?? 0, name, 0, name.byteLength);
    const at = ends[row] ?? 0;
    const end = ends[row + 1] ?? 0;
    if (clean) place = putText(out, place, view, at, end);
    else {
      out.length = place;
      putEscaped(out, view, at, end);
      place = out.length;
    }
    out.bytes[place] = QUOTE;
    out.bytes[place + 1] = COMMA;
    places[i] = place + 2;
  }
}

/** Where the raw JSON of a row stands; nothing is written where it is empty. */
type RawText = (field: Field, row: number) => { readonly start: number; readonly end: number };

/** Nested values are JSON text already. */
function wholeText({ ends }: Field, row: number): ReturnType<RawText> {
  return { start: ends[row] ?? 0, end: ends[row + 1] ?? 0 };
}

/** The members of `_hyp_rescued` stand among the others, without its name and its braces. */
function insideOfText({ bytes, ends }: Field, row: number): ReturnType<RawText> {
  return membersOf(bytes, ends[row] ?? 0, ends[row + 1] ?? 0);
}

function rawMember(field: Field, prefix: Uint8Array, textOf: RawText): Member {
  const raw = { ...field, prefix, name: viewOf(prefix), textOf };
  return {
    measure: (block, sizes) => {
      measureRaw(raw, block, sizes);
    },
    write: (block, out, places) => {
      writeRaw(raw, block, out, places);
    },
  };
}

interface RawField extends Field {
  readonly name: DataView;
  readonly textOf: RawText;
}

function measureRaw(raw: RawField, { from, count }: Block, sizes: Int32Array): void {
  for (let i = 0; i < count; i++) {
    if (isNull(raw.valid, from + i)) continue;
    const { start, end } = raw.textOf(raw, from + i);
    if (end > start) sizes[i] = (sizes[i] ?? 0) + raw.prefix.length + end - start + 1;
  }
}

function writeRaw(raw: RawField, { from, count }: Block, out: TextOut, places: Int32Array): void {
  for (let i = 0; i < count; i++) {
    if (isNull(raw.valid, from + i)) continue;
    const { start, end } = raw.textOf(raw, from + i);
    if (end === start) continue;
    const named = putText(out, places[i] ?? 0, raw.name, 0, raw.name.byteLength);
    const place = putText(out, named, raw.view, start, end);
    out.bytes[place] = COMMA;
    places[i] = place + 1;
  }
}

/** Values whose length is known once they are text: made when measured, copied when written. */
function shortMember(field: Field): Member {
  const most = field.prefix.length + NUMBER_BYTES + 1;
  let made = newTextOut(0);
  let ends = new Int32Array(1);
  return {
    measure: (block, sizes) => {
      const { count } = block;
      if (ends.length <= count) ends = new Int32Array(count + 1);
      if (made.bytes.length < count * most) made = newTextOut(count * most);
      made.length = 0;
      makeShort(field, block, { made, ends });
      for (let i = 0; i < count; i++) {
        sizes[i] = (sizes[i] ?? 0) + (ends[i + 1] ?? 0) - (ends[i] ?? 0);
      }
    },
    write: (block, out, places) => {
      writeShort({ made, ends }, block, out, places);
    },
  };
}

interface MadeTexts {
  readonly made: TextOut;
  /** Where the text of each row of the block ends in `made`, from 0 on. */
  readonly ends: Int32Array;
}

function makeShort(field: Field, { from, count }: Block, { made, ends }: MadeTexts): void {
  for (let i = 0; i < count; i++) {
    if (!isNull(field.valid, from + i)) {
      putBytes(made, field.prefix);
      putValue(made, field, from + i);
      made.bytes[made.length++] = COMMA;
    }
    ends[i + 1] = made.length;
  }
}

function writeShort(
  { made, ends }: MadeTexts,
  { count }: Block,
  out: TextOut,
  places: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    places[i] = putText(out, places[i] ?? 0, made.view, ends[i] ?? 0, ends[i + 1] ?? 0);
  }
}
