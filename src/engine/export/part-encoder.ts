/**
 * Owns: the bytes of one part in each format. What is written depends on the rows, the format and
 * the frozen options only, so that a part encoded again is the same part.
 * llp/0008
 */
import type { CodedBatch, ColumnType } from '../../codec/columns.ts';
import { openGzip } from '../../codec/compression.ts';
import { conform } from '../../codec/conform.ts';
import { plainBatch } from '../../codec/dictionary.ts';
import { encodeNdjsonChunks } from '../../codec/ndjson/encode.ts';
import { openParquetEncoder } from '../../codec/parquet.ts';
import type { Observe } from '../../core/events.ts';
import type { UnitEncoder } from '../../core/unit.ts';
import { unreachable } from '../../core/invariant.ts';

/** Raised with any change that makes other bytes of the same rows. */
export const ENCODER_VERSION = 1;

export type PartColumns = readonly {
  readonly name: string;
  readonly type: ColumnType;
  readonly fieldId: number;
}[];

export interface PartEncoder {
  write(batch: CodedBatch): Promise<void>;
  /** Writes what is left; the part is whole afterwards. */
  finish(): Promise<void>;
  /** Frees what it holds; the part is not usable. */
  abandon(): Promise<void>;
  /** Bytes given to the sink so far. */
  readonly writtenBytes: number;
  /** Bytes of columns held back, not yet written. */
  readonly pendingBytes: number;
}

type ByteSink = (bytes: Uint8Array) => Promise<void>;

/** File extension of each format. */
export function extensionOf(name: UnitEncoder['name']): string {
  return name;
}

/** `observe` is told of what the encoder buffers. */
export function openPartEncoder(
  name: UnitEncoder['name'],
  columns: PartColumns,
  sink: ByteSink,
  observe: Observe,
): PartEncoder {
  const counted = new CountedSink(sink);
  switch (name) {
    case 'ndjson':
      return ndjson(counted);
    case 'ndjson.gz':
      return ndjsonGzip(counted);
    case 'parquet':
      return parquet(columns, counted, observe);
    default:
      return unreachable(name);
  }
}

class CountedSink {
  written = 0;
  readonly #sink: ByteSink;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  readonly write = async (bytes: Uint8Array): Promise<void> => {
    this.written += bytes.length;
    await this.#sink(bytes);
  };
}

function ndjson(sink: CountedSink): PartEncoder {
  return {
    write: async (batch) => {
      for (const chunk of encodeNdjsonChunks(batch)) await sink.write(chunk);
    },
    finish: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
    get writtenBytes() {
      return sink.written;
    },
    pendingBytes: 0,
  };
}

function ndjsonGzip(sink: CountedSink): PartEncoder {
  const gzip = openGzip(sink.write);
  return {
    write: async (batch) => {
      for (const chunk of encodeNdjsonChunks(batch)) await gzip.write(chunk);
    },
    finish: () => gzip.finish(),
    abandon: () => gzip.abandon(),
    get writtenBytes() {
      return sink.written;
    },
    pendingBytes: 0,
  };
}

function parquet(columns: PartColumns, sink: CountedSink, observe: Observe): PartEncoder {
  const encoder = openParquetEncoder({ columns, codec: 'zstd', observe }, sink.write);
  return {
    write: async (batch) => {
      // A scan leaves out columns its file has no value for; a part has all of them.
      await encoder.write(conform(plainBatch(batch), columns).batch);
    },
    finish: () => encoder.finish(),
    abandon: () => encoder.abandon(),
    get writtenBytes() {
      return sink.written;
    },
    get pendingBytes() {
      return encoder.pendingBytes;
    },
  };
}
