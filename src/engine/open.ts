/**
 * Owns: opening a store and the Engine object, which only wires the parts together.
 * Not its job: any decision; each is in the module it calls. What only a person asks for is loaded
 * when it is asked for: a command starts a quarter sooner.
 * llp/0008
 */
import { HypError } from '../core/errors.ts';
import { systemClock } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { readdirIfAny } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import { unobserved } from '../core/events.ts';
import type { Observe } from '../core/events.ts';
import { SEQ_ZERO, isDatasetName, toDatasetName } from '../core/ids.ts';
import type { DatasetName, SinkName } from '../core/ids.ts';
import { nodeFs } from '../core/node-fs.ts';
import { systemRandom } from '../core/random.ts';
import type { Random } from '../core/random.ts';
import type { HypConfig } from '../config/config.ts';
import { fileLeases } from '../../state/lease.ts';
import type { Leases } from '../../state/lease.ts';
import { openRegistry, registeredSinks } from '../../state/registry.ts';
import { TABLES_DIR } from '../../storage/layout.ts';
import { isDropped } from '../../storage/iceberg/dropped.ts';
import { scan } from '../../storage/scan/scan.ts';
import type { Batch } from '../codec/columns.ts';
import type {
  AppendOptions,
  AppendResult,
  BackupReport,
  CheckReport,
  Engine,
  ExportReport,
  FlushReport,
  QueryResult,
  Resolution,
  ResolveChoice,
  ScanOptions,
  Step,
  StoreStatus,
  TickReport,
} from './api.ts';
import type { FollowOptions, FollowReport } from './backfill/follow/report.ts';
import type { BackfillOptions, BackfillReport } from './backfill/report.ts';
import { byHand } from './by-hand/by-hand.ts';
import type { ByHand } from './by-hand/report.ts';
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
import { tick } from './tick.ts';
import { changeOneSink } from './sink-commands.ts';
import type { SinkChange, SinkChangeReport } from './sink-commands.ts';
import { assertStillThere, initStore, readStoreFile } from './store-file.ts';
import type { StoreFile } from './store-file.ts';
import type { VerifyOptions, VerifyReport } from './verify/report.ts';

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
  /** The file a worker thread begins with. Default: that of the built package. */
  readonly workerEntry?: URL | undefined;
  /** E_NOT_A_STORE when there is none, instead of making one. */
  readonly mustExist?: boolean | undefined;
}

/** Rows may come at any time; whoever drives the steps decides how often to look. */
const IDLE_MS = 60_000;
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
  const store = await initStore(ports.fs, root, ports.random);
  const { minFreeBytes } = config.disk;
  const context = createContext(root, { ...ports, leases }, minFreeBytes, {
    workerEntry: options.workerEntry,
    declared: (dataset) => config.dataset(dataset).columns ?? [],
  });
  return new StoreEngine(context, config, store);
}

class StoreEngine implements Engine {
  readonly root: string;
  readonly byHand: ByHand;
  readonly #context: EngineContext;
  readonly #config: HypConfig;
  readonly #store: StoreFile;
  readonly #exporters: Exporters;
  readonly #ingest: Ingest;
  /** When rows of a dataset were first seen waiting: its flush delay counts from there. */
  readonly #pendingSince = new Map<DatasetName, number>();

  constructor(context: EngineContext, config: HypConfig, store: StoreFile) {
    const exporters = new Exporters(context, config, store.storeId);
    this.root = context.root;
    this.#context = context;
    this.#config = config;
    this.#store = store;
    this.#exporters = exporters;
    this.#ingest = new Ingest(context, config.spool);
    this.byHand = byHand(context, exporters);
  }

  async append(
    dataset: string,
    rows: Iterable<Readonly<Record<string, unknown>>>,
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    return this.#ingest.append(toDatasetName(dataset), rows, options);
  }

  async appendNdjson(
    dataset: string,
    input: AsyncIterable<Uint8Array>,
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    return this.#ingest.appendNdjson(toDatasetName(dataset), input, options);
  }

