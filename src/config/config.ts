/**
 * Owns: the configuration as every other part sees it: absolute paths, milliseconds, bytes, no
 * defaults left to fill in. Built only by parse.ts and `defaultConfig`.
 * Not its job: how hyp.yaml spells it (schema.ts), what a sink does with it.
 * llp/0010
 */
import type { DatasetName, SinkName } from '../core/ids.ts';
import type { DeclaredColumn } from './columns.ts';

const MIB = 1024 * 1024;

export interface DatasetConfig {
  readonly flush: {
    /** A spooled row waits at most this long for its commit. */
    readonly maxDelayMs: number;
    /** Spooled bytes that make a flush due before its delay. */
    readonly maxBytes: number;
  };
  /** Columns with a type of their own, whatever comes first. Default: none. */
  readonly columns?: readonly DeclaredColumn[] | undefined;
}

export type SinkFormat = 'ndjson' | 'ndjson.gz' | 'parquet';
export const SINK_FORMATS = ['ndjson', 'ndjson.gz', 'parquet'] as const satisfies SinkFormat[];
/** Sink types of this version. */
export const SINK_TYPES = ['fs'] as const;

export interface SinkConfig {
  readonly name: SinkName;
  readonly type: (typeof SINK_TYPES)[number];
  /** Absolute. */
  readonly path: string;
  /** Key prefix below `path`, no slash at its ends; empty for none. */
  readonly prefix: string;
  readonly format: SinkFormat;
  /** Template such as `dt={_hyp_ingested_at:day}/{host}`; empty for none. */
  readonly partition: string;
  /** A unit is cut at whichever comes first. */
  readonly rotate: { readonly rows: number; readonly bytes: number; readonly intervalMs: number };
  /** undefined: all of the store. */
  readonly datasets: readonly DatasetName[] | undefined;
  readonly retry: { readonly initialMs: number; readonly maxMs: number };
}

export interface DaemonConfig {
  /** How often a loop with nothing due looks again. */
  readonly tickMs: number;
  /** Where the daemon answers HTTP, loopback only; undefined: nowhere. Port 0: any free one. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** How long a stopping daemon may flush and finish units. */
  readonly drainMs: number;
}

export interface DiskConfig {
  /** Appends are refused when the disk of the store would have less room; 0: no reserve. */
  readonly minFreeBytes: number;
}

export interface SpoolConfig {
  /** Bytes that may wait for a flush; beyond, an append waits. */
  readonly maxBytes: number;
  /** How long an append waits for a full spool before it is refused. */
  readonly maxWaitMs: number;
}

export interface HypConfig {
  /** Absolute path of the store. */
  readonly root: string;
  /** The file it came from; undefined: defaults. */
  readonly path: string | undefined;
  /** Settings of any dataset: its own entry over the entry `*` over the defaults. */
  dataset(name: string): DatasetConfig;
  readonly sinks: readonly SinkConfig[];
  readonly daemon: DaemonConfig;
  readonly disk: DiskConfig;
  readonly spool: SpoolConfig;
  /** Entries under `datasets:`, for printing. */
  readonly declared?: ReadonlyMap<string, DatasetConfig> | undefined;
  /** Key paths such as `sinks.archive.path` with a value from the environment: never printed. */
  readonly fromEnv?: ReadonlySet<string> | undefined;
}

/** What holds for everything a hyp.yaml leaves out. */
export const DEFAULTS = {
  root: './hyp-data',
  flush: { maxDelayMs: 5_000, maxBytes: 64 * MIB },
  format: 'ndjson',
  rotate: { rows: 1_000_000, bytes: 128 * MIB, intervalMs: 60_000 },
  retry: { initialMs: 1_000, maxMs: 300_000 },
  disk: { minFreeBytes: 256 * MIB },
  spool: { maxBytes: 1024 * MIB, maxWaitMs: 5_000 },
  daemon: { tickMs: 1_000, http: { host: '127.0.0.1', port: 7711 }, drainMs: 10_000 },
} as const;

/** The configuration of a store without hyp.yaml: no sinks. `root` must be absolute. */
export function defaultConfig(root: string): HypConfig {
  return {
    root,
    path: undefined,
    dataset: () => ({ flush: DEFAULTS.flush }),
    sinks: [],
    daemon: DEFAULTS.daemon,
    disk: DEFAULTS.disk,
    spool: DEFAULTS.spool,
  };
}
