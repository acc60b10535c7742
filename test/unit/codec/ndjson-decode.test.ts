/** Lines to batches (llp/0004): types, what is rescued, what is refused, where batches end. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { columnNamed } from '../../../src/codec/columns.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { NdjsonDecoder } from '../../../src/codec/ndjson/decoder.ts';
import { exactRow, exactRows } from '../../support/exact-json.ts';
import { decodeAll, decodeText, encodeAll, rejectsOf, shape } from '../../support/ndjson.ts';

/** The texts of a column, null where there is none. */
function texts(batch: ReturnType<typeof decodeText>, name: string): (string | null)[] {
  const column = columnNamed(batch, name);
  if (column === undefined || !('offsets' in column)) return [];
  return Array.from({ length: batch.rows }, (_, row) => {
    const set = ((column.validity?.[row >> 3] ?? 0xff) & (1 << (row & 7))) !== 0;
    const bytes = column.values.subarray(column.offsets[row], column.offsets[row + 1]);
    return set ? Buffer.from(bytes).toString() : null;
  });
}

function rescued(text: string): (string | null)[] {
  return texts(decodeText(text), '_hyp_rescued');
}

describe('types', () => {
  it('gives each column the type of its first value', () => {
    const batch = decodeText('{"t":true,"n":1,"d":1.5,"s":"x","o":{"a":1},"l":[1]}\n');
    expect(shape(batch)).toEqual([
      't:boolean',
      'n:long',
      'd:double',
      's:string',
      'o:json',
      'l:json',
    ]);
  });

  it('keeps columns in the order of their first values, and null is no value', () => {
    expect(shape(decodeText('{"a":null,"b":1}\n{"c":1,"a":2}\n'))).toEqual([
      'b:long',
      'c:long',
      'a:long',
    ]);
  });

  it('has no column that is null in every row', () => {
    const batch = decodeText('{"a":null}\n{"a":null}\n');
    expect(batch).toEqual({ rows: 2, columns: [] });
  });

  it('counts a row without members as a row', () => {
    expect(decodeText('{}\n{ }\n')).toEqual({ rows: 2, columns: [] });
  });

  it('makes a long column double when a point or an exponent appears', () => {
    const batch = decodeText('{"n":1}\n{}\n{"n":2.5}\n{"n":3}\n');
    const column = columnNamed(batch, 'n');
    expect(column?.type).toBe('double');
    expect(Array.from((column?.values ?? []) as Float64Array)).toEqual([1, 0, 2.5, 3]);
    expect(shape(decodeText('{"n":1e2}\n'))).toEqual(['n:double']);
  });

  it('keeps int64 exact', () => {
    const values = ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-1', '0'];
    const batch = decodeText(values.map((value) => `{"n":${value}}`).join('\n'));
    const column = columnNamed(batch, 'n');
    expect(Array.from((column?.values ?? []) as BigInt64Array, String)).toEqual(values);
  });

  it('takes any value into a json column as its text', () => {
    const batch = decodeText('{"v":[1, 2]}\n{"v":"a\\n"}\n{"v":01e1}\n'.replace('01e1', '1.50'));
    expect(shape(batch)).toEqual(['v:json']);
    expect(texts(batch, 'v')).toEqual(['[1, 2]', '"a\\n"', '1.50']);
  });

  it('resolves escapes to UTF-8', () => {
    const batch = decodeText('{"s":"\\u00e4\\ud834\\udd1e\\u20ac\\n\\/\\u0000 end"}\n');
    expect(texts(batch, 's')).toEqual(['ä𝄞€\n/\u0000 end']);
  });

  it('reads a key by its meaning, not by its spelling', () => {
    const batch = decodeText('{"ab":1}\n{"\\u0061b":2}\n{"ab" : 3}\n');
    expect(shape(batch)).toEqual(['ab:long']);
  });
});

