/** The commands as a person or a script runs them: the built CLI in child processes. llp/0010 */
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { nodeFs } from '../../src/core/node-fs.ts';
import { systemRandom } from '../../src/core/random.ts';
import { initStore } from '../../src/engine/store-file.ts';
import { hyp, startHyp } from '../support/cli.ts';
import type { Finished, RunOptions, Started } from '../support/cli.ts';
import { tempDir } from '../support/tmp.ts';

function ndjson(from: number, count: number): string {
  return Array.from({ length: count }, (_, at) => `{"id":${from + at}}\n`).join('');
}

function jsonOf(finished: Finished): unknown {
  return JSON.parse(finished.stdout);
}

/** A directory with a store and its hyp.yaml, and the command run there; `ok` must end with 0. */
async function site(config = 'root: ./hyp-data\n') {
  const cwd = await tempDir();
  await writeFile(join(cwd, 'hyp.yaml'), config);
  await initStore(nodeFs, join(cwd, 'hyp-data'), systemRandom);
  const run = (args: readonly string[], more: Partial<RunOptions> = {}) =>
    hyp(args, { cwd, ...more });
  const ok = async (args: readonly string[], input?: string): Promise<Finished> => {
    const finished = await run(args, { input });
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    return finished;
  };
  return { cwd, run, ok };
}

const EXPORTING = `root: ./hyp-data
sinks:
  archive: { type: fs, path: ./exports, rotate: { interval: 100ms } }
daemon: { tick: 50ms, http: "127.0.0.1:0" }
datasets: { "*": { flush: { maxDelay: 100ms } } }
`;

/** The address in the ready line of a daemon. */
function addressOf(daemon: Started): string {
  return /"http":"([^"]+)"/.exec(daemon.output())?.[1] ?? '';
}

async function exportedFiles(cwd: string, dataset: string): Promise<string> {
  const dir = join(cwd, 'exports', dataset);
  const names = await readdir(dir).catch(() => []);
  const parts = names.filter((name) => name.endsWith('.ndjson')).sort();
  return (await Promise.all(parts.map((name) => readFile(join(dir, name), 'utf8')))).join('');
}

describe('hyp init', () => {
  test('makes a store and a configuration, and says what to do next; a second time finds both', async () => {
    const cwd = await tempDir();
    const first = await hyp(['init', 'site/new'], { cwd });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('cd site/new');
    expect(first.stdout).toContain('hyp append events');
    const file = join(cwd, 'site/new/hyp.yaml');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    const again = await hyp(['init', 'site/new', '--json'], { cwd });
    expect(jsonOf(again)).toEqual({
      config: file,
      root: join(cwd, 'site/new/hyp-data'),
      made: { config: false, store: false },
    });
    expect(await readFile(file, 'utf8')).toBe(text);
    const status = await hyp(['status', '--json'], { cwd: join(cwd, 'site/new') });
    expect(jsonOf(status)).toMatchObject({ root: join(cwd, 'site/new/hyp-data') });
  });

  test('writes the root it is given', async () => {
    const cwd = await tempDir();
    expect(await hyp(['init', '--root', 'elsewhere'], { cwd })).toMatchObject({ code: 0 });
    const text = await readFile(join(cwd, 'hyp.yaml'), 'utf8');
    expect(text).toContain(JSON.stringify(join(cwd, 'elsewhere')));
    expect(await readdir(join(cwd, 'elsewhere'))).toContain('store.json');
  });
});

