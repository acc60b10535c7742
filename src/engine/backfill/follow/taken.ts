/**
 * Owns: what was taken from the beginning of a file that is followed: the running digest its
 * positions are made of, and the digests of its first and last bytes, by which the file is known
 * again without reading all of it.
 * Invariant: I13 (some digests for each file, no bytes).
 * llp/0012
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Position } from '../../../../storage/positions/positions.ts';
import { sha256Hex } from '../../../core/digest.ts';
import { PrefixDigest } from '../../prefix-digest.ts';
import { readFully } from '../proven-file.ts';
import { sourcePrefix } from '../source.ts';

/** What is compared of each end; shorter beginnings are compared whole. */
const END_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;
const LF = 0x0a;

export class Taken {
  /** What its source's name begins with: the same for all files with its first record. */
  readonly prefix: string;
  /** undefined until something of a new source is taken. */
  source: string | undefined;
  readonly #record: { readonly bytes: number; readonly digest: string };
  readonly #digest = new PrefixDigest();
  readonly #head = createHash('sha256');
  #headBytes = 0;
  #tail: string | undefined;
  #through = 0;
  /** Lines that end in the bytes taken. */
  lines = 0;
  /** What is committed of them, as the source's position says. */
  committed = 0;

  /** `record` is the first one of the file: what is taken must begin with it. */
  constructor(record: Uint8Array, source: string | undefined) {
    this.prefix = sourcePrefix(record);
    this.#record = { bytes: record.length, digest: sha256Hex(record) };
    this.source = source;
  }

  /** Content bytes that are taken. */
  get through(): number {
    return this.#through;
  }

  /** True when more than the first record is taken: it is all there, and names the source for good. */
  get isNamed(): boolean {
    return this.#through > this.#record.bytes;
  }

  /** False while a commit of what was taken is to come, and for ever when it was refused. */
  get isSettled(): boolean {
    return this.committed === this.#through;
  }

  /** The next bytes, all of which are taken. */
  push(bytes: Uint8Array): void {
    const head = bytes.subarray(0, END_BYTES - this.#headBytes);
    this.#head.update(head);
    this.#headBytes += head.length;
    this.#digest.push(bytes);
    this.#through += bytes.length;
    // At once: the digest keeps no bytes then.
    this.#digest.advance(this.#through);
    this.#tail = undefined;
  }

  /** The digest a position at `through` has. */
  digest(): string {
    return this.#digest.at(this.#through);
  }

  /** Takes the part of the file that is in. False when it is not the file's beginning. */
  async takeCommitted(handle: FileHandle, { source, through, digest }: Position): Promise<boolean> {
    for await (const chunk of readFrom(handle, 0, Number(through))) {
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) this.lines += 1;
      this.push(chunk);
    }
    this.source = source;
    this.committed = this.#through;
    return this.#through === Number(through) && this.digest() === digest;
  }

  /** Remembers the last bytes taken, to be compared later. */
  async rememberEnd(handle: FileHandle): Promise<void> {
    this.#tail = await this.#readTail(handle);
  }

  /** True when the file begins with what was taken: by its first record, first and last bytes. */
  async isBeginningOf(handle: FileHandle): Promise<boolean> {
    const head = Buffer.alloc(Math.max(this.#headBytes, this.#record.bytes));
    if ((await readFully(handle, head, 0)) < head.length) return false;
    if (sha256Hex(head.subarray(0, this.#record.bytes)) !== this.#record.digest) return false;
    const taken = sha256Hex(head.subarray(0, this.#headBytes));
    if (taken !== this.#head.copy().digest('hex')) return false;
    return this.#tail === undefined || (await this.#readTail(handle)) === this.#tail;
  }

  async #readTail(handle: FileHandle): Promise<string | undefined> {
    const bytes = Buffer.alloc(Math.min(END_BYTES, this.#through));
    const read = await readFully(handle, bytes, this.#through - bytes.length);
    return read < bytes.length ? undefined : sha256Hex(bytes);
  }
}

/** The file's bytes from `from` to `to`, as they are now, in pieces; fewer when it is shorter. */
export async function* readFrom(
  handle: FileHandle,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < to;) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, to - at));
    const read = await readFully(handle, chunk, at);
    if (read > 0) yield chunk.subarray(0, read);
    if (read < chunk.length) return;
    at += read;
  }
}
