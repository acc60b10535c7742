/** Backfills of CSV, JSON arrays and packed files: resumed, repeated, grown as NDJSON is. llp/0019 */
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  tableRows,
  tableVersion,
} from '../support/oracle.ts';
import { asChild, expectSound, idsOf, jsonOf, site, until } from '../support/processes.ts';
import type { Site } from '../support/processes.ts';

/** Rows 1 … 100, one frame of zstd. */
const ZSTD =
  'KLUv/QRohQMAkgcTEMC3AV3Hvz+1yO7eiUkZhwXgtBaJZ0V3hUg8K7qbIvGs6C6KxLOiuycSz4rumkg8K7pbIvGs6C6JxLOiuxeJZ0V3LRLPig6ORyAlmGOoEOhuB+DXEBQB8wEMX5Pb1+T2Nbl9TUZdz/Fc5pUgpelCG6s=';

async function load(on: Site, ...args: string[]): Promise<unknown> {
  return jsonOf(await on.ok(['backfill', 'events', ...args, '--json']));
}

async function place(on: Site, name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(on.cwd, name), content);
  return name;
}

async function expectIds(on: Site, count: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  const numbers = ids.map(Number);
  expectNoneTwice(numbers, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: count }]), numbers, 'in the table');
  expect(ids).toHaveLength(count);
  expectDense(seqs);
  await expectSound(on);
}

const typed = '{"id":1,"ok":true,"ms":1.5}\n';

describe('a backfill', () => {
  test('of CSV takes the types of the table, adds the tail, and puts bad records aside', async () => {
    const on = await site('');
    await load(on, await place(on, 'first.ndjson', typed));
    const file = await place(
      on,
      'log.csv',
      'id,ok,ms,note\r\n2,false,2,"a\r\nb"\r\nx,y\r\n3,true,,',
    );
    const first = await on.run(['backfill', 'events', file, '--json']);
    expect(first.code).toBe(65);
    const report = jsonOf(first) as { rejectsPath: string };
    expect(report).toMatchObject({ rows: 2, rejected: 1, files: [{ unfinished: null }] });
    expect(JSON.parse(await readFile(report.rejectsPath, 'utf8'))).toMatchObject({
      file: join(on.cwd, file),
      line: 4,
      reason: '2 fields instead of 4',
      text: 'x,y\r\n',
    });
    expect(await load(on, file)).toMatchObject({ rows: 0, files: [{ outcome: 'unchanged' }] });
    await appendFile(join(on.cwd, file), '\r\n4,true,7,z\r\n5,tr');
    expect(await load(on, file)).toMatchObject({ rows: 1, files: [{ unfinished: { line: 7 } }] });
    await appendFile(join(on.cwd, file), 'ue,1,\r\n');
    expect(await load(on, file)).toMatchObject({ rows: 1, rejected: 0 });
    await expectIds(on, 5);
    const { stdout } = await on.ok(['cat', 'events']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { id: 1, ok: true, ms: 1.5 },
      { id: 2, ok: false, ms: 2, note: 'a\r\nb' },
      { id: 3, ok: true },
      { id: 4, ok: true, ms: 7, note: 'z' },
      { id: 5, ok: true, ms: 1 },
    ]);
  });

  test('of JSON arrays adds what was added to them, and knows a copy', async () => {
    const on = await site('');
    const file = await place(on, 'log.json', '[\n {"id": 1},\n {"id": 2}\n]\n');
    expect(await load(on, file)).toMatchObject({ rows: 2, files: [{ outcome: 'added' }] });
    expect(await load(on, file)).toMatchObject({ rows: 0, files: [{ outcome: 'unchanged' }] });
    await copyFile(join(on.cwd, file), join(on.cwd, 'copy.json'));
    expect((await on.run(['backfill', 'events', 'copy.json'])).code).toBe(4);
    await place(on, file, '[\n {"id": 1},\n {"id": 2},\n {"id": 3}\n]\n');
    expect(await load(on, file)).toMatchObject({ rows: 1 });
    const bad = await on.run(['backfill', 'events', await place(on, 'bad.json', '[{"id":4} 5]')]);
    expect(bad.code).toBe(65);
    expect(bad.stderr).toContain(`${join(on.cwd, 'bad.json')}: not a JSON array at byte 10`);
    await expectIds(on, 4);
  });

  test('of a packed file takes it for the one that is not; --format wins over the name', async () => {
    const on = await site('');
    const text = Array.from({ length: 100 }, (_, at) => `{"id":${at + 1}}\n`).join('');
    const packed = await place(on, 'log.zst', Buffer.from(ZSTD, 'base64'));
    expect(await load(on, packed)).toMatchObject({ rows: 100 });
    const plain = await on.run(['backfill', 'events', await place(on, 'log.ndjson', text)]);
    expect(plain.code).toBe(4);
    const csv = gzipSync('id\n101\n102\n');
    await place(on, 'odd.gz', csv);
    expect(await load(on, 'odd.gz', '--format', 'csv', '--dry-run')).toMatchObject({ rows: 2 });
    expect(await load(on, await place(on, 'log.csv.gz', csv))).toMatchObject({ rows: 2 });
    const damaged = Buffer.from(ZSTD, 'base64').subarray(0, -1);
    const cut = await on.run(['backfill', 'events', await place(on, 'cut.zst', damaged)]);
    expect(cut.code).toBe(65);
    expect(cut.stderr).toContain('cut.zst: damaged zstd data');
    await expectIds(on, 102);
  });

  test('of a large CSV file that is killed has every row once', async () => {
    const on = await site('');
    await load(on, await place(on, 'first.ndjson', typed));
    const rows = 120_000;
    const records = Array.from({ length: rows - 1 }, (_, at) => `${at + 2},"a ""b"""\n`);
    const file = await place(on, 'big.csv', `id,note\n${records.join('')}`);
    const before = tableVersion(on.root, 'events');
    const child = asChild(on.start(['backfill', 'events', file]));
    const committed = (): boolean => tableVersion(on.root, 'events') > before;
    await until('a commit', () => !child.running || committed());
    child.kill('SIGKILL');
    expect((await child.ended).signal).toBe('SIGKILL');
    expect(await load(on, file)).toMatchObject({ rejected: 0, files: [{ outcome: 'added' }] });
    await expectIds(on, rows);
  });
});
