/**
 * Owns: one sink instance's export, one step at a time (DESIGN §9): load, decide, intent, run,
 * advance. A step that meets another process's version does nothing and is asked again.
 * Invariants: I6-I9 through state/progress; I14: nothing new costs one listing of two directories.
 * Mutable: retry delays and what was learned of ages, which may be lost at any time.
 * llp/0008
 */
import { isHypError } from '../../core/errors.ts';
import type { DatasetName, Seq } from '../../core/ids.ts';
import { toSeq } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Unit } from '../../core/unit.ts';
import { INGESTED_AT_COLUMN, columnNamed } from '../../codec/columns.ts';
import type { SinkConfig } from '../../config/config.ts';
import type { Sink } from '../../../sinks/sink.ts';
import { advance, park, withIntent } from '../../../state/progress.ts';
import type { Parked, Progress } from '../../../state/progress.ts';
import { keepReceipt } from '../../../state/receipts.ts';
import { planScan } from '../../../storage/scan/plan.ts';
import { scan } from '../../../storage/scan/scan.ts';
import type { ExportReport, SinkState, Step } from '../api.ts';
import type { EngineContext } from '../context.ts';
import { exportDue, retryDelayMs } from './due.ts';
import type { DueDecision } from './due.ts';
import { encodeNewUnit, encoderOf } from './new-unit.ts';
import type { FreshUnit } from './new-unit.ts';
import { runUnit } from './run-unit.ts';
import { Standing } from '../identity/standing.ts';
import type { Work } from '../identity/standing.ts';

/** A sink that waits for a person, or has nothing to do, is looked at again this often. */
const IDLE_MS = 60_000;
/** A paused sink goes on this soon after it is resumed. */
const PAUSED_MS = 5_000;

interface Retry {
  readonly attempt: number;
  /** Of the monotonic clock: a wall clock that goes back must not hold a retry for as long. */
  readonly notBeforeMs: number;
  readonly reason: string;
}

export class Exporter {
  readonly #context: EngineContext;
  readonly #config: SinkConfig;
  readonly #sink: Sink;
  readonly #owner: string;
  /** Asked between an intent and its unit (by-hand/move). E_PARKED when it is not ours to run. */
  readonly #assertHere: () => Promise<void>;
  readonly #standing: Standing;
  readonly #fresh = new Map<DatasetName, FreshUnit>();
  readonly #retries = new Map<DatasetName, Retry>();
  readonly #oldest = new Map<DatasetName, { readonly watermark: Seq; readonly atMs: number }>();

  constructor(
    context: EngineContext,
    config: SinkConfig,
    at: { sink: Sink; owner: string; assertHere: () => Promise<void> },
  ) {
    this.#context = context;
    this.#config = config;
    this.#sink = at.sink;
    this.#owner = at.owner;
    this.#assertHere = at.assertHere;
    this.#standing = new Standing(context, at.sink);
  }

  /**
   * Finishes the open unit of `dataset`, or begins and finishes one when it is due; with
   * `wait: false` whatever is new is due and a retry is not waited for. Never throws for what
   * concerns the destination (the report says it); E_CORRUPT, E_FOREIGN of the table pass through.
   */
  async step(dataset: DatasetName, options: { wait: boolean }): Promise<Step<ExportReport>> {
    const stands = await this.#standing.of(dataset);
    if (stands.kind === 'nothing') return { report: undefined, waitMs: IDLE_MS };
    const { work } = stands;
    if (stands.kind === 'conflict') return this.#answer(work.progress, 0);
    if (stands.kind === 'park') return this.#park(work, stands);
    if (work.progress.parked !== undefined) return this.#answer(work.progress, IDLE_MS);
    const retry = this.#retries.get(dataset);
    const nowMs = this.#context.clock.monotonicMs();
    if (options.wait && retry !== undefined && retry.notBeforeMs > nowMs) {
      return this.#answer(work.progress, retry.notBeforeMs - nowMs);
    }
    try {
      return await this.#exportOnce(work, options.wait);
    } catch (error) {
      return await this.#failed(work, error);
    }
  }

  /** The step of a sink that a person has paused: it says how far it is, and does nothing. */
  async paused(dataset: DatasetName): Promise<Step<ExportReport>> {
    const progress = await this.progress(dataset);
    if (progress === undefined) return { report: undefined, waitMs: IDLE_MS };
    const { report, waitMs } = this.#answer(progress, PAUSED_MS);
    if (progress.parked !== undefined || report === undefined) return { report, waitMs };
    return { report: { ...report, state: 'paused', problem: undefined }, waitMs };
  }

