/** What goes in comes out: llp/0004, DESIGN §8 "nothing a caller sent is lost". */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchBytes, sliceBatch } from '../../src/codec/columns.ts';
import type { ColumnType } from '../../src/codec/columns.ts';
import { conform, summarize } from '../../src/codec/conform.ts';
import { encodeNdjson, encodeNdjsonChunks } from '../../src/codec/ndjson/encode.ts';
import { concatBatches, takeRows } from '../../src/codec/rearrange.ts';
import { batchToRows, rowsToNdjson } from '../../src/codec/rows.ts';
import { lineText, rowText } from '../support/arbitrary-rows.ts';
import { exactRow, exactRows } from '../support/exact-json.ts';
import { checkBatch, decodeAll, decodeText, encodeAll, rejectsOf } from '../support/ndjson.ts';

const rows = fc.array(rowText, { minLength: 1, maxLength: 25 });
const lines = fc.array(lineText, { minLength: 1, maxLength: 25 });

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  );
  return [...cuts, bytes.length].map((cut, index) => bytes.subarray(cuts[index - 1] ?? 0, cut));
}

describe('NDJSON', () => {
  it('gives every row back value for value', () => {
    fc.assert(
      fc.property(rows, fc.nat({ max: 5 }), (texts, room) => {
        const source = texts.join('\n');
        const done = decodeAll([source], room === 0 ? {} : { maxRows: room });
        expect(rejectsOf(done)).toEqual([]);
        expect(exactRows(encodeAll(done))).toEqual(texts.map(exactRow));
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on how the source was cut into chunks', () => {
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.constantFrom({}, { maxRows: 3 }, { maxBytes: 200 }, { maxLineBytes: 40 }),
        (texts, places, options) => {
          const bytes = Buffer.from(texts.join('\n'));
          const whole = decodeAll([bytes], options);
          const cut = decodeAll(cutAt(bytes, places), options);
          expect(cut).toEqual(whole);
          const last = whole.at(-1);
          if (last !== undefined) expect(last.endByte).toBe(bytes.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('cuts batches before they exceed a limit', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 50, max: 3000 }), (texts, maxBytes) => {
        for (const { batch } of decodeAll([texts.join('\n')], { maxBytes })) {
          if (batch.rows > 1) expect(batchBytes(batch)).toBeLessThanOrEqual(maxBytes);
        }
      }),
    );
  });

  it('takes exactly the lines that are JSON objects, and leaves no trace of the others', () => {
    const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 2));
    fc.assert(
      fc.property(rows, fc.array(edit, { minLength: 1, maxLength: 3 }), (texts, edits) => {
        let line = Buffer.from(texts[0] ?? '');
        for (const [place, byte, kind] of edits) {
          const at = place % (line.length + 1);
          const put = kind === 2 || byte === 0x0a ? [] : [byte];
          line = Buffer.concat([
            line.subarray(0, at),
            Buffer.from(put),
            line.subarray(kind === 0 ? at : at + 1),
          ]);
        }
        const others = Buffer.from(texts.slice(1).join('\n'));
        const done = decodeAll([others, '\n', line, '\n', others]);
        const good = isRow(line);
        const expected = texts.slice(1).map(exactRow);
        if (good === true) expected.push(exactRow(line.toString()));
        expected.push(...texts.slice(1).map(exactRow));
        expect(rejectsOf(done).length).toBe(good === false ? 1 : 0);
        expect(exactRows(encodeAll(done))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('is written the same in pieces as at once', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 400 }), (texts, chunkBytes) => {
        const batch = decodeText(texts.join('\n'));
        const pieces = Array.from(encodeNdjsonChunks(batch, { chunkBytes }), (piece) =>
          piece.slice(),
        );
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(encodeNdjson(batch)));
      }),
      { numRuns: 100 },
    );
  });
});

