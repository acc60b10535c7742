/**
 * Owns: the way to what a person does to sinks and datasets by hand: each verb is loaded when it is
 * used.
 * Not its job: what each does (the other files here).
 * llp/0022
 */
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import type { ByHand } from './report.ts';

export function byHand(context: EngineContext, exporters: Exporters): ByHand {
  return {
    drop: async (request) => (await import('./drop.ts')).dropDataset(context, request),
    move: async (request) => (await import('./move.ts')).moveOneSink(context, exporters, request),
    rename: async (request) =>
      (await import('./rename.ts')).renameOneSink(context, exporters, request),
    replay: async (request) => (await import('./replay.ts')).replay(context, exporters, request),
    skip: async (request) => (await import('./skip.ts')).skipRows(context, exporters, request),
  };
}