describe('rescued values', () => {
  it.each([
    ['another type', '{"a":1}\n{"a":"x"}', [null, '{"a":"x"}']],
    ['a nested value in a string column', '{"a":"x"}\n{"a":{"b":[]}}', [null, '{"a":{"b":[]}}']],
    ['an integer beyond int64', '{"a":9223372036854775808}', ['{"a":9223372036854775808}']],
    [
      'a number no double is',
      '{"a":0.1}\n{"a":0.10000000000000000001}',
      [null, '{"a":0.10000000000000000001}'],
    ],
    ['a number too large', '{"a":1e400}', ['{"a":1e400}']],
    ['a number too small', '{"a":1e-400}', ['{"a":1e-400}']],
    [
      'an integer beyond 2^53 in a double column',
      '{"a":0.5}\n{"a":9007199254740993}',
      [null, '{"a":9007199254740993}'],
    ],
    ['half a surrogate pair', '{"a":"\\ud800"}', ['{"a":"\\ud800"}']],
    ['a reserved key', '{"_hyp_x":1}', ['{"_hyp_x":1}']],
    ['the key _hyp_rescued', '{"_hyp_rescued":{"a":1}}', ['{"_hyp_rescued":{"a":1}}']],
    ['an empty key', '{"":1}', ['{"":1}']],
    ['a key with a control character', '{"\\u0001":1}', ['{"\\u0001":1}']],
    ['a key with half a surrogate pair', '{"\\udfff":1}', ['{"\\udfff":1}']],
    ['a key that differs in case only', '{"Pid":1}\n{"PID":2}', [null, '{"PID":2}']],
    ['several members of one row', '{"a":1,"b":2}\n{"b":"x","a":[]}', [null, '{"b":"x","a":[]}']],
  ])('keep %s as it was written', (_, text, expected) => {
    expect(rescued(text)).toEqual(expected);
    expect(exactRows(encodeAll(decodeAll([text])))).toEqual(text.split('\n').map(exactRow));
  });

  it('are values of keys longer than a column name may be', () => {
    const key = 'é'.repeat(LIMITS.columnNameBytes / 2 + 1);
    expect(rescued(`{"${key}":1}`)).toEqual([`{"${key}":1}`]);
  });

  it('begin with the 1,001st column', () => {
    const members = Array.from({ length: LIMITS.columns + 1 }, (_, index) => `"c${index}":1`);
    const batch = decodeText(`{${members.join(',')}}\n`);
    expect(batch.columns.length).toBe(LIMITS.columns + 1);
    expect(texts(batch, '_hyp_rescued')).toEqual([`{"c${LIMITS.columns}":1}`]);
  });

  it('are the large integers of a column that becomes double later', () => {
    const text = '{"a":9007199254740993,"_hyp_x":1}\n{"a":9007199254740992}\n{"a":1.5}\n';
    expect(rescued(text)).toEqual(['{"_hyp_x":1,"a":9007199254740993}', null, null]);
  });

  it('go to their rows in any order they are found', () => {
    const text = '{"a":9007199254740993}\n{"_hyp_x":1}\n{"a":1.5}\n';
    expect(rescued(text)).toEqual(['{"a":9007199254740993}', '{"_hyp_x":1}', null]);
  });

  it('are not the numbers that print shorter than they were written', () => {
    const batch = decodeText('{"a":1.50}\n{"a":1.5000000000000000000000}\n{"a":100e-2}\n');
    expect(shape(batch)).toEqual(['a:double']);
  });
});

