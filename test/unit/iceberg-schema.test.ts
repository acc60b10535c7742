/**
 * Columns of a table and how they grow. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { columnTypeOf, evolve, targetsOf } from '../../storage/iceberg/schema.ts';

const first = evolve(undefined, [
  { name: 'host', type: 'string' },
  { name: 'tags', type: 'json' },
]);

function names(evolution: { readonly schema: { readonly fields: readonly { name: string }[] } }) {
  return evolution.schema.fields.map((field) => field.name);
}

describe('the first schema', () => {
  test('has the user columns in their order and then the three of hyp', () => {
    expect(first.schema).toMatchObject({
      schemaId: 0,
      fields: [
        { id: 1, name: 'host', type: 'string', required: false },
        { id: 2, name: 'tags', type: 'string', required: false, doc: 'JSON text' },
        { id: 3, name: '_hyp_seq', type: 'long', required: true },
        { id: 4, name: '_hyp_ingested_at', type: 'timestamptz', required: true },
        { id: 5, name: '_hyp_rescued', type: 'string', required: false },
      ],
    });
    expect(first).toMatchObject({ lastColumnId: 5, changed: true });
  });

  test('gives batches the type json for nested values and for rescued ones', () => {
    expect(targetsOf(first.schema)).toEqual([
      { name: 'host', type: 'string', fieldId: 1 },
      { name: 'tags', type: 'json', fieldId: 2 },
      { name: '_hyp_seq', type: 'long', fieldId: 3 },
      { name: '_hyp_ingested_at', type: 'timestamptz', fieldId: 4 },
      { name: '_hyp_rescued', type: 'json', fieldId: 5 },
    ]);
  });

  test('exists for a table that was never given a column', () => {
    expect(names(evolve(undefined, []))).toEqual(['_hyp_seq', '_hyp_ingested_at', '_hyp_rescued']);
  });
});

describe('evolution', () => {
  test('adds an unknown column before those of hyp, with an id never given before', () => {
    const next = evolve({ ...first, lastColumnId: 9 }, [{ name: 'load', type: 'double' }]);
    expect(names(next).slice(0, 3)).toEqual(['host', 'tags', 'load']);
    expect(next.schema.fields[2]).toEqual({
      id: 10,
      name: 'load',
      required: false,
      type: 'double',
    });
    expect(next).toMatchObject({ lastColumnId: 10, changed: true, schema: { schemaId: 1 } });
  });

  test('changes nothing when all wanted columns are there, whatever type is wanted', () => {
    const next = evolve(first, [{ name: 'host', type: 'long' }]);
    expect(next).toEqual({ ...first, changed: false });
  });

  test.each(['_hyp_seq', '_hyp_other', '_HYP_seq', 'HOST', 'Host', ''])(
    'leaves out the name %j, which is reserved, colliding or empty',
    (name) => {
      expect(evolve(first, [{ name, type: 'string' }]).changed).toBe(false);
    },
  );

  test.each(['\u0000int:5', 'a\nb', '\ud800', 'x'.repeat(LIMITS.columnNameBytes + 1)])(
    'leaves out the name %j, which cannot be written',
    (name) => {
      expect(evolve(first, [{ name, type: 'string' }]).changed).toBe(false);
    },
  );

  test('adds only the first of two new names that differ in case', () => {
    const next = evolve(first, [
      { name: 'Load', type: 'double' },
      { name: 'load', type: 'double' },
    ]);
    expect(names(next)).toContain('Load');
    expect(names(next)).not.toContain('load');
  });

  test('stops at the limit of user columns', () => {
    const wanted = Array.from({ length: LIMITS.columns + 7 }, (_, i) => ({
      name: `c${i}`,
      type: 'long' as const,
    }));
    const next = evolve(first, wanted);
    expect(next.schema.fields).toHaveLength(LIMITS.columns + 3);
    expect(evolve(next, [{ name: 'one-more', type: 'long' }]).changed).toBe(false);
  });

  test('reads a string column as JSON only when its doc says so', () => {
    const field = { id: 1, name: 'a', required: false, type: 'string' } as const;
    expect(columnTypeOf(field)).toBe('string');
    expect(columnTypeOf({ ...field, doc: 'not JSON text' })).toBe('string');
    expect(columnTypeOf({ ...field, doc: 'JSON text' })).toBe('json');
  });
});
