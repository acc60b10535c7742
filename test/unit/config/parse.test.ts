import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/config.ts';
import { describeConfig } from '../../../src/config/describe.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { HypError } from '../../../src/core/errors.ts';

const FILE = '/etc/site/hyp.yaml';

function parse(text: string, env: Record<string, string> = {}) {
  return parseConfig(text, { path: FILE, env });
}

/** Every problem as `line:column path: message`. */
function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (!(error instanceof HypError)) throw error;
    expect(error.code).toBe('E_CONFIG');
    const problems = error.details['problems'] as {
      path: string;
      line: number;
      column: number;
      message: string;
    }[];
    return problems.map((it) => `${it.line}:${it.column} ${it.path}: ${it.message}`);
  }
  return [];
}

describe('a configuration', () => {
  it('is all defaults when the file is empty', () => {
    const config = parse('');
    expect(config.root).toBe('/etc/site/hyp-data');
    expect(config.sinks).toEqual([]);
    expect(config.dataset('any')).toEqual({ flush: { maxDelayMs: 5000, maxBytes: 67108864 } });
    expect(config.daemon).toEqual({
      tickMs: 1000,
      http: { host: '127.0.0.1', port: 7711 },
      drainMs: 10000,
    });
    expect(defaultConfig('/x').dataset('any')).toEqual(config.dataset('any'));
  });

  it('reads every key in the units the engine works with', () => {
    const config = parse(`
root: ../store
datasets:
  "*": { flush: { maxDelay: 250ms, maxBytes: 1GiB } }
  requests: { flush: { maxDelay: 0s } }
sinks:
  archive:
    type: fs
    path: ./exports
    prefix: /raw/json/
    format: ndjson.gz
    partition: "dt={_hyp_ingested_at:day}/{host}"
    rotate: { rows: 10, bytes: 8KiB, interval: 2m }
    datasets: [requests, other]
    retry: { initial: 10ms, max: 1h }
  plain: { type: fs, path: /var/plain }
daemon: { tick: 20ms, http: off, drain: 3s }
`);
    expect(config.root).toBe('/etc/store');
    expect(config.dataset('requests').flush).toEqual({ maxDelayMs: 0, maxBytes: 1024 ** 3 });
    expect(config.dataset('unnamed').flush).toEqual({ maxDelayMs: 250, maxBytes: 1024 ** 3 });
    expect(config.sinks).toEqual([
      {
        name: 'archive',
        type: 'fs',
        path: '/etc/site/exports',
        prefix: 'raw/json',
        format: 'ndjson.gz',
        partition: 'dt={_hyp_ingested_at:day}/{host}',
        rotate: { rows: 10, bytes: 8192, intervalMs: 120_000 },
        datasets: ['requests', 'other'],
        retry: { initialMs: 10, maxMs: 3_600_000 },
      },
      {
        name: 'plain',
        type: 'fs',
        path: '/var/plain',
        prefix: '',
        format: 'ndjson',
        partition: '',
        rotate: { rows: 1_000_000, bytes: 128 * 1024 * 1024, intervalMs: 60_000 },
        datasets: undefined,
        retry: { initialMs: 1000, maxMs: 300_000 },
      },
    ]);
    expect(config.daemon).toEqual({ tickMs: 20, http: undefined, drainMs: 3000 });
  });

  it('treats a section whose entries are all commented out as absent', () => {
    expect(parse('sinks:\n#  a: {}\ndatasets:\ndaemon:\n').sinks).toEqual([]);
  });

  it('has every problem reported at once, each with line and column', () => {
    const problems = problemsOf(`root: [a]
datasets:
  Bad Name: {}
  events: { flush: { maxDelay: 5 parsecs, maxBytes: 64 }, retention: {maxAge: 30d} }
sinks:
  UP: { type: fs, path: x }
  lake: { type: s3, bucket: logs }
  none: { path: z }
  a: { type: fs, pth: x, format: csv, rotate: { rows: 0, every: 1m } }
  b: { type: fs, path: y, datasets: [ok, Nope, ok], partition: "{" }
daemon: { tick: 0s, http: "0.0.0.0:80", drain: yes }
extra: 1
`);
    expect(problems).toEqual([
      expect.stringMatching(/^1:7 root: expected the directory/),
      expect.stringMatching(
        /^3:3 datasets\.Bad Name: not a dataset name: "Bad Name"\. Use 1 to 63/,
      ),
      expect.stringMatching(/^4:32 datasets\.events\.flush\.maxDelay: .*; found "5 parsecs"$/),
      expect.stringMatching(
        /^4:53 datasets\.events\.flush\.maxBytes: expected a size .*; found 64$/,
      ),
      '4:59 datasets.events.retention: unknown key; this version knows flush, columns',
      expect.stringMatching(/^6:3 sinks\.UP: not a sink name/),
      '7:17 sinks.lake.type: sink type "s3" is not known to this version; known: fs',
      '8:3 sinks.none.type: a sink needs a type; known: fs',
      expect.stringMatching(/^9:3 sinks\.a\.path: a sink of type fs needs a path/),
      expect.stringMatching(/^9:18 sinks\.a\.pth: unknown key; this version knows type, path,/),
      expect.stringMatching(/^9:34 sinks\.a\.format: .* ndjson, ndjson\.gz, parquet; found "csv"$/),
      expect.stringMatching(
        /^9:55 sinks\.a\.rotate\.rows: expected a whole number above 0; found 0/,
      ),
      '9:58 sinks.a.rotate.every: unknown key; this version knows rows, bytes, interval',
      expect.stringMatching(
        /^10:42 sinks\.b\.datasets\.1: expected a dataset name.*; found "Nope"$/,
      ),
      expect.stringMatching(/^10:64 sinks\.b\.partition: only A-Z .* between fields; found "\{"$/),
      expect.stringMatching(/^11:17 daemon\.tick: .*longer than 0; found "0s"$/),
      expect.stringMatching(/^11:27 daemon\.http: expected a loopback address/),
      expect.stringMatching(/^11:48 daemon\.drain: expected a duration/),
      '12:1 extra: unknown key; this version knows root, datasets, sinks, disk, spool, daemon',
    ]);
  });

  it('reports bad dataset names of a sink where they stand', () => {
    expect(
      problemsOf(
        'sinks:\n  a: { type: fs, path: x, datasets: [ok, Nope, ok] }\n  b: {type: fs, path: y, datasets: []}',
      ),
    ).toEqual([
      expect.stringMatching(
        /^2:42 sinks\.a\.datasets\.1: expected a dataset name.*; found "Nope"$/,
      ),
      expect.stringMatching(/^3:36 sinks\.b\.datasets: an empty list exports nothing/),
    ]);
  });

  it('refuses two sinks with one destination and names both', () => {
    const problems = problemsOf(`
sinks:
  a: { type: fs, path: ./out, prefix: raw/x }
  b: { type: fs, path: ./out/raw, prefix: x, formt: csv }
  c: { type: fs, path: ./out/rawer }
`);
    expect(problems).toEqual([
      '4:24 sinks.b.path: sinks a and b have one destination; give each its own',
      expect.stringContaining('4:46 sinks.b.formt: unknown key') as string,
    ]);
  });

  it('refuses a destination inside another one, and one with the store inside', () => {
    const problems = problemsOf(`
root: ./here/store
sinks:
  a: { type: fs, path: ./out, prefix: raw }
  b: { type: fs, path: ./out/raw/deep }
  c: { type: fs, path: ./here }
`);
    expect(problems).toEqual([
      expect.stringMatching(/^5:24 sinks\.b\.path: the destinations of sinks a and b lie inside/),
      expect.stringMatching(/^6:24 sinks\.c\.path: the store lies inside this destination/),
    ]);
  });

  it('refuses a sink that names a dataset twice or that gives up before it begins', () => {
    expect(
      problemsOf(
        'sinks: {a: {type: fs, path: x, datasets: [a, b, a], retry: {initial: 2s, max: 1s}}}',
      ),
    ).toEqual([
      '1:49 sinks.a.datasets.2: this dataset is named twice; found "a"',
      '1:79 sinks.a.retry.max: retry.max is shorter than retry.initial; found "1s"',
    ]);
  });

  it('refuses a sink that exports into the store', () => {
    expect(problemsOf('sinks: { a: { type: fs, path: hyp-data/out } }')).toEqual([
      expect.stringContaining('sinks.a.path: a sink may not export into the store itself'),
    ]);
    expect(problemsOf('sinks: { a: { type: fs, path: hyp-data-exports } }')).toEqual([]);
  });

  it.each([
    ['root: "unclosed', /^1:/],
    ['a: 1\na: 2\n', /^2:1 : Map keys must be unique/],
    ['sinks: { a: { type: fs, path: {} }', /^1:35/],
    ['- a\n- b', /^1:1 : expected a mapping/],
    ['one: 1\n---\ntwo: 2', /^2:/],
  ])('says where %j is not usable YAML', (text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected);
  });

  it('stops at aliases that unfold without end', () => {
    expect(problemsOf('sinks: &a { b: *a }').join()).toMatch(/too deep or too large/);
  });
});

