/** Backfills that are killed, repeated, run at once and fed with look-alikes. llp/0012 */
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  tableRows,
  tableVersion,
} from '../support/oracle.ts';
import {
  asChild,
  expectSound,
  idsOf,
  jsonOf,
  listing,
  logRows,
  logText,
  site,
  until,
} from '../support/processes.ts';
import type { Site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';

const LOG = logRows();

interface Report {
  readonly rows: number;
  readonly rejected: number;
  readonly rejectsPath: string | null;
  readonly files: readonly { readonly outcome: string; readonly rows: number }[];
}

async function place(on: Site, name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(on.cwd, name), content);
  return name;
}

async function load(on: Site, ...args: string[]): Promise<Report> {
  return jsonOf(await on.ok(['backfill', 'events', ...args, '--json'])) as Report;
}

/** The table holds exactly the ids `low` … `high`, each once, seqs dense, and is sound. */
async function expectRows(on: Site, low: number, high: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectNoneTwice(ids, 'in the table');
  expectAllOf(idsOf([{ low, high }]), ids, 'in the table');
  expect(ids).toHaveLength(high - low + 1);
  expectDense(seqs);
  await expectSound(on);
}

function shortText(from: number, count: number): string {
  return Array.from({ length: count }, (_, at) => `{"id":${from + at}}\n`).join('');
}

