/**
 * Owns: the JSON form of a table schema in metadata files and manifest headers.
 * llp/0006
 */
import { z } from 'zod';
import { HypError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/json.ts';
import { shapeOf, typeNamed } from '../../src/codec/nested-types.ts';
import type { Shape } from '../../src/codec/nested-types.ts';
import { PLAIN_TYPES, decimalOf } from '../../src/codec/types.ts';
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
        ? { id, name, required, type: typeToJson(id, shapeOf(type)) }
        : { id, name, required, type: typeToJson(id, shapeOf(type)), doc },
    ),
  };
}

/** E_UNSUPPORTED_FORMAT when a field has a type hyp does not write. */
export function schemaFromJson(json: z.infer<typeof schemaJson>, path: string): TableSchema {
  const fields = json.fields.map(({ id, name, required, type, doc }): Field => {
    const known = typeFromJson(id, type);
    if (known === undefined) {
      throw new HypError('E_UNSUPPORTED_FORMAT', `column ${name} has an unknown type in ${path}`, {
        hint: `hyp reads ${PLAIN_TYPES.join(', ')}, decimal, and the lists and structs it makes itself.`,
        details: { path, column: name },
      });
    }
    const field = { id, name, required, type: known };
    return doc === undefined ? field : { ...field, doc };
  });
  return { schemaId: json['schema-id'], fields };
}

const listJson = z.object({
  type: z.literal('list'),
  'element-id': z.number().int(),
  'element-required': z.literal(false),
  element: z.unknown(),
});

const structJson = z.object({
  type: z.literal('struct'),
  fields: z.array(
    z.object({
      id: z.number().int(),
      name: z.string(),
      required: z.literal(false),
      type: z.unknown(),
    }),
  ),
});

/** What `typeToJson` wrote for field `id`; undefined for anything else, other ids too. */
function typeFromJson(id: number, json: unknown): FieldType | undefined {
  const type = typeNamed(typeText(json) ?? '');
  if (type === undefined || typeof json === 'string') return type;
  const wanted = idsIn(typeToJson(id, shapeOf(type)));
  const found = idsIn(json);
  return wanted.every((each, at) => each === found[at]) ? type : undefined;
}

/** Iceberg writes `decimal(9, 2)`, or without the space. */
function typeText(json: unknown): string | undefined {
  if (typeof json === 'string') return json.includes('<') ? undefined : json;
  const list = listJson.safeParse(json);
  if (list.success) {
    const element = typeText(list.data.element);
    return element && `list<${element}>`;
  }
  const struct = structJson.safeParse(json);
  if (!struct.success) return undefined;
  const members = struct.data.fields.map(({ name, type }) => {
    const text = typeText(type);
    return text && `${JSON.stringify(name)}:${text}`;
  });
  return members.includes(undefined) ? undefined : `struct<${members.join(',')}>`;
}

/** Ids of the parts, in order. */
function idsIn(json: unknown): readonly number[] {
  const list = listJson.safeParse(json);
  if (list.success) return [list.data['element-id'], ...idsIn(list.data.element)];
  const struct = structJson.safeParse(json);
  if (!struct.success) return [];
  return struct.data.fields.flatMap(({ id, type }) => [id, ...idsIn(type)]);
}

/** The type of the field `id`, whose parts have the ids behind it. */
function typeToJson(id: number, shape: Shape): Json {
  switch (shape.is) {
    case 'leaf': {
      const decimal = decimalOf(shape.type);
      return decimal === undefined ? shape.type : `decimal(${decimal.precision}, ${decimal.scale})`;
    }
    case 'list':
      return {
        type: 'list',
        'element-id': id + shape.element.part,
        'element-required': false,
        element: typeToJson(id, shape.element),
      };
    case 'struct':
      return {
        type: 'struct',
        fields: shape.members.map(({ name, shape: inner }) => ({
          id: id + inner.part,
          name,
          required: false,
          type: typeToJson(id, inner),
        })),
      };
  }
}
