/** Bad input: what it says, how it exits, and that nothing stored before it is lost. llp/0013 */
import { readFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Engine } from '../../src/engine/api.ts';
import { openEngine } from '../../src/engine/open.ts';
import { jsonOf, site } from '../support/processes.ts';
import type { Site } from '../support/processes.ts';

const BEFORE = '{"id":1}\n{"id":2}\n';
const ARCHIVE = 'sinks:\n  archive: { type: fs, path: ./exports }\n';
const LINE_LIMIT = 8 * 1024 * 1024;

async function configure(on: Site, text: string): Promise<void> {
  await writeFile(join(on.cwd, 'hyp.yaml'), text);
}

async function withEngine<T>(on: Site, use: (engine: Engine) => Promise<T>): Promise<T> {
  const config = await loadConfig({ cwd: on.cwd, env: {} });
  const engine = await openEngine({ root: on.root, config });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** A store with rows that were exported before anything bad came. */
async function stored(): Promise<Site> {
  const on = await site(ARCHIVE);
  await withEngine(on, async (engine) => {
    await engine.append('events', [{ id: 1 }, { id: 2 }]);
    expect((await engine.tick()).failures).toEqual([]);
  });
  return on;
}

/** The store is whole and has exactly `rows`, and every one of them is exported once. */
async function expectWhole(on: Site, rows: string): Promise<void> {
  await configure(on, `root: ./hyp-data\n${ARCHIVE}`);
  await withEngine(on, async (engine) => {
    expect((await engine.tick()).failures).toEqual([]);
    let found = '';
    for await (const batch of engine.scan('events')) {
      found += Buffer.from(encodeNdjson(batch, { seq: false })).toString('utf8');
    }
    expect(found).toBe(rows);
    expect((await engine.check()).findings).toEqual([]);
  });
  const dir = join(on.exports, 'events');
  const names = (await readdir(dir)).filter((name) => name.endsWith('.ndjson')).sort();
  const parts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  expect(parts.join('')).toBe(rows);
}

describe('a configuration', () => {
  test('with an unknown key and a wrong type is refused by every command, with both places', async () => {
    const on = await stored();
    await configure(
      on,
      `root: ./hyp-data\nrooot: ./x\nsinks:\n  archive:\n    type: fs\n    path: 7\n`,
    );
    for (const command of [['validate'], ['append', 'events']]) {
      const { code, stdout, stderr } = await on.run(command, { input: '{"id":3}\n' });
      const text = stdout + stderr;
      expect(code, command[0]).toBe(78);
      expect(text).toContain('2 problems in ');
      expect(text).toContain('hyp.yaml:2:1: rooot: unknown key; this version knows root, datasets');
      expect(text).toContain('hyp.yaml:6:11: sinks.archive.path: ');
    }
    await expectWhole(on, BEFORE);
  });

  test('with an unknown sink type is refused and names the known ones', async () => {
    const on = await stored();
    await configure(on, `root: ./hyp-data\nsinks:\n  far: { type: s3, bucket: b }\n`);
    const { code, stderr } = await on.run(['tick']);
    expect(code).toBe(78);
    expect(stderr).toContain('hyp.yaml:3:16: sinks.far.type: sink type "s3" is not known');
    expect(stderr).toContain('known: fs');
    expect(stderr).toContain('hint: Mend the file, then run `hyp validate`.');
    await expectWhole(on, BEFORE);
  });

  test.each([
    ['the same path', './exports', 'sinks archive and twin have one destination'],
    ['a path inside', './exports/deep', 'lie inside one another'],
    ['the store', './hyp-data/x', 'a sink may not export into the store itself'],
  ])('with a second sink on %s is refused', async (_, path, reason) => {
    const on = await stored();
    await configure(on, `root: ./hyp-data\n${ARCHIVE}  twin: { type: fs, path: ${path} }\n`);
    const { code, stderr } = await on.run(['tick']);
    expect(code).toBe(78);
    expect(stderr).toContain('hyp.yaml:4:');
    expect(stderr).toContain(reason);
    await expectWhole(on, BEFORE);
  });

  test('with a second sink on a link to the same path exports the first one only and says so', async () => {
    const on = await stored();
    await symlink('exports', join(on.cwd, 'link'));
    await configure(on, `root: ./hyp-data\n${ARCHIVE}  twin: { type: fs, path: ./link }\n`);
    await on.ok(['append', 'events'], { input: '{"id":3}\n' });
    const { code, stdout, stderr } = await on.run(['tick']);
    expect(code).toBe(78);
    expect(stdout).toContain('archive events: 1 row exported');
    expect(stderr).toContain('sinks twin and archive share one destination');
    expect(stderr).toContain('hint: Give each sink a path or prefix of its own. Nothing was sent.');
    expect(jsonOf(await on.ok(['status', '--json']))).toMatchObject({
      sinks: [
        { name: 'archive', state: 'idle' },
        { name: 'twin', state: 'parked' },
      ],
    });
    await expectWhole(on, `${BEFORE}{"id":3}\n`);
  });
});

describe('a dataset name', () => {
  test('that could leave the store, or is not portable, is refused and makes nothing', async () => {
    const on = await stored();
    for (const name of ['a/b', '..', '../up', '', 'Events', 'e'.repeat(64)]) {
      const { code, stderr } = await on.run(['append', name], { input: '{"id":3}\n' });
      expect(code, name).toBe(2);
      expect(stderr).toContain(`hyp: not a dataset name: ${JSON.stringify(name)}`);
      expect(stderr).toContain('hint: Use 1 to 63 of a-z, 0-9, _ and -');
      await withEngine(on, async (engine) => {
        const refused = { code: 'E_DATASET_NAME', kind: 'usage' };
        await expect(engine.append(name, [{ id: 3 }])).rejects.toMatchObject(refused);
        await expect(engine.backfill(name, [join(on.cwd, 'hyp.yaml')])).rejects.toMatchObject(
          refused,
        );
        await expect(engine.scan(name)[Symbol.asyncIterator]().next()).rejects.toMatchObject(
          refused,
        );
      });
    }
    expect(await readdir(join(on.root, 'tables'))).toEqual(['events']);
    await expectWhole(on, BEFORE);
  });
});

describe('a line', () => {
  test('beyond the limit is named, and all good rows around it are stored', async () => {
    const on = await stored();
    const longest = `{"v":"${'x'.repeat(LINE_LIMIT - 8)}"}\n`;
    const tooLong = `{"v":"${'x'.repeat(LINE_LIMIT - 7)}"}\n`;
    await writeFile(join(on.cwd, 'in'), `{"id":3}\n${tooLong}${longest}{"id":4}\n`);
    const { code, stdout, stderr } = await on.run(['append', 'events', 'in']);
    expect(code).toBe(65);
    expect(stdout).toBe('events: 3 rows appended\n');
    expect(stderr).toContain(`line 2: longer than ${LINE_LIMIT} bytes: {"v":"xxx`);
    expect(stderr).toContain('hyp: 1 line rejected, all others stored');
    await expectWhole(on, `${BEFORE}{"id":3}\n${longest}{"id":4}\n`);
  });

  test('that is not UTF-8 is named, and all good rows around it are stored', async () => {
    const on = await stored();
    const bad = Buffer.concat([
      Buffer.from('{"v":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\n'),
    ]);
    const good = (id: number) => Buffer.from(`{"id":${id}}\n`);
    await writeFile(join(on.cwd, 'in'), Buffer.concat([good(3), bad, good(4)]));
    const { code, stdout, stderr } = await on.run(['append', 'events', 'in']);
    expect(code).toBe(65);
    expect(stdout).toBe('events: 2 rows appended\n');
    expect(stderr).toContain('line 2: not UTF-8 (byte 1 of the line): {"v":"');
    await expectWhole(on, `${BEFORE}{"id":3}\n{"id":4}\n`);
  });

  test('beyond the first thousand bad ones is counted and not kept', async () => {
    const on = await stored();
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x\n'.repeat(300_000));
      await Promise.resolve();
      yield Buffer.from('{"id":3}\n');
    }
    const result = await withEngine(on, (engine) => engine.appendNdjson('events', pieces()));
    expect(result).toMatchObject({ rows: 1, rejected: 300_000 });
    expect(result.rejects).toHaveLength(1000);
    expect(result.rejects.at(-1)).toMatchObject({ line: 1000, excerpt: 'x' });
    await expectWhole(on, `${BEFORE}{"id":3}\n`);
  });
});

