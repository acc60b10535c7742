/**
 * Owns: `hyp sink replay`: what a sink delivered and what is gone from its destination is put there
 * again: the same objects, under the same keys, with the same bytes. Never another name, never over
 * something that is there. The watermark does not move; no record is written.
 *
 * | label of a unit | known by | what is done |
 * | whole | manifest, else receipt, else plan | what is missing is made from our rows and put, if absent |
 * | nothing in it | a unit without objects: skipped, or delivered elsewhere | its plan and manifest, if gone |
 * | damaged | a plan or manifest that does not verify, or two of other rows | named, left alone |
 * | unknown | no plan, manifest or receipt says how the rows were cut | named |
 *
 * | label of an object | found | what is done |
 * | there | its size and SHA-256 | left |
 * | differs | another size or SHA-256 | named, never replaced |
 * | missing, rows gone | nothing; the table has its rows no more, or others | named |
 * | missing, other bytes | nothing; this hyp encodes these rows otherwise | named: the manifest says another digest |
 * | missing | nothing | put |
 *
 * | step, unit by unit | durable then | a crash right after leaves |
 * | 1 plan put, if absent (I7) | which rows and keys start here | run it again: the rest |
 * | 2 each missing object staged, put, if absent | that object | run it again: it is there |
 * | 3 manifest put, if absent, when every object is there | the unit is whole | - |
 *
 * A process that slept puts at most an object of a unit that was delivered, under the name it had:
 * nobody can find it twice. Whoever moved or forgot the sink meanwhile is asked before each unit.
 * llp/0022
 */
import { HypError } from '../../core/errors.ts';
import { SEQ_ZERO, lineageShort, toLineage } from '../../core/ids.ts';
import type { DatasetName, Lineage, Seq } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import type { Unit } from '../../core/unit.ts';
import { surveyFsSink } from '../../../sinks/fs.ts';
import type { Sink } from '../../../sinks/sink.ts';
import type { Survey, UnitFiles } from '../../../sinks/blob/survey.ts';
import { keptProgress } from '../../../state/kept-progress.ts';
import { knownLineages } from '../../../state/progress.ts';
import type { TableHead } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import type { SeqRange } from '../verify/report.ts';
import { Tally, replayUnit } from './replay-unit.ts';
import type { Replaying } from './replay-unit.ts';
import type { ReplayReport, ReplayRequest } from './report.ts';

/** Parked for one of these, whose units are at the destination is just what is not known. */
const UNSETTLED = new Set(['copied', 'rolled back', 'contradiction', 'foreign', 'moved']);

/** One history whose units are asked for. */
interface Piece extends SeqRange {
  readonly lineage: Lineage;
  readonly receipts: ReadonlyMap<bigint, Unit>;
}

/**
 * Puts what is missing of `(after, through]` again. Durable when it resolves; idempotent. Throws
 * E_USAGE, E_UNKNOWN_DATASET, E_RANGE for rows that were not delivered yet, E_PARKED, E_FORK,
 * E_UNAVAILABLE (what was put stays).
 */
export async function replay(
  context: EngineContext,
  exporters: Exporters,
  request: ReplayRequest,
): Promise<ReplayReport> {
  const { dataset, dryRun = false } = request;
  const table = context.table(dataset);
  const head = await table.load();
  if (head === undefined) throw unknownDataset(dataset);
  const { config, sink } = await exporters.byHand(request.sink);
  const pieces = await piecesOf(context, sink, head, request);
  const { fs, observe } = context;
  const survey = surveyFsSink({ ...config, instance: sink.instance, fs });
  const tally = new Tally();
  const assertOurs = async (): Promise<void> => {
    await exporters.byHand(request.sink);
  };
  const look = { source: { table, head, sink, observe }, survey, dryRun, tally, assertOurs };
  for (const piece of pieces) await replayPiece(look, dataset, piece);
  if (!dryRun) await sink.staging.clear(dataset, defined(pieces[0], 'a piece').through);
  const { units, sent, there, unitFiles, absentRows, problems, found } = tally;
  return { dryRun, units, sent, there, unitFiles, absentRows, problems, found };
}

