/**
 * Owns: `hyp sink move`: a person moved the files of a destination; the sink goes on where hyp.yaml
 * says they are now, once that place proves to be the old one.
 * Commit point: the version of the registry with the new destination.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 the move marked in the registry, with an id of its own | no step begins and no unit is run, anywhere | a sink that waits: run it again, or put the old path back and run it |
 * | 2 one more version of each progress record | whoever slept over step 1 cannot advance (I9) | the same |
 * | 3 the new place looked at, as `hyp verify` does | - | the same |
 * | 4 the new destination registered, the mark gone, if it is the one of step 1 | **the sink is there** | - |
 *
 * Two moves at once, or one that slept while a person gave it up: whoever marked last may arrive, the
 * other is told (E_CONFLICT), for its proof may be of before an export.
 *
 * An exporter links its intent, then asks the registry, then runs the unit; the move marks the
 * registry, then versions the records. So a unit that is run was open before step 2 and stays open:
 * it is delivered at the new place as it was written down, whatever of it is at the old one.
 *
 * | label | hyp.yaml and the registry | action |
 * | here | the same destination, no mark | nothing |
 * | stay | the same destination, and a move was begun | the mark is taken away |
 * | ask | another destination | the evidence; with `moved` and without a blocking finding, the steps |
 *
 * What blocks: every finding of verify but a missing object (readers take them away) and a whole unit
 * that is not recorded yet (the next step recognises it); another prefix; a parked record.
 * llp/0022
 */
import { readdirIfAny } from '../../core/durable-fs.ts';
import { HypError } from '../../core/errors.ts';
import { isDatasetName } from '../../core/ids.ts';
import type { SinkName } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SinkConfig } from '../../config/config.ts';
import { toKeyPrefix } from '../../../sinks/blob/object-key.ts';
import type { Sink } from '../../../sinks/sink.ts';
import { progressDatasets } from '../../../state/kept-progress.ts';
import { knownLineages, openProgress } from '../../../state/progress.ts';
import type { Progress, ProgressKey } from '../../../state/progress.ts';
import { openRegistry, registryEntry } from '../../../state/registry.ts';
import type { RegisteredSink } from '../../../state/registry.ts';
import { moveStep } from '../../../state/registry-move.ts';
import { TABLES_DIR } from '../../../storage/layout.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import type { SinkVerification } from '../verify/report.ts';
import { verifySinks } from '../verify/verify.ts';
import type { MoveReport, MoveRequest } from './report.ts';

/** Findings a sink can go on with. */
const TOLERATED: ReadonlySet<string> = new Set(['object-missing', 'receipt-missing']);

interface Moving {
  readonly context: EngineContext;
  readonly exporters: Exporters;
  readonly config: SinkConfig;
  readonly sink: Sink;
}

/** Where hyp.yaml has a sink, beside where the registry has it. */
export function placeOf(
  entry: Pick<RegisteredSink, 'destination' | 'movingTo'>,
  configured: string,
): 'here' | 'stay' | 'ask' {
  if (entry.destination !== configured) return 'ask';
  return entry.movingTo === undefined ? 'here' : 'stay';
}

/** Why `verified` is not the place these records are of; empty when it is. Every reason is a sentence. */
export function movedReasons(
  verified: SinkVerification,
  records: readonly Progress[],
  prefix: string,
): string[] {
  const reasons = records.flatMap(({ dataset, parked, open, receipt }) => {
    const unit = open ?? receipt;
    const other = unit !== undefined && toKeyPrefix(unit.encoder.prefix) !== toKeyPrefix(prefix);
    return [
      ...(parked === undefined ? [] : [`it is parked for ${dataset}: ${parked.reason}`]),
      ...(other ? [`units of ${dataset} have the prefix "${unit.encoder.prefix}"`] : []),
    ];
  });
  const findings = verified.findings.filter(
    // That it is registered for another place is why it is moved.
    ({ label, where }) => !TOLERATED.has(label) && where !== `sink ${verified.sink}`,
  );
  const told = findings.map(({ label, where, what }) => `${label}: ${what} (${where})`);
  const more = verified.found - verified.findings.length;
  return [...reasons, ...told, ...(more > 0 ? [`${more} findings more`] : [])];
}

