/**
 * Owns: what to do with a unit, as pure functions over evidence: one labelled table.
 *
 * | label | our unit | the destination holds | chain and rows | action |
 * | fresh | intent | our plan | same | deliver every part |
 * | delivered | intent | our manifest | same | advance |
 * | adopt-plan | intent | another plan | same rows as ours over its range | take it over |
 * | adopt-manifest | intent | another manifest | same rows as ours over its range | take it over |
 * | fork | intent | another plan or manifest | other rows, or above our largest seq | park |
 *
 * llp/0008
 */
import type { Unit } from '../../core/unit.ts';
import { unitToJson } from '../../core/unit.ts';
import type { Lookup } from '../../../sinks/sink.ts';

export type UnitAction =
  | { readonly label: 'fresh' }
  | { readonly label: 'delivered'; readonly unit: Unit }
  /** Take `unit` over if our own rows over its range have its content digest, else fork. */
  | { readonly label: 'adopt-plan' | 'adopt-manifest'; readonly unit: Unit };

/** `found` is what the destination answered to the announcement of `unit`. */
export function unitAction(unit: Unit, found: Lookup): UnitAction {
  if (found.kind === 'none') return { label: 'fresh' };
  const same = sameRows(unit, found.unit);
  if (found.kind === 'planned') {
    return same ? { label: 'fresh' } : { label: 'adopt-plan', unit: found.unit };
  }
  return same
    ? { label: 'delivered', unit: found.unit }
    : { label: 'adopt-manifest', unit: found.unit };
}

/** True when two units have the same rows under the same keys, whatever their bytes. */
export function sameRows(a: Unit, b: Unit): boolean {
  return rowsOf(a) === rowsOf(b);
}

function rowsOf(unit: Unit): string {
  const json = unitToJson(unit);
  const parts = json.parts.map((part) => ({ key: part.key, rows: part.rows }));
  const encoder = { ...json.encoder, version: 0 };
  return JSON.stringify({ ...json, encoder, commits: [], parts });
}