describe('duplicate keys', () => {
  it.each([
    ['the last value', '{"a":1,"a":2}', '{"a":2}'],
    ['the last value, of another type', '{"a":1,"a":"x"}', '{"a":"x"}'],
    ['the last value after a rescued one', '{"_hyp_x":1,"_hyp_x":2}', '{"_hyp_x":2}'],
    ['a value that fits after one that did not', '{"a":1,"a":"x","a":3}', '{"a":3}'],
    ['no value when the last one is null', '{"a":"x","a":null}', '{}'],
    ['the value after a null', '{"a":null,"a":[1]}', '{"a":[1]}'],
    ['the key by its meaning', '{"a":1,"\\u0061":2}', '{"a":2}'],
  ])('leave %s', (_, text, expected) => {
    const done = decodeAll([text]);
    expect(exactRows(encodeAll(done))).toEqual([exactRow(expected)]);
    expect(done[0]?.duplicateKeyRows).toBe(1);
  });

  it('are counted per row, and not in a line that is refused', () => {
    const done = decodeAll(['{"a":1,"a":2,"a":3}\n{"a":1,"a":2}\n{"a":1,"a":2\n{"a":1}\n']);
    expect(done[0]?.duplicateKeyRows).toBe(2);
  });
});

describe('refused lines', () => {
  it('say where they are and why, and leave the rest as it is', () => {
    const text = '{"a":1}\n[1]\n\n{"a":tru}\r\n{"a":2}\n';
    const [done] = decodeAll([text]);
    expect(done?.batch.rows).toBe(2);
    expect(done?.rejects).toEqual([
      {
        line: 2,
        byte: 8,
        reason: 'not an object (byte 1 of the line)',
        excerpt: '[1]',
        bytes: new Uint8Array(Buffer.from('[1]')),
      },
      {
        line: 4,
        byte: 13,
        reason: 'expected a value (byte 6 of the line)',
        excerpt: '{"a":tru}\r',
        bytes: new Uint8Array(Buffer.from('{"a":tru}\r')),
      },
    ]);
  });

  it('decide no column', () => {
    const batch = decodeAll(['{"a":"x","b":1\n{"c":1}\n{"c":0.5,\n{"a":1,"c":2}\n'])[0]?.batch;
    expect(batch && shape(batch)).toEqual(['c:long', 'a:long']);
  });

  it('are lines that are not UTF-8', () => {
    const done = decodeAll([Buffer.from('{"a":"\xff"}\n{"a":"\xe4"}\n{"a":"ok"}\n', 'latin1')]);
    expect(rejectsOf(done).map(({ reason }) => reason)).toEqual([
      'not UTF-8 (byte 1 of the line)',
      'not UTF-8 (byte 1 of the line)',
    ]);
    expect(encodeAll(done)).toBe('{"a":"ok"}\n');
  });

  it('are nested deeper than the limit, and no deeper line overflows a stack', () => {
    const deep = (levels: number): string =>
      '{"a":' + '['.repeat(levels) + ']'.repeat(levels) + '}';
    const good = deep(LIMITS.nestingDepth - 1);
    const done = decodeAll([
      `${good}\n${deep(LIMITS.nestingDepth)}\n{"a":${'['.repeat(100_000)}\n`,
    ]);
    expect(encodeAll(done)).toBe(`${good}\n`);
    expect(rejectsOf(done).map(({ line }) => line)).toEqual([2, 3]);
    expect(rejectsOf(done)[0]?.reason).toContain(`deeper than ${LIMITS.nestingDepth} levels`);
  });

  it('show at most 200 characters and keep at most 64 KiB', () => {
    const [reject] = rejectsOf(decodeAll([`x${'𝄞'.repeat(100_000)}\n`]));
    expect(reject?.excerpt.length).toBeLessThanOrEqual(200);
    expect(reject?.excerpt).not.toMatch(/\p{Surrogate}/u);
    expect(reject?.bytes.length).toBe(64 * 1024);
  });
});

