/**
 * Owns: one open unit on its way out: announce, deliver every part, complete, and what the answers
 * mean. Every step may be repeated by another process or after a crash: the destination recognises
 * what it has.
 *
 * | step | durable then | a crash right after leaves |
 * | intent (before this file) | which rows, keys, digests | the unit, replayed |
 * | announce | the plan at the destination | the unit, replayed; another plan cannot start here |
 * | parts encoded again, with other bytes | a new progress version, then staged bytes | replayed |
 * | deliver, part by part | that object | the same parts again, recognised |
 * | complete | the unit manifest | recognised as delivered, then advanced |
 *
 * llp/0008
 */
import { HypError, isHypError } from '../../core/errors.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Unit } from '../../core/unit.ts';
import { sameUnit } from '../../core/unit.ts';
import { unreachable } from '../../core/invariant.ts';
import type { Delivery, StagedPart } from '../../../sinks/sink.ts';
import { withOpenUnit } from '../../../state/progress.ts';
import type { Progress, ProgressRecord } from '../../../state/progress.ts';
import { unitAction } from './decide.ts';
import { digestOfRange, encodeAgain } from './new-unit.ts';
import type { FreshUnit, UnitSource } from './new-unit.ts';

export type UnitOutcome =
  /** Every part and the manifest are there; `head` is the record whose open unit that is. */
  | { readonly kind: 'delivered'; readonly head: RecordHead<Progress> }
  /** Another process linked a version meanwhile: load the record again. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'retry'; readonly afterMs: number; readonly reason: string }
  /** Park the record as `head` has it: a person decides. */
  | {
      readonly kind: 'park';
      readonly head: RecordHead<Progress>;
      readonly reason: string;
      readonly hint: string;
    }
  /** The destination has other rows of this lineage (I10). */
  | { readonly kind: 'fork'; readonly head: RecordHead<Progress>; readonly reason: string };

interface OpenUnit {
  readonly source: UnitSource;
  readonly record: ProgressRecord;
  readonly head: RecordHead<Progress>;
  readonly unit: Unit;
  /** Staged parts of this very unit, when this process has just made them. */
  readonly staged: readonly StagedPart[];
}

/**
 * Runs the open unit of `head`. Idempotent. `fresh` is used when it is that very unit. Errors of
 * the disk or the sink pass through.
 */
export async function runUnit(
  source: UnitSource,
  record: ProgressRecord,
  head: RecordHead<Progress>,
  fresh?: FreshUnit,
): Promise<UnitOutcome> {
  const unit = head.value.open;
  if (unit === undefined) throw new HypError('E_INTERNAL', 'no unit is open');
  const staged = fresh?.unit === unit ? fresh.staged : [];
  const open = { source, record, head, unit, staged };
  const action = unitAction(unit, await source.sink.announce(unit));
  switch (action.label) {
    case 'fresh':
      await source.announced?.(head.value);
      return deliverParts(open);
    case 'delivered':
      return { kind: 'delivered', head };
    case 'adopt-plan':
    case 'adopt-manifest':
      return adopt(open, action.unit);
    default:
      return unreachable(action);
  }
}

/** The destination's unit becomes ours if it has the rows our table has over its range. */
async function adopt(open: OpenUnit, found: Unit): Promise<UnitOutcome> {
  const { record, head } = open;
  const source = await reachedSource(open.source, found);
  const ours =
    found.lineage === open.unit.lineage &&
    found.after === open.unit.after &&
    found.chainBefore === head.value.chain &&
    found.through <= source.head.value.hyp.maxSeq &&
    (await digestOfRange(source, found.after, found.through)) === found.contentDigest;
  if (!ours) return fork(head, found, 'its plan has other rows than this table');
  const linked = await record.append(head, withOpenUnit(head.value, found));
  if (linked.kind === 'conflict') return linked;
  return runUnit(source, record, linked.head);
}

/** What is above our largest seq is so only by the newest head; ours may be from before a pause. */
export async function reachedSource(source: UnitSource, found: Unit): Promise<UnitSource> {
  if (found.through <= source.head.value.hyp.maxSeq) return source;
  return { ...source, head: (await source.table.load()) ?? source.head };
}

async function deliverParts(open: OpenUnit): Promise<UnitOutcome> {
  const missing = new Set<number>();
  for (let index = 0; index < open.unit.parts.length; index++) {
    const delivery = await deliverPart(open, index);
    if (delivery.kind === 'missing') missing.add(index);
    else if (!isThere(delivery)) return failed(open, index, delivery);
  }
  if (missing.size > 0) return deliverAgain(open, missing);
  return completeUnit(open);
}

async function deliverPart(open: OpenUnit, index: number): Promise<Delivery> {
  const { sink } = open.source;
  const { dataset, after, parts } = open.unit;
  const part = parts[index];
  if (part === undefined) throw new HypError('E_INTERNAL', `the unit has no part ${index}`);
  const staged = open.staged[index] ?? (await sink.staging.find(dataset, after, index, part));
  return sink.deliver(open.unit, index, staged);
}

/** Staged bytes are gone: make them again; other bytes are recorded before they are sent (I8). */
async function deliverAgain(open: OpenUnit, missing: ReadonlySet<number>): Promise<UnitOutcome> {
  const { source, record } = open;
  const unit = await encodeAgain(source, open.unit, missing);
  let { head } = open;
  if (!sameUnit(unit, open.unit)) {
    const linked = await record.append(head, withOpenUnit(head.value, unit));
    if (linked.kind === 'conflict') return linked;
    head = linked.head;
  }
  const again = { ...open, head, unit, staged: [] };
  // Both bytes are gone, too, when another process has finished the unit and a reader moved it on.
  const { label } = unitAction(unit, await source.sink.announce(unit));
  if (label !== 'fresh') return runUnit(source, record, head);
  for (const index of missing) {
    const delivery = await deliverPart(again, index);
    if (!isThere(delivery)) return failed(again, index, delivery);
  }
  return completeUnit(again);
}

/** A paused process finds the manifest of whoever went on: its record is refused, too (I9). */
async function completeUnit({ source, head, unit }: OpenUnit): Promise<UnitOutcome> {
  try {
    await source.sink.complete(unit);
  } catch (error) {
    if (!isHypError(error, 'E_FORK')) throw error;
    return { kind: 'fork', head, reason: error.message };
  }
  return { kind: 'delivered', head };
}

function isThere(delivery: Delivery): boolean {
  return delivery.kind === 'accepted' || delivery.kind === 'duplicate';
}

function failed(open: OpenUnit, index: number, delivery: Delivery): UnitOutcome {
  const key = open.unit.parts[index]?.key ?? '';
  switch (delivery.kind) {
    case 'retry':
      return { kind: 'retry', afterMs: delivery.afterMs, reason: delivery.reason };
    case 'refused':
      return {
        kind: 'park',
        head: open.head,
        reason: `the destination refused ${key}: ${delivery.reason}`,
        hint: 'Change the destination so that it takes the object; nothing else was sent.',
      };
    case 'fork':
      return fork(open.head, open.unit, delivery.reason);
    case 'missing':
      return { kind: 'retry', afterMs: 0, reason: `staged bytes of ${key} vanished again` };
    case 'accepted':
    case 'duplicate':
      throw new HypError('E_INTERNAL', `part ${key} is there`);
    default:
      return unreachable(delivery);
  }
}

function fork(head: RecordHead<Progress>, unit: Unit, reason: string): UnitOutcome {
  const where = `after seq ${unit.after} of ${unit.dataset}`;
  return {
    kind: 'fork',
    head,
    reason: `the destination knows another history ${where}: ${reason}`,
  };
}
