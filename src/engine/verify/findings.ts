/**
 * Owns: collecting what `hyp verify` finds, in bounded memory, and what to do about each label.
 * llp/0018
 */
import { LIMITS } from '../../core/limits.ts';
import type { Unit } from '../../core/unit.ts';
import type { Difference } from './judge.ts';
import type { AbsentRange, Tile, VerifyFinding, VerifyLabel } from './report.ts';

const LOOK = 'Nothing was changed.';
const RESTORE = `${LOOK} Put the file back from a copy of the destination.`;
const OBJECT = `${LOOK} Put the object back from a copy of the destination; hyp does not send it again by itself.`;
const GONE = `${LOOK} \`hyp sink replay\` puts it back from the table; hyp does not send it again by itself.`;

/** What a person does next. */
const HINTS: Readonly<Record<VerifyLabel, string>> = {
  owner: `${LOOK} Find out which store writes here before going on.`,
  'registry-damaged': 'Run `hyp check`.',
  'record-damaged': 'Run `hyp check`. The destination was compared with itself.',
  'record-gap': `${LOOK} Somebody removed a version of the record; restore it from a backup of the store.`,
  'table-damaged': 'Run `hyp check`; restore the table from a backup.',
  'table-behind': 'The table went back or was replaced: put the newer table back.',
  hole: `${LOOK} Put objects, plan and manifest of these rows back from a copy of the destination.`,
  double: `${LOOK} Find out which of the two units this store delivered; keep both until then.`,
  'manifest-missing': `${RESTORE} Readers that follow manifests do not see these rows.`,
  'manifest-damaged': RESTORE,
  'plan-missing': RESTORE,
  'plan-damaged': RESTORE,
  'plan-differs': `${LOOK} Another store may write here: see whose destination it is.`,
  'plan-unknown': `${LOOK} Run \`hyp tick\`: the sink takes the plan over if its rows are ours, or parks.`,
  'unit-differs': `${LOOK} The file was not made by hyp: put the right one back.`,
  'chain-broken': `${LOOK} The destination knows another history: find out which store is right.`,
  'receipt-missing': `${LOOK} The progress record went back. Run \`hyp tick\`: what was delivered is recognised, not sent again.`,
  'receipt-differs': `${LOOK} Another process or store delivered this unit: see whose destination it is.`,
  'object-missing': GONE,
  'object-size': OBJECT,
  'object-bytes': OBJECT,
  'object-content': OBJECT,
  'object-unreadable': OBJECT,
  'rows-differ': 'The table was changed behind hyp. Run `hyp check`.',
  'extra-object': `${LOOK} Readers that list names count these rows twice: move it away if hyp did not put it there.`,
  'foreign-object': `${LOOK} Move it away: readers of the directory take it for rows.`,
  'unknown-lineage': `${LOOK} Another history of this dataset was delivered here; this store has no record of it.`,
};

export class Findings {
  readonly list: VerifyFinding[] = [];
  readonly counted: Record<string, number> = {};
  found = 0;

  add(dataset: string | undefined, where: string, difference: Difference): void {
    this.found++;
    if (this.list.length >= LIMITS.findingsReported) return;
    const { label, range, what } = difference;
    this.list.push({ label, dataset, range, where, what, hint: HINTS[label] });
  }

  count(kind: string, by = 1): void {
    this.counted[kind] = (this.counted[kind] ?? 0) + by;
  }
}

/** `tiles` with `unit` behind them: what follows without a break is one tile. */
export function withTile(tiles: Tile[], unit: Unit): void {
  const { after, through } = unit;
  const bytes = unit.parts.reduce((sum, part) => sum + part.bytes, 0);
  const last = tiles.at(-1);
  if (last?.through !== after) {
    const tile = { after, through, units: 1, rows: BigInt(unit.rows), bytes };
    if (tiles.length < LIMITS.findingsReported) tiles.push({ ...tile, objects: unit.parts.length });
    return;
  }
  tiles[tiles.length - 1] = {
    after: last.after,
    through,
    units: last.units + 1,
    rows: last.rows + BigInt(unit.rows),
    objects: last.objects + unit.parts.length,
    bytes: last.bytes + bytes,
  };
}

/** `ranges` with what `unit` leaves out behind them: what follows for the same reason is one range. */
export function withAbsent(ranges: AbsentRange[], unit: Unit): void {
  const { after, through, absent } = unit;
  if (absent === undefined) return;
  const { why, reason } = absent;
  const rows = BigInt(absent.rows);
  const last = ranges.at(-1);
  if (last?.through !== after || last.why !== why || last.reason !== reason) {
    if (ranges.length < LIMITS.findingsReported) ranges.push({ after, through, why, rows, reason });
    return;
  }
  ranges[ranges.length - 1] = { ...last, through, rows: last.rows + rows };
}
