/** What a scrape gets: every series of the status, well-formed whatever the names. llp/0020 */
import { expect, test } from 'vitest';
import type { HypEvent } from '../../../src/core/events.ts';
import { SEQ_ZERO, toDatasetName, toSeq, toSinkName } from '../../../src/core/ids.ts';
import { Counters } from '../../../src/daemon/metrics/counters.ts';
import { exposition } from '../../../src/daemon/metrics/exposition.ts';
import { metricFamilies } from '../../../src/daemon/metrics/families.ts';
import type { StoreStatus } from '../../../src/engine/api.ts';
import { ROOMY } from '../../support/fake-engine.ts';
import { metricProblems, metricValue } from '../../support/metrics.ts';

const A = toDatasetName('a');
const DAEMON = { upMs: 1500, ready: true, loops: [] };

const STATUS: StoreStatus = {
  root: '/store',
  disk: { ...ROOMY, appends: 'refused' },
  datasets: [
    {
      name: A,
      lineage: undefined,
      rows: 12n,
      maxSeq: toSeq('9007199254740993'),
      prunedThrough: SEQ_ZERO,
      files: 1,
      bytes: 2,
      snapshots: 3,
      spoolBytes: 4,
      spoolRows: 5,
      rescuedRows: 6n,
      problem: undefined,
    },
  ],
  sinks: [
    {
      name: toSinkName('s'),
      type: 'fs',
      state: 'parked',
      destination: 'fs:/out',
      datasets: [
        {
          dataset: A,
          state: 'parked',
          watermark: toSeq(7),
          lagRows: 5n,
          lagSeconds: 1.5,
          exportedRows: 7n,
          declinedRows: 0n,
          lostRows: 0n,
          openUnit: undefined,
          lastError: 'secret reasons',
        },
      ],
    },
  ],
};

function decision(action: string, facts: Record<string, string | number>): HypEvent {
  return { type: 'decision', action, level: 'info', facts };
}

test('every figure of a sink and a dataset is a series, seqs exact, the state one of five', () => {
  const text = exposition(metricFamilies(STATUS, new Counters(), DAEMON));
  expect(metricProblems(text)).toEqual([]);
  const sink = { sink: 's', dataset: 'a' };
  expect(metricValue(text, 'hyp_sink_watermark_seq', sink)).toBe('7');
  expect(metricValue(text, 'hyp_sink_lag_rows', sink)).toBe('5');
  expect(metricValue(text, 'hyp_sink_lag_seconds', sink)).toBe('1.5');
  expect(metricValue(text, 'hyp_sink_exported_rows_total', sink)).toBe('7');
  expect(metricValue(text, 'hyp_sink_state', { ...sink, state: 'parked' })).toBe('1');
  expect(metricValue(text, 'hyp_sink_state', { ...sink, state: 'idle' })).toBe('0');
  expect(metricValue(text, 'hyp_spool_bytes', { dataset: 'a' })).toBe('4');
  expect(metricValue(text, 'hyp_dataset_max_seq', { dataset: 'a' })).toBe('9007199254740993');
  expect(metricValue(text, 'hyp_appends_refused', {})).toBe('1');
  expect(metricValue(text, 'hyp_uptime_seconds', {})).toBe('1.5');
  expect(text).not.toContain('secret');
});

test('what the daemon did is counted from its decisions, by sink and dataset', () => {
  const counters = new Counters();
  const seen: HypEvent[] = [];
  const observe = counters.watching((event) => void seen.push(event));
  observe(decision('flushed', { dataset: 'a', rows: 10, commits: 2 }));
  observe(decision('flushed', { dataset: 'a', rows: 5, commits: 1 }));
  observe(decision('exported', { sink: 's', dataset: 'a', rows: 15 }));
  observe(decision('retry', { sink: 's', dataset: 'a', attempt: 1 }));
  observe(decision('retry', { sink: 's', dataset: 'b', attempt: 1 }));
  observe(decision('parked', { sink: 's', dataset: 'b' }));
  expect(seen).toHaveLength(6);
  const text = exposition(metricFamilies(STATUS, counters, DAEMON));
  expect(metricProblems(text)).toEqual([]);
  expect(metricValue(text, 'hyp_flushes_total', { dataset: 'a' })).toBe('2');
  expect(metricValue(text, 'hyp_commits_total', { dataset: 'a' })).toBe('3');
  expect(metricValue(text, 'hyp_flushed_rows_total', { dataset: 'a' })).toBe('15');
  expect(metricValue(text, 'hyp_sink_units_total', { sink: 's', dataset: 'a' })).toBe('1');
  expect(metricValue(text, 'hyp_sink_retries_total', { sink: 's', dataset: 'b' })).toBe('1');
});

test('labels and help with quotes, backslashes and line feeds stay one line', () => {
  const text = exposition([
    {
      name: 'hyp_x',
      help: 'two\nlines \\ here',
      type: 'gauge',
      samples: [{ labels: { loop: 'a "b" \\ c\nd' }, value: 1 }],
    },
  ]);
  expect(text).toBe(
    '# HELP hyp_x two\\nlines \\\\ here\n# TYPE hyp_x gauge\nhyp_x{loop="a \\"b\\" \\\\ c\\nd"} 1\n',
  );
  expect(metricProblems(text)).toEqual([]);
});

test('a text that is not well-formed would be seen', () => {
  expect(metricProblems('hyp_x 1\n')).toEqual(['hyp_x has no type']);
  expect(metricProblems('# TYPE hyp_x gauge\n# HELP hyp_x x\nhyp_x one\n')).toHaveLength(1);
  expect(metricProblems('# HELP hyp_x x\n# TYPE hyp_x counter\nhyp_x 1\n')).toHaveLength(1);
  expect(metricProblems('# HELP hyp_x x\n# TYPE hyp_x gauge\nhyp_x 1\nhyp_x 1\n')).toHaveLength(1);
  expect(metricProblems('# HELP hyp_x x\n# TYPE hyp_x gauge\nhyp_x 1')).toHaveLength(1);
});
