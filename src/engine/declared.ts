/**
 * Owns: declared columns meeting the table there is: how their values are kept until a commit, and
 * what a table cannot become.
 *
 * | the table has | the declaration | action |
 * | no column of the name, room for it | any type | the next commit adds it |
 * | the column, with that type | - | nothing to do |
 * | the column, with another type | - | refused: a column keeps its type |
 * | a column whose name differs in case only | - | refused |
 * | a name that other engines take for a part of a list or struct | - | refused |
 * | no column of the name, and no room | - | refused |
 *
 * llp/0021
 */
import { HypError } from '../core/errors.ts';
import type { DatasetName } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { DeclaredKinds } from '../codec/ndjson/decoder.ts';
import { leavesOf, namesIn } from '../codec/nested-types.ts';
import { isDecimalType, isNestedType } from '../codec/types.ts';
import type { DeclaredType } from '../codec/types.ts';
import type { DeclaredColumn } from '../config/columns.ts';
import { currentSchema } from '../../storage/iceberg/metadata.ts';
import { columnTypeOf, userColumns } from '../../storage/iceberg/schema.ts';
import type { TableSchema } from '../../storage/iceberg/schema.ts';
import type { EngineContext } from './context.ts';

type Kind = NonNullable<ReturnType<DeclaredKinds['get']>>;

/**
 * How values of the declared columns of `dataset` are kept in batches on their way to a commit:
 * texts as text, what a double cannot hold as it was written. undefined when none is declared.
 * Throws E_CONFIG when the table cannot have them, before anything of the caller is stored.
 */
export async function declaredKinds(
  context: EngineContext,
  dataset: DatasetName,
): Promise<DeclaredKinds | undefined> {
  const columns = context.declared(dataset);
  if (columns.length === 0) return undefined;
  const head = await context.table(dataset).load();
  assertDeclared(dataset, columns, head && currentSchema(head.value));
  return kindsOf(columns);
}

/** How values of each declared column are kept. Pure. */
export function kindsOf(columns: readonly DeclaredColumn[]): DeclaredKinds {
  return new Map(columns.map(({ name, type }) => [name, kindOf(type)]));
}

/** The names of declared lists and structs. Pure. */
export function nestedNames(columns: readonly DeclaredColumn[]): ReadonlySet<string> {
  return new Set(columns.flatMap(({ name, type }) => (isNestedType(type) ? [name] : [])));
}

function kindOf(type: DeclaredType): Kind {
  switch (type) {
    case 'boolean':
    case 'long':
    case 'double':
    case 'string':
      return type;
    default:
      return isDecimalType(type) || isNestedType(type) ? 'json' : 'string';
  }
}

/** What of a declaration a table with `schema` cannot become, in the order declared. Pure. */
export function declaredProblems(
  columns: readonly DeclaredColumn[],
  schema: TableSchema,
): string[] {
  const fields = new Map(schema.fields.map((field) => [field.name.toLowerCase(), field]));
  const parts = new Map(
    schema.fields.flatMap(({ name, type }) => namesIn(name, type).map((each) => [each, name])),
  );
  let room = LIMITS.columns - userColumns(schema);
  return columns.flatMap(({ name, type }) => {
    const field = fields.get(name.toLowerCase());
    if (field === undefined) {
      const other = namesIn(name, type).flatMap((each) => parts.get(each) ?? [])[0];
      if (other !== undefined) {
        return [`column ${name} and the table's column ${other} have a part of one name`];
      }
      room -= leavesOf(type);
      return room >= 0 ? [] : [`there is no room for column ${name}: ${LIMITS.columns} are there`];
    }
    if (field.name !== name) {
      return [`column ${name} differs from the table's column ${field.name} in case only`];
    }
    const known = columnTypeOf(field) === 'json' ? 'string (JSON text)' : field.type;
    if (known === type) return [];
    return [`column ${name} is ${known} in the table and declared ${type}`];
  });
}

/** E_CONFIG when a table with `schema` cannot have the declared columns. */
export function assertDeclared(
  dataset: DatasetName,
  columns: readonly DeclaredColumn[],
  schema: TableSchema | undefined,
): void {
  const problems = schema === undefined ? [] : declaredProblems(columns, schema);
  if (problems.length === 0) return;
  const safe = 'A column keeps its type; the table and rows that wait in the spool are untouched';
  throw new HypError('E_CONFIG', `dataset ${dataset}: ${problems.join('; ')}. ${safe}`, {
    hint:
      'Take it out of `columns:` or declare the type the table has, and run it again. For the new ' +
      'type send the value under another name, or load the rows into another dataset.',
    details: { dataset, problems },
  });
}
