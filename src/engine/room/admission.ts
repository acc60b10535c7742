/**
 * Owns: whether rows may be appended now: room on the disk, room in the spool (I13).
 * A full disk refuses at once; a full spool makes the append wait for a flush, by whomever, and then
 * refuses. Both go on by themselves.
 *
 * How exact: one process alone never has more than `spool.maxBytes` waiting, except one append that
 * is larger by itself. Of n processes each looks again after LIMITS.roomLookBytes or roomLookMs, so
 * together they may go beyond by n × (roomLookBytes + one append's frames).
 * llp/0020
 */
import { HypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SpoolConfig } from '../../config/config.ts';
import { SPOOL_DIR } from '../../../storage/layout.ts';
import { spoolUsage } from '../../../storage/spool/usage.ts';
import type { EngineContext } from '../context.ts';
import { rest } from '../partly.ts';
import { spoolPending } from '../spool-care.ts';

/** A spool that is full is looked at again this often. */
const POLL_MS = 100;

/** What a look found. Bytes admitted beyond `base` may not have been in the spool at that time. */
interface Known {
  readonly atMs: number;
  readonly spoolBytes: number;
  readonly roomBytes: number;
  readonly base: number;
}

export class Admission {
  readonly #context: EngineContext;
  readonly #limit: SpoolConfig;
  #known: Known | undefined;
  /** Bytes ever admitted by this process, and those of them that are being stored now. */
  #admitted = 0;
  #underWay = 0;

  constructor(context: EngineContext, limit: SpoolConfig) {
    this.#context = context;
    this.#limit = limit;
  }

  /**
   * Runs `store` once `bytes` more may be spooled. E_DISK_FULL, E_SPOOL_FULL: nothing was stored;
   * `stored` rows of the same call were before, and the error says so.
   */
  async admit<T>(bytes: number, stored: number, store: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    while (!this.#fits(bytes)) {
      await this.#look(bytes, stored);
      if (this.#fits(bytes)) break;
      const waitedMs = this.#nowMs() - startMs;
      if (waitedMs >= this.#limit.maxWaitMs) throw this.#spoolFull(waitedMs, stored);
      await this.#context.clock.sleep(Math.min(POLL_MS, this.#limit.maxWaitMs - waitedMs));
      this.#known = undefined;
    }
    this.#admitted += bytes;
    this.#underWay += bytes;
    try {
      return await store();
    } finally {
      this.#underWay -= bytes;
    }
  }

  #fits(bytes: number): boolean {
    const known = this.#known;
    if (known === undefined || this.#context.disk.refusing) return false;
    if (this.#nowMs() - known.atMs > LIMITS.roomLookMs) return false;
    const since = this.#admitted - known.base;
    if (since > LIMITS.roomLookBytes && since > this.#underWay) return false;
    if (since + bytes > known.roomBytes) return false;
    const waiting = known.spoolBytes + since;
    return waiting === 0 || waiting + bytes <= this.#limit.maxBytes;
  }

  async #look(bytes: number, stored: number): Promise<void> {
    const base = this.#admitted - this.#underWay;
    const { freeBytes, roomBytes } = await this.#context.disk.look();
    const wanted = bytes + this.#underWay;
    if (roomBytes < wanted) throw this.#diskFull(freeBytes ?? 0, stored);
    const spoolBytes = await this.#waiting(wanted);
    this.#known = { atMs: this.#nowMs(), spoolBytes, roomBytes, base };
  }

  /** Sizes of segments first: what is in them is read only when they leave no room for `more`. */
  async #waiting(more: number): Promise<number> {
    const { fs, root } = this.#context;
    const enough = this.#limit.maxBytes - more;
    const most = await spoolUsage(fs, `${root}/${SPOOL_DIR}`, enough);
    if (most < enough) return most;
    const pending = await spoolPending(this.#context);
    return pending.reduce((sum, each) => sum + each.bytes, 0);
  }

  #diskFull(freeBytes: number, stored: number): HypError {
    const { root, disk } = this.#context;
    const { minFreeBytes } = disk;
    const free = `${sizeText(freeBytes)} free, disk.minFree is ${sizeText(minFreeBytes)}`;
    return new HypError('E_DISK_FULL', `the disk of ${root} has ${free}; ${rest(stored)}`, {
      hint: 'What was acknowledged is safe, exports go on. Free space there, or lower disk.minFree.',
      details: { freeBytes, minFreeBytes, storedRows: stored },
    });
  }

  #spoolFull(waitedMs: number, stored: number): HypError {
    const { maxBytes } = this.#limit;
    const what = `${sizeText(maxBytes)} wait in the spool of ${this.#context.root} (spool.maxBytes)`;
    return new HypError('E_SPOOL_FULL', `${what}; ${rest(stored)}`, {
      hint: 'What was acknowledged is safe. Run `hyp tick` or `hyp daemon`, or see in `hyp status` why it does not flush.',
      details: { maxBytes, waitedMs: Math.round(waitedMs), storedRows: stored },
    });
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }
}

function sizeText(bytes: number): string {
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.floor(kib)} KiB` : `${Math.floor(kib / 102.4) / 10} MiB`;
}
