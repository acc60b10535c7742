/**
 * Owns: one NDJSON object, plain or gzip, compared with the lines it should hold as they are
 * encoded, in bounded memory: it stands where a staged file would, and keeps nothing.
 * Not its job: which lines it should hold (content).
 * llp/0018
 */
import { gunzip } from '../../codec/compression.ts';
import type { DurableFs } from '../../core/durable-fs.ts';
import type { StagedWriter } from '../../../sinks/sink.ts';
import type { VerifyLabel } from './report.ts';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Written to like a staged file; what it answers when finished is of no use. */
export interface ObjectComparison extends StagedWriter {
  /** The first difference, once finished. */
  problem(): { readonly label: VerifyLabel; readonly what: string } | undefined;
}

/** Compares the object at `path`, which is opened with the first line. Changes nothing. */
export function compareObject(fs: DurableFs, path: string, packed: boolean): ObjectComparison {
  const bytes = chunksOf(fs, path);
  const lines = new Lines(packed ? gunzip(bytes) : bytes);
  return {
    write: (expected) => lines.expect(expected),
    finish: async () => {
      await lines.expectEnd();
      return { path, bytes: 0, sha256: '' };
    },
    abandon: () => lines.close(),
    problem: () => lines.problem,
  };
}

async function* chunksOf(fs: DurableFs, path: string): AsyncGenerator<Uint8Array> {
  const handle = await fs.open(path);
  try {
    for (let from = 0; ;) {
      const chunk = await handle.read(from, CHUNK_BYTES);
      if (chunk.length === 0) return;
      from += chunk.length;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

/** A stream of bytes that is compared as it is asked for, up to the first difference. */
class Lines {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #line = 1;
  problem: { readonly label: VerifyLabel; readonly what: string } | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async expect(expected: Uint8Array): Promise<void> {
    let at = 0;
    while (at < expected.length && this.problem === undefined) {
      if (!(await this.#fill())) {
        this.#differs(`it ends in line ${this.#line}`);
        break;
      }
      const length = Math.min(this.#chunk.length, expected.length - at);
      const [theirs, ours] = [this.#chunk.subarray(0, length), expected.subarray(at, at + length)];
      if (Buffer.compare(theirs, ours) !== 0) {
        const same = theirs.findIndex((byte, index) => byte !== ours[index]);
        this.#count(ours.subarray(0, same));
        this.#differs(`line ${this.#line} is not the row the table has`);
        break;
      }
      this.#count(ours);
      this.#chunk = this.#chunk.subarray(length);
      at += length;
    }
    if (this.problem !== undefined) await this.close();
  }

  async expectEnd(): Promise<void> {
    if (this.problem === undefined && (await this.#fill())) {
      this.#differs(`it goes on in line ${this.#line}, behind the last row`);
    }
    await this.close();
  }

  /** Lets the object go; nothing more is read. Idempotent. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** True when there is a byte to compare. */
  async #fill(): Promise<boolean> {
    try {
      while (this.#chunk.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) return false;
        this.#chunk = next.value;
      }
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.problem = { label: 'object-unreadable', what: `the object cannot be read: ${reason}` };
      return false;
    }
  }

  #count(bytes: Uint8Array): void {
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      this.#line++;
    }
  }

  /** What was said first stands: an object that cannot be read has no end either. */
  #differs(what: string): void {
    this.problem ??= { label: 'object-content', what: `the object has other rows: ${what}` };
  }
}
