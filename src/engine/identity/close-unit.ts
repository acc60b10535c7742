/**
 * Owns: ending a unit that was planned at a destination and whose store will not go on with it: its
 * manifest lists the parts that are there, and our own rows of the parts that are not.
 *
 * | part | our rows in it | the manifest has |
 * | is there as planned | any | that part |
 * | is not there | some | a part of our rows alone, under the same key |
 * | is not there | none | nothing |
 *
 * So every row both histories share is there once, whatever was sent; rows of a dead store in parts
 * that never left are gone with it. Such a manifest has fewer rows than its range.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 each missing part with rows of ours put, if absent | that part | the same again: "duplicate" |
 * | 2 manifest put, if absent | **the unit has ended** | - |
 * llp/0017
 */
import { HypError } from '../../core/errors.ts';
import type { Seq } from '../../core/ids.ts';
import type { Part, Unit } from '../../core/unit.ts';
import type { StagedPart } from '../../../sinks/sink.ts';
import { schemaById } from '../../../storage/iceberg/metadata.ts';
import { encodeParts } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';

/** Completes `unit` with what is there and with our rows through `shared`. Idempotent. */
export async function closeUnit(source: UnitSource, unit: Unit, shared: Seq): Promise<void> {
  const { sink } = source;
  const missing = new Set<number>();
  for (const index of unit.parts.keys()) {
    const there = await sink.deliver(unit, index, undefined);
    if (there.kind === 'retry') throw unavailable(unit, there.reason);
    if (there.kind !== 'duplicate') missing.add(index);
  }
  if (missing.size === 0) return sink.complete(unit);
  const made = await ourParts(source, unit, { shared, missing });
  const parts: { readonly part: Part; readonly staged: StagedPart | undefined }[] = [];
  for (const [index, part] of unit.parts.entries()) {
    const ours = made[index];
    if (!missing.has(index)) parts.push({ part, staged: undefined });
    else if (ours?.staged !== undefined) {
      const { bytes, sha256 } = ours.staged;
      parts.push({ part: { ...part, rows: ours.rows, bytes, sha256 }, staged: ours.staged });
    }
  }
  const rows = parts.reduce((sum, { part }) => sum + part.rows, 0);
  const closed = { ...unit, rows, parts: parts.map(({ part }) => part) };
  for (const [index, { staged }] of parts.entries()) {
    if (staged === undefined) continue;
    const sent = await sink.deliver(closed, index, staged);
    if (sent.kind === 'accepted' || sent.kind === 'duplicate') continue;
    throw unavailable(unit, 'reason' in sent ? sent.reason : sent.kind);
  }
  return sink.complete(closed);
}

/** Our rows of the unit, in its parts: a prefix of its rows fills its parts in the same order. */
async function ourParts(
  source: UnitSource,
  unit: Unit,
  want: { readonly shared: Seq; readonly missing: ReadonlySet<number> },
) {
  const through = want.shared < unit.through ? want.shared : unit.through;
  if (through <= unit.after) return [];
  const { value } = source.head;
  const known = schemaById(value, unit.encoder.schemaId) !== undefined;
  // A schema of the dead store that we never had has no column our rows have a value for.
  const schemaId = known ? unit.encoder.schemaId : value.currentSchemaId;
  const range = { after: unit.after, through, encoder: { ...unit.encoder, schemaId } };
  const encoded = await encodeParts(source, { ...range, cuts: undefined }, (index) =>
    want.missing.has(index),
  );
  return encoded.parts;
}

function unavailable(unit: Unit, reason: string): HypError {
  return new HypError(
    'E_UNAVAILABLE',
    `cannot end the unit (${unit.after}, ${unit.through}] of ${unit.dataset}: ${reason}`,
    { hint: 'Nothing was changed but parts of that unit. Mend the destination and run it again.' },
  );
}