describe('a backfill', () => {
  test(
    'killed six times anywhere and run again has every row once',
    { timeout: 240_000 },
    async () => {
      const seed = Number(process.env['HYP_SEED'] ?? 1);
      const random = seededRandom(seed);
      const on = await site('');
      const files: string[] = [];
      let rows = 0;
      // Every other file takes several commits: a kill leaves part of it in.
      const addFile = async (): Promise<void> => {
        const at = files.length;
        const count = at % 2 === 0 ? 180_000 : 20_000;
        const text = at % 2 === 0 ? shortText(rows + 1, count) : logText(LOG, rows + 1, count);
        const content = at % 4 === 3 ? gzipSync(text, { level: 1 }) : text;
        files.push(await place(on, `log-${at}.ndjson`, content));
        rows += count;
      };
      for (let at = 0; at < 4; at++) await addFile();
      let kills = 0;
      let commitsSeen = 0;
      while (kills < 6) {
        const before = tableVersion(on.root, 'events');
        const child = asChild(on.start(['backfill', 'events', ...files]));
        const committed = (): boolean => tableVersion(on.root, 'events') > before;
        // Half of them somewhere before the first commit, half somewhere after one.
        if (kills % 2 === 0) await wait(random.integer(600));
        else await until('a commit', () => !child.running || committed());
        await wait(random.integer(60));
        child.kill('SIGKILL');
        const { signal, code, stderr } = await child.ended;
        if (signal === 'SIGKILL') {
          kills += 1;
          if (committed()) commitsSeen += 1;
        } else {
          expect(code, stderr).toBe(0);
          await addFile();
        }
      }
      expect(commitsSeen, 'some were killed after a commit').toBeGreaterThanOrEqual(2);
      const last = await load(on, ...files);
      expect(last.rejected).toBe(0);
      await expectRows(on, 1, rows);
      console.log(`backfill: seed ${seed}, ${kills} kills, ${commitsSeen} of them after a commit`);
    },
  );

  test('repeated adds nothing, and a grown file adds its tail', async () => {
    const on = await site('');
    const file = await place(on, 'log.ndjson', logText(LOG, 1, 5_000));
    expect(await load(on, file)).toMatchObject({ rows: 5_000, files: [{ outcome: 'added' }] });
    const before = tableVersion(on.root, 'events');
    expect(await load(on, file)).toMatchObject({ rows: 0, files: [{ outcome: 'unchanged' }] });
    expect(tableVersion(on.root, 'events'), 'no commit').toBe(before);
    await appendFile(join(on.cwd, file), logText(LOG, 5_001, 777));
    expect(await load(on, file)).toMatchObject({ rows: 777, files: [{ outcome: 'added' }] });
    await expectRows(on, 1, 5_777);
  });

  test('of two different files that begin alike loads both', async () => {
    const on = await site('');
    const start = logText(LOG, 1, 2_000);
    const one = await place(on, 'one.ndjson', start + logText(LOG, 2_001, 1_000));
    const two = await place(on, 'two.ndjson', start.replace('"id":2000,', '"id":6000,'));
    expect(await load(on, one)).toMatchObject({ rows: 3_000 });
    expect(await load(on, two)).toMatchObject({ rows: 2_000, files: [{ outcome: 'added' }] });
    expect(await load(on, one, two)).toMatchObject({ rows: 0 });
    const { ids, seqs } = await tableRows(on.root, 'events');
    expectDense(seqs);
    expect(ids.filter((id) => id === 1)).toHaveLength(2);
    expect(ids.filter((id) => id === 2_000 || id === 6_000).sort()).toEqual([2_000, 6_000]);
    await expectSound(on);
  });

  test('of one file twice at once adds it once', async () => {
    const on = await site('');
    const rows = 150_000;
    const file = await place(on, 'log.ndjson', logText(LOG, 1, rows));
    const both = await Promise.all([load(on, file), load(on, file)]);
    expect(both.reduce((sum, report) => sum + report.rows, 0)).toBe(rows);
    await expectRows(on, 1, rows);
  });

  test('of two files with one first line at once adds both', async () => {
    const on = await site('');
    const first = '{"head":"the same in both"}\n';
    const files = [
      await place(on, 'one.ndjson', first + logText(LOG, 1, 60_000)),
      await place(on, 'two.ndjson', first + logText(LOG, 60_001, 60_000)),
    ];
    const both = await Promise.all(files.map((file) => load(on, file)));
    expect(both.map((report) => report.rows)).toEqual([60_001, 60_001]);
    const { ids, seqs } = await tableRows(on.root, 'events');
    expectDense(seqs);
    const given = ids.filter((id) => !Number.isNaN(id) && id > 0);
    expectNoneTwice(given, 'in the table');
    expectAllOf(idsOf([{ low: 1, high: 120_000 }]), given, 'in the table');
    expect(ids).toHaveLength(120_002);
    await expectSound(on);
  });

  test('takes a file and its gzip for one source, says so and ends with 4; --again loads it', async () => {
    const on = await site('');
    const text = logText(LOG, 1, 3_000);
    const plain = await place(on, 'log.ndjson', text);
    const zipped = await place(on, 'log.ndjson.gz', gzipSync(text));
    expect(await load(on, zipped)).toMatchObject({ rows: 3_000 });
    const skipped = await on.run(['backfill', 'events', plain, '--json']);
    expect(skipped.code).toBe(4);
    expect(skipped.stderr).toContain('--again');
    expect(jsonOf(skipped)).toMatchObject({
      rows: 0,
      files: [{ outcome: 'same-bytes', firstPath: join(on.cwd, zipped) }],
    });
    await copyFile(join(on.cwd, zipped), join(on.cwd, 'copy.gz'));
    expect((await on.run(['backfill', 'events', 'copy.gz'])).code).toBe(4);
    await expectRows(on, 1, 3_000);
    expect(await load(on, plain, '--again')).toMatchObject({ rows: 3_000 });
    expect((await tableRows(on.root, 'events')).ids).toHaveLength(6_000);
    await expectSound(on);
  });

  test('puts bad lines aside with file, line and reason, loads all others, and ends with 65', async () => {
    const on = await site('');
    const lines = logText(LOG, 1, 1_000).split('\n');
    lines.splice(499, 0, '{"id":', '[1,2]');
    const file = await place(on, 'log.ndjson', lines.join('\n'));
    const finished = await on.run(['backfill', 'events', file, '--json']);
    expect(finished.code).toBe(65);
    const report = jsonOf(finished) as Report;
    expect(report).toMatchObject({ rows: 1_000, rejected: 2 });
    const rejects = (await readFile(report.rejectsPath ?? '', 'utf8')).trimEnd().split('\n');
    expect(rejects.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { file: join(on.cwd, file), line: 500, text: '{"id":', reason: expect.any(String) as string },
      { file: join(on.cwd, file), line: 501, text: '[1,2]', reason: expect.any(String) as string },
    ]);
    expect(await load(on, file), 'nothing is put aside twice').toMatchObject({ rejected: 0 });
    await expectRows(on, 1, 1_000);
  });

  test('with --dry-run says what it would add and changes nothing', async () => {
    const on = await site('');
    await load(on, await place(on, 'first.ndjson', logText(LOG, 1, 1_000)));
    const file = await place(on, 'log.ndjson', `${logText(LOG, 1_001, 2_000)}no row\n`);
    const before = listing(on.root);
    const dry = await on.run(['backfill', 'events', 'first.ndjson', file, '--dry-run', '--json']);
    expect(jsonOf(dry)).toMatchObject({
      dryRun: true,
      rows: 2_000,
      rejected: 1,
      files: [
        { outcome: 'unchanged', rows: 0 },
        { outcome: 'added', rows: 2_000 },
      ],
    });
    expect(listing(on.root)).toEqual(before);
    await expectSound(on);
  });

  test('takes a last line without its end, and an empty file', async () => {
    const on = await site('');
    const file = await place(on, 'log.ndjson', logText(LOG, 1, 100).trimEnd());
    const empty = await place(on, 'empty.ndjson', '');
    const report = await load(on, file, empty);
    expect(report).toMatchObject({ rows: 100, files: [{ rows: 100 }, { rows: 0 }] });
    expect(await load(on, file, empty)).toMatchObject({ rows: 0 });
    await expectRows(on, 1, 100);
    await appendFile(join(on.cwd, file), `\n${logText(LOG, 101, 50)}`);
    expect(await load(on, file)).toMatchObject({ rows: 50 });
    await expectRows(on, 1, 150);
  });

  test('of a file cut in the middle of a line leaves that line and takes it whole later', async () => {
    const on = await site('');
    const text = logText(LOG, 1, 100);
    const cut = text.length - 25;
    const file = await place(on, 'log.ndjson', text.slice(0, cut));
    const partly = await on.run(['backfill', 'events', file, '--json']);
    expect(partly.code, partly.stderr).toBe(0);
    expect(partly.stderr).toContain('line 100, the last one, has no end');
    const byte = text.lastIndexOf('\n', text.length - 2) + 1;
    expect(jsonOf(partly)).toMatchObject({
      rows: 99,
      rejected: 0,
      files: [{ outcome: 'added', unfinished: { line: 100, byte } }],
    });
    expect(await load(on, file), 'again').toMatchObject({
      rows: 0,
      files: [{ outcome: 'unchanged', unfinished: { line: 100, byte } }],
    });
    await appendFile(join(on.cwd, file), text.slice(cut) + logText(LOG, 101, 20));
    expect(await load(on, file)).toMatchObject({
      rows: 21,
      rejected: 0,
      files: [{ unfinished: null }],
    });
    await expectRows(on, 1, 120);
  });

  test('of a line without its end that grows: the row stays, what follows it is judged alone', async () => {
    const on = await site('');
    const file = await place(on, 'log.ndjson', '{"id":1}\n{"id":2}');
    expect(await load(on, file)).toMatchObject({ rows: 2, files: [{ unfinished: null }] });
    await appendFile(join(on.cwd, file), ' and more\n{"id":3}\n');
    const grown = await on.run(['backfill', 'events', file, '--json']);
    expect(grown.code).toBe(65);
    const report = jsonOf(grown) as Report;
    expect(report).toMatchObject({ rows: 1, rejected: 1 });
    const reject: unknown = JSON.parse(await readFile(report.rejectsPath ?? '', 'utf8'));
    expect(reject).toMatchObject({ line: 2, byte: 17, text: ' and more' });
    await expectRows(on, 1, 3);
    const one = await place(on, 'one.ndjson', '{"id":4}');
    expect(await load(on, one)).toMatchObject({ rows: 1 });
    await appendFile(join(on.cwd, one), '\r\n{"id":5}\r\n');
    expect(await load(on, one), 'its first line grew').toMatchObject({ rows: 1 });
    await expectRows(on, 1, 5);
  });

  test('of a file that is not there is an error that names it, and nothing is stored', async () => {
    const on = await site('');
    const there = await place(on, 'log.ndjson', logText(LOG, 1, 10));
    const finished = await on.run(['backfill', 'events', there, 'gone.ndjson']);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toContain('gone.ndjson');
    expect(listing(on.root)).toEqual([]);
    await load(on, there);
    await expectRows(on, 1, 10);
  });
});
