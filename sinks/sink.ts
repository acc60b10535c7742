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

export type Delivery =
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
  /** Creates an empty staged file for part `index` of the unit that starts at `after`. */
  create(dataset: DatasetName, after: Seq, index: number): Promise<StagedWriter>;
  /** The staged file of a part when it is there with exactly these bytes (size and sha256). */
  find(
    dataset: DatasetName,
    after: Seq,
    index: number,
    part: Part,
  ): Promise<StagedPart | undefined>;
  /** Removes staged files of `dataset` below or at `through`. Idempotent. */
  clear(dataset: DatasetName, through: Seq): Promise<void>;
}

export interface StagedWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** fsyncs and closes; the bytes may now be delivered. */
  finish(): Promise<StagedPart>;
  /** Closes and removes. */
  abandon(): Promise<void>;
}

export interface StagedPart {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * One destination of one sink instance. Every method may be called again after any failure.
 * Errors other than the answers below are thrown (HypError kind unavailable = retry later).
 */
export interface Sink {
  readonly name: SinkName;
  readonly type: 'fs';
  /** Names the destination itself: two sinks with equal fingerprints would collide. */
  readonly destination: string;
  readonly staging: Staging;
  /**
   * Makes the destination ready and claims it for `owner` (store and sink), put if absent, durable.
   * E_FORK when another owner is recorded there.
   */
  claim(owner: string): Promise<void>;
  /** What is there for the unit of `dataset` and `lineage` that starts after `after`. */
  lookup(dataset: DatasetName, lineage: Lineage, after: Seq): Promise<Lookup>;
  /**
   * Announces the unit: puts its plan if absent, durable, and answers what the destination now
   * holds for this start: the same plan, another one, or a manifest. Nothing of a unit is
   * delivered before this answered with the same plan.
   */
  announce(unit: Unit): Promise<Lookup>;
  /** Durable when accepted or duplicate. Idempotent. */
  deliver(unit: Unit, index: number, staged: StagedPart | undefined): Promise<Delivery>;
  /** Puts the unit manifest after the last part, durable. Idempotent; E_FORK when another is there. */
  complete(unit: Unit): Promise<void>;
}
