/** Bytes and batches are the same rows, whatever the rows are and however they are cut. llp/0005 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeIpc, encodeIpcJoined } from '../../src/codec/arrow-ipc.ts';
import { decodeIpc } from '../../src/codec/arrow-read.ts';
import { SEQ_COLUMN } from '../../src/codec/columns.ts';
import type { Batch } from '../../src/codec/columns.ts';
import { gunzip, openGzip } from '../../src/codec/compression.ts';
import { addDigests, contentDigest } from '../../src/codec/content-digest.ts';
import { readThrift, writeThrift } from '../../src/codec/thrift.ts';
import type { ThriftStruct, ThriftValue } from '../../src/codec/thrift.ts';
import { readFooter } from '../../storage/data/footer.ts';
import { readRowGroup } from '../../storage/data/read.ts';
import { writeDataFile } from '../../storage/data/write.ts';
import type { StatValue } from '../../storage/data/write.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { batchOf, cellsOf, cutAt } from '../support/wide-rows.ts';
import type { Cell, TestColumn } from '../support/wide-rows.ts';

const COLUMNS: readonly TestColumn[] = [
  { name: 'b', type: 'boolean', fieldId: 1 },
  { name: 'l', type: 'long', fieldId: 2 },
  { name: 'd', type: 'double', fieldId: 3 },
  { name: 's', type: 'string', fieldId: 4 },
  { name: 'j', type: 'json', fieldId: 5 },
  { name: 't', type: 'timestamptz', fieldId: 6 },
];
const SEQ: TestColumn = { name: SEQ_COLUMN, type: 'long', fieldId: 7 };

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Long enough for truncated bounds; the last code points cannot be raised. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('\u{10ffff}', '\u007f', 'ÿ', 'z'), maxLength: 90 }),
);
const double = fc.double().map((value) => (Object.is(value, -0) ? 0 : value));

const row = fc.tuple(
  fc.option(fc.boolean()),
  fc.option(long),
  fc.option(double),
  fc.option(text),
  fc.option(fc.json()),
  fc.option(long),
);
const rows = fc.array(row, { maxLength: 60 });
const places = fc.array(fc.nat(), { maxLength: 6 });

function batchFrom(values: readonly (readonly Cell[])[], first = 1n): Batch {
  const cells = COLUMNS.map((_, index) => values.map((cells) => cells[index] ?? null));
  return batchOf([...COLUMNS, SEQ], [...cells, values.map((_, at) => first + BigInt(at))]);
}

function cut(batch: Batch, at: readonly number[]): Batch[] {
  return cutAt(
    batch,
    at.map((place) => place % (batch.rows + 1)),
  );
}

function total(batches: readonly Batch[]): bigint {
  return batches.reduce((sum, batch) => addDigests(sum, contentDigest(batch)), 0n);
}

describe('the content digest', () => {
  it('is the same for any cuts and any order of columns and batches', () => {
    fc.assert(
      fc.property(rows, places, fc.nat(), (values, at, turn) => {
        const batch = batchFrom(values);
        const whole = contentDigest(batch);
        expect(total(cut(batch, at).reverse())).toBe(whole);
        const by = turn % batch.columns.length;
        const columns = [...batch.columns.slice(by), ...batch.columns.slice(0, by)];
        expect(contentDigest({ rows: batch.rows, columns })).toBe(whole);
      }),
    );
  });

  it('does not see columns that are null, whenever they came', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const batch = batchFrom(values);
        const later = { name: 'later', type: 'string', fieldId: 99 } as const;
        const [column] = batchOf([later], [values.map(() => null)]).columns;
        const wider = { rows: batch.rows, columns: column ? [column, ...batch.columns] : [] };
        expect(contentDigest(wider)).toBe(contentDigest(batch));
      }),
    );
  });

  it('changes with any one cell', () => {
    const twoRows = fc.tuple(
      fc.array(row, { minLength: 1, maxLength: 40 }),
      row,
      fc.nat(),
      fc.nat(),
    );
    fc.assert(
      fc.property(twoRows, ([values, other, rowAt, columnAt]) => {
        const at = rowAt % values.length;
        const column = columnAt % COLUMNS.length;
        const before = values[at]?.[column] ?? null;
        const after = other[column] ?? null;
        fc.pre(!Object.is(before, after));
        const changed = values.map((cells, index) =>
          index === at ? cells.map((cell, place) => (place === column ? after : cell)) : cells,
        );
        expect(contentDigest(batchFrom(changed))).not.toBe(contentDigest(batchFrom(values)));
      }),
    );
  });

  it('changes when two cells of a row or two rows change places', () => {
    const pairs = fc.tuple(fc.array(row, { minLength: 2, maxLength: 20 }), fc.nat(), fc.nat());
    fc.assert(
      fc.property(pairs, ([values, a, b]) => {
        const [i, k] = [a % values.length, b % values.length];
        fc.pre(JSON.stringify(values[i], asText) !== JSON.stringify(values[k], asText));
        const swapped = values.map(
          (cells, at) => values[at === i ? k : at === k ? i : at] ?? cells,
        );
        expect(contentDigest(batchFrom(swapped))).not.toBe(contentDigest(batchFrom(values)));
      }),
    );
  });
});

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'number' ? String(value) : value;
}

describe('Arrow IPC', () => {
  it('gives back the rows of any cut, joined or not', () => {
    fc.assert(
      fc.property(rows, places, (values, at) => {
        const batch = batchFrom(values);
        const parts = cut(batch, at);
        expect(cellsOf(...decodeIpc(encodeIpc(parts)))).toEqual(cellsOf(batch));
        expect(cellsOf(...decodeIpc(encodeIpcJoined(parts)))).toEqual(cellsOf(batch));
      }),
    );
  });
});

function atMost(a: StatValue, b: Cell): boolean {
  if (a instanceof Uint8Array) return Buffer.compare(a, Buffer.from(String(b))) <= 0;
  return b !== null && a <= b;
}

function atLeast(a: StatValue, b: Cell): boolean {
  if (a instanceof Uint8Array) return Buffer.compare(a, Buffer.from(String(b))) >= 0;
  return b !== null && a >= b;
}

describe('a data file', () => {
  it('gives back any rows, with bounds that hold and nothing lost between', async () => {
    const file = fc.tuple(rows, places, fc.constantFrom('snappy', 'lz4_raw', 'zstd'));
    await fc.assert(
      fc.asyncProperty(file, async ([values, at, codec]) => {
        const batch = batchFrom(values);
        const fs = new MemoryFs('/d');
        const path = '/d/x.parquet';
        const all = [...COLUMNS, SEQ];
        const stats = await writeDataFile(fs, path, all, cut(batch, at), codec);
        const footer = await readFooter(fs, path, stats.sums);
        const source = { path, footer, sums: stats.sums };
        const back = await Promise.all(
          footer.rowGroups.map((_, index) => readRowGroup(fs, source, index)),
        );
        if (values.length > 0) expect(cellsOf(...back)).toEqual(cellsOf(batch));
        expect(total(back)).toBe(contentDigest(batch));
        const cells = cellsOf(batch);
        for (const { name, fieldId } of all) {
          const [lower, upper] = [stats.lower.get(fieldId), stats.upper.get(fieldId)];
          for (const cell of cells[name] ?? []) {
            if (cell === null || Number.isNaN(cell)) continue;
            expect(lower !== undefined && atMost(lower, cell)).toBe(true);
            expect(upper !== undefined && atLeast(upper, cell)).toBe(true);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('gzip', () => {
  it('gives back any bytes in any pieces', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 50 }), async (input, size) => {
        const out: Uint8Array[] = [];
        const gzip = openGzip((bytes) => Promise.resolve(void out.push(bytes)));
        for (const piece of input) await gzip.write(piece);
        await gzip.finish();
        const packed = Buffer.concat(out);
        async function* stored(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < packed.length; at += size) {
            yield packed.subarray(at, at + size);
            await Promise.resolve();
          }
        }
        const back: Uint8Array[] = [];
        for await (const piece of gunzip(stored())) back.push(piece);
        expect(Buffer.concat(back).equals(Buffer.concat(input))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

const thriftValue = fc.letrec<{ value: ThriftValue; fields: ThriftStruct }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.boolean().map((value): ThriftValue => ({ is: 'bool', value })),
    fc.integer({ min: -128, max: 127 }).map((value): ThriftValue => ({ is: 'byte', value })),
    fc.integer({ min: -32768, max: 32767 }).map((value): ThriftValue => ({ is: 'i16', value })),
    fc.integer().map((value): ThriftValue => ({ is: 'i32', value })),
    long.map((value): ThriftValue => ({ is: 'i64', value })),
    fc.double({ noNaN: true }).map((value): ThriftValue => ({ is: 'double', value })),
    fc.uint8Array({ maxLength: 20 }).map((value): ThriftValue => ({ is: 'binary', value })),
    fc.array(long, { maxLength: 40 }).map((items): ThriftValue => ({
      is: 'list',
      of: 6,
      items: items.map((value) => ({ is: 'i64', value })),
    })),
    tie('fields').map((fields): ThriftValue => ({ is: 'struct', fields })),
  ),
  fields: fc
    .dictionary(fc.integer({ min: 1, max: 32767 }).map(String), tie('value'), { maxKeys: 6 })
    .map((entries) => new Map(Object.entries(entries).map(([id, value]) => [Number(id), value]))),
}));

describe('Thrift', () => {
  it('gives back any struct, and writes it as it was read', () => {
    fc.assert(
      fc.property(thriftValue.fields, (fields) => {
        const bytes = writeThrift(fields);
        const back = readThrift(bytes);
        expect(back).toEqual(fields);
        expect(Buffer.compare(writeThrift(back), bytes)).toBe(0);
      }),
    );
  });
});
