/**
 * Owns: values as rows hold them → a column of a declared type, exactly or not at all.
 *
 * | to \ from | string | long, double | json |
 * | date | `YYYY-MM-DD` of a day that exists | - | - |
 * | binary | base64, padded, in its one spelling | - | - |
 * | decimal | - | with no more digits than the type has | a number, likewise |
 * | list, struct | - | - | exactly of its shape (nested-values) |
 *
 * "-": no value stays. Text that looks like a number is text: it would come back as a number.
 * llp/0021
 */
import type { Column, ColumnType } from './columns.ts';
import { isValid } from './columns.ts';
import { decimalText } from './decimals.ts';
import { parseDay } from './instants.ts';
import { newTextOut, putRaw } from './ndjson/text-out.ts';
import { shapeOf } from './nested-types.ts';
import { onlyText } from './nested-values.ts';
import { decimalOf, isNestedType } from './types.ts';

interface Target {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

interface Converted {
  readonly column: Column;
  readonly misfits: Uint8Array | undefined;
}

/** The value of a row in the target's type, which is text in memory; undefined: it is none. */
type TextAt = (row: number) => string | Uint8Array | undefined;

/** undefined when no value of `source` can have the target's type. */
export function convertDeclared(
  source: Column,
  target: Target,
  rows: number,
): Converted | undefined {
  if (target.type === 'date') return toDays(source, target, rows);
  const textAt = textsFor(source, target.type);
  return textAt === undefined ? undefined : pickTexts(source, target, rows, textAt);
}

function toDays(source: Column, target: Target, rows: number): Converted | undefined {
  if (source.type !== 'string') return undefined;
  const text = textReader(source);
  const values = new BigInt64Array(rows);
  const picked = pickRows(source, rows, (row) => {
    const day = parseDay(text(row));
    values[row] = day ?? 0n;
    return day !== undefined;
  });
  const { misfits, ...stays } = picked;
  return { column: { ...target, ...stays, type: 'date', values }, misfits };
}

function textsFor(source: Column, type: ColumnType): TextAt | undefined {
  if (isNestedType(type)) {
    if (source.type !== 'json') return undefined;
    const text = textReader(source);
    const shape = shapeOf(type);
    return (row) => onlyText(text(row), shape);
  }
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    if (source.type === 'long' || source.type === 'double') {
      const { values } = source;
      // A double is only stored when its shortest text is the number that was sent.
      return (row) => decimalText(String(values[row]), decimal);
    }
    if (source.type !== 'json') return undefined;
    const text = textReader(source);
    return (row) => decimalText(text(row), decimal);
  }
  if (type === 'binary' && source.type === 'string') {
    const text = textReader(source);
    return (row) => {
      const written = text(row);
      const bytes = Buffer.from(written, 'base64');
      return bytes.toString('base64') === written ? bytes : undefined;
    };
  }
  return undefined;
}

function textReader(source: Column & { readonly offsets: Int32Array }): (row: number) => string {
  const { offsets } = source;
  const { buffer, byteOffset, length } = source.values;
  const bytes = Buffer.from(buffer, byteOffset, length);
  return (row) => bytes.toString('utf8', offsets[row], offsets[row + 1]);
}

function pickTexts(source: Column, target: Target, rows: number, textAt: TextAt): Converted {
  const out = newTextOut(1024);
  const offsets = new Int32Array(rows + 1);
  let filled = 0;
  const picked = pickRows(source, rows, (row) => {
    const value = textAt(row);
    if (value === undefined) return false;
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    offsets.fill(out.length, filled + 1, row + 1);
    putRaw(out, bytes, 0, bytes.length);
    offsets[row + 1] = out.length;
    filled = row + 1;
    return true;
  });
  offsets.fill(out.length, filled + 1);
  const { misfits, ...stays } = picked;
  const values = out.bytes.slice(0, out.length);
  return { column: { ...target, ...stays, offsets, values } as Column, misfits };
}

/** Which values `store` took, and which have to go elsewhere. */
function pickRows(
  source: Column,
  rows: number,
  store: (row: number) => boolean,
): Pick<Column, 'validity' | 'nullCount'> & Pick<Converted, 'misfits'> {
  const stays = new Uint8Array((rows + 7) >> 3);
  const misfits = new Uint8Array(stays.length);
  let count = 0;
  let leaving = 0;
  for (let row = 0; row < rows; row++) {
    if (!isValid(source, row)) continue;
    const stored = store(row);
    const into = stored ? stays : misfits;
    into[row >> 3] = (into[row >> 3] ?? 0) | (1 << (row & 7));
    if (stored) count++;
    else leaving++;
  }
  return {
    validity: count === rows ? undefined : stays,
    nullCount: rows - count,
    misfits: leaving === 0 ? undefined : misfits,
  };
}
