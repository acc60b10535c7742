/**
 * Owns: what the engine asks of every destination. A sink knows its destination and nothing of
 * tables or progress; it never decides what to send.
 * llp/0009
 */
import type { DatasetName, Lineage, Seq, SinkName } from '../src/core/ids.ts';
import type { Part, Unit } from '../src/core/unit.ts';

/** What a destination knows of the unit that starts at a seq. */
export type Lookup =
  | { readonly kind: 'none' }
  /** A plan is there: its parts may be there, in whole or in part. */
  | { readonly kind: 'planned'; readonly unit: Unit }
  /** The unit manifest is there: every part is. */
  | { readonly kind: 'delivered'; readonly unit: Unit };

/** What became of one part. */
export type Delivery =
  /** It is there now, durable. */
  | { readonly kind: 'accepted' }
  /** The very bytes were there already. */
  | { readonly kind: 'duplicate' }
  /** Neither the object nor its staged bytes are there: they must be made again. */
  | { readonly kind: 'missing' }
  /** Nothing is known or the destination is busy: the same part again, not before `afterMs`. */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly reason: string }
  /** The destination will never take this part. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Other bytes are there under this name. */
  | { readonly kind: 'fork'; readonly reason: string };

/** Where the engine puts the bytes of a part before they are delivered. */
export interface Staging {
  /**
   * Creates an empty staged file for part `index` (0-based) of the unit of rows above `after`, in
   * place of any before it. E_UNAVAILABLE when the place cannot be written.
   */
  create(dataset: DatasetName, after: Seq, index: number): Promise<StagedWriter>;
  /**
   * The staged file of a part when it is there with exactly these bytes (size and sha256); anything
   * else is undefined. Changes nothing.
   */
  find(
    dataset: DatasetName,
    after: Seq,
    index: number,
    part: Part,
  ): Promise<StagedPart | undefined>;
  /** Removes staged files of units of `dataset` that start below `through`. Idempotent. */
  clear(dataset: DatasetName, through: Seq): Promise<void>;
}

export interface StagedWriter {
  /** Adds bytes in order; they may be reused once it resolves. Not durable yet. E_UNAVAILABLE. */
  write(bytes: Uint8Array): Promise<void>;
  /** fsyncs and closes; the bytes may now be delivered. Call it once. E_UNAVAILABLE. */
  finish(): Promise<StagedPart>;
  /** Closes and removes; the part is as if never begun. Idempotent. */
  abandon(): Promise<void>;
}

export interface StagedPart {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** 64 hex digits, of the bytes as staged. */
  readonly sha256: string;
}

/**
 * One destination of one sink instance. Every method may be called again after any failure.
 * Errors other than the answers below are thrown (HypError kind unavailable = retry later).
 */
export interface Sink {
  /** What people call it. */
  readonly name: SinkName;
  /** What it is called at its destination and in its records, for ever: its first name. */
  readonly instance: SinkName;
  readonly type: 'fs';
  /** Names the destination itself: two sinks with equal fingerprints would collide. */
  readonly destination: string;
  readonly staging: Staging;
  /**
   * Makes the destination ready and claims it for `owner` (store and sink), put if absent, durable.
   * With `known`, a destination that has been delivered to before is not made again: E_PARKED when
   * its owner file is not there. Idempotent. E_FORK when another owner is recorded there;
   * E_UNAVAILABLE; E_UNSUPPORTED_FS.
   */
  claim(owner: string, known?: 'known'): Promise<void>;
  /**
   * Resolves when the destination still is `owner`'s and still has the manifest of `receipt`, the
   * unit delivered last: asked before each unit. Changes nothing. E_PARKED when it was emptied or is
   * not mounted; E_FORK when another owner is recorded there; E_UNAVAILABLE.
   */
  stands(owner: string, receipt: Unit | undefined): Promise<void>;
  /**
   * What is there for the unit of rows above `after` (exclusive) of this dataset and lineage.
   * Changes nothing. E_CORRUPT for a damaged plan or manifest; E_UNAVAILABLE.
   */
  lookup(dataset: DatasetName, lineage: Lineage, after: Seq): Promise<Lookup>;
  /**
   * Announces the unit: puts its plan if absent, durable, and answers what the destination now
   * holds for this start: the same plan, another one, or a manifest. Nothing of a unit is
   * delivered before this answered with the same plan. Idempotent. E_CORRUPT, E_UNAVAILABLE.
   */
  announce(unit: Unit): Promise<Lookup>;
  /**
   * Puts part `index` (0-based) of `unit`, if absent, from its staged bytes. Durable when accepted or
   * duplicate. Idempotent: a part that is there is never replaced. What fails for now is `retry`.
   */
  deliver(unit: Unit, index: number, staged: StagedPart | undefined): Promise<Delivery>;
  /**
   * Puts the unit manifest after the last part, if absent: then all of `(after, through]` is visible
   * whole. Durable when it resolves. Idempotent; E_FORK when another is there; E_UNAVAILABLE.
   */
  complete(unit: Unit): Promise<void>;
  /**
   * Puts `unit` as a manifest without asking for its parts: by a person's decision only, for a unit
   * whose store is gone, or whose objects are. Durable when it resolves. Idempotent; E_FORK when
   * another is there; E_UNAVAILABLE.
   */
  close(unit: Unit): Promise<void>;
  /**
   * Puts the plan of `unit`, if absent, whether its manifest is there or not: by a person's decision
   * only, for a unit that was delivered and whose plan is gone. Durable when it resolves. Idempotent;
   * E_FORK when another is there; E_CORRUPT; E_UNAVAILABLE.
   */
  replan(unit: Unit): Promise<void>;
}
