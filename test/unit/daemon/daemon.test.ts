import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { HypConfig } from '../../../src/config/config.ts';
import { defaultConfig } from '../../../src/config/config.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { HypError } from '../../../src/core/errors.ts';
import type { HypEvent } from '../../../src/core/events.ts';
import { SEQ_ZERO, toDatasetName, toLineage, toSeq, toSinkName } from '../../../src/core/ids.ts';
import { runDaemon } from '../../../src/daemon/daemon.ts';
import type { DaemonEnd } from '../../../src/daemon/daemon.ts';
import { readiness } from '../../../src/daemon/health.ts';
import { Counters } from '../../../src/daemon/metrics/counters.ts';
import type { LoopProgress } from '../../../src/daemon/loop.ts';
import { signalExitCode } from '../../../src/daemon/signals.ts';
import type { StopSignal } from '../../../src/daemon/signals.ts';
import type { Engine, StoreStatus } from '../../../src/engine/api.ts';
import { ROOMY, exported, fakeEngine } from '../../support/fake-engine.ts';
import { ManualClock, seededRandom } from '../../support/random.ts';

function configured(more: Partial<HypConfig['daemon']> = {}): HypConfig {
  const base = defaultConfig('/store');
  return { ...base, daemon: { ...base.daemon, http: undefined, ...more } };
}

function begin(engine: Engine, config: HypConfig, clock: Clock) {
  let listener: (signal: StopSignal) => void = () => undefined;
  const said: string[] = [];
  let ready: (at: { http: { port: number } | undefined }) => void = () => undefined;
  const isReady = new Promise<{ http: { port: number } | undefined }>(
    (resolve) => (ready = resolve),
  );
  const counters = new Counters();
  const ended: Promise<DaemonEnd> = runDaemon(engine, config, {
    clock,
    random: seededRandom(5),
    counters,
    observe: counters.watching((event: HypEvent) => {
      if (event.type === 'decision') said.push(event.action);
    }),
    signals: {
      subscribe: (tell) => {
        listener = tell;
        return () => (listener = () => undefined);
      },
    },
    onReady: (at) => {
      ready(at);
    },
  });
  return { ended, isReady, said, signal: (name: StopSignal) => listener(name) };
}

describe('a daemon', () => {
  it('drains at the first signal: ends its steps, flushes, exports, closes, releases, in this order', async () => {
    const clock = new ManualClock();
    const did: string[] = [];
    const engine = fakeEngine(
      { datasets: ['a', 'b'], sinks: ['s'] },
      {
        exportStep: async (sink, dataset) => {
          await clock.sleep(2_000);
          did.push(`exported ${dataset}`);
          return exported(sink, dataset, { waitMs: 60_000 });
        },
        flush: (dataset) => {
          did.push(`flushed ${dataset}`);
          return dataset === 'a' ? Promise.reject(new Error('corrupt')) : Promise.resolve([]);
        },
        tick: () => {
          did.push('ticked');
          const failures = [{ what: 'export of b to s', error: new Error('down') }];
          return Promise.resolve({ flushed: [], exported: [], failures });
        },
        close: () => Promise.resolve(void did.push('closed')),
        holdDaemon: () => Promise.resolve(() => Promise.resolve(void did.push('released'))),
      },
    );
    const daemon = begin(engine, configured(), clock);
    await clock.advance(100);
    daemon.signal('SIGTERM');
    await clock.advance(3_000);
    expect(await daemon.ended).toEqual({ kind: 'drained', signal: 'SIGTERM' });
    expect(did).toEqual([
      'flushed a',
      'flushed b',
      'exported a',
      'exported b',
      'ticked',
      'closed',
      'released',
    ]);
    expect(daemon.said).toEqual(['ready', 'draining', 'not-flushed', 'not-drained', 'stopped']);
  });

  it('stops waiting for a drain at its limit', async () => {
    const clock = new ManualClock();
    const engine = fakeEngine(
      { datasets: ['a'], sinks: ['s'] },
      {
        exportStep: () => new Promise(() => undefined),
      },
    );
    const daemon = begin(engine, configured({ drainMs: 5_000 }), clock);
    await clock.advance(100);
    daemon.signal('SIGINT');
    let ended = false;
    void daemon.ended.then(() => (ended = true));
    await clock.advance(4_900);
    expect(ended).toBe(false);
    await clock.advance(200);
    expect(await daemon.ended).toEqual({ kind: 'cut', signal: 'SIGINT' });
  });

  it('leaves at once at a second signal, with the exit code of that one', async () => {
    const clock = new ManualClock();
    const engine = fakeEngine(
      { datasets: ['a'], sinks: ['s'] },
      {
        exportStep: () => new Promise(() => undefined),
      },
    );
    const daemon = begin(engine, configured(), clock);
    await clock.advance(100);
    daemon.signal('SIGTERM');
    await clock.advance(10);
    daemon.signal('SIGINT');
    await clock.advance(0);
    expect(await daemon.ended).toEqual({ kind: 'left', signal: 'SIGINT' });
    expect([signalExitCode('SIGINT'), signalExitCode('SIGTERM')]).toEqual([130, 143]);
  });

  it('drains a signal that came before it was ready', async () => {
    const clock = new ManualClock();
    const engine = fakeEngine(
      {},
      {
        holdDaemon: async () => {
          await clock.sleep(1_000);
          return () => Promise.resolve();
        },
      },
    );
    const daemon = begin(engine, configured(), clock);
    await clock.advance(10);
    daemon.signal('SIGTERM');
    await clock.advance(2_000);
    expect(await daemon.ended).toEqual({ kind: 'drained', signal: 'SIGTERM' });
  });

  it('does not start beside another one', async () => {
    const held = new HypError('E_HELD', '/store is held by the daemon with pid 7');
    const engine = fakeEngine({}, { holdDaemon: () => Promise.reject(held) });
    await expect(begin(engine, configured(), new ManualClock()).ended).rejects.toBe(held);
  });

  it('gives its claim back when it cannot listen', async () => {
    let released = 0;
    const engine = fakeEngine(
      {},
      {
        holdDaemon: () =>
          Promise.resolve(() => {
            released += 1;
            return Promise.resolve();
          }),
      },
    );
    const http = { host: '127.0.0.1', port: 0 };
    const first = begin(fakeEngine({}), configured({ http }), systemClock);
    const port = (await first.isReady).http?.port ?? 0;
    const second = begin(engine, configured({ http: { ...http, port } }), systemClock);
    await expect(second.ended).rejects.toMatchObject({
      code: 'E_UNAVAILABLE',
      message: expect.stringContaining('something else listens there') as string,
    });
    expect(released).toBe(1);
    first.signal('SIGTERM');
    await first.ended;
  });
});

