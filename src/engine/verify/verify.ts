/**
 * Owns: gathering the evidence `hyp verify` judges: records of a sink ↔ rows of a table ↔ plans,
 * manifests and objects at the destination, unit by unit. Writes nothing, anywhere.
 * Safe beside a running daemon: our record is read before the destination and once more behind it,
 * so what was delivered meanwhile is no finding; the open unit is not judged. The rows of
 * a unit that was committed behind our look at the table are asked of a younger one.
 * Bounded (I13): one unit, the names of one directory, LIMITS.findingsReported findings.
 * Not its job: what a difference means (judge), rows (content), what is damaged here (`hyp check`).
 * llp/0018
 */
import { HypError, problemText } from '../../core/errors.ts';
import { SEQ_ZERO, isDatasetName, lineageShort, toLineage } from '../../core/ids.ts';
import type { DatasetName, Lineage, Seq, SinkName } from '../../core/ids.ts';
import type { Unit } from '../../core/unit.ts';
import { digestHex } from '../../codec/content-digest.ts';
import { surveyFsSink } from '../../../sinks/fs.ts';
import type { Survey, UnitFiles } from '../../../sinks/blob/survey.ts';
import { keptProgress, progressDatasets } from '../../../state/kept-progress.ts';
import type { KeptProgress } from '../../../state/kept-progress.ts';
import { knownLineages } from '../../../state/progress.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import { judgeContent } from './content.ts';
import { Findings, withAbsent, withTile } from './findings.ts';
import { judgeEnd, judgeKey, judgeObject, judgeUnit, withAbove } from './judge.ts';
import type { AboveUnit, Difference, Reached, Records } from './judge.ts';
import type {
  AbsentRange,
  DatasetVerification,
  SinkVerification,
  Tile,
  VerifyOptions,
  VerifyReport,
} from './report.ts';

/** Starts of units remembered while names are listed: their objects come in the same order. */
const STARTS_KEPT = 64;

/** One sink under verification. */
interface Look {
  readonly context: EngineContext;
  readonly sink: SinkName;
  /** What its records call it. */
  readonly instance: SinkName;
  readonly survey: Survey;
  readonly deep: boolean;
  readonly findings: Findings;
}

/** One lineage of a dataset, followed along its units. */
interface Walk {
  readonly lineage: Lineage;
  /** Of before the destination was read, until a unit is met that ends above it. */
  head: TableHead | undefined;
  readonly records: Records;
  readonly tiles: Tile[];
  readonly absent: AbsentRange[];
  reached: Reached;
  above: readonly AboveUnit[];
  /** Digest of all rows up to the watermark, as the destination has it. */
  atWatermark: string | undefined;
}

/**
 * Compares every configured sink, or `options.sink`, with its destination. E_USAGE for a sink that
 * is not configured, E_UNAVAILABLE when a destination cannot be read. Changes nothing.
 */
export async function verifySinks(
  context: EngineContext,
  exporters: Exporters,
  tables: readonly DatasetName[],
  options: VerifyOptions,
): Promise<VerifyReport> {
  const deep = options.deep === true;
  const all = await exporters.all();
  const chosen = all.filter(({ sink }) => options.sink === undefined || sink.name === options.sink);
  if (chosen.length === 0 && options.sink !== undefined) {
    throw new HypError('E_USAGE', `no sink ${options.sink} in the configuration`, {
      hint: 'Run `hyp sink list`.',
    });
  }
  const sinks: SinkVerification[] = [];
  for (const { config, sink } of chosen) {
    const { fs } = context;
    const survey = surveyFsSink({ ...config, instance: sink.instance, fs });
    const findings = new Findings();
    const look: Look = {
      context,
      sink: sink.name,
      instance: sink.instance,
      survey,
      deep,
      findings,
    };
    const own = tables.filter((name) => config.datasets?.includes(name) ?? true);
    const datasets: DatasetVerification[] = [];
    await verifyRegistration(look, exporters);
    for (const name of await datasetsOf(look, own))
      datasets.push(...(await verifyDataset(look, name)));
    await verifyOwner(look, exporters.ownerOf(sink), datasets);
    const { list, found, counted } = findings;
    const { destination } = sink;
    sinks.push({ sink: sink.name, destination, datasets, findings: list, found, counted });
  }
  return { deep, sinks };
}

/** Datasets with rows here, a record of this sink, or a directory at its destination. */
async function datasetsOf(look: Look, own: readonly DatasetName[]): Promise<DatasetName[]> {
  const { context, instance, survey, findings } = look;
  const names = new Set<DatasetName>(own);
  for (const name of await progressDatasets(context.fs, context.state, instance)) {
    if (isDatasetName(name)) names.add(name);
  }
  for (const { name, directory } of await survey.names()) {
    if (directory && isDatasetName(name)) names.add(name);
    else {
      const what = directory ? 'no dataset has this name' : 'hyp puts no such file here';
      const difference = { label: 'foreign-object', range: undefined, what } as const;
      findings.add(undefined, `${survey.place}/${name}`, difference);
    }
  }
  return [...names].sort();
}

