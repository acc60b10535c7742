/**
 * Owns: the content digest of rows (DESIGN §2): the sum modulo 2^128 of one hash per row over its
 * seq and its non-null values by field id. Being a sum it does not see how rows were cut into
 * batches, parts, units or files; nulls do not count, so columns added later change nothing.
 * Equal values are equal bytes: text is hashed raw (json and string alike, and what is bytes in
 * memory: decimals, binary), a timestamp or date as the long it is, -0 as 0, and every NaN as one.
 * Serves I4 (compaction), I8 and I10 (units, forks). It is no defence against forgery.
 * llp/0005
 */
import { HypError } from '../core/errors.ts';
import { defined, invariant } from '../core/invariant.ts';
import { SEQ_COLUMN, columnNamed, isNull } from './columns.ts';
import type { BooleanColumn, CodedBatch, Column, DictionaryColumn, LongColumn } from './columns.ts';
import {
  LANE_ROWS,
  addBytes,
  addLane,
  addWords,
  clearLanes,
  finishRow,
  newLanes,
  valueHash,
} from './row-hash.ts';
import type { Lanes, ValueHash } from './row-hash.ts';

const MODULUS = 1n << 128n;
const HEX = /^[0-9a-f]{32}$/;

/** Type classes: values of different classes never hash alike. */
const KIND = { boolean: 1, long: 2, double: 3, text: 4 };

const NAN_HIGH = 0x7ff80000;

/** Adds rows `from` … `from + rows` of a column to the lanes 0 … `rows`. */
type AddRows = (from: number, rows: number) => void;

// The loops are functions of the module: V8 drops the fast code of a function when the last AddRows
// that holds it is collected, and would compile it again for each file.

function addBooleans(
  { validity, values }: BooleanColumn,
  hash: ValueHash,
  from: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const row = from + i;
    if (isNull(validity, row)) continue;
    addWords(hash, i, ((values[row >> 3] ?? 0) >> (row & 7)) & 1, 0);
  }
}

/** True when all of them are the same: one clock stamps the rows of a commit. */
function isConstant(halves: Int32Array): boolean {
  for (let i = 2; i < halves.length; i += 2) {
    if (halves[i] !== halves[0] || halves[i + 1] !== halves[1]) return false;
  }
  return true;
}

function halvesOf({ buffer, byteOffset, length }: BigInt64Array | Float64Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length * 2);
}

function longsAdder({ validity, values }: LongColumn, lanes: Lanes, fieldId: number): AddRows {
  const halves = halvesOf(values);
  if (validity === undefined && isConstant(halves)) {
    const known = newLanes(1);
    addWords(valueHash(known, KIND.long, fieldId), 0, halves[0] ?? 0, halves[1] ?? 0);
    return (_from, rows) => {
      addSame(lanes, known, rows);
    };
  }
  const hash = valueHash(lanes, KIND.long, fieldId);
  const words = { validity, halves };
  return (from, rows) => {
    addLongs(words, hash, from, rows);
  };
}

function addSame(lanes: Lanes, known: Lanes, rows: number): void {
  for (let i = 0; i < rows; i++) addLane(lanes, i, known, 0);
}

interface Words {
  readonly validity: Uint8Array | undefined;
  /** Low and high half of each value. */
  readonly halves: Int32Array;
}

function addLongs({ validity, halves }: Words, hash: ValueHash, from: number, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const row = from + i;
    if (isNull(validity, row)) continue;
    addWords(hash, i, halves[2 * row] ?? 0, halves[2 * row + 1] ?? 0);
  }
}

function addDoubles(
  { validity, halves, values }: Words & { readonly values: Float64Array },
  hash: ValueHash,
  from: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const row = from + i;
    if (isNull(validity, row)) continue;
    const value = values[row] ?? 0;
    if (value === 0) addWords(hash, i, 0, 0);
    else if (Number.isNaN(value)) addWords(hash, i, 0, NAN_HIGH);
    else addWords(hash, i, halves[2 * row] ?? 0, halves[2 * row + 1] ?? 0);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

interface Texts {
  readonly validity: Uint8Array | undefined;
  readonly offsets: Int32Array;
  readonly view: DataView;
}

function addTexts(
  { validity, offsets, view }: Texts,
  hash: ValueHash,
  from: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const row = from + i;
    if (isNull(validity, row)) continue;
    addBytes(hash, i, view, offsets[row] ?? 0, offsets[row + 1] ?? 0);
  }
}

