/**
 * The public API of hyp. Nothing happens on import; the store starts no timers and no threads.
 * llp/0008
 */
import { resolve } from 'node:path';
import { defaultConfig } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { openEngine } from './engine/open.ts';
import type { Store } from './engine/api.ts';

export { HypError } from './core/errors.ts';
export type { ErrorCode, ErrorKind } from './core/errors.ts';
export type { DatasetName, Lineage, Seq, SinkName } from './core/ids.ts';
export { toSeq } from './core/ids.ts';
export type { Batch, Column, ColumnType } from './codec/columns.ts';
export { encodeIpc } from './codec/arrow-ipc.ts';
export { batchToRows } from './codec/rows.ts';
export type {
  AppendOptions,
  AppendResult,
  CheckFinding,
  CheckReport,
  DatasetStatus,
  ExportReport,
  FlushReport,
  QueryResult,
  RejectedLine,
  ScanOptions,
  SinkDatasetStatus,
  SinkState,
  SinkStatus,
  Store,
  StoreStatus,
  TickReport,
} from './engine/api.ts';
export type {
  BackfillFileReport,
  BackfillOptions,
  BackfillProgress,
  BackfillReport,
  InputFormat,
} from './engine/backfill/report.ts';
export type {
  DatasetVerification,
  SeqRange,
  SinkVerification,
  Tile,
  VerifyFinding,
  VerifyLabel,
  VerifyOptions,
  VerifyReport,
} from './engine/verify/report.ts';
export type { Delivery, Lookup, Sink, StagedPart, StagedWriter, Staging } from '../sinks/sink.ts';
export type { Part, Unit, UnitEncoder } from './core/unit.ts';

/** Where the store is: its directory, or the hyp.yaml that names directory and sinks. */
export interface OpenStoreOptions {
  /** Directory of the store; made when it does not exist (its parent must). Default: the config's. */
  readonly root?: string | undefined;
  /** Path of a hyp.yaml. Without one the store has no sinks and default delays. */
  readonly config?: string | undefined;
}

/**
 * Opens a store, making it when it is not there. Durable when it resolves; idempotent; any number
 * of processes may have the same store open. Close it to seal its spool writer. Relative paths start
 * at the working directory, those inside a hyp.yaml at that file. An existing store is not changed.
 * Throws E_CONFIG (every problem in details.problems: path, line, column, message), E_NOT_A_STORE,
 * E_UNSUPPORTED_FS, E_UNSUPPORTED_FORMAT, E_CORRUPT; system errors pass through.
 */
export async function openStore(options: OpenStoreOptions = {}): Promise<Store> {
  const cwd = process.cwd();
  const config =
    options.config === undefined
      ? defaultConfig(resolve(cwd, options.root ?? './hyp-data'))
      : await loadConfig({ config: options.config, root: options.root, cwd, env: process.env });
  return openEngine({ root: config.root, config });
}