describe('readiness', () => {
  const loop = (more: Partial<LoopProgress>): LoopProgress => ({
    name: 'flush a',
    phase: 'waiting',
    sinceMs: 0,
    dueMs: undefined,
    failures: 0,
    problem: undefined,
    ...more,
  });
  const ready = (more: Partial<LoopProgress>, nowMs: number) =>
    readiness('running', [loop(more)], nowMs, 120_000);

  it('does not need rows to flow: an hour after the backlog was drained it still holds', () => {
    const nowMs = 3_600_000;
    expect(ready({ sinceMs: nowMs - 400, dueMs: nowMs + 600 }, nowMs).ready).toBe(true);
  });

  it('does not suffer from a sink that is down', () => {
    expect(
      ready({ sinceMs: 0, dueMs: 300_000, failures: 40, problem: 'refused' }, 1_000).ready,
    ).toBe(true);
  });

  it('ends when a loop of the store itself has failed for long, not one of a sink', () => {
    const failing = { failures: 9, failingSinceMs: 0, dueMs: 200_000, problem: 'EACCES' };
    expect(ready({ ...failing, local: true }, 120_000).ready).toBe(true);
    expect(ready({ ...failing, local: true }, 121_000).reasons).toEqual([
      'flush a: fails for 121 s: EACCES',
    ]);
    expect(ready(failing, 121_000).ready).toBe(true);
  });

  it('ends with a step that hangs or a wait that never ends, and names the loop', () => {
    expect(ready({ phase: 'stepping' }, 120_000).ready).toBe(true);
    expect(ready({ phase: 'stepping' }, 121_000)).toEqual({
      ready: false,
      reasons: ['flush a: in one step for 121 s'],
    });
    expect(ready({ dueMs: 1_000 }, 122_000).reasons).toEqual(['flush a: due for 121 s']);
    expect(ready({ phase: 'queued' }, 1_000_000).ready).toBe(true);
    expect(ready({ phase: 'ended' }, 0).ready).toBe(false);
  });

  it('is not there before the loops run and while they drain', () => {
    expect(readiness('starting', [], 0, 1).ready).toBe(false);
    expect(readiness('draining', [], 0, 1)).toEqual({
      ready: false,
      reasons: ['the daemon is draining'],
    });
  });
});

interface Answer {
  readonly code: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(
  port: number,
  path: string,
  options: { method?: string; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = options.method ?? 'GET';
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve({ code: response.statusCode, headers: response.headers, body });
      });
    });
    sent.on('error', reject);
    sent.end(options.body);
  });
}

