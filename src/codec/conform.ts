/**
 * Owns: a batch as decoded → the columns of a table. A value goes where its column's type holds it
 * exactly; every other one goes to `_hyp_rescued` and comes back from there on export (DESIGN §8).
 * Buffers are shared wherever the type is the same already.
 * Not its job: which columns the table has (storage/iceberg/schema).
 * llp/0004
 */
import { invariant } from '../core/invariant.ts';
import { RESCUED_COLUMN, RESERVED_PREFIX } from './columns.ts';
import type { Batch, Column, ColumnType } from './columns.ts';
import { convertColumn, nullColumns } from './convert.ts';
import { COMMA, CLOSE_BRACE, OPEN_BRACE } from './ndjson/scan.ts';
import { fieldOf, isSet, membersOf, putValue } from './ndjson/field.ts';
import type { Field } from './ndjson/field.ts';
import { closeText, finishColumn, newBuilder, openText } from './ndjson/builders.ts';
import { NUMBER_BYTES, newTextOut, putBytes, putRaw, reserve } from './ndjson/text-out.ts';
import type { TextOut } from './ndjson/text-out.ts';

export interface TargetColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

/** Values that must leave their column: the source field and the rows, undefined for all of them. */
export interface Misfits {
  readonly column: Column;
  readonly rows: Uint8Array | undefined;
}

/**
 * Gives `batch` exactly the columns of `targets`, in their order, with their field ids; a target
 * the batch has no column for is null in every row. `rescuedRows` counts the rows that have a value
 * in `_hyp_rescued`, which must be among the targets when a value needs it (else E_INTERNAL). The
 * batch itself is returned when it has that form already.
 */
export function conform(
  batch: Batch,
  targets: readonly TargetColumn[],
): { readonly batch: Batch; readonly rescuedRows: number } {
  const sources = new Map(batch.columns.map((column) => [column.name, column]));
  const before = sources.get(RESCUED_COLUMN);
  const nulls = nullColumns(batch.rows);
  const misfits: Misfits[] = [];
  const columns = targets.map((target): Column => {
    const source = sources.get(target.name);
    if (source === undefined) return nulls.like(target);
    const { column, misfits: rows } = convertColumn(source, target, nulls);
    if (rows !== undefined) misfits.push({ column: source, rows });
    return column;
  });
  const wanted = new Set(targets.map((target) => target.name));
  for (const column of batch.columns) {
    if (!wanted.has(column.name) && column.nullCount < batch.rows) {
      misfits.push({ column, rows: undefined });
    }
  }
  const at = columns.findIndex((column) => column.name === RESCUED_COLUMN);
  if (misfits.length > 0) {
    const target = targets[at];
    invariant(target !== undefined, `a table has ${RESCUED_COLUMN}`);
    const column = rescuedColumn(batch.rows, before, misfits) ?? nulls.like(target);
    columns[at] = convertColumn(column, target, nulls).column;
  }
  const rescued = columns[at];
  const rescuedRows = rescued === undefined ? 0 : batch.rows - rescued.nullCount;
  const same =
    columns.length === batch.columns.length &&
    columns.every((column, index) => column === batch.columns[index]);
  return { batch: same ? batch : { rows: batch.rows, columns }, rescuedRows };
}

/**
 * The columns of `batches` in order of appearance, with the type a table's first commit gives each:
 * long and double make double, else the first one stands. Reserved names are left out.
 */
export function summarize(
  batches: readonly Batch[],
): { readonly name: string; readonly type: ColumnType }[] {
  const types = new Map<string, ColumnType>();
  for (const batch of batches) {
    for (const { name, type, nullCount } of batch.columns) {
      if (name.startsWith(RESERVED_PREFIX) || nullCount === batch.rows) continue;
      const known = types.get(name);
      if (known === undefined || (known === 'long' && type === 'double')) types.set(name, type);
    }
  }
  return Array.from(types, ([name, type]) => ({ name, type }));
}

interface Leaving {
  readonly field: Field;
  readonly rows: Uint8Array | undefined;
}

/**
 * `_hyp_rescued` with the members it had and those of `misfits`, per row in column order; undefined
 * when no row has any.
 */
export function rescuedColumn(
  rows: number,
  before: Column | undefined,
  misfits: readonly Misfits[],
): Column | undefined {
  const old = before === undefined ? undefined : fieldOf(before);
  const leaving = misfits.map(({ column, rows: at }) => ({ field: fieldOf(column), rows: at }));
  const builder = newBuilder(RESCUED_COLUMN, 'json', (rows + 8) & ~7);
  const out = newTextOut(1024);
  for (let row = 0; row < rows; row++) {
    const start = out.length;
    openText(builder, row);
    putRescued(out, old, leaving, row);
    if (out.length === start) continue;
    builder.length = out.length;
    closeText(builder, row);
  }
  builder.text = out.bytes;
  return finishColumn(builder, rows);
}

function putRescued(
  out: TextOut,
  old: Field | undefined,
  leaving: readonly Leaving[],
  row: number,
): void {
  const start = out.length;
  if (old !== undefined && isSet(old, row)) {
    const { start: at, end } = membersOf(old.bytes, old.ends[row] ?? 0, old.ends[row + 1] ?? 0);
    if (end > at) {
      reserve(out, 1);
      out.bytes[out.length++] = OPEN_BRACE;
      putRaw(out, old.bytes, at, end);
    }
  }
  for (const { field, rows } of leaving) {
    if (!isSet(field, row)) continue;
    if (rows !== undefined && ((rows[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
    reserve(out, field.prefix.length + NUMBER_BYTES);
    out.bytes[out.length] = out.length === start ? OPEN_BRACE : COMMA;
    out.length++;
    putBytes(out, field.prefix);
    putValue(out, field, row);
  }
  if (out.length === start) return;
  reserve(out, 1);
  out.bytes[out.length++] = CLOSE_BRACE;
}
