/**
 * Owns: the shape of what a person does to sinks and datasets by hand, and the way to it: each verb
 * is loaded when it is used.
 * Not its job: what each does (the other files here).
 * llp/0022
 */
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import type { ReplayReport, ReplayRequest } from './replay.ts';
import type { SkipReport, SkipRequest } from './skip.ts';

/** Ranges are `(after, through]` in seq. */
export interface ByHand {
  /**
   * Puts objects, plans and manifests of rows that were delivered to a sink back where they are gone,
   * under the same keys. Never over anything, never under another key; the watermark stays. Durable
   * when it resolves; idempotent. What could not be put is in the report. Throws E_USAGE,
   * E_UNKNOWN_DATASET, E_RANGE above the watermark, E_PARKED, E_FORK, E_UNAVAILABLE.
   */
  replay(request: ReplayRequest): Promise<ReplayReport>;
  /**
   * Declines the rows of `(watermark, through]` for one sink: they are never sent to it. A unit that is
   * on its way is delivered first. Durable when it resolves; idempotent; any process finishes what a
   * crash leaves. Throws E_USAGE, E_UNKNOWN_DATASET, E_RANGE above the last row, E_PARKED, E_FORK,
   * E_CORRUPT, E_UNAVAILABLE, E_CONFLICT.
   */
  skip(request: SkipRequest): Promise<SkipReport>;
}

export function byHand(context: EngineContext, exporters: Exporters): ByHand {
  return {
    replay: async (request) => (await import('./replay.ts')).replay(context, exporters, request),
    skip: async (request) => (await import('./skip.ts')).skipRows(context, exporters, request),
  };
}
