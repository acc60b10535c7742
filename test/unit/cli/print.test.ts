import { describe, expect, it } from 'vitest';
import { configTemplate } from '../../../src/cli/config-template.ts';
import { EXIT, exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { lineObserver } from '../../../src/cli/log.ts';
import {
  formatBytes,
  formatCount,
  formatSeconds,
  jsonLine,
  plain,
  plural,
  table,
} from '../../../src/cli/print.ts';
import { progressFacts } from '../../../src/cli/progress.ts';
import { errorText } from '../../../src/cli/run.ts';
import { describeConfig } from '../../../src/config/describe.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from '../../../src/config/values.ts';
import { HypError } from '../../../src/core/errors.ts';

describe('printed values', () => {
  it('are easy to read', () => {
    expect([0, 999, 1_000, 1_234_567n].map(formatCount)).toEqual([
      '0',
      '999',
      '1,000',
      '1,234,567',
    ]);
    expect([0, 1023, 1024, 1_572_864, 210 * 1024 ** 3].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 MiB',
      '210 GiB',
    ]);
    expect([0.4, 59, 200, 7_500, 349_200].map(formatSeconds)).toEqual([
      '0s',
      '59s',
      '3m 20s',
      '2h 5m',
      '4d 1h',
    ]);
    expect([plural(1, 'row'), plural(2n, 'row')]).toEqual(['1 row', '2 rows']);
  });

  it('read back when they are sizes and durations', () => {
    for (const bytes of [1, 1000, 1024, 64 * 1024 ** 2])
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    for (const ms of [0, 250, 5_000, 60_000, 86_400_000]) {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }
  });

  it('keep every digit of an integer in JSON', () => {
    expect(jsonLine({ seq: 9_007_199_254_740_993n })).toBe('{"seq":9007199254740993}\n');
  });

  it('cannot move the cursor or colour the terminal', () => {
    expect(plain('a\u001b[31mb\nc\u0085')).toBe('a\\u001b[31mb\\nc\\u0085');
    expect(table([{ title: 'X' }], [['a\nb']])).toBe('X\na\\nb\n');
  });

  it('stand in columns', () => {
    const columns = [{ title: 'NAME' }, { title: 'ROWS', align: 'right' as const }];
    expect(
      table(columns, [
        ['a', '1,000'],
        ['longer', '2'],
      ]),
    ).toBe('NAME     ROWS\na       1,000\nlonger      2\n');
  });

  it('say how a backfill goes', () => {
    const progress = {
      file: 'a',
      fileIndex: 0,
      files: 2,
      bytesDone: 1024,
      bytesTotal: 4096,
      rows: 500,
    };
    expect(progressFacts(progress, 2_000)).toEqual({
      rows: '500',
      rate: '250 rows/s',
      bytes: '1.0 KiB of 4.0 KiB',
      eta_text: '6s',
    });
    expect(progressFacts({ ...progress, bytesDone: 0 }, 0).eta_text).toBe('?');
  });
});

describe('an error', () => {
  it('is told with what to do next, or as JSON', () => {
    const error = new HypError('E_HELD', 'held by pid 7', {
      hint: 'Stop it.',
      details: { pid: 7n },
    });
    expect(errorText(error, false)).toBe('hyp: held by pid 7\nhint: Stop it.\n');
    expect(JSON.parse(errorText(error, true))).toEqual({
      error: {
        code: 'E_HELD',
        kind: 'unavailable',
        message: 'held by pid 7',
        hint: 'Stop it.',
        details: { pid: '7' },
      },
    });
  });

  it('has the exit status of its code, and a full disk is not a bug', () => {
    expect(exitCodeOf(new HypError('E_CONFIG', ''))).toBe(EXIT.badConfig);
    expect(exitCodeOf(new HypError('E_UNKNOWN_DATASET', ''))).toBe(EXIT.usage);
    expect(exitCodeOf(new HypError('E_HELD', ''))).toBe(EXIT.tryAgain);
    expect(exitCodeOf(Object.assign(new Error('full'), { code: 'ENOSPC' }))).toBe(EXIT.unavailable);
    expect(exitCodeOf(new TypeError('x'))).toBe(EXIT.failed);
  });
});

describe('events on stderr', () => {
  const seen = (level: 'warn' | 'info' | 'debug', json: boolean): string => {
    let text = '';
    const observe = lineObserver((line) => (text += line), { level, json });
    observe({
      type: 'decision',
      action: 'retry',
      level: 'warn',
      facts: { sink: 'a\n', left: undefined },
    });
    observe({ type: 'decision', action: 'exported', level: 'info', facts: { rows: 3 } });
    observe({ type: 'buffer', name: 'flush', bytes: 1, limitBytes: 2 });
    return text;
  };

  it('are those of the level asked for and above', () => {
    expect(seen('warn', false)).toBe('hyp: retry sink=a\\n\n');
    expect(seen('info', false)).toBe('hyp: retry sink=a\\n\nhyp: exported rows=3\n');
    expect(seen('debug', false)).toContain('hyp: buffer name=flush bytes=1 limitBytes=2');
  });

  it('are JSON lines when asked for', () => {
    expect(seen('warn', true)).toBe('{"level":"warn","action":"retry","sink":"a\\n"}\n');
  });
});

describe('the hyp.yaml of hyp init', () => {
  const parse = (text: string) => parseConfig(text, { path: '/site/hyp.yaml', env: {} });
  const template = configTemplate('./hyp-data');
  const active = template
    .split('\n')
    .map((line) => line.replace(/^# ?(?=( *[\w"*]+:|$))/, ''))
    .filter((line) => !/^(Configuration|Relative)/.test(line))
    .join('\n');

  it('is valid as written, with one folder sink for all datasets', () => {
    expect(describeConfig(parse(template))).toMatchObject({ root: '/site/hyp-data' });
    const sinks = parse(template).sinks.map(({ name, path, datasets }) => ({
      name,
      path,
      datasets,
    }));
    expect(sinks).toEqual([{ name: 'archive', path: '/site/exports', datasets: undefined }]);
  });

  it('is valid with every comment mark removed, and then states the defaults', () => {
    const config = parse(active);
    expect(config.dataset('x')).toEqual(parse('').dataset('x'));
    expect(config.daemon).toEqual(parse('').daemon);
    const plainSink = parse('sinks: {archive: {type: fs, path: ./exports}}').sinks[0];
    expect(config.sinks).toEqual([
      { ...plainSink, partition: 'dt={_hyp_ingested_at:day}', datasets: ['events'] },
    ]);
  });
});