  /** The progress of `dataset` as it stands, for status; undefined before its first row. */
  async progress(dataset: DatasetName): Promise<Progress | undefined> {
    return this.#standing.progress(dataset);
  }

  stateOf(progress: Progress): { state: SinkState; problem: string | undefined } {
    if (progress.parked !== undefined) {
      return { state: 'parked', problem: `${progress.parked.reason} ${progress.parked.hint}` };
    }
    const retry = this.#retries.get(progress.dataset);
    if (retry !== undefined) return { state: 'retrying', problem: retry.reason };
    return { state: progress.open === undefined ? 'idle' : 'exporting', problem: undefined };
  }

  /** Milliseconds since the first row above `watermark` was stamped; 0 when there is none. */
  async ageMs(dataset: DatasetName, watermark: Seq): Promise<number> {
    const table = this.#context.table(dataset);
    const head = await table.load();
    if (head === undefined || head.value.hyp.maxSeq <= watermark) return 0;
    const known = this.#oldest.get(dataset);
    if (known?.watermark === watermark) return this.#context.clock.nowMs() - known.atMs;
    const through = toSeq(watermark + 1n);
    const range = { after: watermark, through, columns: [INGESTED_AT_COLUMN] };
    for await (const batch of scan(table, head, range)) {
      const column = columnNamed(batch, INGESTED_AT_COLUMN);
      if (column?.type !== 'timestamptz') break;
      const atMs = Number(defined(column.values[0], 'a batch has rows') / 1000n);
      this.#oldest.set(dataset, { watermark, atMs });
      return this.#context.clock.nowMs() - atMs;
    }
    return 0;
  }

  async #exportOnce(work: Work, wait: boolean): Promise<Step<ExportReport>> {
    const { record, progress } = work;
    let base = work.base;
    if (progress.open === undefined) {
      const due = await this.#due(work, wait);
      if (due.label === 'wait') return this.#answer(progress, due.waitMs);
      await this.#sink.stands(this.#owner, progress.receipt);
      const { unit } = await this.#encode(work, due.through);
      const linked = await record.append(base, withIntent(progress, unit));
      if (linked.kind === 'conflict') return this.#answer(progress, 0);
      base = linked.head;
    } else {
      await this.#sink.stands(this.#owner, progress.receipt);
    }
    const open = defined(base, 'an open unit is in a record');
    await this.#assertHere();
    const outcome = await runUnit(work.source, record, open, this.#takeFresh(progress.dataset));
    switch (outcome.kind) {
      case 'delivered':
        return this.#advance({ ...work, progress: outcome.head.value }, outcome.head, wait);
      case 'conflict':
        return this.#answer(progress, 0);
      case 'retry':
        return this.#retry(open.value, outcome.reason, outcome.afterMs);
      case 'park':
        return this.#park({ ...work, progress: outcome.head.value, base: outcome.head }, outcome);
      case 'fork': {
        const forked = { ...work, progress: outcome.head.value, base: outcome.head };
        return this.#park(forked, await this.#standing.forked(forked, outcome.reason));
      }
    }
  }

