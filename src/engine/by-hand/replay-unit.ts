/**
 * Owns: one unit of a replay: which of its files and objects are gone from the destination, and
 * putting them there again in the order in which they were put first. The tables of what each is
 * called and of the steps are in ./replay.
 * Bounded (I13): a row group, the open parts' encoders, one object's 64 KiB.
 * llp/0022
 */
import { isMissing } from '../../core/durable-fs.ts';
import { HypError, isHypError, problemText } from '../../core/errors.ts';
import { toSeq } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Part, Unit } from '../../core/unit.ts';
import type { Survey, UnitFiles } from '../../../sinks/blob/survey.ts';
import { schemaById } from '../../../storage/iceberg/metadata.ts';
import type { TableHead } from '../../../storage/table.ts';
import { sameRows } from '../export/decide.ts';
import { encodeAgain } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';
import { judgeObject } from '../verify/judge.ts';
import type { ReplayProblem } from './report.ts';

/** An exporter that advances sweeps what is staged below its watermark: staged again. */
const ATTEMPTS = 3;

/** One replay under way. */
export interface Replaying {
  readonly source: UnitSource;
  readonly survey: Survey;
  readonly dryRun: boolean;
  readonly tally: Tally;
  /** Throws when the sink is not this process's to deliver to any more. */
  readonly assertOurs: () => Promise<void>;
}

/** What came of it so far. */
export class Tally {
  units = 0;
  unitFiles = 0;
  absentRows = 0;
  found = 0;
  readonly sent = { objects: 0, rows: 0, bytes: 0 };
  readonly there = { objects: 0, rows: 0, bytes: 0 };
  readonly problems: ReplayProblem[] = [];

  count(to: 'sent' | 'there', part: Part): void {
    this[to].objects += 1;
    this[to].rows += part.rows;
    this[to].bytes += part.bytes;
  }

  problem(found: ReplayProblem): void {
    this.found += 1;
    if (this.problems.length < LIMITS.findingsReported) this.problems.push(found);
  }
}

/** Puts back what is gone of one unit, and counts it. Idempotent. E_FORK, E_UNAVAILABLE. */
export async function replayUnit(
  look: Replaying,
  files: UnitFiles,
  unit: Unit | undefined,
): Promise<void> {
  const { tally, source, dryRun } = look;
  await look.assertOurs();
  const damage = damageOf(look, files, unit);
  if (damage !== undefined || unit === undefined) {
    if (damage !== undefined) tally.problem(damage);
    return;
  }
  tally.units += 1;
  tally.absentRows += unit.absent?.rows ?? 0;
  const gone = [files.plan, files.manifest].filter(({ state }) => state === 'none');
  if (!dryRun && files.plan.state === 'none') await source.sink.replan(unit);
  const missing = await missingOf(look, unit);
  const before = tally.found;
  if (missing.set.size > 0) await putMissing(look, unit, missing.set);
  const whole = !missing.differs && tally.found === before;
  if (!dryRun && whole && files.manifest.state === 'none') await source.sink.complete(unit);
  tally.unitFiles += whole ? gone.length : gone.length - (files.manifest.state === 'none' ? 1 : 0);
}

/** Why a unit is left alone: what is there under its names cannot be trusted. */
function damageOf(
  look: Replaying,
  files: UnitFiles,
  unit: Unit | undefined,
): ReplayProblem | undefined {
  const { plan, manifest, after } = files;
  const through = unit?.through ?? toSeq(after + 1n);
  const pathOf = (kind: 'plan' | 'unit'): string =>
    look.survey.unitPath(kind, {
      dataset: look.source.table.dataset,
      lineageShort: files.lineageShort,
      after,
    });
  const damaged = { label: 'damaged', after, through } as const;
  if (manifest.state === 'damaged')
    return { ...damaged, where: pathOf('unit'), what: manifest.reason };
  if (plan.state === 'damaged') return { ...damaged, where: pathOf('plan'), what: plan.reason };
  if (unit === undefined || plan.state !== 'whole' || sameRows(plan.unit, unit)) return undefined;
  const what = 'the plan is of other rows than the manifest, or our receipt';
  return { ...damaged, where: pathOf('plan'), what };
}