/** The range in this lineage, and below where it began, in those it continues. */
async function piecesOf(
  context: EngineContext,
  { name, instance: sink }: Sink,
  head: TableHead,
  { dataset, after, through }: ReplayRequest,
): Promise<Piece[]> {
  const { fs, state, random } = context;
  const current = toLineage(head.value.hyp.lineage);
  const kept = await keptProgress(fs, state, { sink, dataset, lineage: current }, random);
  const { parked, watermark = SEQ_ZERO, origin = SEQ_ZERO } = kept.head ?? {};
  if (UNSETTLED.has(parked?.why ?? '')) {
    throw new HypError(
      'E_PARKED',
      `sink ${name} is parked for ${dataset}: ${parked?.reason ?? ''}`,
      {
        hint: `Nothing was sent. ${parked?.hint ?? ''}`,
      },
    );
  }
  if (after >= through) {
    throw new HypError('E_RANGE', `(${after}, ${through}] of ${dataset} holds no row`, {
      hint: 'Rows above --after, up to --through, are sent again: --through must be larger.',
    });
  }
  if (through > watermark) {
    throw new HypError(
      'E_RANGE',
      `${name} has delivered ${dataset} through seq ${watermark}, not through ${through}`,
      { hint: 'Nothing was sent. Rows above that are sent by `hyp tick`; replay those below.' },
    );
  }
  const own = { lineage: current, receipts: kept.receipts, after: higher(after, origin), through };
  const pieces: Piece[] = [own];
  if (after >= origin) return pieces;
  for (const lineage of await knownLineages(fs, state, sink, dataset)) {
    if (lineage === current) continue;
    const old = await keptProgress(fs, state, { sink, dataset, lineage }, random);
    const end = lower(lower(through, origin), old.head?.watermark ?? SEQ_ZERO);
    if (end > after) pieces.push({ lineage, receipts: old.receipts, after, through: end });
  }
  return pieces;
}

async function replayPiece(look: Replaying, dataset: DatasetName, piece: Piece): Promise<void> {
  const { tally } = look;
  let reached = piece.after;
  const gap = (through: Seq): void => {
    const what = 'no plan, manifest or receipt says in which objects these rows were';
    tally.problem({ label: 'unknown', after: reached, through, where: undefined, what });
  };
  for await (const { files, unit } of unitsOf(look.survey, dataset, piece)) {
    const known = unit !== undefined && unit.through > piece.after;
    // A receipt of before the sink was moved: another unit accounts for its rows here.
    const leftover = files.plan.state === 'none' && files.manifest.state === 'none';
    if (known && leftover && unit.after < reached) continue;
    if (known && unit.after > reached) gap(unit.after);
    if (known) reached = higher(reached, unit.through);
    if (unit !== undefined && !known) continue;
    if (unit === undefined && files.after < piece.after) continue;
    await replayUnit(look, files, unit);
  }
  if (reached < piece.through) gap(piece.through);
}

interface Found {
  readonly files: UnitFiles;
  /** undefined: what is there does not verify, and no receipt tells. */
  readonly unit: Unit | undefined;
}

/** Units that begin below the end of `piece`, in order: those at the destination, and our receipts. */
async function* unitsOf(survey: Survey, dataset: DatasetName, piece: Piece): AsyncGenerator<Found> {
  const short = lineageShort(piece.lineage);
  const none = { state: 'none' } as const;
  const left = [...piece.receipts.values()].filter((unit) => unit.after < piece.through);
  left.sort((a, b) => (a.after < b.after ? 1 : -1));
  const receiptsBelow = function* (seq: Seq | undefined): Generator<Found> {
    for (let last = left.at(-1); last !== undefined; last = left.at(-1)) {
      if (seq !== undefined && last.after >= seq) return;
      left.pop();
      const { after } = last;
      yield { files: { lineageShort: short, after, plan: none, manifest: none }, unit: last };
    }
  };
  for await (const files of survey.units(dataset)) {
    if (files.lineageShort !== short || files.after >= piece.through) continue;
    yield* receiptsBelow(files.after);
    const receipt = left.at(-1)?.after === files.after ? left.pop() : undefined;
    const [manifest, plan] = [files.manifest, files.plan];
    const unit =
      (manifest.state === 'whole' ? manifest.unit : undefined) ??
      receipt ??
      (plan.state === 'whole' ? plan.unit : undefined);
    yield { files, unit };
  }
  yield* receiptsBelow(undefined);
}

export function unknownDataset(dataset: DatasetName): HypError {
  return new HypError('E_UNKNOWN_DATASET', `no dataset ${dataset} in this store`, {
    hint: 'Run `hyp dataset list`.',
  });
}

function higher(a: Seq, b: Seq): Seq {
  return a > b ? a : b;
}

function lower(a: Seq, b: Seq): Seq {
  return a < b ? a : b;
}