  /** One version: receipt, watermark, and the next intent when one is due already (DESIGN §9.5). */
  async #advance(
    work: Work,
    head: RecordHead<Progress>,
    wait: boolean,
  ): Promise<Step<ExportReport>> {
    const unit = defined(head.value.open, 'a delivered unit was open');
    const advanced = advance(head.value, undefined);
    const after = { ...work, progress: advanced };
    const { next, waitMs } = await this.#next(after, wait);
    await work.source.announced?.(head.value);
    const linked = await work.record.append(head, advance(head.value, next?.unit));
    if (linked.kind === 'conflict') return this.#answer(head.value, 0);
    const { fs, state, random } = this.#context;
    await keepReceipt(fs, state, linked.head.value, random.uuid());
    this.#retries.delete(unit.dataset);
    await this.#sink.staging.clear(unit.dataset, unit.through);
    this.#context.observe({
      type: 'decision',
      action: 'exported',
      level: 'info',
      facts: unitFacts(this.#sink, unit),
    });
    return this.#answer(linked.head.value, waitMs, { units: 1, rows: unit.rows });
  }

  /** What keeps the next unit from being made is met again by it; it must not hold this one back. */
  async #next(work: Work, wait: boolean): Promise<{ next: FreshUnit | undefined; waitMs: number }> {
    try {
      const due = await this.#due(work, wait);
      if (due.label === 'wait') return { next: undefined, waitMs: due.waitMs };
      return { next: await this.#encode(work, due.through), waitMs: 0 };
    } catch {
      return { next: undefined, waitMs: 0 };
    }
  }

  async #due(work: Work, wait: boolean): Promise<DueDecision> {
    const { source, progress } = work;
    const { dataset, watermark } = progress;
    const { maxSeq } = source.head.value.hyp;
    if (maxSeq <= watermark) return { label: 'wait', waitMs: IDLE_MS };
    const rotation = this.#config.rotate;
    const backlog = { watermark, maxSeq: toSeq(maxSeq), storedBytes: 0, ageMs: 0 };
    if (!wait) return exportDue(rotation, backlog, wait);
    const files = await planScan(source.table, source.head, watermark, backlog.maxSeq);
    const storedBytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const ageMs = await this.ageMs(dataset, watermark);
    return exportDue(rotation, { ...backlog, storedBytes, ageMs }, wait);
  }

  async #encode(work: Work, through: Seq): Promise<FreshUnit> {
    const encoder = encoderOf(this.#config, work.source.head);
    const cuts = { bytes: this.#config.rotate.bytes };
    const fresh = await encodeNewUnit(work.source, {
      progress: work.progress,
      through,
      cuts,
      encoder,
    });
    this.#fresh.set(work.progress.dataset, fresh);
    return fresh;
  }

  /** For the first attempt only: whoever tries again looks at what is really staged. */
  #takeFresh(dataset: DatasetName): FreshUnit | undefined {
    const fresh = this.#fresh.get(dataset);
    this.#fresh.delete(dataset);
    return fresh;
  }

  async #failed(work: Work, error: unknown): Promise<Step<ExportReport>> {
    const { table, head } = work.source;
    if (await table.hasPassed(head, error)) return this.#answer(work.progress, 0);
    if (isHypError(error) && error.kind !== 'unavailable' && error.kind !== 'conflict') throw error;
    if (await this.#context.disk.relieve(error)) return this.#answer(work.progress, 0);
    const reason = error instanceof Error ? error.message : String(error);
    return this.#retry(work.progress, reason, 0);
  }

  #retry(progress: Progress, reason: string, afterMs: number): Step<ExportReport> {
    const { clock, random, observe } = this.#context;
    const before = this.#retries.get(progress.dataset);
    const attempt = (before?.attempt ?? 0) + 1;
    const delay = retryDelayMs(this.#config.retry, attempt, random.fraction());
    const waitMs = Math.max(delay, afterMs);
    const notBeforeMs = clock.monotonicMs() + waitMs;
    this.#retries.set(progress.dataset, { attempt, notBeforeMs, reason });
    const facts = { sink: this.#sink.name, dataset: progress.dataset, attempt, waitMs, reason };
    observe({ type: 'decision', action: 'retry', level: 'warn', facts });
    return this.#answer(progress, waitMs);
  }

  async #park(work: Work, why: Omit<Parked, 'sinceMs'>): Promise<Step<ExportReport>> {
    const { clock, observe } = this.#context;
    const { reason, hint } = why;
    const parked = { reason, hint, sinceMs: clock.nowMs(), why: why.why };
    const linked = await work.record.append(work.base, park(work.progress, parked));
    if (linked.kind === 'conflict') return this.#answer(work.progress, 0);
    const facts = { sink: this.#sink.name, dataset: work.progress.dataset, reason: why.reason };
    observe({ type: 'decision', action: 'parked', level: 'warn', facts });
    return this.#answer(linked.head.value, IDLE_MS);
  }

  #answer(
    progress: Progress,
    waitMs: number,
    done: { units: number; rows: number } = { units: 0, rows: 0 },
  ): Step<ExportReport> {
    const { dataset, watermark } = progress;
    const sink = this.#sink.name;
    const report = { sink, dataset, watermark, ...done, ...this.stateOf(progress) };
    return { report, waitMs };
  }
}

function unitFacts(sink: Sink, unit: Unit): Record<string, string | number> {
  return {
    sink: sink.name,
    dataset: unit.dataset,
    after: unit.after.toString(),
    through: unit.through.toString(),
    rows: unit.rows,
    parts: unit.parts.length,
  };
}
