/**
 * Owns: bytes of parts between encoding and delivery, as files of one directory.
 * A staged file is `<after>-<index>.<dataset>.<sha256>.part`: whoever stages the same part writes
 * the same name, and a name never means other bytes, so two processes that encoded differently
 * cannot deliver each other's bytes under their own key.
 *
 * | step | a crash right after leaves |
 * | 1 temp created and written | a temp file, removed by `clear` once the watermark passes it |
 * | 2 fsynced, renamed | a staged file, found again, or gone with the power: encoded again |
 *
 * Nothing depends on a staged file being there. `clear` also takes the files of attempts that
 * lost: they start below the watermark.
 * llp/0009
 */
import { createHash } from 'node:crypto';
import { readdirIfAny, unlinkIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs, WriteHandle } from '../../src/core/durable-fs.ts';
import { HypError } from '../../src/core/errors.ts';
import { seqText } from '../../src/core/ids.ts';
import type { DatasetName, Seq } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';
import type { Random } from '../../src/core/random.ts';
import type { StagedPart, StagedWriter, Staging } from '../sink.ts';
import { digestFile } from './digest-stream.ts';

const STAGED_NAME = /^\.?(\d{19})-\d{3,}\.([a-z0-9_-]+)\.[0-9a-f-]+\.(?:part|tmp)$/;

export interface StagingOptions {
  readonly fs: DurableFs;
  /** Absolute; made by whoever prepares the destination. */
  readonly dir: string;
  readonly random: Random;
}

/** Staging in `dir`, for one sink. */
export function createStaging({ fs, dir, random }: StagingOptions): Staging {
  return {
    create: async (dataset, after, index) => {
      const stem = stemOf(dataset, after, index);
      const temp = `${dir}/.${stem}.${random.uuid()}.tmp`;
      try {
        return new StagedFile(fs, await fs.create(temp), `${dir}/${stem}`);
      } catch (cause) {
        throw unavailable(temp, cause);
      }
    },
    find: async (dataset, after, index, part) => {
      const path = pathOf(`${dir}/${stemOf(dataset, after, index)}`, part.sha256);
      const digest = await digestFile(fs, path, { sync: false });
      const whole = digest?.bytes === part.bytes && digest.sha256 === part.sha256;
      return whole ? { path, bytes: part.bytes, sha256: part.sha256 } : undefined;
    },
    clear: async (dataset, through) => {
      for (const name of await readdirIfAny(fs, dir)) {
        const [, after, owner] = STAGED_NAME.exec(name) ?? [];
        if (owner === dataset && after !== undefined && BigInt(after) < through) {
          await unlinkIfAny(fs, `${dir}/${name}`);
        }
      }
    },
  };
}

function stemOf(dataset: DatasetName, after: Seq, index: number): string {
  return `${seqText(after)}-${index.toString().padStart(3, '0')}.${dataset}`;
}

function pathOf(stem: string, sha256: string): string {
  return `${stem}.${sha256}.part`;
}

class StagedFile implements StagedWriter {
  readonly #fs: DurableFs;
  readonly #handle: WriteHandle;
  readonly #stem: string;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #ended = false;

  constructor(fs: DurableFs, handle: WriteHandle, stem: string) {
    this.#fs = fs;
    this.#handle = handle;
    this.#stem = stem;
  }

  async write(bytes: Uint8Array): Promise<void> {
    invariant(!this.#ended, 'a staged file is written before it is finished');
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#orRemove(() => this.#handle.write(bytes));
  }

  async finish(): Promise<StagedPart> {
    invariant(!this.#ended, 'a staged file is finished once');
    const sha256 = this.#hash.digest('hex');
    const path = pathOf(this.#stem, sha256);
    await this.#orRemove(async () => {
      await this.#handle.sync();
      await this.#handle.close();
      await this.#fs.rename(this.#handle.path, path);
    });
    this.#ended = true;
    return { path, bytes: this.#bytes, sha256 };
  }

  async abandon(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#handle.close().catch(() => undefined);
    await unlinkIfAny(this.#fs, this.#handle.path);
  }

  /** After any error the file is gone: what a failed sync left is unknown, so it is made anew. */
  async #orRemove(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (cause) {
      await this.abandon().catch(() => undefined);
      throw unavailable(this.#handle.path, cause);
    }
  }
}

function unavailable(path: string, cause: unknown): HypError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HypError('E_UNAVAILABLE', `cannot stage ${path}: ${reason}`, {
    cause,
    hint: 'Nothing was delivered; it is tried again. See that the destination is there, writable and not full.',
    details: { path },
  });
}
