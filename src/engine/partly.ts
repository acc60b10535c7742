/**
 * Owns: what an append says that ends before its end: how many of its rows are stored, and whether
 * those are its first ones. Who is told "append again" must know what is in already, or stores it
 * twice. Not its job: which rows are stored (storage/spool).
 * llp/0020
 */
import { HypError, isHypError, systemCode } from '../core/errors.ts';

/** What became of the rows of an append, for the end of a sentence. */
export function rest(storedRows: number): string {
  return storedRows === 0
    ? 'nothing of this append was stored'
    : `the first ${storedRows} rows of this append are stored, the others are not`;
}

const GO_ON = 'Those are safe. Append the rows behind them; all again would be in twice.';

/**
 * `error`, which ended an append behind its first `storedRows` rows, with this said in it and in
 * `details.storedRows`. One that says it already, or that says all with nothing stored, is itself.
 */
export function endedBehind(storedRows: number, error: unknown): Error {
  if (isHypError(error) && (error.details['storedRows'] !== undefined || storedRows === 0)) {
    return error;
  }
  const known = isHypError(error) ? error : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  const what = known === undefined ? `an append ended early: ${reason}` : reason;
  return new HypError(known?.code ?? 'E_UNAVAILABLE', `${what}; ${rest(storedRows)}`, {
    cause: error,
    hint: storedRows === 0 ? 'Append it again.' : GO_ON,
    details: { ...known?.details, storedRows, system: systemCode(error) },
  });
}

/** A part of an append that is stored whole or not at all. */
export interface AppendPart {
  readonly rows: number;
  /** Resolves once its rows are stored. */
  readonly storing: Promise<void>;
}

/**
 * Resolves once every part is stored. Rejects when none is under way any more, so that what is said
 * is final: with the first error and the rows that are stored, `before` this call and in it; with
 * E_UNKNOWN_OUTCOME when these are not the first ones of the append, or cannot be told.
 */
export async function allStored(before: number, parts: readonly AppendPart[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map(({ storing }) => storing));
  const failed = ends.findIndex(({ status }) => status === 'rejected');
  const end = ends[failed];
  if (end?.status !== 'rejected') return;
  const rowsOf = (wanted: (at: number) => boolean): number =>
    parts.reduce((sum, { rows }, at) => sum + (wanted(at) ? rows : 0), 0);
  const stored = before + rowsOf((at) => ends[at]?.status === 'fulfilled');
  const first = before + rowsOf((at) => at < failed);
  const unknown = ends.find(
    (each) => each.status === 'rejected' && isHypError(each.reason, 'E_UNKNOWN_OUTCOME'),
  );
  if (stored === first && unknown === undefined) throw endedBehind(first, end.reason as unknown);
  const open = unknown === undefined ? 'and not its first ones' : 'and perhaps more';
  throw new HypError(
    'E_UNKNOWN_OUTCOME',
    `an append was cut off: ${stored} of its rows are stored, ${open}`,
    {
      cause: end.reason,
      hint: 'Look for its rows before you append them again: they would be in twice.',
      details: { storedRows: stored },
    },
  );
}
