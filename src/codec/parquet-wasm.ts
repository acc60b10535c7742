/**
 * Owns: the one wasm instance of this thread: loaded when first used, never on import.
 * Its memory never shrinks, so callers hand it one row group at a time (I13).
 * llp/0005
 */
import type * as ParquetWasm from 'parquet-wasm';

type Wasm = typeof ParquetWasm;

let loading: Promise<Wasm> | undefined;

/** The Parquet codec; about 40 ms the first time. Idempotent. */
export function loadParquetWasm(): Promise<Wasm> {
  loading ??= import('parquet-wasm');
  return loading;
}

export type { Wasm };