describe('lines', () => {
  it('end with LF or CRLF, and the last one may end without', () => {
    expect(decodeText('{"a":1}\r\n{"a":2}\n{"a":3}').rows).toBe(3);
  });

  it('of white space are skipped but counted', () => {
    const [done] = decodeAll(['\n  \t\r\n{"a":1}\n\n']);
    expect(done).toMatchObject({ endByte: 15, endLine: 4, rejects: [] });
  });

  it('may follow a byte order mark, at the very start only', () => {
    const text = '\ufeff{"a":1}\n\ufeff{"a":2}\n';
    expect(rejectsOf(decodeAll([text])).map(({ line }) => line)).toEqual([2]);
    expect(rejectsOf(decodeAll([text], { startByte: 1 })).map(({ line }) => line)).toEqual([1, 2]);
    const bytes = Buffer.from(text);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(decodeAll(single)).toEqual(decodeAll([text]));
  });

  it('that are too long are refused, and the next one is read', () => {
    for (const size of [3, 40, 1000]) {
      const text = Buffer.from(`{"a":1}\n{"a":"${'x'.repeat(90)}"}\n{"a":3}\n`);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += size) chunks.push(text.subarray(at, at + size));
      const done = decodeAll(chunks, { maxLineBytes: 50 });
      expect(encodeAll(done)).toBe('{"a":1}\n{"a":3}\n');
      expect(rejectsOf(done)).toMatchObject([{ line: 2, byte: 8, reason: 'longer than 50 bytes' }]);
      expect(done.at(-1)).toMatchObject({ endByte: text.length, endLine: 3 });
    }
  });

  it('may be exactly as long as the limit', () => {
    const line = '{"a":"xxxx"}';
    expect(rejectsOf(decodeAll([line], { maxLineBytes: line.length }))).toEqual([]);
    expect(rejectsOf(decodeAll([line], { maxLineBytes: line.length - 1 })).length).toBe(1);
    expect(rejectsOf(decodeAll([`${line}\n`], { maxLineBytes: line.length - 1 })).length).toBe(1);
  });

  it('without an end take bounded memory', () => {
    let largest = 0;
    const observe = (event: HypEvent): void => {
      if (event.type === 'buffer') largest = Math.max(largest, event.bytes);
    };
    const decoder = new NdjsonDecoder({ observe });
    const chunk = Buffer.alloc(1_000_000, 'x');
    const before = process.memoryUsage();
    for (let i = 0; i < 100; i++) expect(decoder.decode(chunk)).toEqual([]);
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(4 * LIMITS.lineBytes);
    const done = [...decoder.decode(Buffer.from('\n{"a":1}')), decoder.finish()];
    expect(largest).toBeLessThanOrEqual(LIMITS.lineBytes);
    expect(done).toMatchObject([{ batch: { rows: 1 }, endByte: 100_000_008, endLine: 2 }]);
    expect(done[0]?.rejects).toMatchObject([{ line: 1, byte: 0 }]);
    expect(done[0]?.rejects[0]?.bytes.length).toBe(64 * 1024);
  });
});

