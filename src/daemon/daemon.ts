/**
 * Owns: the life of a daemon: claim the store, listen, run the loops, drain, close.
 * | phase | a crash or `kill -9` right after leaves |
 * | claimed | a claim of a dead process, taken over by the next daemon (I11: for good manners) |
 * | running | what the engine's step leaves: spooled rows, an open unit with its intent (I8) |
 * | draining, first signal | the same; what was not drained is done after the next start |
 * | left at once, second signal | the same |
 * Not its job: process.exit, which the command does with the answer.
 * llp/0011
 */
import type { Clock } from '../core/clock.ts';
import type { Observe } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/random.ts';
import type { HypConfig } from '../config/config.ts';
import type { Engine } from '../engine/api.ts';
import { describeLoops, readiness } from './health.ts';
import type { DaemonPhase } from './health.ts';
import { serveHttp } from './http.ts';
import type { Counters } from './metrics/counters.ts';
import { exposition } from './metrics/exposition.ts';
import { metricFamilies } from './metrics/families.ts';
import type { HttpFace } from './http.ts';
import { Schedule } from './schedule.ts';
import type { Signals, StopSignal } from './signals.ts';
import { statusToJson } from './status-json.ts';

export interface DaemonParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: Observe;
  /** What `observe` was told, counted; for /metrics. */
  readonly counters: Counters;
  readonly signals: Signals;
  /** Told once, when the store is claimed, HTTP answers and the loops run. */
  readonly onReady?: (at: { readonly http: HttpFace['address'] | undefined }) => void;
}

/** How a daemon ended. Nothing acknowledged is lost by any of them. */
export interface DaemonEnd {
  /**
   * drained: everything spooled is in tables and was sent to every sink that takes it, the engine
   * is closed ·
   * cut: the drain limit came first · left: a second signal came first. After the last two, steps
   * may still be running: the process should exit.
   */
  readonly kind: 'drained' | 'cut' | 'left';
  readonly signal: StopSignal;
}

/** Counts signals for one daemon's life; each promise resolves once. */
function watchSignals(signals: Signals) {
  let first: (signal: StopSignal) => void = () => undefined;
  let second: (signal: StopSignal) => void = () => undefined;
  const firstCame = new Promise<StopSignal>((resolve) => (first = resolve));
  const secondCame = new Promise<StopSignal>((resolve) => (second = resolve));
  let seen = 0;
  const unsubscribe = signals.subscribe((signal) => {
    seen += 1;
    (seen === 1 ? first : second)(signal);
  });
  return { firstCame, secondCame, unsubscribe };
}

/** One failing dataset must not keep the others from being flushed. */
async function flushAll(engine: Engine, observe: Observe): Promise<void> {
  for (const dataset of await engine.datasetNames()) {
    try {
      await engine.flush(dataset);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const facts = { dataset, reason };
      observe({ type: 'decision', action: 'not-flushed', level: 'warn', facts });
    }
  }
}

class Daemon {
  readonly #engine: Engine;
  readonly #config: HypConfig;
  readonly #parts: DaemonParts;
  #phase: DaemonPhase = 'starting';
  #schedule: Schedule | undefined;

  constructor(engine: Engine, config: HypConfig, parts: DaemonParts) {
    this.#engine = engine;
    this.#config = config;
    this.#parts = parts;
  }

  async run(): Promise<DaemonEnd> {
    const watch = watchSignals(this.#parts.signals);
    try {
      const release = await this.#engine.holdDaemon();
      let http: HttpFace | undefined;
      try {
        http = await this.#listen();
      } catch (error) {
        await release();
        throw error;
      }
      this.#schedule = new Schedule(this.#engine, this.#config, this.#parts);
      this.#phase = 'running';
      this.#say('ready', { root: this.#engine.root, http: http && addressText(http.address) });
      this.#parts.onReady?.({ http: http?.address });
      const signal = await watch.firstCame;
      return await this.#stop(signal, watch.secondCame, { http, release });
    } finally {
      watch.unsubscribe();
    }
  }

  async #listen(): Promise<HttpFace | undefined> {
    const { http } = this.#config.daemon;
    if (http === undefined) return undefined;
    const { clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    return serveHttp(
      http,
      {
        health: () => ({ live: true, upMs: Math.round(clock.monotonicMs() - startedMs) }),
        ready: () => this.#ready(),
        status: async () => statusToJson(await this.#engine.status()),
        metrics: () => this.#metrics(clock.monotonicMs() - startedMs),
      },
      clock,
    );
  }

  async #metrics(upMs: number): Promise<string> {
    const loops = this.#schedule?.progress() ?? [];
    const figures = { upMs, ready: this.#ready().ready, loops };
    return exposition(metricFamilies(await this.#engine.status(), this.#parts.counters, figures));
  }

  #ready() {
    const loops = this.#schedule?.progress() ?? [];
    const nowMs = this.#parts.clock.monotonicMs();
    const { ready, reasons } = readiness(this.#phase, loops, nowMs, LIMITS.daemonStuckMs);
    return { ready, body: { ready, reasons, loops: describeLoops(loops, nowMs) } };
  }

  async #stop(
    signal: StopSignal,
    secondCame: Promise<StopSignal>,
    held: { readonly http: HttpFace | undefined; readonly release: () => Promise<void> },
  ): Promise<DaemonEnd> {
    const { drainMs } = this.#config.daemon;
    this.#phase = 'draining';
    this.#say('draining', { signal, limitMs: drainMs });
    const limit = new AbortController();
    const drained = this.#drain(held).then((): DaemonEnd => ({ kind: 'drained', signal }));
    // When the race is over, what becomes of the drain concerns nobody any more.
    drained.catch(() => undefined);
    const end = await Promise.race<DaemonEnd>([
      drained,
      this.#parts.clock.sleep(drainMs, limit.signal).then(() => ({ kind: 'cut', signal })),
      secondCame.then((second) => ({ kind: 'left', signal: second })),
    ]);
    limit.abort();
    // HTTP goes last: whoever watches sees "draining" until it is over.
    await held.http?.close();
    this.#say('stopped', { how: end.kind, signal: end.signal });
    return end;
  }

  async #drain(held: { readonly release: () => Promise<void> }): Promise<void> {
    const { observe } = this.#parts;
    await Promise.all([this.#schedule?.stop(), flushAll(this.#engine, observe)]);
    // One attempt for each sink: one that is down holds nobody up, one that hangs meets the limit.
    for (const { what, error } of (await this.#engine.tick()).failures) {
      const facts = { what, reason: error.message };
      observe({ type: 'decision', action: 'not-drained', level: 'warn', facts });
    }
    await this.#engine.close();
    await held.release();
  }

  #say(action: string, facts: Readonly<Record<string, string | number | undefined>>): void {
    this.#parts.observe({ type: 'decision', action, level: 'info', facts });
  }
}

function addressText(address: HttpFace['address']): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `http://${host}:${address.port}`;
}

/**
 * Runs until a stop signal, then drains within `config.daemon.drainMs` and closes `engine`.
 * Throws E_HELD (details say who) when another daemon has the store, E_UNAVAILABLE when HTTP cannot
 * listen; the engine is then still open.
 */
export async function runDaemon(
  engine: Engine,
  config: HypConfig,
  parts: DaemonParts,
): Promise<DaemonEnd> {
  return new Daemon(engine, config, parts).run();
}