describe('rows', () => {
  test('go in by append and come out by cat, exactly, in order, by range', async () => {
    const { ok, cwd } = await site();
    const rows = '{"id":1,"text":"a\\nb"}\n{"id":9007199254740993,"deep":{"x":[1,2]}}\n';
    expect((await ok(['append', 'events'], rows)).stdout).toBe('events: 2 rows appended\n');
    expect((await ok(['cat', 'events'])).stdout).toBe(rows);
    await writeFile(join(cwd, 'more.ndjson'), '{"id":3}\n{"id":4}\n');
    const appended = await ok(['append', 'events', 'more.ndjson', '--json']);
    expect(jsonOf(appended)).toEqual({
      dataset: 'events',
      rows: 2,
      rejected: 0,
      rejects: [],
      duplicateKeyRows: 0,
    });
    expect((await ok(['cat', 'events'])).stdout).toBe(`${rows}{"id":3}\n{"id":4}\n`);
    const some = await ok(['cat', 'events', '--after', '2', '--through', '3', '--seq']);
    expect(JSON.parse(some.stdout)).toEqual({ id: 3, _hyp_seq: 3 });
    expect((await ok(['cat', 'events', '--after', '4'])).stdout).toBe('');
  });

  test('that are none are named with line and reason, all others are stored, exit 65', async () => {
    const { run, ok } = await site();
    const input = `{"id":1}\nnot json\n[1]\n{"id":2}\n${'x\n'.repeat(20)}`;
    const finished = await run(['append', 'events'], { input });
    expect(finished.code).toBe(65);
    expect(finished.stdout).toBe('events: 2 rows appended\n');
    expect(finished.stderr).toMatch(/^line 2: .*not json/m);
    expect(finished.stderr).toMatch(/^line 3: /m);
    expect(finished.stderr.match(/^line /gm)).toHaveLength(10);
    expect(finished.stderr).toContain('… and 12 more');
    expect((await ok(['cat', 'events'])).stdout).toBe('{"id":1}\n{"id":2}\n');
  });

  test('answer SQL', async () => {
    const { ok, run } = await site();
    await ok(['append', 'events'], ndjson(1, 5));
    const shown = await ok(['query', 'SELECT max(id) AS top, count(*) AS n FROM events']);
    expect(shown.stdout).toMatch(/top +n\n *5 +5\n/);
    expect(shown.stderr).toContain('(1 row)');
    const lines = await ok([
      'query',
      "SELECT id::INT AS id, 'a' AS t FROM events WHERE id > 3",
      '--json',
    ]);
    expect(
      lines.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { id: 4, t: 'a' },
      { id: 5, t: 'a' },
    ]);
    const wrong = await run(['query', 'SELEC 1']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
  });

  test('may be read by a program that stops early', async () => {
    const { ok, cwd } = await site();
    await ok(['append', 'events'], ndjson(1, 50_000));
    const started = startHyp(['cat', 'events'], { cwd });
    started.process.stdout?.once('data', () => started.process.stdout?.destroy());
    expect(await started.finished).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('hyp tick', () => {
  test('flushes and exports everything once, without waiting for delays', async () => {
    const { ok, cwd } = await site(EXPORTING.replace('100ms', '1h'));
    await ok(['append', 'events'], ndjson(1, 3));
    const first = await ok(['tick']);
    expect(first.stdout).toBe(
      'events: 3 rows flushed, through 3\narchive events: 3 rows exported in 1 unit, watermark 3\n',
    );
    expect(await exportedFiles(cwd, 'events')).toBe(ndjson(1, 3));
    expect((await ok(['tick'])).stdout).toBe('nothing to do\n');
    expect(jsonOf(await ok(['tick', '--json']))).toMatchObject({ flushed: [], failures: [] });
    expect(await exportedFiles(cwd, 'events')).toBe(ndjson(1, 3));
  });

  test('says with its exit status that a sink cannot be reached', async () => {
    const { ok, run, cwd } = await site(EXPORTING);
    await writeFile(join(cwd, 'exports'), 'a file where the directory should be');
    await ok(['append', 'events'], ndjson(1, 3));
    const failed = await run(['tick']);
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain('archive');
  });
});

describe('hyp status', () => {
  test('has the documented JSON, seqs as decimal strings', async () => {
    const { ok } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 3));
    await ok(['tick']);
    await ok(['append', 'events'], ndjson(4, 2));
    const status = jsonOf(await ok(['status', '--json'])) as {
      root: string;
      datasets: Record<string, unknown>[];
      sinks: { datasets: Record<string, unknown>[] }[];
    };
    expect(Object.keys(status)).toEqual(['root', 'disk', 'datasets', 'sinks']);
    expect(status.datasets).toHaveLength(1);
    expect(status.datasets[0]).toEqual({
      name: 'events',
      lineage: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      rows: 3,
      maxSeq: '3',
      prunedThrough: '0',
      files: 1,
      bytes: expect.any(Number) as number,
      snapshots: 1,
      spoolBytes: expect.any(Number) as number,
      spoolRows: 2,
      rescuedRows: 0,
      problem: null,
    });
    expect(status.sinks).toEqual([
      {
        name: 'archive',
        type: 'fs',
        state: 'idle',
        datasets: [
          {
            dataset: 'events',
            state: 'idle',
            watermark: '3',
            lagRows: 0,
            lagSeconds: 0,
            exportedRows: 3,
            declinedRows: 0,
            lostRows: 0,
            openUnit: null,
            lastError: null,
          },
        ],
      },
    ]);
  });

  test('reads as a table, and so do the lists of datasets and sinks', async () => {
    const { ok, cwd } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 1_234));
    await ok(['tick']);
    const shown = await ok(['status']);
    expect(shown.stdout).toMatch(/^DATASET +ROWS +MAX SEQ +FILES +SIZE +SPOOLED$/m);
    expect(shown.stdout).toMatch(/^events +1,234 +1,234 +1 /m);
    expect(shown.stdout).toMatch(/^archive +fs +idle +events +1,234 +0 +1,234$/m);
    expect((await ok(['dataset', 'list'])).stdout).toMatch(/^events +1,234/m);
    expect((await ok(['sink', 'list'])).stdout).toContain(join(cwd, 'exports'));
    expect(jsonOf(await ok(['sink', 'list', '--json']))).toMatchObject([{ name: 'archive' }]);
    expect(jsonOf(await ok(['dataset', 'list', '--json']))).toMatchObject([{ name: 'events' }]);
  });

  test('and all that only reads make no store where there is none', async () => {
    const cwd = await tempDir();
    const reading = [['status'], ['cat', 'events'], ['tick'], ['query', 'SELECT 1'], ['check']];
    for (const finished of await Promise.all(reading.map((args) => hyp(args, { cwd })))) {
      expect(finished).toMatchObject({ code: 2, stdout: '' });
      expect(finished.stderr).toContain('hyp init');
    }
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('hyp backfill', () => {
  async function logs() {
    const there = await site();
    const dir = join(there.cwd, 'logs');
    await mkdir(dir);
    await writeFile(join(dir, 'a.ndjson'), ndjson(1, 100));
    await writeFile(join(dir, 'b.jsonl.gz'), gzipSync(ndjson(101, 50)));
    await writeFile(join(dir, 'notes.txt'), 'not data');
    return { ...there, dir };
  }

  test('loads directories and globs once, however often it runs', async () => {
    const { ok } = await logs();
    const dry = await ok(['backfill', 'events', 'logs', '--dry-run', '--json']);
    expect(jsonOf(dry)).toMatchObject({ dryRun: true, rows: 150 });
    const first = await ok(['backfill', 'events', 'logs']);
    expect(first.stdout).toMatch(/events: 150 rows added from 2 files/);
    const again = await ok(['backfill', 'events', 'logs/*.{ndjson,jsonl.gz}']);
    expect(again.stdout).toMatch(/events: 0 rows added from 2 files/);
    const rows = (await ok(['cat', 'events'])).stdout;
    expect(rows).toBe(ndjson(1, 150));
  });

  test('skips the very bytes at another path with exit 4, and loads them with --again', async () => {
    const { ok, run, cwd } = await logs();
    await ok(['backfill', 'events', 'logs/a.ndjson']);
    await writeFile(join(cwd, 'copy.ndjson'), ndjson(1, 100));
    const copy = await run(['backfill', 'events', 'copy.ndjson']);
    expect(copy.code).toBe(4);
    expect(copy.stdout).toContain('logs/a.ndjson');
    expect(copy.stderr).toContain('--again');
    expect((await ok(['backfill', 'events', 'copy.ndjson', '--again'])).stdout).toContain(
      '100 rows',
    );
  });

  test('names bad lines in a file of rejects, exit 65', async () => {
    const { run, cwd } = await logs();
    await writeFile(join(cwd, 'bad.ndjson'), '{"id":1}\nno\n{"id":2}\n');
    const finished = await run(['backfill', 'events', 'bad.ndjson', '--json']);
    expect(finished.code).toBe(65);
    const report = jsonOf(finished) as { rows: number; rejected: number; rejectsPath: string };
    expect(report).toMatchObject({ rows: 2, rejected: 1 });
    expect(await readFile(report.rejectsPath, 'utf8')).toContain('bad.ndjson');
  });

  test('stops at Ctrl-C, says how to go on, and then adds the rest and nothing twice', async () => {
    const { ok, cwd } = await logs();
    const line = (id: number) => `${JSON.stringify({ id, pad: 'x'.repeat(150) })}\n`;
    const lines = Array.from({ length: 300_000 }, (_, at) => line(at + 1));
    await writeFile(join(cwd, 'big.ndjson'), lines.join(''));
    const args = ['backfill', 'events', 'big.ndjson'];
    const started = startHyp(args, { cwd });
    const metadata = join(cwd, 'hyp-data/tables/events/metadata');
    for (;;) {
      const names = await readdir(metadata).catch(() => []);
      if (names.some((name) => /^v[2-9]\.metadata\.json$/.test(name))) break;
      if (started.process.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    started.process.kill('SIGINT');
    const stopped = await started.finished;
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toContain('run the same command again');
    await ok(args);
    const count = await ok(['query', 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM events']);
    expect(count.stdout).toMatch(/300000 +300000/);
  });

  test('says what it cannot find', async () => {
    const { run } = await logs();
    expect(await run(['backfill', 'events', 'logs/*.csv'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to read at logs/*.csv') as string,
    });
  });
});

describe('hyp validate', () => {
  test('names every problem with line and column, exit 78, and so does every other command', async () => {
    const cwd = await tempDir();
    await writeFile(join(cwd, 'hyp.yaml'), 'root: ./x\nsinks:\n  a: { type: s3 }\nextra: 1\n');
    const finished = await hyp(['validate', '--json'], { cwd });
    expect(finished).toMatchObject({ code: 78, stderr: '' });
    expect(jsonOf(finished)).toMatchObject({
      valid: false,
      problems: [
        { path: 'sinks.a.type', line: 3, column: 14 },
        { path: 'extra', line: 4, column: 1 },
      ],
    });
    const status = await hyp(['status'], { cwd });
    expect(status).toMatchObject({ code: 78, stdout: '' });
    expect(status.stderr).toContain('hyp.yaml:3:14: sinks.a.type: sink type "s3" is not known');
  });

  test('prints the configuration in force, secrets redacted, and probes its places', async () => {
    const cwd = await tempDir();
    await writeFile(join(cwd, 'hyp.yaml'), 'sinks: { a: { type: fs, path: "./${SECRET}" } }\n');
    const good = await hyp(['validate', '--json'], { cwd, env: { SECRET: 'hunter2' } });
    expect(good.code).toBe(0);
    expect(good.stdout).not.toContain('hunter2');
    expect(jsonOf(good)).toMatchObject({
      valid: true,
      config: { sinks: { a: { path: '<redacted>' } } },
    });
    expect(await readdir(cwd)).toEqual(['hyp.yaml']);
    await writeFile(join(cwd, 'taken'), '');
    const bad = await hyp(['validate'], { cwd, env: { SECRET: 'taken' } });
    expect(bad.code).toBe(69);
  });
});

describe('hyp check', () => {
  test('is content with a good store and names what is broken in a bad one, exit 1', async () => {
    const { ok, run, cwd } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 100));
    await ok(['tick']);
    expect((await ok(['check'])).stdout).toMatch(/^nothing wrong found; looked at /);
    const dir = join(cwd, 'hyp-data/tables/events/data');
    const file = join(dir, (await readdir(dir)).find((name) => name.endsWith('.parquet')) ?? '');
    const bytes = await readFile(file);
    bytes.fill(0x55, 40, 60);
    await writeFile(file, bytes);
    const broken = await run(['check', '--json']);
    expect(broken.code).toBe(1);
    expect(jsonOf(broken)).toMatchObject({ ok: false });
    expect(broken.stdout).toContain('.parquet');
  });
});

describe('hyp status --watch', () => {
  test('shows the status until Ctrl-C, one JSON object a line, and ends with 0', async () => {
    const { ok, run, cwd } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 3));
    const watching = startHyp(['status', '--watch', '0.1', '--json'], { cwd });
    await watching.said('"spoolRows":3');
    await ok(['tick']);
    await watching.said('"rows":3');
    watching.process.kill('SIGINT');
    const { code, stdout } = await watching.finished;
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('sinks');
    expect(await run(['status', '--watch', 'often'])).toMatchObject({ code: 2 });
  });
});

describe('hyp verify', () => {
  test('says what tiles, and names what is gone from the destination, exit 1', async () => {
    const { ok, run, cwd } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 100));
    await ok(['tick']);
    const good = await ok(['verify', '--deep']);
    expect(good.stdout).toContain('events tiles (0, 100]  1 unit, 1 object');
    expect(good.stdout).toContain('archive: nothing wrong found');
    const dir = join(cwd, 'exports/events');
    const name = (await readdir(dir)).find((each) => each.endsWith('.ndjson')) ?? '';
    await rm(join(dir, name));
    const broken = await run(['verify', 'archive', '--json']);
    expect(broken.code).toBe(1);
    expect(jsonOf(broken)).toMatchObject({
      ok: false,
      deep: false,
      sinks: [{ found: 1, findings: [{ label: 'object-missing', where: join(dir, name) }] }],
    });
    expect(await run(['verify', 'nobody'])).toMatchObject({ code: 2 });
  });
});

describe('hyp sink', () => {
  test('pauses, resumes and forgets, and says what would be lost, exit 1', async () => {
    const { ok, run, cwd } = await site(EXPORTING);
    await ok(['append', 'events'], ndjson(1, 3));
    await ok(['tick']);
    expect((await ok(['sink', 'pause', 'archive'])).stdout).toContain('archive is paused');
    await ok(['append', 'events'], ndjson(4, 2));
    expect((await ok(['tick'])).stdout).not.toContain('exported');
    expect((await ok(['sink', 'list'])).stdout).toMatch(/archive +fs +paused/);
    expect(await exportedFiles(cwd, 'events')).toBe(ndjson(1, 3));
    const none = join(cwd, 'none.yaml');
    await writeFile(none, 'root: ./hyp-data\n');
    expect((await ok(['sink', 'list', '--config', none])).stdout).toContain('archive is not in');
    const refused = await run(['sink', 'forget', 'archive', '--config', none]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('2 rows were never sent');
    expect((await ok(['sink', 'resume', 'archive'])).stdout).toContain('archive goes on');
    await ok(['tick']);
    expect(await exportedFiles(cwd, 'events')).toBe(ndjson(1, 5));
    const forget = await ok(['sink', 'forget', 'archive', '--config', none, '--json']);
    expect(jsonOf(forget)).toMatchObject({ sink: 'archive', changed: true, unsentRows: 0 });
  });
});

describe('wrong usage', () => {
  test('is exit 2 with a reason, also as JSON', async () => {
    const { run } = await site();
    const cases: (readonly [string[], string])[] = [
      [['nonsense'], 'unknown command'],
      [['cat'], 'missing required argument'],
      [['append', 'Bad Name'], 'not a dataset name'],
      [['append', 'events', 'no-such-file'], 'cannot read'],
      [['cat', 'unknown'], 'no dataset unknown'],
      [['cat', 'unknown', '--after', '1.5'], 'not a sequence number'],
      [['cat', 'unknown', '--after', '3', '--through', '2'], 'empty range'],
      [['status', '--log-level', 'loud'], 'Allowed choices'],
    ];
    const all = await Promise.all(cases.map(([args]) => run([...args, '--json'])));
    for (const [at, [, reason]] of cases.entries()) {
      expect(all[at]).toMatchObject({ code: 2, stdout: '' });
      const told = JSON.parse(all[at]?.stderr ?? '') as {
        error: { kind: string; message: string };
      };
      expect(told.error.kind).toBe('usage');
      expect(told.error.message).toContain(reason);
    }
    const plain = await run(['nonsense']);
    expect(plain.stderr).toMatch(/^hyp: unknown command 'nonsense'\nhint: /);
  });

  test('and help are told apart: help is a result', async () => {
    const cwd = await tempDir();
    const help = await hyp(['backfill', '--help'], { cwd });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Examples:');
    expect(help.stdout).toContain('--config <file>');
    expect(await hyp([], { cwd })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('hyp daemon', () => {
  async function running(config = EXPORTING) {
    const there = await site(config);
    const daemon = startHyp(['daemon', '--json'], { cwd: there.cwd });
    await daemon.said('"ready":true');
    return { ...there, daemon };
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + 20_000;
    while (!(await holds())) {
      expect(performance.now()).toBeLessThan(end);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('delivers what other processes append, answers HTTP, and drains at SIGTERM', async () => {
    const { daemon, ok, cwd } = await running();
    await ok(['append', 'events'], ndjson(1, 10));
    await until(async () => (await exportedFiles(cwd, 'events')) === ndjson(1, 10));
    await ok(['append', 'later'], ndjson(1, 5));
    await until(async () => (await exportedFiles(cwd, 'later')) === ndjson(1, 5));
    const ready = await fetch(`${addressOf(daemon)}/ready`);
    expect(ready.status).toBe(200);
    const status = await fetch(`${addressOf(daemon)}/status`);
    expect(await status.json()).toMatchObject({ sinks: [{ name: 'archive', state: 'idle' }] });
    await ok(['append', 'events'], ndjson(11, 10));
    daemon.process.kill('SIGTERM');
    const ended = await daemon.finished;
    expect(ended).toMatchObject({ code: 0, signal: null });
    for (const line of ended.stderr.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) as string });
    }
    const left = jsonOf(await ok(['status', '--json'])) as { datasets: { spoolRows: number }[] };
    expect(left.datasets.map((dataset) => dataset.spoolRows)).toEqual([0, 0]);
    await ok(['tick']);
    expect(await exportedFiles(cwd, 'events')).toBe(ndjson(1, 20));
  });

  test('is alone: a second one says who has the store, exit 75', async () => {
    const { daemon, run } = await running();
    const second = await run(['daemon']);
    expect(second.code).toBe(75);
    expect(second.stderr).toContain(`pid ${daemon.process.pid ?? 0}`);
    daemon.process.kill('SIGINT');
    expect(await daemon.finished).toMatchObject({ code: 0 });
  });

  test('leaves at once at a second signal, with its exit status, and loses nothing', async () => {
    const { daemon, ok } = await running(EXPORTING.replaceAll('100ms', '1h'));
    await ok(['append', 'events'], ndjson(1, 200_000));
    daemon.process.kill('SIGINT');
    await daemon.said('"draining"');
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 143, signal: null });
    await ok(['tick']);
    const count = await ok(['query', 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM events']);
    expect(count.stdout).toMatch(/200000 +200000/);
  });

  test('is followed by another one after kill -9, and rows go on exactly once', async () => {
    const { daemon, ok, cwd } = await running();
    await ok(['append', 'events'], ndjson(1, 10));
    await until(async () => (await exportedFiles(cwd, 'events')).length > 0);
    daemon.process.kill('SIGKILL');
    await daemon.finished;
    await ok(['append', 'events'], ndjson(11, 10));
    const next = startHyp(['daemon', '--json'], { cwd });
    await next.said('"ready":true');
    await until(async () => (await exportedFiles(cwd, 'events')) === ndjson(1, 20));
  });
});