/** A sink that is not run as it is configured is looked for in the wrong place. */
async function verifyRegistration({ sink, findings }: Look, exporters: Exporters): Promise<void> {
  const where = `sink ${sink}`;
  try {
    const what = await exporters.refusal(sink);
    if (what !== undefined)
      findings.add(undefined, where, { label: 'owner', range: undefined, what });
  } catch (error) {
    const what = problemText(error);
    findings.add(undefined, where, { label: 'registry-damaged', range: undefined, what });
  }
}

async function verifyOwner(
  look: Look,
  expected: string,
  datasets: readonly DatasetVerification[],
): Promise<void> {
  const { survey, findings } = look;
  const found = await survey.owner().catch((error: unknown) => problemText(error));
  if (found === expected) return;
  const delivered = datasets.some(({ watermark }) => (watermark ?? SEQ_ZERO) > SEQ_ZERO);
  if (found === undefined && !delivered) return;
  const what = `this store is ${expected}, the owner file says ${found ?? 'nothing: it is gone'}`;
  findings.add(undefined, survey.place, { label: 'owner', range: undefined, what });
}

async function verifyDataset(look: Look, dataset: DatasetName): Promise<DatasetVerification[]> {
  const walks = await beginWalks(look, dataset);
  const strangers = new Map<string, number>();
  for await (const files of look.survey.units(dataset)) {
    const walk = walks.get(files.lineageShort);
    if (walk !== undefined) await follow(look, dataset, walk, files);
    else strangers.set(files.lineageShort, (strangers.get(files.lineageShort) ?? 0) + 1);
  }
  for (const [lineage, units] of strangers) {
    const what = `${units} units of lineage ${lineage}, of which this store has no record`;
    const where = `${look.survey.place}/${dataset}`;
    look.findings.add(dataset, where, { label: 'unknown-lineage', range: undefined, what });
  }
  for (const walk of walks.values()) await endWalk(look, dataset, walk);
  await verifyKeys(look, dataset);
  return [...walks.values()].map(({ lineage, records, tiles, absent }) => ({
    dataset,
    lineage,
    watermark: records.watermark,
    openUnit: records.open && { after: records.open.after, through: records.open.through },
    tiles,
    absent,
  }));
}

/** One walk for each lineage we know, by the short name it has at the destination. */
async function beginWalks(look: Look, dataset: DatasetName): Promise<Map<string, Walk>> {
  const { context, instance, findings } = look;
  const where = `table ${dataset}`;
  const table = context.table(dataset);
  const head = await table.load().catch((error: unknown) => {
    const what = problemText(error);
    findings.add(dataset, where, { label: 'table-damaged', range: undefined, what });
    return undefined;
  });
  const current = head && toLineage(head.value.hyp.lineage);
  const known = await knownLineages(context.fs, context.state, instance, dataset);
  const walks = new Map<string, Walk>();
  for (const lineage of new Set([...(current === undefined ? [] : [current]), ...known])) {
    const kept = await readKept(look, dataset, lineage);
    tellKept(look, dataset, kept);
    const records = recordsOf(kept);
    const reaches = records.watermark ?? SEQ_ZERO;
    const own = lineage === current ? await headWith(table, head, reaches) : undefined;
    if (own !== undefined && own.value.hyp.maxSeq < reaches) {
      const what = `the table ends at seq ${own.value.hyp.maxSeq}, delivered was through ${reaches}`;
      findings.add(dataset, where, { label: 'table-behind', range: undefined, what });
    }
    // A history that a person let begin elsewhere continues rows that another lineage has.
    const origin = kept.head?.origin;
    const begin = { through: SEQ_ZERO, chain: digestHex(0n) };
    const reached = origin === undefined ? begin : { through: origin, chain: undefined };
    const walk = { lineage, head: own, records, tiles: [], absent: [], reached, above: [] };
    walks.set(lineageShort(lineage), { ...walk, atWatermark: undefined });
  }
  return walks;
}

async function readKept(look: Look, dataset: DatasetName, lineage: Lineage): Promise<KeptProgress> {
  const { fs, state, random } = look.context;
  return keptProgress(fs, state, { sink: look.instance, dataset, lineage }, random);
}

function tellKept({ sink, findings }: Look, dataset: DatasetName, kept: KeptProgress): void {
  const where = `progress of ${sink} for ${dataset}`;
  if (kept.problem !== undefined) {
    const what = kept.problem;
    findings.add(dataset, where, { label: 'record-damaged', range: undefined, what });
  }
  if (kept.missingVersions.length > 0) {
    const what = `versions ${kept.missingVersions.join(', ')} are gone, with their receipts`;
    findings.add(dataset, where, { label: 'record-gap', range: undefined, what });
  }
}

