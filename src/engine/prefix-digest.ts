/**
 * Owns: the digest of growing prefixes of a content, as positions of files and append keys hold it:
 * `<SHA-256>.<half>`. The half is of the first 2^k bytes, the largest power of two not above the
 * length: of thousands of files that begin with one line, it tells which can be the beginning of
 * another without hashing at every length (llp/0012).
 * Pure; no disk.
 * llp/0012
 */
import { createHash } from 'node:crypto';
import { HypError } from '../core/errors.ts';

const HALF_DIGITS = 8;
/** Shorter contents have no half: there are few lengths below it. */
const FIRST_HALF_BYTES = 64;

/** A content that is a half's length or longer, by what it begins with. */
export interface Half {
  readonly bytes: number;
  readonly digest: string;
}

/** The half of a digest's content, `bytes` long; undefined when it has none. */
export function halfOf(digest: string, bytes: number): Half | undefined {
  const at = digest.indexOf('.');
  if (at < 0) return undefined;
  return { bytes: 2 ** Math.floor(Math.log2(bytes)), digest: digest.slice(at + 1) };
}

/** Bytes are pushed, then hashed up to a mark that never goes back. */
export class PrefixDigest {
  readonly #hash = createHash('sha256');
  readonly #waiting: Uint8Array[] = [];
  readonly #onHalf: (half: Half) => void;
  #hashed = 0;
  #nextHalf = FIRST_HALF_BYTES;
  #half: string | undefined;

  constructor(onHalf: (half: Half) => void = () => undefined) {
    this.#onHalf = onHalf;
  }

  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
  }

  /** Digest of the first `end` bytes; `end` never goes back and is never beyond what was pushed. */
  at(end: number): string {
    this.advance(end);
    const whole = this.#hash.copy().digest('hex');
    return this.#half === undefined ? whole : `${whole}.${this.#half}`;
  }

  /** As `at`, without a digest to take. */
  advance(end: number): void {
    while (this.#nextHalf <= end) {
      this.#take(this.#nextHalf);
      this.#half = this.#hash.copy().digest('hex').slice(0, HALF_DIGITS);
      this.#onHalf({ bytes: this.#nextHalf, digest: this.#half });
      this.#nextHalf *= 2;
    }
    this.#take(end);
  }

  #take(end: number): void {
    while (this.#hashed < end) {
      const chunk = this.#waiting[0];
      if (chunk === undefined) throw new HypError('E_INTERNAL', 'a digest beyond what was read');
      const take = Math.min(chunk.length, end - this.#hashed);
      this.#hash.update(chunk.subarray(0, take));
      this.#hashed += take;
      if (take === chunk.length) this.#waiting.shift();
      else this.#waiting[0] = chunk.subarray(take);
    }
  }
}
