/** What a table there is can become by a declaration, and what is refused. llp/0021 */
import { describe, expect, it } from 'vitest';
import { toDatasetName } from '../../../src/core/ids.ts';
import type { DeclaredType } from '../../../src/codec/types.ts';
import { assertDeclared, declaredProblems } from '../../../src/engine/declared.ts';
import { evolve } from '../../../storage/iceberg/schema.ts';

const { schema } = evolve(undefined, [
  { name: 'ts', type: 'string' },
  { name: 'price', type: 'decimal(9,2)' },
  { name: 'tags', type: 'json' },
  { name: 'user', type: 'struct<id:long,seen:list<date>>' },
]);

describe('a declaration over a table', () => {
  it.each<[string, string, DeclaredType, string | undefined]>([
    ['a new column is added', 'day', 'date', undefined],
    ['the same type stands', 'price', 'decimal(9,2)', undefined],
    [
      'another type is refused',
      'ts',
      'timestamptz',
      'column ts is string in the table and declared timestamptz',
    ],
    [
      'a wider decimal is another type',
      'price',
      'decimal(12,2)',
      'column price is decimal(9,2) in the table and declared decimal(12,2)',
    ],
    [
      'JSON text is another type',
      'tags',
      'string',
      'column tags is string (JSON text) in the table and declared string',
    ],
    [
      'case is not enough',
      'TS',
      'string',
      "column TS differs from the table's column ts in case only",
    ],
    ['a struct stands', 'user', 'struct<id:long,seen:list<date>>', undefined],
    [
      'another type of a part is another type',
      'user',
      'struct<id:long,seen:list<timestamptz>>',
      'column user is struct<id:long,seen:list<date>> in the table and declared ' +
        'struct<id:long,seen:list<timestamptz>>',
    ],
    [
      'one more member is another type',
      'user',
      'struct<id:long,seen:list<date>,x:long>',
      'column user is struct<id:long,seen:list<date>> in the table and declared ' +
        'struct<id:long,seen:list<date>,x:long>',
    ],
    [
      'JSON text is no list',
      'tags',
      'list<string>',
      'column tags is string (JSON text) in the table and declared list<string>',
    ],
    [
      'a name that other engines take for a part',
      'User.Seen.element',
      'date',
      "column User.Seen.element and the table's column user have a part of one name",
    ],
    [
      'hyp has its own',
      '_hyp_seq',
      'string',
      'column _hyp_seq is long in the table and declared string',
    ],
  ])('%s', (_what, name, type, problem) => {
    expect(declaredProblems([{ name, type }], schema)).toEqual(
      problem === undefined ? [] : [problem],
    );
  });

  it('needs room', () => {
    const wide = Array.from({ length: 999 }, (_, at) => ({
      name: `c${at}`,
      type: 'long' as const,
    }));
    const full = evolve(undefined, wide).schema;
    const columns = ['x', 'y'].map((name) => ({ name, type: 'date' as const }));
    expect(declaredProblems(columns, full)).toEqual([
      'there is no room for column y: 1000 are there',
    ]);
  });

  it('is refused with what is safe and what to do', () => {
    expect(() => {
      assertDeclared(toDatasetName('requests'), [{ name: 'ts', type: 'date' }], schema);
    }).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message:
          'dataset requests: column ts is string in the table and declared date. A column keeps ' +
          'its type; the table and rows that wait in the spool are untouched',
        hint: expect.stringContaining('declare the type the table has') as unknown,
      }) as Error,
    );
  });
});
