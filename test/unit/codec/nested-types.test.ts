/** Lists and structs as text: one spelling, numbered parts, and why a text is no type. llp/0021 */
import { describe, expect, it } from 'vitest';
import {
  idsOf,
  leavesOf,
  namesIn,
  partsOf,
  readType,
  shapeOf,
  typeNamed,
} from '../../../src/codec/nested-types.ts';
import { LIMITS } from '../../../src/core/limits.ts';

const nest = (depth: number): string => `${'list<'.repeat(depth)}long${'>'.repeat(depth)}`;
const wide = (members: number): string =>
  `struct<${Array.from({ length: members }, (_, at) => `m${at}:long`).join(',')}>`;

describe('the text of a type', () => {
  it.each([
    ['list<string>', 'list<string>'],
    [' list < string > ', 'list<string>'],
    ['struct<id: long, name: string>', 'struct<id:long,name:string>'],
    ['list<decimal(9, 2)>', 'list<decimal(9,2)>'],
    ['struct<price:decimal( 9 , 2 ),at:timestamptz>', 'struct<price:decimal(9,2),at:timestamptz>'],
    ['struct<"id":long,"a b":long,"x.y":long>', 'struct<id:long,"a b":long,x.y:long>'],
    ['struct<list:long,struct:list<long>>', 'struct<list:long,struct:list<long>>'],
    ['struct<"\\u00e9\\"<>:":long>', 'struct<"é\\"<>:":long>'],
    [nest(LIMITS.nestedDepth), nest(LIMITS.nestedDepth)],
    [wide(LIMITS.nestedParts), wide(LIMITS.nestedParts)],
    ['date', 'date'],
  ])('%s is %s', (text, type) => {
    expect(readType(text)).toEqual({ type });
    expect(typeNamed(type)).toBe(type);
  });

  it.each([
    ['list<>', 'a type is missing'],
    ['list<int>', '"int" is no type'],
    ['list<string', 'it ends too early at character 12'],
    ['list<string>>', 'unexpected text at character 13'],
    ['list<string>x', 'unexpected text at character 13'],
    ['list', '"list" is no type'],
    ['list<decimal(39,2)>', '"decimal(39,2)" is no type'],
    ['struct<>', 'a member is missing'],
    ['struct<id>', 'expected : at character 10'],
    ['struct<id:long,>', 'a member is missing'],
    ['struct<id:long;name:string>', '"long;name" is no type'],
    ['struct<"":long>', "a member's name has 1 to 255 bytes of plain text"],
    ['struct<"\\ud800":long>', "a member's name has 1 to 255 bytes of plain text"],
    [`struct<${'n'.repeat(256)}:long>`, "a member's name has 1 to 255 bytes of plain text"],
    ['struct<a:long,A:string>', 'two members are called A, or differ in case only'],
    [
      'struct<a.b:long,a:struct<b:long>>',
      'a dot in a name makes two of its parts the same to other engines',
    ],
    [nest(LIMITS.nestedDepth + 1), 'lists and structs may stand in each other 5 deep'],
    [wide(LIMITS.nestedParts + 1), 'it has more than 100 parts'],
  ])('%s is none: %s', (text, problem) => {
    expect(readType(text)).toEqual({ problem });
    expect(typeNamed(text)).toBeUndefined();
  });

  it('numbers its parts in the order they are written', () => {
    const type = 'struct<a:list<long>,b:struct<c:date,d:list<string>>,e:binary>';
    const shape = shapeOf(type);
    expect(partsOf(shape).map(({ part }) => part)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([idsOf(type), leavesOf(type)]).toEqual([8, 4]);
    expect([idsOf('date'), leavesOf('date')]).toEqual([1, 1]);
    expect(namesIn('Top', type)).toEqual([
      'top',
      'top.a',
      'top.a.element',
      'top.b',
      'top.b.c',
      'top.b.d',
      'top.b.d.element',
      'top.e',
    ]);
  });
});
