/** The daemon as a supervisor meets it: its claim, its signals, its answers. llp/0011, llp/0015 */
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Started } from '../support/cli.ts';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  exportedIds,
  objectFiles,
  tableRows,
  unitFaults,
} from '../support/oracle.ts';
import {
  asChild,
  backlog,
  expectSound,
  idsOf,
  jsonOf,
  logRows,
  logText,
  settle,
  site,
  until,
} from '../support/processes.ts';
import { metricProblems, metricValue } from '../support/metrics.ts';
import type { Site } from '../support/processes.ts';

function config(more: {
  flush?: string;
  rotate?: string;
  format?: string;
  drain?: string;
}): string {
  const { flush = '100ms', rotate = '{ rows: 5000, interval: 100ms }', format = 'ndjson' } = more;
  return `
datasets: { "*": { flush: { maxDelay: ${flush} } } }
sinks:
  archive: { type: fs, path: ./exports, format: ${format}, rotate: ${rotate} }
daemon: { tick: 50ms, http: "127.0.0.1:0", drain: ${more.drain ?? '60s'} }
`;
}

const ROWS = 100_000;

async function startDaemon(on: Site): Promise<{ daemon: Started; url: string; pid: number }> {
  const daemon = on.start(['daemon', '--json']);
  await daemon.said('"ready":true');
  const [line = ''] = daemon.output().split('\n');
  const { http, pid } = JSON.parse(line) as { http: string; pid: number };
  return { daemon, url: http, pid };
}

/** Rows 1 … n are in the table and at the destination, each once, and nothing is wrong anywhere. */
async function expectDelivered(on: Site, rows: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectNoneTwice(ids, 'in the table');
  expectDense(seqs);
  const sent = await exportedIds(on.exports, 'events');
  expectNoneTwice(sent, 'at the destination');
  expectAllOf(idsOf([{ low: 1, high: rows }]), sent, 'at the destination');
  expect([ids.length, sent.length]).toEqual([rows, rows]);
  expect(unitFaults(on.exports, 'events', 'archive')).toEqual([]);
  await expectSound(on);
}

function exportHasBegun(on: Site): boolean {
  return objectFiles(on.exports).length > 0;
}

interface Status {
  readonly sinks: readonly { readonly datasets: readonly { readonly lagRows: number }[] }[];
}

