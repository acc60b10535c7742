/**
 * Owns: what a blob sink asks of a place that holds objects. A directory and an S3 bucket are the
 * two kinds there are to be; nothing here names either.
 * llp/0009
 */
import type { StagedPart } from '../sink.ts';

export interface ObjectDigest {
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** Keys are those of object-key.ts. Errors are HypErrors; kind unavailable means: call again. */
export interface BlobStore {
  /** The place itself, for messages and to tell two destinations apart. */
  readonly place: string;
  /** Makes the place ready. Idempotent. E_UNSUPPORTED_FS when it cannot keep our promises. */
  prepare(): Promise<void>;
  /**
   * Puts an object under a name that must be free; it is seen whole or not at all. 'created':
   * it is durable, and a staged part is used up. 'exists': something is there, which is all that is
   * known until it is read.
   */
  putIfAbsent(key: string, body: Uint8Array | StagedPart): Promise<'created' | 'exists'>;
  /** A small object, or undefined when there is none. What it answers is durable. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** As `read`, but what it answers may not be durable: only to see whether something is gone. */
  peek(key: string): Promise<Uint8Array | undefined>;
  /** Size in bytes, or undefined when there is no object. */
  sizeOf(key: string): Promise<number | undefined>;
  /** Reads an object of any size in bounded memory. What it answers is durable. */
  digestOf(key: string): Promise<ObjectDigest | undefined>;
  /** Keys that begin with `prefix`, sorted within each directory, in bounded memory. */
  list(prefix: string): AsyncIterable<string>;
}
