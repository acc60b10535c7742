/**
 * Owns: the columns of a table as Iceberg sees them, and how they grow.
 * Invariant: a field id is never given to another field; evolution only adds. So the schema of any
 * older id is the current one without the fields added later (see ./metadata, schemaById). What is
 * in a list or struct has the ids behind its own (codec/nested-types).
 * Not its job: which type a JSON value has (codec), where a value without a column goes (rescue).
 * llp/0006
 */
import {
  INGESTED_AT_COLUMN,
  RESCUED_COLUMN,
  RESERVED_PREFIX,
  SEQ_COLUMN,
} from '../../src/codec/columns.ts';
import type { ColumnType } from '../../src/codec/columns.ts';
import { idsOf, leavesOf, namesIn } from '../../src/codec/nested-types.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { DeclaredType } from '../../src/codec/types.ts';

/** The Iceberg types hyp writes. */
export type FieldType = DeclaredType;

export interface Field {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: FieldType;
  readonly doc?: string | undefined;
}

export interface TableSchema {
  readonly schemaId: number;
  readonly fields: readonly Field[];
}

/** A column of a table for those who build batches. */
export interface Target {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}

export interface WantedColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** A schema with the highest id its table ever gave to a field. */
export interface SchemaState {
  readonly schema: TableSchema;
  readonly lastColumnId: number;
}

export interface Evolution extends SchemaState {
  /** True when the schema is new and has an id of its own. */
  readonly changed: boolean;
}

/** A string column whose doc begins with this holds raw JSON. */
const JSON_DOC = 'JSON text';

const HYP_FIELDS: readonly Omit<Field, 'id'>[] = [
  { name: SEQ_COLUMN, required: true, type: 'long', doc: 'Ingest sequence, without holes' },
  { name: INGESTED_AT_COLUMN, required: true, type: 'timestamptz', doc: 'When hyp took the row' },
  {
    name: RESCUED_COLUMN,
    required: false,
    type: 'string',
    doc: `${JSON_DOC}: values that fit no column, by name`,
  },
];

/** The type of a field for batches: a string that holds JSON is 'json'. */
export function columnTypeOf(field: Field): ColumnType {
  return field.type === 'string' && field.doc?.startsWith(JSON_DOC) === true ? 'json' : field.type;
}

/** User columns in the schema's order, then `_hyp_seq`, `_hyp_ingested_at`, `_hyp_rescued`. */
export function targetsOf(schema: TableSchema): readonly Target[] {
  const users = schema.fields.filter((field) => !isHypField(field));
  const own = HYP_FIELDS.flatMap(({ name }) =>
    schema.fields.filter((field) => field.name === name),
  );
  return [...users, ...own].map((field) => ({
    name: field.name,
    type: columnTypeOf(field),
    fieldId: field.id,
  }));
}

/**
 * The schema that also has every wanted column that may be added: unknown, not reserved, differing
 * from every other name, and from `column.member` of a list or struct, in more than case, writable as
 * a name, and not beyond LIMITS.columns.
 * The others are left out; their values are rescued. A known name keeps its type. Pure.
 */
export function evolve(
  current: SchemaState | undefined,
  wanted: readonly WantedColumn[],
): Evolution {
  const fields = current?.schema.fields ?? [];
  const added = addable(fields, wanted);
  if (current !== undefined && added.length === 0) return { ...current, changed: false };
  let lastColumnId = current?.lastColumnId ?? 0;
  const nextId = (type: string): number => {
    const id = lastColumnId + 1;
    lastColumnId += idsOf(type);
    return id;
  };
  const users = added.map((column) => userField(nextId(column.type), column));
  const own =
    current === undefined
      ? HYP_FIELDS.map((field) => ({ id: nextId(field.type), ...field }))
      : fields.filter(isHypField);
  const schemaId = current === undefined ? 0 : current.schema.schemaId + 1;
  const known = fields.filter((field) => !isHypField(field));
  return {
    schema: { schemaId, fields: [...known, ...users, ...own] },
    lastColumnId,
    changed: true,
  };
}

function addable(
  fields: readonly Field[],
  wanted: readonly WantedColumn[],
): readonly WantedColumn[] {
  const taken = new Set(fields.flatMap(({ name, type }) => namesIn(name, type)));
  let room = LIMITS.columns - userColumns({ fields });
  return wanted.filter(({ name, type }) => {
    const names = namesIn(name, type);
    const leaves = leavesOf(type);
    if (room < leaves || names.some((each) => taken.has(each))) return false;
    if (folded(name).startsWith(RESERVED_PREFIX) || !isWritable(name)) return false;
    for (const each of names) taken.add(each);
    room -= leaves;
    return true;
  });
}

/** Columns that count against LIMITS.columns: a list or struct as many as it has leaves. */
export function userColumns({ fields }: Pick<TableSchema, 'fields'>): number {
  return fields.reduce((sum, field) => sum + (isHypField(field) ? 0 : leavesOf(field.type)), 0);
}

/** A control character would confuse core/json, an unpaired surrogate has no UTF-8. */
function isWritable(name: string): boolean {
  return (
    name.length > 0 &&
    Buffer.byteLength(name) <= LIMITS.columnNameBytes &&
    !/[\p{Control}\p{Surrogate}]/u.test(name)
  );
}

function userField(id: number, { name, type }: WantedColumn): Field {
  return type === 'json'
    ? { id, name, required: false, type: 'string', doc: JSON_DOC }
    : { id, name, required: false, type };
}

function isHypField(field: Field): boolean {
  return HYP_FIELDS.some(({ name }) => name === field.name);
}

/** Engines that ignore case must still be able to tell columns apart. */
function folded(name: string): string {
  return name.toLowerCase();
}