describe('a daemon', () => {
  test('is the only one: a second ends with 75 and names pid and host of the first', async () => {
    const on = await site(config({}));
    const { daemon, url, pid } = await startDaemon(on);
    const startMs = performance.now();
    const second = await on.run(['daemon']);
    expect(second.code).toBe(75);
    expect(second.stderr).toContain(`pid ${pid} on ${hostname()}`);
    expect(performance.now() - startMs).toBeLessThan(8_000);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    await on.ok(['append', 'events'], { input: logText(logRows(), 1, 10) });
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 0, signal: null });
    await expectDelivered(on, 10);
  });

  test('told to stop exports all that is spooled, within its limit, and ends with 0', async () => {
    const on = await site(config({ flush: '1h', rotate: '{ interval: 1h }', drain: '30s' }));
    const { daemon } = await startDaemon(on);
    for (let at = 0; at < 3; at++) {
      const input = logText(logRows(), at * 2_000 + 1, 2_000);
      await on.ok(['append', 'events'], { input });
    }
    expect(exportHasBegun(on), 'nothing was due before').toBe(false);
    const startMs = performance.now();
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(30_000);
    await expectDelivered(on, 6_000);
    const status = jsonOf(await on.ok(['status', '--json']));
    expect(status).toMatchObject({ datasets: [{ spoolRows: 0 }] });
  });

  test('told twice leaves at once in the middle of a drain, and nothing is lost or double', async () => {
    const on = await site(config({ format: 'ndjson.gz' }));
    await backlog(on, ROWS);
    const { daemon } = await startDaemon(on);
    await until('the export has begun', () => exportHasBegun(on));
    daemon.process.kill('SIGTERM');
    await daemon.said('draining');
    const startMs = performance.now();
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 143, signal: null });
    const tookMs = Math.round(performance.now() - startMs);
    expect(tookMs).toBeLessThan(3_000);
    expect((await exportedIds(on.exports, 'events')).length, 'it had work left').toBeLessThan(ROWS);
    console.log(`daemon: left ${tookMs} ms after the second signal`);
    await settle(on);
    await expectDelivered(on, ROWS);
  });

  test('killed is followed at once by the next, which goes on with the export', async () => {
    const on = await site(config({}));
    await backlog(on, ROWS);
    const readyMs: number[] = [];
    const sent: number[] = [];
    for (let kill = 0; kill < 5; kill++) {
      const startMs = performance.now();
      const { daemon } = await startDaemon(on);
      readyMs.push(Math.round(performance.now() - startMs));
      const before = objectFiles(on.exports).length;
      await until('one more object', () => objectFiles(on.exports).length > before);
      asChild(daemon).kill('SIGKILL');
      await daemon.finished;
      sent.push((await exportedIds(on.exports, 'events')).length);
    }
    console.log(
      `daemon: ready ${readyMs.join(', ')} ms after a kill -9, sent ${sent.join(', ')} rows`,
    );
    // A stale lease would have cost ten seconds.
    expect(Math.max(...readyMs.slice(1))).toBeLessThan(6_000);
    expect(
      sent.every((rows, at) => rows > (sent[at - 1] ?? 0)),
      'each went on',
    ).toBe(true);
    const { daemon } = await startDaemon(on);
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 0 });
    await expectDelivered(on, ROWS);
  });

  test('answers while it exports a large backlog, and is ready after it and long after it', async () => {
    const on = await site(
      config({ format: 'parquet', rotate: '{ rows: 50000, interval: 100ms }' }),
    );
    await backlog(on, ROWS);
    const { daemon, url } = await startDaemon(on);
    const slowest: Record<string, number> = {};
    let answers = 0;
    const ask = async (path: string): Promise<unknown> => {
      const startMs = performance.now();
      const response = await fetch(url + path);
      const body: unknown = await response.json();
      slowest[path] = Math.max(slowest[path] ?? 0, Math.round(performance.now() - startMs));
      expect([path, response.status, body]).toMatchObject([path, 200, {}]);
      answers += 1;
      return body;
    };
    const lag = async (): Promise<number | undefined> =>
      ((await ask('/status')) as Status).sinks[0]?.datasets[0]?.lagRows;
    expect(await lag()).toBeGreaterThan(0);
    await until('the backlog is gone', async () => {
      await ask('/health');
      await ask('/ready');
      return (await lag()) === 0;
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metricProblems(metrics)).toEqual([]);
    const series = { sink: 'archive', dataset: 'events' };
    expect(metricValue(metrics, 'hyp_sink_watermark_seq', series)).toBe(String(ROWS));
    expect(Number(metricValue(metrics, 'hyp_sink_units_total', series))).toBeGreaterThan(1);
    const duringExport = answers;
    for (let at = 0; at < 20; at++) {
      await wait(150);
      expect(await ask('/ready')).toMatchObject({ ready: true, reasons: [] });
    }
    await on.ok(['append', 'events'], { input: logText(logRows(), ROWS + 1, 100) });
    await until(
      'new rows go on',
      async () => (await exportedIds(on.exports, 'events')).length > ROWS,
    );
    console.log(
      `daemon: slowest answers in ms ${JSON.stringify(slowest)}, ${duringExport} meanwhile`,
    );
    expect(Math.max(...Object.values(slowest))).toBeLessThan(5_000);
    expect(duringExport).toBeGreaterThan(5);
    daemon.process.kill('SIGTERM');
    expect(await daemon.finished).toMatchObject({ code: 0 });
    await expectDelivered(on, ROWS + 100);
  });
});
