/**
 * Owns: columns of declared types as what a row shows of them: a date is text, binary is base64 text,
 * a decimal is a JSON number with all its places. Writers of text need to know no more types.
 * llp/0021
 */
import type { Column, LongColumn, TextColumn } from './columns.ts';
import { isValid } from './columns.ts';
import { dayText } from './instants.ts';

export type ShownColumn =
  | Exclude<Column, LongColumn | TextColumn>
  | (LongColumn & { readonly type: 'long' | 'timestamptz' })
  | (TextColumn & { readonly type: 'string' | 'json' });

/** `column` itself unless its type is one of those that only a person declares. */
export function textForm(column: Column): ShownColumn {
  switch (column.type) {
    case 'boolean':
    case 'double':
      return column;
    case 'long':
    case 'timestamptz':
    case 'string':
    case 'json':
      return column as ShownColumn;
    case 'date':
      return textsOf(column, column.values.length, (row) => dayText(column.values[row] ?? 0n));
    case 'binary': {
      const { buffer, byteOffset, length } = column.values;
      const bytes = Buffer.from(buffer, byteOffset, length);
      const { offsets } = column;
      return textsOf(column, offsets.length - 1, (row) =>
        bytes.toString('base64', offsets[row], offsets[row + 1]),
      );
    }
    default:
      return { ...column, type: 'json' };
  }
}

function textsOf(
  { name, fieldId, validity, nullCount }: Column,
  rows: number,
  textAt: (row: number) => string | undefined,
): ShownColumn {
  const offsets = new Int32Array(rows + 1);
  const pieces: string[] = [];
  for (let row = 0; row < rows; row++) {
    const text = isValid({ validity }, row) ? (textAt(row) ?? '') : '';
    // Both are ASCII: as many bytes as characters.
    offsets[row + 1] = (offsets[row] ?? 0) + text.length;
    pieces.push(text);
  }
  const values = Buffer.from(pieces.join(''), 'latin1');
  return { name, fieldId, validity, nullCount, type: 'string', offsets, values };
}
