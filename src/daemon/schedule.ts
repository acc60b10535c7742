/**
 * Owns: which loops there are: one flush loop per dataset, one export loop per sink × dataset, one
 * that discovers datasets. Loops of one sink share a gate of their own, so a sink that hangs delays
 * no other (DESIGN §13). When a flush commits rows, the export loops of its dataset are woken.
 * Not its job: what is due (engine steps), how long to wait (backoff.ts).
 * llp/0011
 */
import type { Clock } from '../core/clock.ts';
import type { Observe } from '../core/events.ts';
import type { DatasetName, SinkName } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/random.ts';
import { DEFAULTS } from '../config/config.ts';
import type { HypConfig } from '../config/config.ts';
import type { Engine, ExportReport, Step } from '../engine/api.ts';
import { waitAfter } from './backoff.ts';
import type { Outcome, RetryPolicy, Wait } from './backoff.ts';
import { Gate, Loop } from './loop.ts';
import type { LoopProgress } from './loop.ts';

export interface ScheduleParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: Observe;
}

/** A local disk that is full or failing is asked again sooner than a remote sink. */
const FLUSH_RETRY: RetryPolicy = { initialMs: 1_000, maxMs: 60_000 };

/**
 * Rows this daemon flushes wake their exports; only what other processes commit has to be looked
 * for, and hundreds of idle exports must not cost a core.
 */
const EXPORT_IDLE_TICKS = 8;

/** What an export step came to, for its loop. The engine has decided when a retry is due. */
export function exportOutcome(step: Step<ExportReport>): Outcome {
  const { report, waitMs } = step;
  if (report === undefined) return { kind: 'nothing', waitMs };
  if (report.state === 'retrying') {
    return { kind: 'failed', waitMs, reason: report.problem ?? 'the sink asks for a retry' };
  }
  return report.units > 0 ? { kind: 'worked', waitMs } : { kind: 'nothing', waitMs };
}

/** The same error every few minutes for days is said at the 1st, 2nd, 4th, 8th, … time. */
function worthSaying(failures: number): boolean {
  return Number.isInteger(Math.log2(failures));
}

export class Schedule {
  readonly #engine: Engine;
  readonly #config: HypConfig;
  readonly #parts: ScheduleParts;
  readonly #loops = new Map<string, Loop>();
  readonly #exports = new Map<DatasetName, Loop[]>();
  readonly #flushGate = new Gate(LIMITS.daemonFlushWidth);
  readonly #sinkGates = new Map<SinkName, Gate>();

  /** Starts at once with the datasets there are. */
  constructor(engine: Engine, config: HypConfig, parts: ScheduleParts) {
    this.#engine = engine;
    this.#config = config;
    this.#parts = parts;
    this.#start({
      name: 'discover',
      local: true,
      gate: new Gate(1),
      idleTicks: 1,
      retry: FLUSH_RETRY,
      step: () => this.#discover(),
    });
  }

  /** What every loop is doing now. */
  progress(): readonly LoopProgress[] {
    return [...this.#loops.values()].map((loop) => loop.progress);
  }

  /** No step begins any more; resolves when those that run are over. Idempotent. */
  async stop(): Promise<void> {
    for (const loop of this.#loops.values()) loop.stop();
    await Promise.all([...this.#loops.values()].map((loop) => loop.ended));
  }

  #start(spec: {
    readonly name: string;
    readonly local?: boolean;
    readonly gate: Gate;
    readonly idleTicks: number;
    readonly retry: RetryPolicy;
    readonly step: () => Promise<Outcome>;
  }): Loop {
    const { clock, random } = this.#parts;
    const { tickMs } = this.#config.daemon;
    const pace = { tickMs, idleTicks: spec.idleTicks, retry: spec.retry, random };
    const loop = new Loop({
      name: spec.name,
      local: spec.local,
      clock,
      gate: spec.gate,
      step: spec.step,
      waitAfter: (outcome, inARow) => waitAfter(outcome, inARow, pace),
      onOutcome: (outcome, inARow, wait) => {
        this.#report(spec.name, outcome, inARow, wait);
      },
    });
    this.#loops.set(spec.name, loop);
    return loop;
  }

  async #discover(): Promise<Outcome> {
    const names = await this.#engine.datasetNames();
    const found = names.filter((name) => !this.#exports.has(name));
    for (const dataset of found) this.#startDataset(dataset);
    return { kind: 'nothing', waitMs: this.#config.daemon.tickMs };
  }

  #startDataset(dataset: DatasetName): void {
    const sinks = this.#engine.sinkNames().filter((name) => {
      const wanted = this.#sinkConfig(name)?.datasets;
      return wanted === undefined || wanted.includes(dataset);
    });
    this.#exports.set(
      dataset,
      sinks.map((sink) => this.#startExport(sink, dataset)),
    );
    this.#start({
      name: `flush ${dataset}`,
      local: true,
      gate: this.#flushGate,
      idleTicks: 1,
      retry: FLUSH_RETRY,
      step: () => this.#flush(dataset),
    });
  }

  async #flush(dataset: DatasetName): Promise<Outcome> {
    const { report, waitMs } = await this.#engine.flushStep(dataset);
    if (report === undefined || report.rows === 0) return { kind: 'nothing', waitMs };
    for (const loop of this.#exports.get(dataset) ?? []) loop.wake();
    const { rows, commits, maxSeq } = report;
    this.#say('info', 'flushed', { dataset, rows, commits, maxSeq: maxSeq.toString() });
    return { kind: 'worked', waitMs };
  }

  #startExport(sink: SinkName, dataset: DatasetName): Loop {
    return this.#start({
      name: `export ${sink} ${dataset}`,
      gate: this.#sinkGate(sink),
      idleTicks: EXPORT_IDLE_TICKS,
      retry: this.#sinkConfig(sink)?.retry ?? DEFAULTS.retry,
      step: async () => exportOutcome(await this.#engine.exportStep(sink, dataset)),
    });
  }

  #sinkConfig(name: SinkName) {
    return this.#config.sinks.find((sink) => sink.name === name);
  }

  #sinkGate(sink: SinkName): Gate {
    const gate = this.#sinkGates.get(sink) ?? new Gate(LIMITS.daemonExportWidth);
    this.#sinkGates.set(sink, gate);
    return gate;
  }

  /** Retries and parked sinks are the engine's decisions and said by it; errors end up here. */
  #report(name: string, outcome: Outcome, inARow: number, wait: Wait): void {
    const before = this.#loops.get(name)?.progress.failures ?? 0;
    if (outcome.kind !== 'failed') {
      if (before > 0) this.#say('info', 'recovered', { loop: name, failures: before });
    } else if (outcome.waitMs === undefined && worthSaying(inARow)) {
      const { reason } = outcome;
      this.#say('warn', 'failed', { loop: name, reason, failures: inARow, nextMs: wait.ms });
    }
  }

  #say(
    level: 'info' | 'warn',
    action: string,
    facts: Readonly<Record<string, string | number | undefined>>,
  ): void {
    this.#parts.observe({ type: 'decision', action, level, facts });
  }
}