describe('the environment in a configuration', () => {
  it('replaces ${NAME} inside strings, also where a number is expected', () => {
    const config = parse(
      'root: "${HOME}/$${literal}"\nsinks: { a: { type: fs, path: "${OUT}", rotate: { rows: "${N}" } } }',
      { HOME: '/home/me', OUT: '/out', N: '7' },
    );
    expect(config.root).toBe('/home/me/${literal}');
    expect(config.sinks[0]).toMatchObject({ path: '/out', rotate: { rows: 7 } });
  });

  it('has one problem per missing variable, and none that only follows from it', () => {
    expect(problemsOf('daemon: { tick: "${TICK}" }\nroot: "${A}"', {})).toEqual([
      '1:17 daemon.tick: environment variable TICK is not set',
      '2:7 root: environment variable A is not set',
    ]);
    expect(problemsOf('root: "${"').join()).toMatch(/needs a variable name/);
    expect(problemsOf('root: "${toString}"').join()).toMatch(/toString is not set/);
  });

  it('never shows a value that came from it, in problems or in print', () => {
    const env = { SECRET: 'hunter2' };
    const wrong = problemsOf(
      `daemon: { tick: "\${SECRET}" }
sinks: { a: { type: "\${SECRET}" }, b: { type: fs, path: x, datasets: ["H\${SECRET}"] } }`,
      env,
    ).join('\n');
    expect(wrong).toMatch(/daemon\.tick: expected a duration/);
    expect(wrong).toMatch(/sinks\.a\.type: this sink type is not known/);
    expect(wrong).toMatch(/sinks\.b\.datasets\.0: expected a dataset name/);
    expect(wrong).not.toContain('hunter2');
    const right = parse('sinks: { a: { type: fs, path: "/x/${SECRET}" } }', env);
    expect(JSON.stringify(describeConfig(right))).not.toContain('hunter2');
    expect(describeConfig(right)).toMatchObject({ sinks: { a: { path: '<redacted>' } } });
  });
});

