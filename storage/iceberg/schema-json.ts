/**
 * Owns: the JSON form of a table schema in metadata files and manifest headers.
 * llp/0006
 */
import { z } from 'zod';
import { HypError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/json.ts';
import { FIELD_TYPES } from './schema.ts';
import type { Field, FieldType, TableSchema } from './schema.ts';

export const schemaJson = z.object({
  'schema-id': z.number().int().default(0),
  fields: z.array(
    z.object({
      id: z.number().int(),
      name: z.string(),
      required: z.boolean(),
      type: z.unknown(),
      doc: z.string().optional(),
    }),
  ),
});

export function schemaToJson(schema: TableSchema): Json {
  return {
    type: 'struct',
    'schema-id': schema.schemaId,
    fields: schema.fields.map(({ id, name, required, type, doc }) =>
      doc === undefined ? { id, name, required, type } : { id, name, required, type, doc },
    ),
  };
}

/** E_UNSUPPORTED_FORMAT when a field has a type hyp does not write. */
export function schemaFromJson(json: z.infer<typeof schemaJson>, path: string): TableSchema {
  const fields = json.fields.map(({ id, name, required, type, doc }): Field => {
    if (!isFieldType(type)) {
      throw new HypError('E_UNSUPPORTED_FORMAT', `column ${name} has an unknown type in ${path}`, {
        hint: `hyp reads ${FIELD_TYPES.join(', ')}.`,
        details: { path, column: name },
      });
    }
    const field = { id, name, required, type };
    return doc === undefined ? field : { ...field, doc };
  });
  return { schemaId: json['schema-id'], fields };
}

function isFieldType(type: unknown): type is FieldType {
  return FIELD_TYPES.some((known) => known === type);
}
