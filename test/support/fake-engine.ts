/**
 * Owns: an Engine whose steps a test writes: for what drives an engine, never for what one promises.
 * llp/0013
 */
import { HypError } from '../../src/core/errors.ts';
import { SEQ_ZERO, toDatasetName, toSeq, toSinkName } from '../../src/core/ids.ts';
import type { DatasetName, SinkName } from '../../src/core/ids.ts';
import type { Engine, ExportReport, FlushReport, SinkState, Step } from '../../src/engine/api.ts';

/** A disk with room, as the status tells it. */
export const ROOMY = {
  freeBytes: 1000,
  minFreeBytes: 100,
  appends: 'taken',
  spoolMaxBytes: 500,
} as const;

/** A step that found nothing. */
export const NOTHING = { report: undefined, waitMs: 60_000 } as const;

export function flushed(dataset: DatasetName, rows: number, waitMs = 0): Step<FlushReport> {
  return { report: { dataset, rows, commits: 1, maxSeq: toSeq(rows) }, waitMs };
}

export function exported(
  sink: SinkName,
  dataset: DatasetName,
  more: { state?: SinkState; units?: number; waitMs?: number; problem?: string } = {},
): Step<ExportReport> {
  const { state = 'idle', units = 1, waitMs = 0, problem } = more;
  const report = { sink, dataset, state, units, rows: units, watermark: SEQ_ZERO, problem };
  return { report, waitMs };
}

function unexpected(name: string): () => never {
  return () => {
    throw new HypError('E_INTERNAL', `the test did not expect ${name}`);
  };
}

/** Does nothing at all but what `overrides` say; a method nobody wrote throws. */
export function fakeEngine(
  names: { readonly datasets?: readonly string[]; readonly sinks?: readonly string[] },
  overrides: Partial<Engine> = {},
): Engine {
  return {
    root: '/store',
    datasetNames: () => Promise.resolve((names.datasets ?? []).map(toDatasetName)),
    sinkNames: () => (names.sinks ?? []).map(toSinkName),
    flushStep: () => Promise.resolve(NOTHING),
    exportStep: () => Promise.resolve(NOTHING),
    byHand: {
      replay: unexpected('replay'),
      skip: unexpected('skip'),
      rename: unexpected('rename'),
      move: unexpected('move'),
      drop: unexpected('drop'),
    },
    backup: unexpected('backup'),
    resolveSink: unexpected('resolveSink'),
    holdDaemon: () => Promise.resolve(() => Promise.resolve()),
    flush: () => Promise.resolve([]),
    status: () => Promise.resolve({ root: '/store', disk: ROOMY, datasets: [], sinks: [] }),
    close: () => Promise.resolve(),
    append: unexpected('append'),
    appendNdjson: unexpected('appendNdjson'),
    tick: () => Promise.resolve({ flushed: [], exported: [], failures: [] }),
    scan: unexpected('scan'),
    backfill: unexpected('backfill'),
    follow: unexpected('follow'),
    query: unexpected('query'),
    changeSink: unexpected('changeSink'),
    registeredSinks: () => Promise.resolve((names.sinks ?? []).map(toSinkName)),
    check: unexpected('check'),
    verify: unexpected('verify'),
    ...overrides,
  };
}
