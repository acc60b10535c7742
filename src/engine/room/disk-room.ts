/**
 * Owns: looking at the disk of the store, and giving up or making its ballast.
 * Nothing here keeps a row safe: a disk that fills between a look and a write is met by that write,
 * which fails without harm. So it may look rarely, and an error of a look stops nobody.
 * llp/0020
 */
import { HypError, isDiskFull, isHypError } from '../../core/errors.ts';
import type { DurableFs } from '../../core/durable-fs.ts';
import type { Observe } from '../../core/events.ts';
import { ballastSize, makeBallast, releaseBallast } from '../../../state/ballast.ts';
import { stateDir } from '../../../state/layout.ts';
import { roomForAppends, roomOf, takesAppends, wantedBallast } from './decide.ts';
import type { RoomLabel } from './decide.ts';

export interface DiskLook {
  readonly label: RoomLabel;
  /** undefined when the disk does not say. */
  readonly freeBytes: number | undefined;
  /** What appends may still take. */
  readonly roomBytes: number;
}

export class DiskRoom {
  readonly minFreeBytes: number;
  readonly #fs: DurableFs;
  readonly #root: string;
  readonly #state: string;
  readonly #observe: Observe;
  #refusing = false;

  constructor(
    ports: { readonly fs: DurableFs; readonly observe: Observe },
    root: string,
    minFreeBytes: number,
  ) {
    this.minFreeBytes = minFreeBytes;
    this.#fs = ports.fs;
    this.#observe = ports.observe;
    this.#root = root;
    this.#state = stateDir(root);
  }

  /** True when the last look found that appends must wait; they look again each time. */
  get refusing(): boolean {
    return this.#refusing;
  }

  /** How the disk stands. Changes nothing. */
  async look(): Promise<DiskLook> {
    const { minFreeBytes } = this;
    try {
      const freeBytes = await this.#fs.freeBytes(this.#root);
      const ballastBytes = await ballastSize(this.#fs, this.#state);
      const evidence = { freeBytes, minFreeBytes, ballastBytes };
      const label = roomOf(evidence);
      this.#tell(takesAppends(label), freeBytes);
      return { label, freeBytes, roomBytes: roomForAppends(evidence) };
    } catch {
      // A disk that cannot even be asked says what is wrong when it is written to.
      return { label: 'no-reserve', freeBytes: undefined, roomBytes: Number.POSITIVE_INFINITY };
    }
  }

  /** Before a flush or an export: releases or makes the ballast, as the disk asks for. */
  async tend(): Promise<void> {
    if (this.minFreeBytes === 0) return;
    const { label, freeBytes } = await this.look();
    if (label === 'exhausted') await this.#release(freeBytes);
    if (label === 'ballast-missing') {
      const bytes = wantedBallast(this.minFreeBytes);
      const made = await makeBallast(this.#fs, this.#state, bytes).catch(() => false);
      if (made) this.#say('info', 'ballast-made', { bytes, freeBytes });
    }
  }

  /** After a failure: true when it was a full disk and there was a ballast to give up. */
  async relieve(error: unknown): Promise<boolean> {
    return isDiskFull(error) && this.#release(0);
  }

  /**
   * Runs `work`, which must be safe to run again; once more with the ballast given up when the disk
   * is full. E_DISK_FULL says that `what` was not done.
   */
  async forced<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (await this.relieve(error)) return await this.forced(what, work);
      if (isHypError(error, 'E_UNKNOWN_OUTCOME', 'E_DISK_FULL')) throw error;
      throw new HypError('E_DISK_FULL', `no room on the disk of ${this.#root} to ${what}`, {
        cause: error,
        hint: 'The rows stay where they are, safe. Free space on that disk; it goes on by itself.',
      });
    }
  }

  async #release(freeBytes: number | undefined): Promise<boolean> {
    const released = await releaseBallast(this.#fs, this.#state).catch(() => false);
    if (released) this.#say('warn', 'ballast-released', { root: this.#root, freeBytes });
    return released;
  }

  #tell(taken: boolean, freeBytes: number): void {
    if (taken !== this.#refusing) return;
    this.#refusing = !taken;
    const action = taken ? 'appends-resumed' : 'appends-refused';
    this.#say(taken ? 'info' : 'warn', action, { freeBytes, minFreeBytes: this.minFreeBytes });
  }

  #say(
    level: 'info' | 'warn',
    action: string,
    facts: Readonly<Record<string, string | number | undefined>>,
  ): void {
    this.#observe({ type: 'decision', action, level, facts });
  }
}
