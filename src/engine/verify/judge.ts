/**
 * Owns: what a difference between our records, our rows and a destination is: pure functions over
 * evidence, one labelled table. Nothing is repaired and nothing guessed.
 *
 * | label | evidence |
 * | hole | at or below the watermark no plan and no manifest covers (a, b] |
 * | double | a manifest begins below the end of the one before it |
 * | manifest-missing | a plan, no manifest, and our record says the unit is delivered |
 * | manifest-damaged, plan-damaged | the file's seal or name does not fit its content |
 * | plan-missing | a manifest without the plan that was put before it |
 * | plan-differs | plan and manifest are of other rows |
 * | plan-unknown | a plan above the watermark that is not the open unit's |
 * | unit-differs | a unit has other rows than its range, or its parts than the unit |
 * | chain-broken | a unit does not continue the digest of all rows before it, or the watermark's differs |
 * | receipt-missing | a whole unit above the watermark, even the open one: our record says it is not out |
 * | receipt-differs | a receipt of ours is of other rows than the manifest |
 * | object-missing, object-size, object-bytes | an object is not there, or not what the unit says |
 * | extra-object | a name that claims rows, listed by no plan or manifest of its start |
 * | foreign-object | a name no object of this sink ever has |
 *
 * llp/0018
 */
import type { Seq } from '../../core/ids.ts';
import { toSeq } from '../../core/ids.ts';
import type { Part, Unit } from '../../core/unit.ts';
import type { FoundKey, UnitFile, UnitFiles } from '../../../sinks/blob/survey.ts';
import { sameRows } from '../export/decide.ts';
import type { SeqRange, VerifyLabel } from './report.ts';

/** A finding before it is told where it is. */
export interface Difference {
  readonly label: VerifyLabel;
  readonly range: SeqRange | undefined;
  /** What follows the name of the range or object. */
  readonly what: string;
}

/** What our own side says of one lineage. */
export interface Records {
  /** undefined: nothing is known, and only the destination is compared with itself. */
  readonly watermark: Seq | undefined;
  readonly chain: string | undefined;
  readonly open: Unit | undefined;
  readonly receipts: ReadonlyMap<bigint, Unit>;
  /** A person ended this history here (llp/0017): what follows at the destination is not ours. */
  readonly ended: boolean;
}

/** How far the units of a destination were followed. */
export interface Reached {
  readonly through: Seq;
  /** Digest of all rows up to there; undefined behind a hole. */
  readonly chain: string | undefined;
}

export interface UnitVerdict {
  readonly reached: Reached;
  readonly differences: readonly Difference[];
  /** The unit whose objects must be there; undefined when none need be. */
  readonly due: Unit | undefined;
}

const wholeOf = (file: UnitFile): Unit | undefined =>
  file.state === 'whole' ? file.unit : undefined;

/** What the unit that starts at `files.after` says, when `reached` is all there was before it. */
export function judgeUnit(reached: Reached, files: UnitFiles, records: Records): UnitVerdict {
  const { after } = files;
  const receipt = records.receipts.get(after);
  const delivered = records.watermark !== undefined && after < records.watermark;
  if (records.ended && !delivered) return { reached, differences: [], due: undefined };
  const manifest = wholeOf(files.manifest);
  // A damaged or missing manifest: our receipt says best what was delivered, then the plan.
  const unit = manifest ?? (delivered ? (receipt ?? wholeOf(files.plan)) : undefined);
  const differences = [
    ...fileDifferences(files, delivered, unit),
    ...(unit === undefined ? [] : unitDifferences(reached, unit, receipt)),
  ];
  if (unit === undefined) {
    const hole = after > reached.through ? [holeBetween(reached.through, after)] : [];
    return { reached, differences: [...differences, ...hole], due: undefined };
  }
  const through = unit.through > reached.through ? unit.through : reached.through;
  return { reached: { through, chain: unit.chain }, differences, due: unit };
}

function fileDifferences(
  files: UnitFiles,
  delivered: boolean,
  unit: Unit | undefined,
): readonly Difference[] {
  const { plan, manifest, after } = files;
  const range = unit && rangeOf(unit);
  const found: Difference[] = [];
  const add = (label: VerifyLabel, what: string): void => void found.push({ label, range, what });
  if (manifest.state === 'damaged') add('manifest-damaged', manifest.reason);
  if (manifest.state === 'none' && delivered) {
    add('manifest-missing', `the unit after seq ${after} was delivered and has no manifest`);
  }
  if (plan.state === 'damaged') add('plan-damaged', plan.reason);
  if (plan.state === 'none' && manifest.state !== 'none') {
    add('plan-missing', `the unit after seq ${after} has no plan`);
  }
  const [planned, whole] = [wholeOf(plan), wholeOf(manifest)];
  if (planned !== undefined && whole !== undefined && !sameRows(planned, whole)) {
    add('plan-differs', `plan and manifest after seq ${after} are of other rows`);
  }
  return found;
}

