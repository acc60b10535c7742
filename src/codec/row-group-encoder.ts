/**
 * Owns: who encodes row groups, and those that are being encoded: several at once where there are
 * threads for it. They come back in the order they went in, so the file is the same whoever encodes.
 * Invariant: what is open is bounded in memory (I13).
 * llp/0023
 */
import { batchBytes } from './columns.ts';
import type { Batch } from './columns.ts';
import type { ParquetCodec } from './parquet-properties.ts';
import { loadParquetWasm } from './parquet-wasm.ts';
import { encodeRuns } from './row-group-encode.ts';

/** A row group, encoded, as `encodeRuns` gives it. */
type Runs = readonly Uint8Array[];

export interface RowGroupEncoder {
  /** Row groups it is given at once. */
  readonly width: number;
  /** As `encodeRuns`. The slices must not change until it resolves. */
  encode(slices: readonly Batch[], codec: ParquetCodec): Promise<Runs>;
}

/** The thread of the caller, one row group at a time. */
export const here: RowGroupEncoder = {
  width: 1,
  encode: async (slices, codec) => encodeRuns(await loadParquetWasm(), slices, codec),
};

/** Values of row groups that are encoded at once; a larger one goes alone. */
const OPEN_BYTES = 24 * 1024 * 1024;

export class OpenRowGroups {
  readonly #encoder: RowGroupEncoder;
  readonly #codec: ParquetCodec;
  readonly #open: { readonly bytes: number; readonly runs: Promise<Runs> }[] = [];
  #bytes = 0;

  constructor(encoder: RowGroupEncoder, codec: ParquetCodec) {
    this.#encoder = encoder;
    this.#codec = codec;
  }

  /** Takes a row group; yields those that are done or had to be waited for. */
  async *add(slices: readonly Batch[]): AsyncGenerator<Runs, void, void> {
    const { width } = this.#encoder;
    const bytes = slices.reduce((sum, slice) => sum + batchBytes(slice), 0);
    while (this.#open.length > 0 && this.#bytes + bytes > OPEN_BYTES) yield this.#first();
    const runs = this.#encoder.encode(slices, this.#codec);
    // It is awaited in its turn; that it failed is told then.
    runs.catch(() => undefined);
    this.#open.push({ bytes, runs });
    this.#bytes += bytes;
    while (this.#open.length >= width) yield this.#first();
  }

  async *rest(): AsyncGenerator<Runs, void, void> {
    while (this.#open.length > 0) yield this.#first();
  }

  async #first(): Promise<Runs> {
    const first = this.#open.shift();
    if (first === undefined) return [];
    this.#bytes -= first.bytes;
    return first.runs;
  }
}
