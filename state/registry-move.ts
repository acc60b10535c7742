/**
 * Owns: the two versions of the registry between which a sink is on its way to another destination.
 * Commit point of a move: the link of the version with the new destination.
 *
 * | change | what it means | a crash right after the link leaves |
 * | mark | no step begins, no unit is run, for every process from its next look on | a sink that waits |
 * | arrive | **the sink is at the new destination**, the mark is gone | a sink that goes on there |
 * | stay | the mark is gone | a sink that goes on where it was |
 *
 * A crash before the link leaves all as it was. Every change is idempotent. A mark has an id of its
 * own, because what is proven holds only as long as that very mark stood: between two of them the
 * sink may have exported.
 *
 * | registry | mark | arrive | stay, of a move | stay, by a person |
 * | the mark of this id | done | go | go | go |
 * | another mark | go: it takes its place | changed | changed | go |
 * | no mark, at `from` | go | changed | done | done |
 * | no mark, at `to` | changed | done | changed | - |
 * | no such sink, or forgotten, or at a third place | changed | changed | changed | changed |
 * Not its job: fencing whoever slept, and proving the new place (engine/by-hand/move).
 * llp/0022
 */
import { HypError } from '../src/core/errors.ts';
import type { SinkName } from '../src/core/ids.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { VersionedRecord } from '../src/core/versioned-record.ts';
import type { RegisteredSink, Registry } from './registry.ts';

export type MoveStep = 'mark' | 'arrive' | 'stay';

export interface Move {
  readonly name: SinkName;
  readonly from: string;
  readonly to: string;
  /** Random, of one attempt; undefined: a person who takes back whatever move there is. */
  readonly id: string | undefined;
}

export type MoveDecision =
  | { readonly label: 'go'; readonly sink: RegisteredSink }
  /** It is so already. */
  | { readonly label: 'done' }
  /** Another sink delivers to the new destination. */
  | { readonly label: 'taken'; readonly by: SinkName }
  /** Somebody else renamed, forgot or moved it meanwhile. */
  | { readonly label: 'changed' };

/** What one step of `move` does to the registry. */
export function moveAction(sinks: Registry, move: Move, step: MoveStep): MoveDecision {
  const { name, from, to, id } = move;
  const known = sinks.find((sink) => sink.name === name && sink.forgottenSinceMs === undefined);
  if (known === undefined) return { label: 'changed' };
  const { movingTo, moveId, ...sink } = known;
  if (step === 'arrive' && known.destination === to && movingTo === undefined) {
    return { label: 'done' };
  }
  if (known.destination !== from) return { label: 'changed' };
  const own = movingTo !== undefined && moveId === id;
  if (step === 'stay') {
    if (movingTo === undefined) return { label: 'done' };
    return own || id === undefined ? { label: 'go', sink } : { label: 'changed' };
  }
  const rival = sinks.find(
    (other) => other !== known && other.destination === to && other.forgottenSinceMs === undefined,
  );
  if (rival !== undefined) return { label: 'taken', by: rival.name };
  if (step === 'mark') {
    if (own && movingTo === to) return { label: 'done' };
    return { label: 'go', sink: { ...sink, movingTo: to, moveId: id } };
  }
  return own && movingTo === to
    ? { label: 'go', sink: { ...sink, destination: to } }
    : { label: 'changed' };
}

/**
 * Makes one step. Answers whether that was a new version. Durable when it answers; idempotent, from
 * any number of processes. E_REFUSED for a destination that is taken, E_CONFLICT when the sink was
 * changed by somebody else, E_UNKNOWN_OUTCOME, E_CORRUPT.
 */
export async function moveStep(
  record: VersionedRecord<Registry>,
  move: Move,
  step: MoveStep,
): Promise<boolean> {
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const head = await record.load();
    const sinks = head?.value ?? [];
    const decision = moveAction(sinks, move, step);
    if (decision.label === 'done') return false;
    if (decision.label === 'taken') {
      throw new HypError('E_REFUSED', `sink ${decision.by} delivers to ${move.to}`, {
        hint: `Nothing was moved. Give ${move.name} a place of its own.`,
      });
    }
    if (decision.label === 'changed') break;
    const next = sinks.map((sink) => (sink.name === move.name ? decision.sink : sink));
    if ((await record.append(head, next)).kind === 'linked') return true;
  }
  throw new HypError('E_CONFLICT', `sink ${move.name} was changed by somebody else meanwhile`, {
    hint: 'Run `hyp sink list`, then the command again.',
  });
}