const STATUS: StoreStatus = {
  root: '/store',
  disk: ROOMY,
  datasets: [
    {
      name: toDatasetName('a'),
      lineage: toLineage('0b8f6c1e-3a5d-4f5b-9a50-0d7e4a6b1c2d'),
      rows: 12n,
      maxSeq: toSeq('9007199254740993'),
      prunedThrough: SEQ_ZERO,
      files: 1,
      bytes: 2,
      snapshots: 3,
      spoolBytes: 4,
      spoolRows: 5,
      rescuedRows: 0n,
      problem: undefined,
    },
  ],
  sinks: [
    {
      name: toSinkName('s'),
      type: 'fs',
      state: 'retrying',
      destination: '/out',
      datasets: [
        {
          dataset: toDatasetName('a'),
          state: 'retrying',
          watermark: toSeq(7),
          lagRows: 5n,
          lagSeconds: 1.5,
          exportedRows: 7n,
          declinedRows: 0n,
          lostRows: 0n,
          openUnit: { after: toSeq(7), through: toSeq(9) },
          lastError: undefined,
        },
      ],
    },
  ],
};

describe('the HTTP face of a daemon', () => {
  async function serving(engine: Engine) {
    const http = { host: '127.0.0.1', port: 0 };
    const daemon = begin(engine, configured({ http, tickMs: 5 }), systemClock);
    const at = await daemon.isReady;
    return {
      port: at.http?.port ?? 0,
      stop: async () => {
        daemon.signal('SIGTERM');
        await daemon.ended;
      },
    };
  }

  it('answers health, readiness and the status, whose seqs are decimal strings', async () => {
    let asked = 0;
    const status = async () => {
      asked += 1;
      await systemClock.sleep(50);
      return STATUS;
    };
    const { port, stop } = await serving(fakeEngine({ datasets: ['a'], sinks: ['s'] }, { status }));
    expect(await ask(port, '/health')).toMatchObject({ code: 200 });
    const ready = await ask(port, '/ready?verbose');
    expect(ready.code).toBe(200);
    expect(JSON.parse(ready.body)).toMatchObject({ ready: true, reasons: [] });
    const [one, two] = await Promise.all([ask(port, '/status'), ask(port, '/status')]);
    expect(one.headers['content-type']).toBe('application/json');
    expect(JSON.parse(one.body)).toEqual({
      root: '/store',
      disk: ROOMY,
      datasets: [
        {
          name: 'a',
          lineage: '0b8f6c1e-3a5d-4f5b-9a50-0d7e4a6b1c2d',
          rows: 12,
          maxSeq: '9007199254740993',
          prunedThrough: '0',
          files: 1,
          bytes: 2,
          snapshots: 3,
          spoolBytes: 4,
          spoolRows: 5,
          rescuedRows: 0,
          problem: null,
        },
      ],
      sinks: [
        {
          name: 's',
          type: 'fs',
          state: 'retrying',
          datasets: [
            {
              dataset: 'a',
              state: 'retrying',
              watermark: '7',
              lagRows: 5,
              lagSeconds: 1.5,
              exportedRows: 7,
              declinedRows: 0,
              lostRows: 0,
              openUnit: { after: '7', through: '9' },
              lastError: null,
            },
          ],
        },
      ],
    });
    expect(two.body).toBe(one.body);
    expect(asked).toBe(1);
    await stop();
    await expect(ask(port, '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('has a problem document for what it does not do', async () => {
    const failing = fakeEngine({}, { status: () => Promise.reject(new Error('disk')) });
    const { port, stop } = await serving(failing);
    expect(await ask(port, '/nothing')).toMatchObject({
      code: 404,
      headers: { 'content-type': 'application/problem+json' },
    });
    expect(await ask(port, '/__proto__')).toMatchObject({ code: 404 });
    const posted = await ask(port, '/status', { method: 'POST', body: 'x'.repeat(1_000_000) });
    expect(posted).toMatchObject({
      code: 405,
      headers: { allow: 'GET, HEAD', connection: 'close' },
    });
    expect(await ask(port, '/health', { method: 'HEAD' })).toMatchObject({ code: 200, body: '' });
    const broken = await ask(port, '/status');
    expect(broken.code).toBe(503);
    expect(JSON.parse(broken.body)).toMatchObject({ title: 'disk' });
    await stop();
  });

  it('refuses headers without end, and a half request does not hold up its stop', async () => {
    const { port, stop } = await serving(fakeEngine({}));
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
      });
      socket.on('data', (bytes) => {
        resolve(bytes.toString());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 431/);
    const half = connect(port, '127.0.0.1', () => half.write('GET /health HTTP/1.1\r\n'));
    half.on('error', () => undefined);
    await systemClock.sleep(20);
    await stop();
  });
});