/** Moves one sink, or says what stands in the way. Throws as `ByHand.move` says. */
export async function moveOneSink(
  context: EngineContext,
  exporters: Exporters,
  { sink: name, dryRun = false }: MoveRequest,
): Promise<MoveReport> {
  const configured = (await exporters.all()).find(({ sink }) => sink.name === name);
  const registry = openRegistry(context.fs, context.state, context.random);
  const entry = await registryEntry(registry, name);
  if (configured === undefined || entry === undefined || entry.forgottenSinceMs !== undefined) {
    const where = configured === undefined ? 'in the configuration' : 'registered in this store';
    throw new HypError('E_USAGE', `no sink ${name} is ${where}`, { hint: 'Run `hyp sink list`.' });
  }
  const moving: Moving = { context, exporters, ...configured };
  const way = { name, from: entry.destination, to: configured.sink.destination };
  const report = { ...way, label: placeOf(entry, way.to), dryRun, reasons: [], missing: 0 };
  if (report.label === 'here') return report;
  if (report.label === 'stay') {
    if (!dryRun) await moveStep(registry, { ...way, id: undefined }, 'stay');
    return report;
  }
  const move = { ...way, id: context.random.uuid() };
  const before = await lookAt(moving);
  if (dryRun) return { ...report, ...before };
  if (before.reasons.length > 0) throw notMoved(move.to, name, before.reasons);
  await moveStep(registry, move, 'mark');
  await fenceAll(moving);
  const proof = await lookAt(moving);
  if (proof.reasons.length > 0) {
    await moveStep(registry, move, 'stay');
    throw notMoved(move.to, name, proof.reasons);
  }
  await moveStep(registry, move, 'arrive');
  const facts = { sink: name, from: move.from, to: move.to };
  context.observe({ type: 'decision', action: 'sink moved', level: 'warn', facts });
  return { ...report, ...proof };
}

/** The new place beside our records. Changes nothing. */
async function lookAt(moving: Moving): Promise<Pick<MoveReport, 'reasons' | 'missing'>> {
  const { context, exporters, config, sink } = moving;
  const names = await readdirIfAny(context.fs, `${context.root}/${TABLES_DIR}`);
  const tables = names.filter(isDatasetName);
  const { sinks } = await verifySinks(context, exporters, tables, { sink: sink.name });
  const records: Progress[] = [];
  for (const key of await recordsOf(moving)) {
    const { fs, state, random } = context;
    const head = await (await openProgress(fs, state, key, random)).load();
    if (head !== undefined) records.push(head.value);
  }
  const reasons = sinks.flatMap((found) => movedReasons(found, records, config.prefix));
  const findings = sinks.flatMap((found) => found.findings);
  const missing = findings.filter(({ label }) => label === 'object-missing').length;
  return { reasons, missing };
}

/** Every record of the sink, of whatever dataset and lineage. */
async function recordsOf({ context, sink }: Moving): Promise<ProgressKey[]> {
  const { fs, state } = context;
  const { instance } = sink;
  const keys: ProgressKey[] = [];
  for (const dataset of (await progressDatasets(fs, state, instance)).filter(isDatasetName)) {
    for (const lineage of await knownLineages(fs, state, instance, dataset)) {
      keys.push({ sink: instance, dataset, lineage });
    }
  }
  return keys;
}

/** Step 2: a version that says the same, so that nobody's older one is the base of another. */
async function fenceAll(moving: Moving): Promise<void> {
  const { fs, state, random } = moving.context;
  for (const key of await recordsOf(moving)) {
    let fenced = false;
    for (let attempt = 0; !fenced && attempt < LIMITS.commitAttempts; attempt++) {
      const record = await openProgress(fs, state, key, random);
      const base = await record.load();
      // A directory without a version: who begins it links its intent before it asks the registry.
      fenced = base === undefined || (await record.append(base, base.value)).kind === 'linked';
    }
    if (fenced) continue;
    const what = `progress of ${moving.sink.name} for ${key.dataset} changes too fast`;
    throw new HypError('E_CONFLICT', what, { hint: 'The sink waits: run the command again.' });
  }
}

function notMoved(to: string, name: SinkName, reasons: readonly string[]): HypError {
  const [first = ''] = reasons;
  const more = reasons.length === 1 ? '' : `; and ${reasons.length - 1} more`;
  return new HypError('E_REFUSED', `${to} is not what ${name} delivered: ${first}${more}`, {
    hint: `Nothing was moved. Copy the whole old destination there, \`_hyp-owner.json\` and \`_hyp\` with it, or put the old path back into hyp.yaml.`,
  });
}