  async flush(dataset?: string): Promise<readonly FlushReport[]> {
    const only = dataset === undefined ? undefined : toDatasetName(dataset);
    await this.#context.disk.tend();
    const pending = await spoolPending(this.#context);
    const due = pending.filter((each) => only === undefined || each.dataset === only);
    const reports: FlushReport[] = [];
    const errors: unknown[] = [];
    for (const each of due) {
      try {
        reports.push(await flushDataset(this.#context, each.dataset));
      } catch (error) {
        // One damaged table must not keep the rows of the others in the spool (I12).
        errors.push(error);
      }
    }
    if (only === undefined) errors.push(...this.#context.spool.unreadable.values());
    await tidySpool(this.#context, due.length > 0);
    if (errors.length > 0) throw errors[0];
    return reports;
  }

  async tick(): Promise<TickReport> {
    return tick(this.#context, this.#exporters, () => this.datasetNames());
  }

  async *scan(dataset: string, options: ScanOptions = {}): AsyncGenerator<Batch> {
    const table = this.#context.table(toDatasetName(dataset));
    const head = await table.load();
    if (head === undefined || isDropped(head.value)) throw unknownDataset(dataset);
    const { maxSeq } = head.value.hyp;
    const through = options.through ?? maxSeq;
    yield* scan(table, head, {
      after: options.after ?? SEQ_ZERO,
      through: through < maxSeq ? through : maxSeq,
      columns: options.columns,
    });
  }

  async backfill(
    dataset: string,
    files: readonly string[],
    options: BackfillOptions = {},
  ): Promise<BackfillReport> {
    const { backfill } = await import('./backfill/backfill.ts');
    return backfill(this.#context, toDatasetName(dataset), files, options);
  }

  async follow(dataset: DatasetName, options: FollowOptions): Promise<FollowReport> {
    const { follow } = await import('./backfill/follow/follow.ts');
    return follow(this.#context, dataset, options);
  }

  async query(sql: string): Promise<QueryResult> {
    const datasets = await this.datasetNames();
    return query(this.#context, { datasets, flush: (dataset) => this.flush(dataset) }, sql);
  }

  async status(): Promise<StoreStatus> {
    const names = await this.datasetNames();
    return storeStatus(this.#context, this.#exporters, names, this.#config.spool.maxBytes);
  }

  async check(): Promise<CheckReport> {
    return checkStore(this.#context, this.#exporters, await this.#tableNames());
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { verifySinks } = await import('./verify/verify.ts');
    return verifySinks(this.#context, this.#exporters, await this.#tableNames(), options);
  }

  async close(): Promise<void> {
    await this.#ingest.close();
  }

  async datasetNames(): Promise<readonly DatasetName[]> {
    await assertStillThere(this.#context.fs, this.root, this.#store);
    const tables = await this.#tableNames();
    const spooled = await this.#context.spool.datasets();
    const dropped = await this.#droppedOf(tables);
    if (dropped.size === 0) return [...new Set([...tables, ...spooled])].sort();
    // Frames of a dropped dataset that were committed may still lie in a segment.
    const pending = (await spoolPending(this.#context)).map((each) => each.dataset);
    const names = [...tables, ...spooled].filter((name) => !dropped.has(name));
    return [...new Set([...names, ...pending])].sort();
  }

  /** Datasets of which only the trace of having been dropped is left. */
  async #droppedOf(tables: readonly DatasetName[]): Promise<ReadonlySet<DatasetName>> {
    const dropped = new Set<DatasetName>();
    for (const name of tables) {
      // One that cannot be read is there, and says so itself.
      const head = await this.#context
        .table(name)
        .load()
        .catch(() => undefined);
      if (head !== undefined && isDropped(head.value)) dropped.add(name);
    }
    return dropped;
  }

  sinkNames(): readonly SinkName[] {
    return this.#exporters.names();
  }

  async changeSink(change: SinkChange): Promise<SinkChangeReport> {
    const datasets = await this.datasetNames();
    const configured = new Set(this.#exporters.names());
    return changeOneSink(this.#context, { datasets, configured }, change);
  }

  async registeredSinks(): Promise<readonly SinkName[]> {
    const { fs, state, random } = this.#context;
    return (await registeredSinks(openRegistry(fs, state, random))).map(({ name }) => name);
  }

  async flushStep(dataset: DatasetName): Promise<Step<FlushReport>> {
    const pending = (await spoolPending(this.#context)).find((each) => each.dataset === dataset);
    if (pending === undefined) {
      this.#pendingSince.delete(dataset);
      return { report: undefined, waitMs: IDLE_MS };
    }
    const { maxDelayMs, maxBytes } = this.#config.dataset(dataset).flush;
    const nowMs = this.#context.clock.monotonicMs();
    const since = this.#pendingSince.get(dataset) ?? nowMs;
    this.#pendingSince.set(dataset, since);
    const waitMs = since + maxDelayMs - nowMs;
    if (pending.bytes < maxBytes && waitMs > 0) {
      return { report: undefined, waitMs: Math.min(waitMs, FLUSH_LOOK_MS) };
    }
    await this.#context.disk.tend();
    const report = await flushDataset(this.#context, dataset, { once: true });
    this.#pendingSince.delete(dataset);
    await tidySpool(this.#context, true);
    return { report, waitMs: 0 };
  }

  async exportStep(sink: SinkName, dataset: DatasetName): Promise<Step<ExportReport>> {
    await this.#context.disk.tend();
    return this.#exporters.step(sink, dataset, { wait: true });
  }

  async backup(dir: string): Promise<BackupReport> {
    await this.flush();
    const { backupStore } = await import('./backup.ts');
    return backupStore(this.#context, await this.#tableNames(), dir);
  }

  async resolveSink(
    name: SinkName,
    choice: ResolveChoice,
    dataset?: DatasetName,
  ): Promise<readonly Resolution[]> {
    const datasets = dataset === undefined ? await this.#tableNames() : [dataset];
    const { resolveSink } = await import('./identity/resolve.ts');
    return resolveSink(this.#context, this.#exporters, { name, choice, datasets });
  }

  async holdDaemon(): Promise<() => Promise<void>> {
    return holdDaemon(this.#context);
  }

  async #tableNames(): Promise<DatasetName[]> {
    const names = await readdirIfAny(this.#context.fs, `${this.root}/${TABLES_DIR}`);
    // What is not a dataset's name was not put there by hyp.
    return names.filter(isDatasetName);
  }
}

function unknownDataset(dataset: string): HypError {
  return new HypError('E_UNKNOWN_DATASET', `no dataset ${dataset} in this store`, {
    hint: 'Run `hyp dataset list`.',
  });
}
