/** JSONTestSuite as lines of NDJSON: what is no JSON object is refused with its place, nothing else. */
import { describe, expect, it } from 'vitest';
import { exactRows } from '../support/exact-json.ts';
import { decodeAll, encodeAll, rejectsOf } from '../support/ndjson.ts';
import { realBytes, realNames } from './real-data.ts';

const SUITE = 'json-suite';
const names = realNames(SUITE).filter((name) => name.endsWith('.json'));

/** The file as one line: a line feed at its end is the line's. */
function lineOf(name: string): Buffer {
  const bytes = realBytes(`${SUITE}/${name}`);
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}

/** Blank lines are skipped: no row and no reject. */
const BLANK = ['n_single_space.json', 'n_structure_no_data.json'];

const GOOD = '{"good":1}';

/** The file between two rows that must survive it. */
function between(name: string): ReturnType<typeof decodeAll> {
  return decodeAll([
    Buffer.concat([Buffer.from(`${GOOD}\n`), lineOf(name), Buffer.from(`\n${GOOD}\n`)]),
  ]);
}

describe('JSONTestSuite', () => {
  it('is all there', () => {
    expect(names.filter((name) => name.startsWith('n_')).length).toBeGreaterThanOrEqual(185);
    expect(names.filter((name) => name.startsWith('y_')).length).toBeGreaterThanOrEqual(90);
  });

  it.each(names.filter((name) => name.startsWith('n_')))(
    '%s is refused, the rows around stay',
    (name) => {
      const done = between(name);
      expect(encodeAll(done)).toBe(`${GOOD}\n${GOOD}\n`);
      const rejects = rejectsOf(done);
      if (BLANK.includes(name)) expect(rejects).toEqual([]);
      else {
        expect(rejects).toMatchObject([{ line: 2, byte: GOOD.length + 1 }]);
        expect(rejects[0]?.reason).not.toBe('');
      }
    },
  );

  it('refuses all of them in one source, each with its line', () => {
    const lines = names
      .filter((name) => name.startsWith('n_') && !BLANK.includes(name))
      .map(lineOf);
    const source = Buffer.concat(lines.flatMap((line) => [line, Buffer.from(`\n${GOOD}\n`)]));
    const done = decodeAll([source]);
    expect(rejectsOf(done).map(({ line }) => line)).toEqual(lines.map((_, index) => 2 * index + 1));
    expect(encodeAll(done)).toBe(`${GOOD}\n`.repeat(lines.length));
  });

  it.each(names.filter((name) => name.startsWith('y_')))(
    '%s is a row when it is an object',
    (name) => {
      const text = lineOf(name).toString();
      const done = between(name);
      if (text.trimStart().startsWith('{')) {
        expect(rejectsOf(done)).toEqual([]);
        expect(exactRows(encodeAll(done))).toEqual(exactRows(`${GOOD}\n${text}\n${GOOD}\n`));
      } else {
        expect(rejectsOf(done)).toMatchObject([{ line: 2 }]);
        expect(rejectsOf(done)[0]?.reason).toContain('not an object');
        expect(encodeAll(done)).toBe(`${GOOD}\n${GOOD}\n`);
      }
    },
  );

  it.each(names.filter((name) => name.startsWith('i_')))('%s is a row or refused', (name) => {
    const done = between(name);
    const rejects = rejectsOf(done).length;
    const rows = done.reduce((sum, { batch }) => sum + batch.rows, 0);
    // A file in UTF-16 may hold a byte that is a line feed.
    expect(rejects + rows).toBeGreaterThanOrEqual(3);
    expect(encodeAll(done).startsWith(`${GOOD}\n`)).toBe(true);
    expect(encodeAll(done).endsWith(`${GOOD}\n`)).toBe(true);
  });

  it.each(realNames(`${SUITE}/multiline`))('%s has no row on any of its lines', (name) => {
    const bytes = realBytes(`${SUITE}/multiline/${name}`);
    const done = decodeAll([bytes, `\n${GOOD}\n`]);
    expect(encodeAll(done)).toBe(`${GOOD}\n`);
    expect(rejectsOf(done).length).toBeGreaterThanOrEqual(2);
    expect(rejectsOf(done)[0]?.line).toBe(1);
  });
});

describe('streams', () => {
  it('fail01: each line is refused, because none is an object', () => {
    const done = decodeAll([realBytes(`${SUITE}/ndjson-streams/fail01.ndjson`)]);
    const rejects = rejectsOf(done);
    // The lines are arrays: no rows, though all but the second are JSON.
    expect(encodeAll(done)).toBe('');
    expect(rejects.map(({ line }) => line)).toEqual(rejects.map((_, index) => index + 1));
  });

  it('pass01: a value over several lines is refused line by line', () => {
    const done = decodeAll([realBytes(`${SUITE}/ndjson-streams/pass01.ndjson`)]);
    expect(rejectsOf(done)[0]?.line).toBe(1);
  });

  it('pass02: every line that is an object is a row', () => {
    const bytes = realBytes(`${SUITE}/ndjson-streams/pass02.ndjson`);
    const lines = bytes
      .toString()
      .split('\n')
      .filter((line) => line.trim() !== '');
    const objects = lines.filter((line) => line.trimStart().startsWith('{'));
    const done = decodeAll([bytes]);
    expect(exactRows(encodeAll(done))).toEqual(exactRows(objects.join('\n')));
    expect(rejectsOf(done).length).toBe(lines.length - objects.length);
  });
});
