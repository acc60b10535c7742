/** Lists and structs in a table's schema: ids of all parts, Iceberg's JSON, and names. llp/0021 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { evolve, userColumns } from '../../../storage/iceberg/schema.ts';
import { schemaFromJson, schemaJson, schemaToJson } from '../../../storage/iceberg/schema-json.ts';

const { schema, lastColumnId } = evolve(undefined, [
  { name: 'tags', type: 'list<string>' },
  { name: 'user', type: 'struct<id:long,prices:list<decimal(9,2)>>' },
  { name: 'n', type: 'long' },
]);

describe('a schema with lists and structs', () => {
  it('gives every part an id of its own, behind that of its column', () => {
    expect(schema.fields.map(({ name, id }) => [name, id])).toEqual([
      ['tags', 1],
      ['user', 3],
      ['n', 7],
      ['_hyp_seq', 8],
      ['_hyp_ingested_at', 9],
      ['_hyp_rescued', 10],
    ]);
    expect(lastColumnId).toBe(10);
    const next = evolve({ schema, lastColumnId }, [{ name: 'more', type: 'list<list<date>>' }]);
    expect(next.schema.fields.find(({ name }) => name === 'more')?.id).toBe(11);
    expect(next.lastColumnId).toBe(13);
  });

  it('is written as Iceberg has it and read back', () => {
    const json = schemaToJson(schema) as { readonly fields: readonly unknown[] };
    expect(json.fields.slice(0, 2)).toEqual([
      {
        id: 1,
        name: 'tags',
        required: false,
        type: { type: 'list', 'element-id': 2, 'element-required': false, element: 'string' },
      },
      {
        id: 3,
        name: 'user',
        required: false,
        type: {
          type: 'struct',
          fields: [
            { id: 4, name: 'id', required: false, type: 'long' },
            {
              id: 5,
              name: 'prices',
              required: false,
              type: {
                type: 'list',
                'element-id': 6,
                'element-required': false,
                element: 'decimal(9, 2)',
              },
            },
          ],
        },
      },
    ]);
    expect(schemaFromJson(schemaJson.parse(json), 'v1')).toEqual(schema);
  });

  it.each([
    ['other ids', '"element-id":2', '"element-id":99'],
    ['ids of members that are swapped', '{"id":4,"name":"id"', '{"id":5,"name":"id"'],
    ['an element that must be there', '"element-required":false', '"element-required":true'],
    ['a map', '"type":"list"', '"type":"map"'],
    ['a type as our text', '"type":"long"', '"type":"list<long>"'],
  ])('that another program changed is not taken: %s', (_what, from, to) => {
    const text = JSON.stringify(schemaToJson(schema));
    expect(text).toContain(from);
    const parsed = schemaJson.parse(JSON.parse(text.replace(from, to)));
    expect(() => schemaFromJson(parsed, 'v1')).toThrow(
      expect.objectContaining({ code: 'E_UNSUPPORTED_FORMAT' }) as Error,
    );
  });

  it('takes no column that engines would know by the name of a part, nor the other way', () => {
    const wanted = [
      { name: 'user.id', type: 'long' },
      { name: 'USER.Prices.Element', type: 'long' },
      { name: 'tags.element', type: 'long' },
      { name: 'user.other', type: 'long' },
    ] as const;
    const next = evolve({ schema, lastColumnId }, wanted);
    expect(next.schema.fields.map(({ name }) => name)).toContain('user.other');
    expect(next.schema.fields).toHaveLength(schema.fields.length + 1);
    const late = evolve(next, [
      { name: 'user.other.x', type: 'long' },
      { name: 'a.b', type: 'long' },
    ]);
    expect(evolve(late, [{ name: 'a', type: 'struct<b:long>' }]).changed).toBe(false);
  });

  it('counts each leaf as a column', () => {
    expect(userColumns(schema)).toBe(4);
    const wide = Array.from({ length: LIMITS.columns - 2 }, (_, at) => ({
      name: `c${at}`,
      type: 'long' as const,
    }));
    const full = evolve(undefined, [
      ...wide,
      { name: 'three', type: 'struct<a:long,b:long,c:long>' },
    ]);
    expect(full.schema.fields.some(({ name }) => name === 'three')).toBe(false);
    const fits = evolve(undefined, [...wide, { name: 'two', type: 'struct<a:long,b:long>' }]);
    expect(userColumns(fits.schema)).toBe(LIMITS.columns);
  });
});