function unitDifferences(
  reached: Reached,
  unit: Unit,
  receipt: Unit | undefined,
): readonly Difference[] {
  const range = rangeOf(unit);
  const found: Difference[] = [];
  if (unit.after > reached.through) found.push(holeBetween(reached.through, unit.after));
  if (unit.after < reached.through) {
    const twice = { after: unit.after, through: lower(unit.through, reached.through) };
    found.push({ label: 'double', range: twice, what: 'two units hold these rows' });
  }
  const follows = unit.after === reached.through && reached.chain !== undefined;
  if (follows && unit.chainBefore !== reached.chain) {
    const what = 'the unit was made after other rows than those delivered before it';
    found.push({ label: 'chain-broken', range, what });
  }
  const rows = unit.parts.reduce((sum, part) => sum + part.rows, 0);
  const absent = unit.absent?.rows ?? 0;
  if (BigInt(unit.rows + absent) !== unit.through - unit.after || rows !== unit.rows) {
    const what = `the unit says ${unit.rows} rows and ${absent} that are not in it, its parts ${rows}`;
    found.push({ label: 'unit-differs', range, what });
  }
  // Two processes may have encoded the same rows to other bytes: the manifest's were delivered.
  if (receipt !== undefined && !sameRows(receipt, unit)) {
    const what = 'our receipt is of other rows than the manifest';
    found.push({ label: 'receipt-differs', range, what });
  }
  return found;
}

/** What is left to say when the last unit was seen; `last` is what our record says by now. */
export function judgeEnd(
  followed: { readonly reached: Reached; readonly above: readonly AboveUnit[] },
  atWatermark: string | undefined,
  records: Records,
  last: Records,
): readonly Difference[] {
  const { reached, above } = followed;
  const found: Difference[] = [];
  const { watermark } = records;
  if (watermark !== undefined && reached.through < watermark) {
    found.push(holeBetween(reached.through, watermark));
  }
  if (atWatermark !== undefined && records.chain !== undefined && atWatermark !== records.chain) {
    const what = `all rows through ${watermark ?? 0n} have another digest at the destination`;
    found.push({ label: 'chain-broken', range: undefined, what });
  }
  return [...found, ...above.flatMap((unit) => judgeAbove(unit, last))];
}

/** A unit that began at or above the watermark when it was seen. */
export interface AboveUnit extends SeqRange {
  readonly whole: boolean;
}

/** What our record knows by now it has caught up with, or has open. */
function judgeAbove(unit: AboveUnit, last: Records): readonly Difference[] {
  if (last.ended || last.watermark === undefined || unit.through <= last.watermark) return [];
  const { after, through, whole } = unit;
  if (last.open?.after === after && !whole) return [];
  const from = after < last.watermark ? last.watermark : after;
  const range = { after: from, through };
  return whole
    ? [{ label: 'receipt-missing', range, what: 'delivered, but our record does not know it' }]
    : [{ label: 'plan-unknown', range, what: 'planned, but not by our record' }];
}

/** The last part of `above` grows by `unit` when it follows, so that a lost record costs one entry. */
export function withAbove(above: readonly AboveUnit[], unit: AboveUnit): readonly AboveUnit[] {
  const last = above.at(-1);
  if (last?.whole !== unit.whole || last.through !== unit.after) return [...above, unit];
  return [...above.slice(0, -1), { ...last, through: unit.through }];
}

export interface ObjectEvidence {
  /** undefined: not there. */
  readonly bytes: number | undefined;
  /** Only when every byte was read. */
  readonly sha256: string | undefined;
}

/** What an object is to the part it must be. */
export function judgeObject(
  part: Part,
  range: SeqRange,
  found: ObjectEvidence,
): Difference | undefined {
  if (found.bytes === undefined) {
    return { label: 'object-missing', range, what: `the object is gone, with ${part.rows} rows` };
  }
  if (found.bytes !== part.bytes) {
    const what = `the object has ${found.bytes} bytes, delivered were ${part.bytes}`;
    return { label: 'object-size', range, what };
  }
  if (found.sha256 !== undefined && found.sha256 !== part.sha256) {
    const what = `the object has sha256 ${found.sha256}, delivered was ${part.sha256}`;
    return { label: 'object-bytes', range, what };
  }
  return undefined;
}

/** What a file that is no plan and no manifest is; `start` is what is there for the start it names. */
export function judgeKey(found: FoundKey, start: UnitFiles | undefined): Difference | undefined {
  if (found.part === undefined || start === undefined) {
    return {
      label: 'foreign-object',
      range: undefined,
      what: 'no object of this sink has this name',
    };
  }
  const units = [wholeOf(start.manifest), wholeOf(start.plan)];
  const listed = units.some((unit) => unit?.parts.some((part) => part.key === found.key) === true);
  const unknowable = start.manifest.state === 'damaged' || start.plan.state === 'damaged';
  // What a damaged file lists nobody knows; the damage is a finding of its own.
  if (listed || unknowable) return undefined;
  const range = { after: found.part.after, through: found.part.through };
  return { label: 'extra-object', range, what: 'no plan and no manifest lists this object' };
}

function holeBetween(after: Seq, through: Seq): Difference {
  const rows = through - after;
  return { label: 'hole', range: { after, through }, what: `no unit holds these ${rows} rows` };
}

function rangeOf({ after, through }: Unit): SeqRange {
  return { after, through };
}

function lower(a: Seq, b: Seq): Seq {
  return toSeq(a < b ? a : b);
}
