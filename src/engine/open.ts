/**
 * Owns: opening a store and the Engine object: wiring, and the order of a tick.
 * Not its job: any decision; each is in the module it calls.
 * llp/0008
 */
import { HypError, isHypError } from '../core/errors.ts';
import { systemClock } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { readdirIfAny } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import { unobserved } from '../core/events.ts';
import type { Observe } from '../core/events.ts';
import { SEQ_ZERO, toDatasetName, toSeq } from '../core/ids.ts';
import type { DatasetName, SinkName } from '../core/ids.ts';
import { nodeFs } from '../core/node-fs.ts';
import { systemRandom } from '../core/random.ts';
import type { Random } from '../core/random.ts';
import type { HypConfig } from '../config/config.ts';
import { fileLeases } from '../../state/lease.ts';
import type { Leases } from '../../state/lease.ts';
import { TABLES_DIR } from '../../storage/layout.ts';
import { scan } from '../../storage/scan/scan.ts';
import type { Engine, ExportReport, FlushReport, Step, TickReport } from './api.ts';
import { backfill } from './backfill/backfill.ts';
import { checkStore } from './check.ts';
import { createContext } from './context.ts';
import type { EngineContext } from './context.ts';
import { Exporters } from './export/exporters.ts';
import { flushDataset } from './flush/flush.ts';
import { Ingest } from './ingest.ts';
import { holdDaemon } from './hold-daemon.ts';
import { query } from './query.ts';
import { spoolPending, tidySpool } from './spool-care.ts';
import { storeStatus } from './status.ts';
import { initStore, readStoreFile } from './store-file.ts';

export interface OpenEngineOptions {
  /** Absolute path. */
  readonly root: string;
  readonly config: HypConfig;
  readonly fs?: DurableFs | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly observe?: Observe | undefined;
  /** Default: leases on this machine's disk. Liveness only (I11). */
  readonly leases?: Leases | undefined;
  /** E_NOT_A_STORE when there is none, instead of making one. */
  readonly mustExist?: boolean | undefined;
}

/** Rows a flush waits for, when only a delay can make it due: looked at again this often. */
const FLUSH_LOOK_MS = 250;

/**
 * Opens the store at `root`, making it when it is not there. Starts nothing: no timers, no threads.
 * Throws E_NOT_A_STORE, E_UNSUPPORTED_FS, E_UNSUPPORTED_FORMAT, E_CORRUPT.
 */
export async function openEngine(options: OpenEngineOptions): Promise<Engine> {
  const ports = {
    fs: options.fs ?? nodeFs,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    observe: options.observe ?? unobserved,
  };
  const leases = options.leases ?? fileLeases(ports);
  const { root, config } = options;
  if (options.mustExist === true && (await readStoreFile(ports.fs, root)) === undefined) {
    throw new HypError('E_NOT_A_STORE', `no hyp store at ${root}`, {
      hint: 'Run `hyp init`, or name the store with --root or `root:` in hyp.yaml.',
    });
  }
  const { storeId } = await initStore(ports.fs, root, ports.random);
  const context = createContext(root, { ...ports, leases });
  return createEngine(context, config, new Exporters(context, config, storeId));
}

function createEngine(context: EngineContext, config: HypConfig, exporters: Exporters): Engine {
  const ingest = new Ingest(context);
  const pendingSince = new Map<DatasetName, number>();

  const tableNames = async (): Promise<DatasetName[]> => {
    const names = await readdirIfAny(context.fs, `${context.root}/${TABLES_DIR}`);
    return names.map(toDatasetName);
  };
  const datasetNames = async (): Promise<readonly DatasetName[]> => {
    const names = new Set([...(await tableNames()), ...(await context.spool.datasets())]);
    return [...names].sort();
  };
  const flush = async (dataset?: string): Promise<readonly FlushReport[]> => {
    const pending = await spoolPending(context);
    const named = dataset === undefined ? undefined : toDatasetName(dataset);
    const due = pending.filter((each) => named === undefined || each.dataset === named);
    const reports: FlushReport[] = [];
    for (const each of due) reports.push(await flushDataset(context, each.dataset));
    await tidySpool(context, due.length > 0);
    return reports;
  };

  return {
    root: context.root,
    append: async (dataset, rows) => ingest.append(toDatasetName(dataset), rows),
    appendNdjson: async (dataset, input) => ingest.appendNdjson(toDatasetName(dataset), input),
    flush,
    tick: () => tick(context, exporters, datasetNames),
    scan: async function* (dataset, options = {}) {
      const table = context.table(toDatasetName(dataset));
      const head = await table.load();
      if (head === undefined) throw unknownDataset(dataset);
      const maxSeq = toSeq(head.value.hyp.maxSeq);
      const through = options.through ?? maxSeq;
      yield* scan(table, head, {
        after: options.after ?? SEQ_ZERO,
        through: through < maxSeq ? through : maxSeq,
        columns: options.columns,
      });
    },
    backfill: (dataset, files, options) =>
      backfill(context, toDatasetName(dataset), files, options ?? {}),
    query: async (sql) => {
      await flush();
      return query(context, await tableNames(), sql);
    },
    status: async () => storeStatus(context, exporters, await datasetNames()),
    check: async () => checkStore(context, exporters, await tableNames()),
    close: () => ingest.close(),
    datasetNames,
    sinkNames: () => exporters.names(),
    flushStep: async (dataset) => {
      const pending = (await spoolPending(context)).find((each) => each.dataset === dataset);
      if (pending === undefined) {
        pendingSince.delete(dataset);
        return { report: undefined, waitMs: FLUSH_LOOK_MS };
      }
      const { maxDelayMs, maxBytes } = config.dataset(dataset).flush;
      const nowMs = context.clock.monotonicMs();
      const since = pendingSince.get(dataset) ?? nowMs;
      pendingSince.set(dataset, since);
      const waitMs = since + maxDelayMs - nowMs;
      if (pending.bytes < maxBytes && waitMs > 0) {
        return { report: undefined, waitMs: Math.min(waitMs, FLUSH_LOOK_MS) };
      }
      const report = await flushDataset(context, dataset, { once: true });
      pendingSince.delete(dataset);
      await tidySpool(context, true);
      return { report, waitMs: 0 };
    },
    exportStep: (sink, dataset) => exporters.step(sink, dataset, { wait: true }),
    holdDaemon: () => holdDaemon(context),
  } satisfies Engine;
}

/** Flushes everything, then exports to every sink until each has nothing left or must wait. */
async function tick(
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
  await attempt('spool', async () => {
    const pending = await spoolPending(context);
    for (const { dataset } of pending) {
      await attempt(`flush of ${dataset}`, async () => {
        flushed.push(await flushDataset(context, dataset));
      });
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

function unknownDataset(dataset: string): HypError {
  return new HypError('E_UNKNOWN_DATASET', `no dataset ${dataset} in this store`, {
    hint: 'Run `hyp dataset list`.',
  });
}

function asError(error: unknown): Error {
  if (isHypError(error)) return error;
  return error instanceof Error ? error : new Error(String(error));
}
