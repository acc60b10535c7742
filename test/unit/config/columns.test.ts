/** What hyp.yaml may declare of columns, and what is said of everything else. llp/0021 */
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../../src/config/describe.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { HypError } from '../../../src/core/errors.ts';

function parse(text: string) {
  return parseConfig(text, { path: '/etc/site/hyp.yaml', env: {} });
}

function problemsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof HypError)) throw error;
    const problems = error.details['problems'] as {
      path: string;
      line: number;
      column: number;
      message: string;
    }[];
    return problems.map(
      ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
    );
  }
  return [];
}

const declared = (columns: string) => `datasets:\n  requests:\n    columns:\n${columns}`;

describe('declared columns', () => {
  it('have a type each, in the order of the file', () => {
    const text = declared(`
      ts: timestamptz
      day: date
      price: decimal(9, 2)
      raw: binary
      n: long
      x: double
      s: string
      ok: boolean
`);
    expect(parse(text).dataset('requests').columns).toEqual([
      { name: 'ts', type: 'timestamptz' },
      { name: 'day', type: 'date' },
      { name: 'price', type: 'decimal(9,2)' },
      { name: 'raw', type: 'binary' },
      { name: 'n', type: 'long' },
      { name: 'x', type: 'double' },
      { name: 's', type: 'string' },
      { name: 'ok', type: 'boolean' },
    ]);
  });

  it('are taken from * by datasets that say nothing of columns', () => {
    const text = 'datasets:\n  "*": {columns: {ts: timestamptz}}\n  bare: {columns: {}}\n';
    const config = parse(text);
    expect(config.dataset('any').columns).toEqual([{ name: 'ts', type: 'timestamptz' }]);
    expect(config.dataset('bare').columns).toEqual([]);
  });

  it('are printed as they may be written', () => {
    const text = declared('      price: decimal(9, 2)\n');
    expect(describeConfig(parse(text))).toMatchObject({
      datasets: { requests: { columns: { price: 'decimal(9,2)' } } },
    });
  });

  it.each([
    [
      '      ts: timestamp\n',
      /^4:11 .*columns\.ts: expected a type: boolean, .*found "timestamp"$/,
    ],
    ['      ts:\n', /^4:\d+ .*columns\.ts: expected a type/],
    ['      tags: [string]\n', /^4:13 .*columns\.tags: a list is written list<string>, a struct/],
    [
      '      geo: {lat: double}\n',
      /^4:12 .*columns\.geo: a list is written list<string>, a struct/,
    ],
    ['      a: list<int>\n', /^4:10 .*columns\.a: not a list or struct .*: "int" is no type$/],
    [
      '      a: struct<x:long,X:long>\n',
      /^4:10 .*: two members are called X, or differ in case only$/,
    ],
    ['      a: list<string\n', /^4:10 .*columns\.a: its last > is missing/],
    [
      '      user: struct<id:long>\n      User.ID: long\n',
      /^5:7 .*User\.ID: it and user have a part of one name for other engines$/,
    ],
    [
      '      user: struct<id: long>\n',
      /^4:13 : Nested mappings .*; a value that has a colon and a space in it is written in quotes$/,
    ],
    ['      ts: 5\n', /^4:11 .*columns\.ts: expected a type/],
    ['      p: decimal(39,2)\n', /^4:10 .*columns\.p: a decimal is written decimal\(9,2\)/],
    ['      p: decimal(4,5)\n', /^4:10 .*columns\.p: a decimal is written/],
    [
      '      _HYP_seq: long\n',
      /^4:7 .*columns\._HYP_seq: names that begin with _hyp_ are hyp's own$/,
    ],
    ['      Ts: long\n      tS: long\n', /^5:7 .*columns\.tS: differs from Ts in case only/],
    ['      "": long\n', /^4:7 .*: a name has 1 to 255 bytes of plain text$/],
    [`      ${'n'.repeat(256)}: long\n`, /^4:7 .*: a name has 1 to 255 bytes of plain text$/],
    ['      "a\\u0000b": long\n', /^4:7 .*: a name has 1 to 255 bytes of plain text$/],
  ])('%j is refused with its place', (columns, problem) => {
    const problems = problemsOf(declared(columns));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('with a comma between braces are told to be quoted', () => {
    const [problem] = problemsOf('datasets:\n  a: {columns: {price: decimal(9,2)}}\n');
    expect(problem).toMatch(
      /^2:24 datasets\.a\.columns\.price: .*write "decimal\(9,2\)" in quotes$/,
    );
  });

  it('may be lists and structs, quoted where YAML would read a comma or colon itself', () => {
    const text = declared(`
      tags: list<string>
      user: struct<id:long,name:string>
      items: "list<struct<sku: string, price: decimal(9, 2)>>"
`);
    const columns = [
      { name: 'tags', type: 'list<string>' },
      { name: 'user', type: 'struct<id:long,name:string>' },
      { name: 'items', type: 'list<struct<sku:string,price:decimal(9,2)>>' },
    ];
    expect(parse(text).dataset('requests').columns).toEqual(columns);
    expect(
      problemsOf('datasets:\n  a: {columns: {user: struct<id:long,b:date,c:long>}}\n'),
    ).toEqual([
      '2:23 datasets.a.columns.user: its last > is missing; between braces a comma ends the value: ' +
        'write "struct<id:long,name:string>" in quotes',
    ]);
  });

  it('are counted by their leaves', () => {
    const members = (count: number) =>
      Array.from({ length: count }, (_, at) => `m${at}:long`).join(',');
    const structs = Array.from(
      { length: 10 },
      (_, at) => `      c${at}: struct<${members(100)}>\n`,
    );
    expect(problemsOf(declared(structs.join('')))).toEqual([]);
    expect(problemsOf(declared(`${structs.join('')}      one: long\n`))).toEqual([
      '3:5 datasets.requests.columns: 1001 columns are declared, each leaf of a list or struct ' +
        'counted; a table has at most 1000',
    ]);
  });

  it('are at most 1,000', () => {
    const columns = (count: number) =>
      Array.from({ length: count }, (_, at) => `      c${at}: long\n`).join('');
    expect(problemsOf(declared(columns(1000)))).toEqual([]);
    expect(problemsOf(declared(columns(1001)))).toEqual([
      '3:5 datasets.requests.columns: 1001 columns are declared; a table has at most 1000',
    ]);
  });

  it('are a mapping', () => {
    expect(problemsOf('datasets: {a: {columns: [ts]}}')).toEqual([
      '1:25 datasets.a.columns: expected a mapping (column: type)',
    ]);
  });
});
