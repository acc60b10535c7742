/**
 * Owns: the order of a tick: flush everything, look after the spool, export everything to every
 * sink. One dataset or sink that fails does not keep the others from their turn.
 * llp/0008
 */
import { isHypError } from '../core/errors.ts';
import type { DatasetName, SinkName } from '../core/ids.ts';
import type { ExportReport, FlushReport, Step, TickReport } from './api.ts';
import type { EngineContext } from './context.ts';
import type { Exporters } from './export/exporters.ts';
import { flushDataset } from './flush/flush.ts';
import { spoolPending, tidySpool } from './spool-care.ts';

/** Flushes everything, then exports to every sink until each has nothing left or must wait. */
export async function tick(
  context: EngineContext,
  exporters: Exporters,
  datasetNames: () => Promise<readonly DatasetName[]>,
): Promise<TickReport> {
  const flushed: FlushReport[] = [];
  const exported: ExportReport[] = [];
  const failures: { what: string; error: Error }[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push({ what, error: asError(error) });
    }
  };
  await context.disk.tend();
  await attempt('spool', async () => {
    const pending = await spoolPending(context);
    for (const { dataset } of pending) {
      await attempt(`flush of ${dataset}`, async () => {
        flushed.push(await flushDataset(context, dataset));
      });
    }
    for (const [writer, error] of context.spool.unreadable) {
      failures.push({ what: `spool writer ${writer}`, error });
    }
    await tidySpool(context, pending.length > 0);
  });
  await attempt('datasets', async () => {
    for (const dataset of await datasetNames()) {
      for (const sink of exporters.names()) {
        await attempt(`export of ${dataset} to ${sink}`, async () => {
          const report = await exportAll(exporters, sink, dataset);
          if (report !== undefined) exported.push(report);
        });
      }
    }
  });
  return { flushed, exported, failures };
}

async function exportAll(
  exporters: Exporters,
  sink: SinkName,
  dataset: DatasetName,
): Promise<ExportReport | undefined> {
  let units = 0;
  let rows = 0;
  for (;;) {
    const step: Step<ExportReport> = await exporters.step(sink, dataset, { wait: false });
    units += step.report?.units ?? 0;
    rows += step.report?.rows ?? 0;
    if (step.report === undefined || step.waitMs > 0) {
      return step.report && { ...step.report, units, rows };
    }
  }
}

function asError(error: unknown): Error {
  if (isHypError(error)) return error;
  return error instanceof Error ? error : new Error(String(error));
}
