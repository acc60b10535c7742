/** JSON text of lists and structs: kept in one spelling when it is exactly of the type. llp/0021 */
import { describe, expect, it } from 'vitest';
import { shapeOf } from '../../../src/codec/nested-types.ts';
import { nestedObject, onlyText, readNested } from '../../../src/codec/nested-values.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { NestedType } from '../../../src/codec/types.ts';

const USER: NestedType = 'struct<id:long,name:string>';

describe('a value of a list or struct', () => {
  it.each<[NestedType, string, string]>([
    ['list<string>', ' [ "a" , "\\u0041\\/" ] ', '["a","A/"]'],
    ['list<string>', '[]', '[]'],
    ['list<string>', '[null,""]', '[null,""]'],
    [USER, '{"name":"x","id":1}', '{"id":1,"name":"x"}'],
    [USER, '{}', '{}'],
    [USER, '{"name":"x"}', '{"name":"x"}'],
    ['list<long>', '[1.0,1e3,-0,9223372036854775807]', '[1,1000,0,9223372036854775807]'],
    ['list<double>', '[1,0.10,1E2,-0.0]', '[1,0.1,100,0]'],
    ['list<boolean>', '[true,false]', '[true,false]'],
    ['list<decimal(9,2)>', '[1,1.50,0.0]', '[1.00,1.50,0.00]'],
    ['list<date>', '["2024-02-29"]', '["2024-02-29"]'],
    ['list<binary>', '["aGk="]', '["aGk="]'],
    ['list<timestamptz>', '["2026-11-21T12:00:00.5+02:00"]', '["2026-11-21T10:00:00.500000Z"]'],
    ['list<list<long>>', '[[],[1],null]', '[[],[1],null]'],
    ['struct<__proto__:long>', '{"__proto__":1}', '{"__proto__":1}'],
  ])('%s takes %s as %s', (type, text, only) => {
    const shape = shapeOf(type);
    expect(onlyText(text, shape)).toBe(only);
    expect(onlyText(only, shape)).toBe(only);
  });

  it.each<[NestedType, string]>([
    ['list<string>', '"a"'],
    ['list<string>', '{}'],
    ['list<string>', 'null'],
    ['list<string>', '["a",1]'],
    ['list<string>', '["\\ud800"]'],
    ['list<string>', '["a"'],
    ['list<string>', '["a"] x'],
    ['list<string>', '["a\u0001"]'],
    [USER, '[]'],
    [USER, '{"id":1,"role":"x"}'],
    [USER, '{"ID":1}'],
    [USER, '{"id":1,"id":1}'],
    [USER, '{"id":1,"name":null}'],
    ['list<long>', '[1.5]'],
    ['list<long>', '["1"]'],
    ['list<long>', '[9223372036854775808]'],
    ['list<double>', '[0.1000000000000000055]'],
    ['list<double>', '[9007199254740993]'],
    ['list<double>', '[1e400]'],
    ['list<boolean>', '[1]'],
    ['list<decimal(9,2)>', '[0.125]'],
    ['list<date>', '["2023-02-29"]'],
    ['list<binary>', '["aGk"]'],
    ['list<timestamptz>', '["2026-11-21T10:00:00"]'],
    ['list<list<long>>', '[1]'],
  ])('%s does not take %s', (type, text) => {
    expect(onlyText(text, shapeOf(type))).toBeUndefined();
  });

  it('that is nearly empty would take far more room than its text, and is not taken', () => {
    const members = Array.from({ length: 50 }, (_, at) => `m${at}:long`).join(',');
    const shape = shapeOf(`list<struct<${members}>>`);
    const empty = (count: number) => `[${Array.from({ length: count }, () => '{}').join(',')}]`;
    expect(onlyText(empty(100), shape)).toBeUndefined();
    // Spaces are not part of it.
    expect(onlyText(empty(100).replaceAll(',', `,${' '.repeat(100)}`), shape)).toBeUndefined();
    const full = `[{${Array.from({ length: 50 }, (_, at) => `"m${at}":${at}`).join(',')}}]`;
    expect(onlyText(full, shape)).toBe(full);
  });

  it('has at most so many leaves in its lists', () => {
    const shape = shapeOf('list<long>');
    const zeros = (count: number) => `[${Array.from({ length: count }, () => '0').join(',')}]`;
    expect(onlyText(zeros(LIMITS.nestedValues), shape)).toBe(zeros(LIMITS.nestedValues));
    expect(onlyText(zeros(LIMITS.nestedValues + 1), shape)).toBeUndefined();
  });

  it('is given to programs with exact numbers', () => {
    const shape = shapeOf('list<struct<id:long,price:decimal(9,2),day:date,__proto__:boolean>>');
    const text =
      '[{"id":9007199254740993,"price":1.5,"day":"2026-11-21"},{"id":1,"__proto__":true},null]';
    const value = readNested(text, shape);
    if (value === undefined) throw new Error('not taken');
    const objects = nestedObject(value, shape) as readonly Record<string, unknown>[];
    expect(objects[0]).toEqual({ id: 9007199254740993n, price: '1.50', day: '2026-11-21' });
    expect(Object.entries(objects[1] ?? {})).toEqual([
      ['id', 1],
      ['__proto__', true],
    ]);
    expect(objects[2]).toBeNull();
  });
});
