/**
 * Owns: rows without some names. A value can stand in its column or, when it did not fit, in
 * `_hyp_rescued`: whoever must not see a name must see neither.
 * llp/0004
 */
import { RESCUED_COLUMN } from './columns.ts';
import type { Batch, Column, TextColumn } from './columns.ts';
import { parseMembers } from './json-value.ts';
import { closeText, finishColumn, newBuilder, openText, appendText } from './ndjson/builders.ts';
import { isValid } from './columns.ts';

/** `batch` without the columns in `names` and without the rescued members of these names. */
export function omitColumns(batch: Batch, names: readonly string[]): Batch {
  if (names.length === 0) return batch;
  const omitted = new Set(names);
  const columns: Column[] = [];
  for (const column of batch.columns) {
    if (omitted.has(column.name)) continue;
    if (column.name !== RESCUED_COLUMN || !('offsets' in column)) columns.push(column);
    else columns.push(...withoutMembers(column, omitted, batch.rows));
  }
  return { rows: batch.rows, columns };
}

/** No column when no member is left. */
function withoutMembers(
  column: TextColumn,
  omitted: ReadonlySet<string>,
  rows: number,
): readonly Column[] {
  const builder = newBuilder(column.name, 'json', (rows + 8) & ~7);
  const { offsets } = column;
  const { buffer, byteOffset, length } = column.values;
  const text = Buffer.from(buffer, byteOffset, length);
  for (let row = 0; row < rows; row++) {
    if (!isValid(column, row)) continue;
    const members = parseMembers(text.toString('utf8', offsets[row], offsets[row + 1]));
    const kept = members.filter(({ key }) => !omitted.has(key));
    if (kept.length === 0) continue;
    const json = kept.map(({ key, raw }) => `${JSON.stringify(key)}:${raw}`).join(',');
    const bytes = Buffer.from(`{${json}}`);
    openText(builder, row);
    appendText(builder, bytes, 0, bytes.length);
    closeText(builder, row);
  }
  const finished = finishColumn(builder, rows);
  return finished === undefined
    ? []
    : [{ ...finished, fieldId: column.fieldId, type: column.type } as Column];
}