/** Each entry is hashed once; a row adds the hash of its entry. */
function codesAdder(
  { validity, codes, entries }: DictionaryColumn,
  lanes: Lanes,
  id: number,
): AddRows {
  const known = newLanes(entries.count);
  const texts = { validity: undefined, offsets: entries.offsets, view: viewOf(entries.values) };
  addTexts(texts, valueHash(known, KIND.text, id), 0, entries.count);
  const coded = { validity, codes, known };
  return (from, rows) => {
    addCodes(coded, lanes, from, rows);
  };
}

interface Codes {
  readonly validity: Uint8Array | undefined;
  readonly codes: Int32Array;
  /** The hash of each entry. */
  readonly known: Lanes;
}

function addCodes(
  { validity, codes, known }: Codes,
  lanes: Lanes,
  from: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const row = from + i;
    if (!isNull(validity, row)) addLane(lanes, i, known, codes[row] ?? 0);
  }
}

function adderOf(column: Column | DictionaryColumn, lanes: Lanes): AddRows {
  const id = defined(column.fieldId, `column ${column.name} has a field id when it is digested`);
  if ('codes' in column) return codesAdder(column, lanes, id);
  switch (column.type) {
    case 'boolean': {
      const hash = valueHash(lanes, KIND.boolean, id);
      return (from, rows) => {
        addBooleans(column, hash, from, rows);
      };
    }
    case 'long':
    case 'timestamptz':
    case 'date':
      return longsAdder(column, lanes, id);
    case 'double': {
      const hash = valueHash(lanes, KIND.double, id);
      const { validity, values } = column;
      const doubles = { validity, values, halves: halvesOf(values) };
      return (from, rows) => {
        addDoubles(doubles, hash, from, rows);
      };
    }
    default: {
      const hash = valueHash(lanes, KIND.text, id);
      const { validity, offsets, values } = column;
      const texts = { validity, offsets, view: viewOf(values) };
      return (from, rows) => {
        addTexts(texts, hash, from, rows);
      };
    }
  }
}

function seqHalves(batch: CodedBatch): Int32Array {
  const seq = columnNamed(batch, SEQ_COLUMN);
  invariant(seq?.type === 'long' && seq.nullCount === 0, 'rows have a seq when they are digested');
  return halvesOf(seq.values);
}

/** Sum of the row hashes of lanes 0 … `rows`. */
function sumLanes(lanes: Lanes, rows: number): bigint {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < rows; i++) {
    a += lanes.a[i] ?? 0;
    b += lanes.b[i] ?? 0;
    c += lanes.c[i] ?? 0;
    d += lanes.d[i] ?? 0;
  }
  return BigInt(a) + (BigInt(b) << 32n) + (BigInt(c) << 64n) + (BigInt(d) << 96n);
}

/**
 * The content digest of the rows of `batch`, 0 … 2^128 - 1; 0n for no rows. Every column needs its
 * field id, and `_hyp_seq` must be there without nulls: it is the seq of a row, not a value of it.
 */
export function contentDigest(batch: CodedBatch): bigint {
  if (batch.rows === 0) return 0n;
  const seq = seqHalves(batch);
  const lanes = newLanes();
  const adders = batch.columns
    .filter((column) => column.name !== SEQ_COLUMN && column.nullCount < batch.rows)
    .map((column) => adderOf(column, lanes));
  let digest = 0n;
  for (let from = 0; from < batch.rows; from += LANE_ROWS) {
    const rows = Math.min(LANE_ROWS, batch.rows - from);
    clearLanes(lanes);
    for (const add of adders) add(from, rows);
    for (let i = 0; i < rows; i++) {
      finishRow(lanes, i, seq[2 * (from + i)] ?? 0, seq[2 * (from + i) + 1] ?? 0);
    }
    digest += sumLanes(lanes, rows);
  }
  return digest % MODULUS;
}

/** The digest of the rows of both; commutative, 0n changes nothing. */
export function addDigests(a: bigint, b: bigint): bigint {
  return (a + b) % MODULUS;
}

/** 32 lower-case hex digits. */
export function digestHex(digest: bigint): string {
  return digest.toString(16).padStart(32, '0');
}

/** E_CORRUPT when the text is not 32 lower-case hex digits. */
export function digestFromHex(text: string): bigint {
  if (!HEX.test(text)) {
    throw new HypError('E_CORRUPT', `not a content digest: ${JSON.stringify(text)}`, {
      hint: 'Run `hyp check`.',
    });
  }
  return BigInt(`0x${text}`);
}