async function missingOf(
  { survey, tally }: Replaying,
  unit: Unit,
): Promise<{ readonly set: Set<number>; readonly differs: boolean }> {
  const set = new Set<number>();
  let differs = false;
  for (const [index, part] of unit.parts.entries()) {
    const bytes = await survey.sizeOf(part.key);
    const read = bytes === part.bytes ? await survey.digestOf(part.key) : undefined;
    const difference = judgeObject(part, unit, { bytes, sha256: read?.sha256 });
    if (difference === undefined) tally.count('there', part);
    else if (bytes === undefined) set.add(index);
    else {
      const { after, through } = unit;
      const where = survey.pathOf(part.key);
      tally.problem({ label: 'differs', after, through, where, what: difference.what });
      differs = true;
    }
  }
  return { set, differs };
}

/** Makes the missing objects from our rows and puts those that come out as they were. */
async function putMissing(
  look: Replaying,
  unit: Unit,
  missing: ReadonlySet<number>,
): Promise<void> {
  const { source, tally } = look;
  const { head } = source;
  const gone = rowsGone(head, unit);
  if (gone !== undefined) {
    tellAll(look, unit, missing, { label: 'rows-gone', what: gone });
    return;
  }
  if (look.dryRun) {
    for (const index of missing) tally.count('sent', partAt(unit, index));
    return;
  }
  let left = missing;
  for (let attempt = 1; left.size > 0; attempt++) {
    let made: Unit;
    try {
      made = await encodeAgain(source, unit, left);
    } catch (error) {
      const swept = isHypError(error, 'E_UNAVAILABLE') && isMissing(error.cause);
      if (swept && attempt < ATTEMPTS) continue;
      if (!isHypError(error, 'E_CORRUPT', 'E_FOREIGN')) throw error;
      tellAll(look, unit, left, { label: 'rows-gone', what: problemText(error) });
      return;
    }
    left = await putMade(look, { unit, made }, left, attempt === ATTEMPTS);
  }
}

/** Answers what was staged and is gone again: somebody's watermark swept it. */
async function putMade(
  { source, survey, tally }: Replaying,
  { unit, made }: { readonly unit: Unit; readonly made: Unit },
  wanted: ReadonlySet<number>,
  last: boolean,
): Promise<Set<number>> {
  const { sink } = source;
  const { dataset, after, through } = unit;
  const swept = new Set<number>();
  for (const index of wanted) {
    const part = partAt(unit, index);
    const where = survey.pathOf(part.key);
    const { sha256, bytes } = partAt(made, index);
    if (sha256 !== part.sha256 || bytes !== part.bytes) {
      const what = `this hyp writes the same rows in other bytes (sha256 ${sha256}), and the manifest says ${part.sha256}`;
      tally.problem({ label: 'other-bytes', after, through, where, what });
      continue;
    }
    const staged = await sink.staging.find(dataset, after, index, part);
    const sent = await sink.deliver(unit, index, staged).catch(async (error: unknown) => {
      const here = await sink.staging.find(dataset, after, index, part);
      if (here !== undefined || !isHypError(error, 'E_UNAVAILABLE')) throw error;
      return { kind: 'missing' } as const;
    });
    if (sent.kind === 'accepted') tally.count('sent', part);
    else if (sent.kind === 'duplicate') tally.count('there', part);
    else if (sent.kind === 'missing' && !last) swept.add(index);
    else if (sent.kind === 'fork') {
      tally.problem({ label: 'differs', after, through, where, what: sent.reason });
    } else throw unavailable(where, 'reason' in sent ? sent.reason : 'its staged bytes vanished');
  }
  return swept;
}

/** Why the rows of `unit` cannot be made again; undefined: they may be, their digest decides. */
function rowsGone(head: TableHead, unit: Unit): string | undefined {
  const { prunedThrough, maxSeq } = head.value.hyp;
  if (prunedThrough > unit.after) {
    return `rows through seq ${prunedThrough} were removed from the table by retention`;
  }
  const schema = schemaById(head.value, unit.encoder.schemaId);
  if (unit.through <= maxSeq && schema !== undefined) return undefined;
  return 'the table does not have the rows of this unit: another history delivered them';
}

function tellAll(
  { survey, tally }: Replaying,
  unit: Unit,
  missing: ReadonlySet<number>,
  found: Pick<ReplayProblem, 'label' | 'what'>,
): void {
  const { after, through } = unit;
  for (const index of missing) {
    tally.problem({ ...found, after, through, where: survey.pathOf(partAt(unit, index).key) });
  }
}

function partAt(unit: Unit, index: number): Part {
  return defined(unit.parts[index], `the unit has part ${index}`);
}

function unavailable(where: string, reason: string): HypError {
  return new HypError('E_UNAVAILABLE', `cannot put ${where}: ${reason}`, {
    hint: 'What was put stays. Mend the destination and run the command again: it goes on.',
  });
}