describe('a row with a key of ours', () => {
  test('keeps it, and cat --seq has that key once, with the sequence number', async () => {
    const on = await stored();
    const row = '{"_hyp_seq":"mine","id":3}\n';
    await on.ok(['append', 'events'], { input: row });
    expect(JSON.parse((await on.ok(['cat', 'events', '--after', '2'])).stdout)).toEqual(
      JSON.parse(row),
    );
    const paged = await on.ok(['cat', 'events', '--after', '2', '--seq']);
    expect(paged.stdout).toBe('{"_hyp_seq":3,"id":3}\n');
  });
});

describe('a row of the library', () => {
  test('beyond the limit is refused with its index, and nothing of that append is stored', async () => {
    const on = await stored();
    const rows = [{ id: 3 }, { v: 'x'.repeat(LINE_LIMIT) }];
    await withEngine(on, async (engine) => {
      await expect(engine.append('events', rows)).rejects.toMatchObject({
        code: 'E_ROW_TOO_LARGE',
        kind: 'usage',
        message: `row 1 has more than ${LINE_LIMIT} bytes`,
        details: { row: 1 },
      });
      await engine.append('events', [{ id: 4 }]);
    });
    await expectWhole(on, `${BEFORE}{"id":4}\n`);
  });
});

describe('a damaged', () => {
  test('gzip file is named by the backfill; rows of the files before it are stored', async () => {
    const on = await stored();
    await writeFile(join(on.cwd, 'a.ndjson'), '{"id":3}\n');
    const whole = gzipSync('{"id":4}\n'.repeat(100));
    await writeFile(join(on.cwd, 'b.ndjson.gz'), whole.subarray(0, whole.length - 4));
    const { code, stderr } = await on.run(['backfill', 'events', 'a.ndjson', 'b.ndjson.gz']);
    expect(code).toBe(65);
    expect(stderr).toMatch(/^hyp: \S+b\.ndjson\.gz: damaged gzip data: it ends too soon$/m);
    expect((await on.ok(['cat', 'events', '--after', '2', '--through', '3'])).stdout).toBe(
      '{"id":3}\n',
    );
    await on.ok(['check']);
  });

  test('table stops its own dataset: the status names the file and shows the others', async () => {
    const on = await stored();
    const hint = join(on.root, 'tables/events/metadata/version-hint.text');
    const version = (await readFile(hint, 'utf8')).trim();
    const metadata = join(on.root, `tables/events/metadata/v${version}.metadata.json`);
    const bytes = await readFile(metadata);
    await truncate(metadata, 100);
    await withEngine(on, async (engine) => {
      await engine.append('events', [{ id: 3 }]);
      await engine.append('others', [{ id: 1 }]);
    });
    const tick = await on.run(['tick']);
    expect(tick.code).toBe(1);
    expect(tick.stdout).toContain('archive others: 1 row exported');
    const status = await on.run(['status', '--json']);
    expect(status.code).toBe(1);
    expect(jsonOf(status)).toMatchObject({
      datasets: [
        { name: 'events', problem: expect.stringContaining(metadata) as string },
        { name: 'others', rows: 1, problem: null },
      ],
      sinks: [
        {
          datasets: [
            { dataset: 'events', state: 'parked' },
            { dataset: 'others', state: 'idle', exportedRows: 1 },
          ],
        },
      ],
    });
    await writeFile(metadata, bytes);
    await expectWhole(on, `${BEFORE}{"id":3}\n`);
  });

  test('registry of sinks is found by check, and status still shows the datasets', async () => {
    const on = await stored();
    const dir = join(on.root, 'state/sinks');
    const newest = join(dir, (await readdir(dir)).sort().at(-1) ?? '');
    const bytes = await readFile(newest);
    await truncate(newest, 10);
    const check = await on.run(['check']);
    expect(check.code).toBe(1);
    expect(check.stdout + check.stderr).toContain(newest);
    expect((await on.ok(['status'])).stdout).toMatch(/^events +2 /m);
    await writeFile(newest, bytes);
    await expectWhole(on, BEFORE);
  });

  test('or missing store file is never made anew under another identity', async () => {
    const on = await stored();
    const file = join(on.root, 'store.json');
    await rename(file, `${file}.kept`);
    for (const command of [['append', 'events'], ['status'], ['init']]) {
      const { code, stderr } = await on.run(command, { input: '{"id":3}\n' });
      expect(code, command[0]).toBe(1);
      expect(stderr).toContain(`has rows, but its file is missing: ${file}`);
      expect(stderr).toContain('hint: Nothing was changed. Restore this one file');
    }
    await rename(`${file}.kept`, file);
    await expectWhole(on, BEFORE);
  });

  test('root that is a file is left alone', async () => {
    const on = await stored();
    const file = join(on.cwd, 'file');
    await writeFile(file, 'mine');
    const { code, stderr } = await on.run(['--root', file, 'append', 'events'], { input: '{}\n' });
    expect(code).toBe(2);
    expect(stderr).toContain(`${file} is not a directory`);
    expect(await readFile(file, 'utf8')).toBe('mine');
    await rm(file);
    await expectWhole(on, BEFORE);
  });
});
