/**
 * Owns: evidence of what a sink has exported that does not lie in its progress record: a durable mark
 * that a record has put something at its destination, and the newest receipts.
 *
 * | file below `state/receipts/<sink>/<dataset>/<lineage>/` | durable | a crash may lose it |
 * | `<n>/`: record n has a plan at the destination | before the first part leaves | no |
 * | `<after>.json`: receipt of the unit that starts there | not synced | yes: a shorter tail |
 *
 * Without the mark nothing of a lineage has left, so a record that is not there is a new one; with it
 * a record that is not there was lost. A receipt that is missing or torn is no receipt: the
 * destination's manifests go on where the receipts end.
 * Not its job: what to make of it (engine/identity).
 * llp/0017
 */
import { z } from 'zod';
import {
  mkdirDurable,
  readFileIfAny,
  readdirIfAny,
  tempName,
  tempVersion,
  unlinkIfAny,
} from '../src/core/durable-fs.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from '../src/core/digest.ts';
import { seqText } from '../src/core/ids.ts';
import type { SinkName } from '../src/core/ids.ts';
import { LIMITS } from '../src/core/limits.ts';
import { unitFromJson, unitToJson } from '../src/core/unit.ts';
import type { Unit } from '../src/core/unit.ts';
import { receiptsNames } from './layout.ts';
import type { Progress, ProgressKey } from './progress.ts';

const RECEIPT_NAME = /^\d{19}\.json$/;
const MARK_NAME = /^[1-9]\d*$/;

const receiptJson = z.object({
  hyp: z.literal('receipt'),
  unit: z.unknown(),
  exportedRows: z.string().regex(/^\d+$/),
  declinedRows: z.string().regex(/^\d+$/).optional(),
});

export interface Receipt {
  readonly unit: Unit;
  /** Rows exported with this unit and all before it. */
  readonly exportedRows: bigint;
  /** Rows a person declined up to here; undefined: none. */
  readonly declinedRows?: bigint | undefined;
}

function dirOf(state: string, key: ProgressKey): string {
  return [state, ...receiptsNames(key.sink, key.dataset, key.lineage)].join('/');
}

/** Marks that record `number` of `key` has put something at its destination. Durable, idempotent. */
export async function markExported(
  fs: DurableFs,
  state: string,
  key: ProgressKey,
  number: number,
): Promise<void> {
  await mkdirDurable(
    fs,
    state,
    ...receiptsNames(key.sink, key.dataset, key.lineage, String(number)),
  );
}

/** The highest number that was marked; 0 when nothing of `key` ever left. */
export async function highestMark(fs: DurableFs, state: string, key: ProgressKey): Promise<number> {
  const names = await readdirIfAny(fs, dirOf(state, key));
  return Math.max(0, ...names.filter((name) => MARK_NAME.test(name)).map(Number));
}

/** True when `sink` has ever put something at its destination. */
export async function hasExported(fs: DurableFs, state: string, sink: SinkName): Promise<boolean> {
  const names = await readdirIfAny(fs, [state, ...receiptsNames(sink)].join('/'));
  return names.length > 0;
}

/** Keeps the receipt of `progress`, and as many before it as a record keeps versions. Never rejects. */
export async function keepReceipt(
  fs: DurableFs,
  state: string,
  progress: Progress,
  tempId: string,
): Promise<void> {
  const { receipt, exportedRows, declinedRows } = progress;
  if (receipt === undefined) return;
  const dir = dirOf(state, progress);
  const at = Number(receipt.after);
  const temp = `${dir}/${tempName('receipt-', at, tempId)}`;
  try {
    const handle = await fs.create(temp);
    await handle.write(encode({ unit: receipt, exportedRows, declinedRows }));
    await handle.close();
    await fs.rename(temp, `${dir}/${seqText(receipt.after)}.json`);
    const names = (await fs.readdir(dir)).sort();
    const receipts = names.filter((name) => RECEIPT_NAME.test(name));
    const old = receipts.slice(0, Math.max(0, receipts.length - LIMITS.recordVersions));
    // One that is behind this receipt was of a process that stopped, or comes too late.
    const left = names.filter((name) => (tempVersion(name) ?? Infinity) <= at);
    for (const name of [...old, ...left]) await unlinkIfAny(fs, `${dir}/${name}`);
  } catch {
    // Evidence for a bad day: the export itself stands without it.
    await unlinkIfAny(fs, temp).catch(() => undefined);
  }
}

/** Every receipt of `key` that can be read, in order of their starts. */
export async function keptReceipts(
  fs: DurableFs,
  state: string,
  key: ProgressKey,
): Promise<Receipt[]> {
  const dir = dirOf(state, key);
  const receipts: Receipt[] = [];
  for (const name of (await readdirIfAny(fs, dir)).filter((each) => RECEIPT_NAME.test(each))) {
    const bytes = await readFileIfAny(fs, `${dir}/${name}`);
    const receipt = bytes === undefined ? undefined : decode(bytes);
    if (receipt?.unit.lineage === key.lineage) receipts.push(receipt);
  }
  return receipts;
}

function encode({ unit, exportedRows, declinedRows }: Receipt): Uint8Array {
  const head = { hyp: 'receipt', seal: SEAL_PLACEHOLDER };
  const rows = { exportedRows: exportedRows.toString(), declinedRows: declinedRows?.toString() };
  const body = { unit: unitToJson(unit), ...rows };
  return sealBytes(Buffer.from(`${JSON.stringify({ ...head, ...body })}\n`));
}

/** undefined for a receipt that is torn or damaged: it proves nothing. */
function decode(bytes: Uint8Array): Receipt | undefined {
  if (checkSeal(bytes) !== 'whole') return undefined;
  try {
    const json = receiptJson.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const declinedRows = json.declinedRows === undefined ? undefined : BigInt(json.declinedRows);
    const exportedRows = BigInt(json.exportedRows);
    return { unit: unitFromJson(json.unit), exportedRows, declinedRows };
  } catch {
    return undefined;
  }
}
