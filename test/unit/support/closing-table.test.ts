/** The table at the end of a run, and what it refuses. llp/0013 */
import { expect, test } from 'vitest';
import { FLOORS, belowFloor, closingTable, sumCounts } from '../../support/closing-table.ts';
import { COUNTED } from '../../support/counted.ts';

const LINES = `{"what":"kills","n":2,"kind":"crash"}
{"what":"points","n":1000,"kind":"sim"}
{"what":"kills","n":3,"kind":"crash"}
`;

test('what several processes counted is summed by kind of test, and in all', () => {
  const counts = sumCounts(LINES);
  expect(counts).toEqual({ crash: { kills: 5 }, sim: { points: 1000 } });
  const lines = closingTable(counts).split('\n');
  expect(lines).toHaveLength(1 + Object.keys(COUNTED).length);
  expect(lines[0]).toMatch(/^tried +crash +sim +in sum$/);
  expect(lines.find((line) => line.startsWith('points'))).toMatch(/ 0 +1,000 +1,000$/);
  expect(lines.find((line) => line.startsWith('double'))).toMatch(/ 0 +0 +0$/);
});

test('a kind that ran whole and tried less than its floor, or nothing at all, is named', () => {
  const floors = { crash: { kills: 6, seeds: 1 }, sim: { points: 1000 } };
  const counts = sumCounts(LINES);
  expect(belowFloor(counts, ['crash', 'sim'], floors)).toEqual([
    'crash: 5 kills, at least 6 are expected',
    'crash: 0 seeds, at least 1 are expected',
  ]);
  expect(belowFloor(counts, ['sim'], floors), 'a part of a kind').toEqual([]);
  expect(belowFloor({}, ['sim'], floors)).toHaveLength(1);
});

test('one lost row or one row twice is too many, whatever ran', () => {
  expect(belowFloor({ sim: { lost: 1 }, crash: { double: 2 } }, [])).toEqual([
    'sim: 1 rows lost',
    'crash: 2 rows double',
  ]);
});

test('every kind that enumerates has floors', () => {
  expect(Object.keys(FLOORS).sort()).toEqual(['crash', 'mutants', 'property', 'sim', 'unit']);
});
