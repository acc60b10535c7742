/**
 * Owns: the JSON form of a table schema in metadata files and manifest headers.
 * llp/0006
 */
import { z } from 'zod';
import { HypError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/json.ts';
import { PLAIN_TYPES, decimalOf, typeNamed } from '../../src/codec/types.ts';
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
      doc === undefined
        ? { id, name, required, type: typeToJson(type) }
        : { id, name, required, type: typeToJson(type), doc },
    ),
  };
}

/** E_UNSUPPORTED_FORMAT when a field has a type hyp does not write. */
export function schemaFromJson(json: z.infer<typeof schemaJson>, path: string): TableSchema {
  const fields = json.fields.map(({ id, name, required, type, doc }): Field => {
    const known = typeFromJson(type);
    if (known === undefined) {
      throw new HypError('E_UNSUPPORTED_FORMAT', `column ${name} has an unknown type in ${path}`, {
        hint: `hyp reads ${PLAIN_TYPES.join(', ')} and decimal.`,
        details: { path, column: name },
      });
    }
    const field = { id, name, required, type: known };
    return doc === undefined ? field : { ...field, doc };
  });
  return { schemaId: json['schema-id'], fields };
}

/** Iceberg writes `decimal(9, 2)`, or without the space. */
function typeFromJson(type: unknown): FieldType | undefined {
  return typeof type === 'string' ? typeNamed(type) : undefined;
}

function typeToJson(type: FieldType): Json {
  const decimal = decimalOf(type);
  return decimal === undefined ? type : `decimal(${decimal.precision}, ${decimal.scale})`;
}