/** A record that is damaged says nothing; one that was never begun says that nothing was sent. */
function recordsOf({ head, problem, receipts }: KeptProgress): Records {
  if (head === undefined && problem !== undefined) {
    return { watermark: undefined, chain: undefined, open: undefined, receipts, ended: false };
  }
  return {
    watermark: head?.watermark ?? SEQ_ZERO,
    chain: head?.chain ?? digestHex(0n),
    open: head?.open,
    receipts,
    ended: head?.parked?.why === 'rebased',
  };
}

async function follow(
  look: Look,
  dataset: DatasetName,
  walk: Walk,
  files: UnitFiles,
): Promise<void> {
  const { records } = walk;
  const verdict = judgeUnit(walk.reached, files, records);
  walk.reached = verdict.reached;
  if (walk.reached.through === records.watermark) walk.atWatermark = walk.reached.chain;
  const before = look.findings.found;
  const start = { dataset, lineageShort: files.lineageShort, after: files.after };
  for (const difference of verdict.differences) {
    const kind = difference.label.startsWith('plan') ? 'plan' : 'unit';
    look.findings.add(dataset, look.survey.unitPath(kind, start), difference);
  }
  look.findings.count('units');
  if (records.watermark !== undefined && files.after >= records.watermark) {
    const known = [files.manifest, files.plan].find((file) => file.state === 'whole');
    const { after } = files;
    if (known?.state === 'whole') {
      const { through } = known.unit;
      const whole = files.manifest.state === 'whole';
      walk.above = withAbove(walk.above, { after, through, whole });
    }
  }
  if (verdict.due === undefined) return;
  withAbsent(walk.absent, verdict.due);
  await verifyObjects(look, walk, verdict.due);
  if (look.findings.found === before) withTile(walk.tiles, verdict.due);
}

async function verifyObjects(look: Look, walk: Walk, unit: Unit): Promise<void> {
  const { survey, findings, deep, context } = look;
  const there: boolean[] = [];
  for (const part of unit.parts) {
    const bytes = await survey.sizeOf(part.key);
    there.push(bytes !== undefined);
    const read = deep && bytes === part.bytes ? await survey.digestOf(part.key) : undefined;
    const evidence = { bytes, sha256: read?.sha256 };
    const difference = judgeObject(part, unit, evidence);
    if (difference !== undefined) tell(look, unit, part.key, difference);
    findings.count('objects');
    findings.count('bytes', deep ? (read?.bytes ?? 0) : (bytes ?? 0));
  }
  if (!deep || walk.head === undefined) return;
  const { dataset } = unit;
  const table = context.table(dataset);
  walk.head = await headWith(table, walk.head, unit.through);
  const source = { fs: context.fs, survey, table, head: walk.head };
  const { differences, rows, passedOver } = await judgeContent(source, unit, there);
  findings.count('rows', rows);
  if (passedOver !== undefined) findings.count(passedOver);
  for (const { key, ...difference } of differences) tell(look, unit, key, difference);
}

/** `head`, or a younger one of its lineage when rows up to `through` were committed behind it. */
async function headWith<Head extends TableHead | undefined>(
  table: Table,
  head: Head,
  through: Seq,
): Promise<Head | TableHead> {
  if (head === undefined || through <= head.value.hyp.maxSeq) return head;
  const now = await table.load();
  return now?.value.hyp.lineage === head.value.hyp.lineage ? now : head;
}

function tell(look: Look, unit: Unit, key: string | undefined, difference: Difference): void {
  const where = key === undefined ? `table ${unit.dataset}` : look.survey.pathOf(key);
  const { after, through } = unit;
  look.findings.add(unit.dataset, where, { ...difference, range: { after, through } });
}

async function endWalk(look: Look, dataset: DatasetName, walk: Walk): Promise<void> {
  const { records, reached, above, atWatermark, lineage } = walk;
  const last = above.length === 0 ? records : recordsOf(await readKept(look, dataset, lineage));
  for (const difference of judgeEnd({ reached, above }, atWatermark, records, last)) {
    look.findings.add(dataset, `${look.sink} for ${dataset}`, difference);
  }
}

/** Every other name below the dataset's directory. */
async function verifyKeys(look: Look, dataset: DatasetName): Promise<void> {
  const starts = new Map<string, UnitFiles>();
  const startOf = async (lineage: string, after: Seq): Promise<UnitFiles> => {
    const name = `${lineage}-${after}`;
    const known = starts.get(name);
    if (known !== undefined) return known;
    const files = await look.survey.unitAt({ dataset, lineageShort: lineage, after });
    if (starts.size >= STARTS_KEPT) starts.clear();
    starts.set(name, files);
    return files;
  };
  for await (const found of look.survey.keys(dataset)) {
    const { part } = found;
    const start = part && (await startOf(part.lineageShort, part.after));
    const difference = judgeKey(found, start);
    look.findings.count('names');
    if (difference !== undefined)
      look.findings.add(dataset, look.survey.pathOf(found.key), difference);
  }
}