/** true for a row, undefined for a blank line, false for a line to be refused. */
function isRow(line: Uint8Array): boolean | undefined {
  const text = Buffer.from(line).toString();
  if (/^[ \t\r]*$/.test(text)) return undefined;
  if (!isUtf8(line)) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

const TYPES: readonly ColumnType[] = ['boolean', 'long', 'double', 'string', 'json'];

describe('conform', () => {
  const target = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'level', 'A', 'Pid', 'PID', 'é', 'new'),
    type: fc.constantFrom(...TYPES),
  });
  const targets = fc.uniqueArray(target, { selector: ({ name }) => name, maxLength: 9 });

  it('loses no value, whatever the columns of the table are', () => {
    fc.assert(
      fc.property(rows, targets, targets, (texts, first, second) => {
        let batch = decodeText(texts.join('\n'));
        for (const chosen of [first, second]) {
          const given = [...chosen, { name: '_hyp_rescued', type: 'json' as const }].map(
            (column, index) => ({ ...column, fieldId: index + 1 }),
          );
          const result = conform(batch, given);
          checkBatch(result.batch);
          expect(
            result.batch.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId })),
          ).toEqual(given);
          expect(exactRows(encodeNdjson(result.batch))).toEqual(texts.map(exactRow));
          const rescued = result.batch.columns.at(-1);
          expect(result.rescuedRows).toBe(batch.rows - (rescued?.nullCount ?? 0));
          batch = result.batch;
        }
      }),
      { numRuns: 400 },
    );
  });

  it('rescues nothing that the first commit of a table makes a column for', () => {
    fc.assert(
      fc.property(rows, (texts) => {
        const batch = decodeText(texts.join('\n'));
        const before = batch.columns.find((column) => column.name === '_hyp_rescued');
        const given = [...summarize([batch]), { name: '_hyp_rescued', type: 'json' as const }];
        const { rescuedRows } = conform(
          batch,
          given.map((column, index) => ({ ...column, fieldId: index + 1 })),
        );
        expect(rescuedRows).toBe(before === undefined ? 0 : batch.rows - before.nullCount);
      }),
      { numRuns: 200 },
    );
  });
});

describe('rearranged batches', () => {
  it('have the rows they were made of', () => {
    fc.assert(
      fc.property(rows, fc.nat(), fc.array(fc.nat(), { maxLength: 30 }), (texts, place, picks) => {
        const batch = decodeText(texts.join('\n'));
        const cut = place % (batch.rows + 1);
        const joined = concatBatches([
          sliceBatch(batch, 0, cut),
          sliceBatch(batch, cut, batch.rows),
        ]);
        expect(encodeNdjson(joined)).toEqual(encodeNdjson(batch));
        const part = sliceBatch(batch, cut, batch.rows);
        if (part.rows === 0) return;
        const chosen = picks.map((pick) => pick % part.rows);
        const taken = takeRows(part, chosen);
        checkBatch(taken);
        const wanted = chosen.map((row) => exactRow(texts[cut + row] ?? ''));
        expect(exactRows(encodeNdjson(taken))).toEqual(wanted);
      }),
      { numRuns: 150 },
    );
  });
});

describe('rows of a program', () => {
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
  const object = fc.dictionary(fc.string({ maxLength: 5 }), value, { maxKeys: 6 });

  it('are written as JSON.stringify writes them', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 5 }), (objects) => {
        const text = Buffer.concat([...rowsToNdjson(objects)]).toString();
        expect(text).toBe(objects.map((item) => `${JSON.stringify(item)}\n`).join(''));
      }),
    );
  });

  it('come back as objects, without their null members', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 5 }), (objects) => {
        const batches = decodeAll([...rowsToNdjson(objects)]);
        const back = batches.flatMap(({ batch }) => batchToRows(batch));
        const wanted = objects.map((item) => JSON.parse(JSON.stringify(item)) as object);
        expect(exactRows(Buffer.concat([...rowsToNdjson(back)]))).toEqual(
          wanted.map((row) => exactRow(JSON.stringify(row))),
        );
      }),
    );
  });
});