describe('a described configuration', () => {
  it('fills in the defaults and reads back as the same configuration', () => {
    const config = parse(
      'datasets: { events: { flush: { maxBytes: 100B } } }\nsinks: { a: { type: fs, path: out } }',
    );
    const { file, ...described } = describeConfig(config) as Record<string, object>;
    expect(file).toBe(FILE);
    expect(described).toMatchObject({
      datasets: {
        '*': { flush: { maxDelay: '5s', maxBytes: '64MiB' } },
        events: { flush: { maxDelay: '5s', maxBytes: '100B' } },
      },
      disk: { minFree: '256MiB' },
      spool: { maxBytes: '1GiB', maxWait: '5s' },
      daemon: { tick: '1s', http: '127.0.0.1:7711', drain: '10s' },
    });
    const text = JSON.stringify(described, (key, value: unknown) =>
      key === 'datasets' && value === null ? undefined : value,
    );
    expect(describeConfig(parse(text))).toEqual(describeConfig(config));
  });
});

describe('the configuration in force', () => {
  const made: string[] = [];
  const directory = async () => {
    const path = await mkdtemp(join(tmpdir(), 'hyp-config-'));
    made.push(path);
    return path;
  };
  afterEach(async () => {
    await Promise.all(made.splice(0).map((path) => rm(path, { recursive: true })));
  });

  it('is ./hyp.yaml when there is one, and defaults when there is none', async () => {
    const cwd = await directory();
    expect(await loadConfig({ cwd, env: {} })).toMatchObject({
      root: join(cwd, 'hyp-data'),
      path: undefined,
    });
    await writeFile(join(cwd, 'hyp.yaml'), 'root: ./here\n');
    expect(await loadConfig({ cwd, env: {} })).toMatchObject({
      root: join(cwd, 'here'),
      path: join(cwd, 'hyp.yaml'),
    });
  });

  it('takes paths from the directory of the file, and --root from where the command runs', async () => {
    const cwd = await directory();
    const other = await directory();
    await writeFile(join(other, 'site.yaml'), 'root: ./here\nsinks: {a: {type: fs, path: out}}');
    const config = join(other, 'site.yaml');
    expect(await loadConfig({ cwd, env: {}, config })).toMatchObject({
      root: join(other, 'here'),
      sinks: [{ path: join(other, 'out') }],
    });
    expect(await loadConfig({ cwd, env: {}, config, root: 'mine' })).toMatchObject({
      root: join(cwd, 'mine'),
    });
  });

  it('is an error when the file named is not there', async () => {
    const cwd = await directory();
    await expect(loadConfig({ cwd, env: {}, config: 'nope.yaml' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('nope.yaml: no such file') as string,
    });
  });
});
