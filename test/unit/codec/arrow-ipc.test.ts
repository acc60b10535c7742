import {
  Table as ArrowTable,
  Dictionary,
  Int32,
  Utf8,
  tableFromIPC,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import { Table } from 'parquet-wasm';
import { describe, expect, it } from 'vitest';
import { encodeIpc, encodeIpcJoined } from '../../../src/codec/arrow-ipc.ts';
import { decodeIpc } from '../../../src/codec/arrow-read.ts';
import { sliceBatch } from '../../../src/codec/columns.ts';
import type { Batch, Column } from '../../../src/codec/columns.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../support/random.ts';
import { WIDE_COLUMNS, batchOf, cellsOf, cutAt, wideBatch } from '../../support/wide-rows.ts';

function shapesOf(batch: Batch | undefined): unknown {
  return batch?.columns.map(({ name, type, fieldId }) => ({ name, type, fieldId }));
}

describe('Arrow IPC', () => {
  it('gives back rows, types, names and field ids of several batches', () => {
    const batches = cutAt(wideBatch(500), [1, 8, 9, 200]);
    const back = decodeIpc(encodeIpc(batches));
    expect(back.map((batch) => batch.rows)).toEqual([1, 7, 1, 191, 300]);
    expect(cellsOf(...back)).toEqual(cellsOf(...batches));
    expect(shapesOf(back[0])).toEqual(WIDE_COLUMNS);
  });

  it('keeps a field without an id without one', () => {
    const batch = wideBatch(3);
    const bare = batch.columns.map((column) => ({ ...column, fieldId: undefined }));
    const [back] = decodeIpc(encodeIpc([{ rows: 3, columns: bare }]));
    expect(back?.columns.every((column) => column.fieldId === undefined)).toBe(true);
  });

  it('keeps rows that have no columns', () => {
    expect(decodeIpc(encodeIpc([{ rows: 7, columns: [] }]))).toEqual([{ rows: 7, columns: [] }]);
  });

  it('keeps a batch without rows', () => {
    const [back] = decodeIpc(encodeIpc([wideBatch(0)]));
    expect(back?.rows).toBe(0);
    expect(shapesOf(back)).toEqual(WIDE_COLUMNS);
  });

  it('has no batches for no batches', () => {
    expect(decodeIpc(encodeIpc([]))).toEqual([]);
  });

  it('writes columns that share one ArrayBuffer, and text that does not begin at 0', () => {
    const shared = new ArrayBuffer(64);
    const a: Column = {
      name: 'a',
      type: 'long',
      fieldId: 1,
      validity: undefined,
      nullCount: 0,
      values: new BigInt64Array(shared, 0, 3),
    };
    const b: Column = { ...a, name: 'b', fieldId: 2, values: new BigInt64Array(shared, 24, 3) };
    new BigInt64Array(shared).set([1n, 2n, 3n, 4n, 5n, 6n]);
    const text: Column = {
      name: 't',
      type: 'string',
      fieldId: 3,
      validity: undefined,
      nullCount: 0,
      offsets: Int32Array.of(3, 5, 5, 9),
      values: Buffer.from('...hiwarm...'),
    };
    const [back] = decodeIpc(encodeIpc([{ rows: 3, columns: [a, b, text] }]));
    expect(back && cellsOf(back)).toEqual({
      a: [1n, 2n, 3n],
      b: [4n, 5n, 6n],
      t: ['hi', '', 'warm'],
    });
  });

  it('does not carry what a slice hides', () => {
    const batch = wideBatch(10_000);
    const one = encodeIpc([sliceBatch(batch, 5_000, 5_001)]);
    expect(one.length).toBeLessThan(4_000);
  });

  it('joins slices to the same bytes whatever the cuts', () => {
    const batch = wideBatch(300);
    const whole = encodeIpcJoined([batch]);
    const parts = encodeIpcJoined(cutAt(batch, [1, 2, 9, 9, 64, 131]));
    expect(Buffer.compare(whole, parts)).toBe(0);
    expect(decodeIpc(parts)).toHaveLength(1);
  });

  it('shares the buffers of the stream it decodes', () => {
    const bytes = encodeIpc([wideBatch(20)]);
    const [back] = decodeIpc(bytes);
    for (const column of back?.columns ?? []) expect(column.values.buffer).toBe(bytes.buffer);
  });

  it('decodes a stream that stands at any place of a larger buffer', () => {
    const batch = wideBatch(50);
    const bytes = encodeIpc([batch]);
    for (let at = 1; at < 9; at++) {
      const frame = Buffer.alloc(bytes.length + 16);
      frame.set(bytes, at);
      const back = decodeIpc(frame.subarray(at, at + bytes.length));
      expect(cellsOf(...back)).toEqual(cellsOf(batch));
    }
  });

  it('is read by apache-arrow with field ids and our types as metadata', () => {
    const batch = wideBatch(40);
    const table = tableFromIPC(encodeIpc(cutAt(batch, [13])));
    const cells = cellsOf(batch);
    expect(table.numRows).toBe(40);
    expect([...(table.getChild('count') ?? [])]).toEqual(cells['count']);
    expect([...(table.getChild('mess"age') ?? [])]).toEqual(cells['mess"age']);
    expect([...(table.getChild('ok') ?? [])]).toEqual(cells['ok']);
    const tags = table.schema.fields.find((field) => field.name === 'tags');
    expect(Object.fromEntries(tags?.metadata ?? [])).toEqual({
      'hyp.type': 'json',
      'PARQUET:field_id': '7',
    });
  });

  it('is read by arrow-rs, and reads what arrow-rs writes', () => {
    const batch = wideBatch(77);
    const back = decodeIpc(Table.fromIPCStream(encodeIpc([batch])).intoIPCStream());
    expect(cellsOf(...back)).toEqual(cellsOf(batch));
    expect(shapesOf(back[0])).toEqual(WIDE_COLUMNS);
  });
});

describe('bytes that are not a whole stream', () => {
  const plain = encodeIpc(cutAt(wideBatch(30), [11]));
  const coded = tableToIPC(
    new ArrowTable({
      level: vectorFromArray(
        ['info', 'warn', null, 'info'],
        new Dictionary(new Utf8(), new Int32()),
      ),
    }),
  );

  function answerOf(input: Uint8Array): string {
    try {
      decodeIpc(input);
      return 'batches';
    } catch (error) {
      return isHypError(error) ? error.code : `crash: ${String(error)}`;
    }
  }

  it.each([
    ['plain text', plain],
    ['text in dictionaries', coded],
  ])('are E_CORRUPT wherever a stream of %s is cut', (_what, bytes) => {
    expect(answerOf(bytes)).toBe('batches');
    for (let end = 0; end < bytes.length; end++) {
      expect(answerOf(bytes.subarray(0, end))).toBe('E_CORRUPT');
    }
  });

  it('are E_CORRUPT with anything behind the end', () => {
    expect(answerOf(Buffer.concat([plain, Buffer.alloc(8)]))).toBe('E_CORRUPT');
  });

  it.each([
    ['plain text', plain],
    ['text in dictionaries', coded],
  ])('of %s never crash the decoder, however they were changed', (_what, bytes) => {
    const random = seededRandom(5);
    const seen = new Set<string>();
    for (let round = 0; round < 3_000; round++) {
      const changed = Uint8Array.from(bytes);
      for (let hits = 0; hits <= random.integer(3); hits++) {
        changed[random.integer(changed.length)] = random.integer(256);
      }
      seen.add(answerOf(changed));
    }
    expect([...seen].sort()).toEqual(['E_CORRUPT', 'E_UNSUPPORTED_FORMAT', 'batches']);
  });

  it('are E_CORRUPT when they are noise', () => {
    const random = seededRandom(6);
    for (let size = 0; size < 300; size++) {
      const noise = Uint8Array.from({ length: size }, () => random.integer(256));
      expect(answerOf(noise)).toBe('E_CORRUPT');
    }
  });

  it('are E_CORRUPT when a code is outside its dictionary', () => {
    const at = Buffer.from(coded).lastIndexOf(Buffer.from(Int32Array.of(0, 1).buffer));
    const changed = Buffer.from(coded);
    changed.writeInt32LE(2, at);
    expect(answerOf(changed)).toBe('E_CORRUPT');
    changed.writeInt32LE(-1, at);
    expect(answerOf(changed)).toBe('E_CORRUPT');
  });

  it('are E_CORRUPT when a text is not UTF-8', () => {
    const column = { name: 't', type: 'string', fieldId: 1 } as const;
    const batch = batchOf([column], [['abcdefgh']]);
    const encoded = Buffer.from(encodeIpc([batch]));
    encoded[encoded.indexOf('abcdefgh')] = 0xff;
    expect(answerOf(encoded)).toBe('E_CORRUPT');
  });
});