describe('batches', () => {
  it('end at the row limit, with the position behind their last line', () => {
    const done = decodeAll(['{"a":1}\n{"a":2}\nx\n{"a":3}'], {
      maxRows: 2,
      startByte: 100,
      startLine: 7,
    });
    expect(done).toMatchObject([
      { batch: { rows: 2 }, endByte: 116, endLine: 9 },
      { batch: { rows: 1 }, endByte: 125, endLine: 11, rejects: [{ line: 10, byte: 116 }] },
    ]);
  });

  it('leave as soon as they are full', () => {
    const decoder = new NdjsonDecoder({ maxRows: 2 });
    expect(decoder.decode(Buffer.from('{"a":1}\n{"a":2}\n')).length).toBe(1);
    expect(decoder.finish()).toBeUndefined();
  });

  it('have types of their own', () => {
    const done = decodeAll(['{"a":1}\n{"a":"x"}\n'], { maxRows: 1 });
    expect(done.map(({ batch }) => shape(batch))).toEqual([['a:long'], ['a:string']]);
  });

  it('are given by flush with the complete lines, and the rest is read on', () => {
    const decoder = new NdjsonDecoder();
    decoder.decode(Buffer.from('{"a":1}\n{"a"'));
    expect(decoder.flush()).toMatchObject({ batch: { rows: 1 }, endByte: 8 });
    expect(decoder.flush()).toBeUndefined();
    decoder.decode(Buffer.from(':2}\n'));
    expect(decoder.finish()).toMatchObject({ batch: { rows: 1 }, endByte: 16, endLine: 2 });
  });

  it('are cut before the bytes of a row would exceed the limit', () => {
    const row = `{"a":"${'x'.repeat(300)}"}`;
    const done = decodeAll([`${row}\n`.repeat(20) + row], { maxBytes: 1000 });
    expect(done.map(({ batch }) => batch.rows)).toEqual([3, 3, 3, 3, 3, 3, 3]);
  });

  it('without rows still carry refused lines and the position', () => {
    const done = decodeAll(['x\ny\n']);
    expect(done).toMatchObject([{ batch: { rows: 0 }, endByte: 4, endLine: 2 }]);
    expect(done[0]?.rejects.length).toBe(2);
  });

  it('stay small when every line is refused', () => {
    const done = decodeAll([`${'x'.repeat(1000)}\n`.repeat(200)], { maxBytes: 20_000 });
    expect(rejectsOf(done).length).toBe(200);
    expect(done.length).toBeGreaterThan(10);
  });

  it('do not keep the chunk they were read from', () => {
    const chunk = Buffer.from('{"a":"text","o":{"b":1},"_hyp_x":1}\n');
    const decoder = new NdjsonDecoder();
    decoder.decode(chunk);
    chunk.fill(0x78);
    const last = decoder.finish();
    expect(last && encodeAll([last])).toBe('{"a":"text","o":{"b":1},"_hyp_x":1}\n');
  });

  it('are cut before a row with many new columns makes them too wide', () => {
    const narrow = '{"a":1}\n'.repeat(5000);
    const wide = `{${Array.from({ length: 900 }, (_, i) => `"c${i}":1`).join(',')}}`;
    const done = decodeAll([narrow + wide], { maxBytes: 1024 * 1024 });
    expect(done.map(({ batch }) => batch.rows)).toEqual([5000, 1]);
  });

  it('survive more keys than a decoder remembers', () => {
    const lines = Array.from({ length: 30 }, (_, row) => {
      const members = Array.from({ length: 400 }, (_, i) => `"k${row * 300 + i}":${i}`);
      return `{${members.join(',')}}`;
    });
    const done = decodeAll([lines.join('\n')]);
    expect(exactRows(encodeAll(done))).toEqual(lines.map(exactRow));
  });
});

describe('the last line of a source that may grow', () => {
  const whole = ['{"a":1}', ' {"a":"}"} ', '{"a":{"b":[1]}}', '', '  '];
  const cut = ['{"a":1', '{"a":1}x', '12', '[1]', 'true', '{"a":"\u00e9'];

  it.each(whole)('is taken when it is a whole row or blank: %j', (line) => {
    const decoder = new NdjsonDecoder();
    const text = `{"a":0}\n${line}`;
    decoder.decode(Buffer.from(text));
    const { last, rest } = decoder.finishGrowing();
    expect(rest).toBeUndefined();
    expect(last?.endByte).toBe(text.length);
    expect(last?.batch.rows).toBe(line.trim() === '' ? 1 : 2);
  });

  it.each(cut)('is left where it begins when it is not: %j', (line) => {
    const decoder = new NdjsonDecoder({ startByte: 100, startLine: 7 });
    decoder.decode(Buffer.from(`{"a":0}\n${line}`));
    const { last, rest } = decoder.finishGrowing();
    expect(rest).toEqual({ line: 9, byte: 108 });
    expect(last).toMatchObject({ endByte: 108, endLine: 8, rejects: [] });
  });

  it('is left when it is too long already', () => {
    const decoder = new NdjsonDecoder({ maxLineBytes: 10 });
    decoder.decode(Buffer.from('{}\n{"a":"too long for a line'));
    expect(decoder.finishGrowing().rest).toEqual({ line: 2, byte: 3 });
  });
});
