/**
 * Owns: proving a store at rest (`hyp check`): everything the heads refer to is read, every sum and
 * seal verified, every invariant that can be checked at rest is. Changes nothing.
 * Each violation is one finding; the walk goes on with what is left.
 * llp/0008
 */
import { HypError, isHypError } from '../core/errors.ts';
import type { DatasetName, Seq } from '../core/ids.ts';
import { SEQ_COLUMN, columnNamed } from '../codec/columns.ts';
import { readFooter } from '../../storage/data/footer.ts';
import { readRowGroup } from '../../storage/data/read.ts';
import { openRegistry, registeredSinks } from '../../state/registry.ts';
import { SPOOL_DIR } from '../../storage/layout.ts';
import { checkSpool } from '../../storage/spool/check.ts';
import type { LiveFile, Table, TableHead } from '../../storage/table.ts';
import type { CheckFinding, CheckReport } from './api.ts';
import type { EngineContext } from './context.ts';
import type { Exporters } from './export/exporters.ts';

/** Collects findings and counts; a part that throws becomes one finding. */
class Walk {
  readonly findings: CheckFinding[] = [];
  readonly counted: Record<string, number> = {};

  count(kind: string, by = 1): void {
    this.counted[kind] = (this.counted[kind] ?? 0) + by;
  }

  report(where: string, what: string, hint: string): void {
    this.findings.push({ where, what, hint });
  }

  async attempt<T>(where: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const hint = isHypError(error) ? error.hint : undefined;
      this.report(where, what, repair(hint));
      return undefined;
    }
  }
}

/** A hint for somebody who has just run `hyp check`. */
function repair(hint: string | undefined): string {
  const rest = hint?.replace('Run `hyp check`; restore', 'Restore').replace('Run `hyp check`.', '');
  return rest === undefined || rest.trim() === '' ? 'Restore it from a backup.' : rest.trim();
}

/** Walks the tables of `datasets`, the spool and the progress records. */
export async function checkStore(
  context: EngineContext,
  exporters: Exporters,
  datasets: readonly DatasetName[],
): Promise<CheckReport> {
  const walk = new Walk();
  for (const dataset of datasets) await checkTable(walk, context.table(dataset));
  const spool = await walk.attempt('spool', () =>
    checkSpool(context.fs, `${context.root}/${SPOOL_DIR}`),
  );
  walk.count('frames', spool?.frames ?? 0);
  for (const { where, what } of spool?.findings ?? []) {
    walk.report(where, what, 'Keep the file; its good frames are not lost. Report it.');
  }
  const registry = openRegistry(context.fs, context.state, context.random);
  const sinks = await walk.attempt('registry of sinks', () => registeredSinks(registry));
  walk.count('registered sinks', sinks?.length ?? 0);
  await walk.attempt('registry of sinks', () => registry.kept());
  for (const { sink, exporter } of await exporters.all()) {
    for (const dataset of datasets) {
      const where = `progress of ${sink.name} for ${dataset}`;
      const progress = await walk.attempt(where, () => exporter.progress(dataset));
      if (progress !== undefined) walk.count('progress records');
    }
  }
  return { findings: walk.findings, counted: walk.counted };
}

async function checkTable(walk: Walk, table: Table): Promise<void> {
  const { dataset } = table;
  const versions = await walk.attempt(`versions of ${dataset}`, () => table.record.kept());
  walk.count('versions', versions?.length ?? 0);
  const head = await walk.attempt(`table ${dataset}`, () => table.load());
  if (head === undefined) return;
  walk.count('tables');
  await walk.attempt(`positions of ${dataset}`, async () => {
    const positions = await table.positions(head);
    await positions.withPrefix('');
    walk.count('positions files', positions.files().length);
  });
  const manifests = await walk.attempt(`manifest list of ${dataset}`, () => table.manifests(head));
  let reached: bigint = head.value.hyp.prunedThrough;
  // All before the first row is read: commits beside a long walk may trim the manifests of our head.
  await checkHistory(walk, table, head);
  const files: LiveFile[] = [];
  for (const manifest of manifests ?? []) {
    const found = await walk.attempt(manifest.path, () => table.liveFiles(head, manifest));
    walk.count('manifests');
    files.push(...(found ?? []));
  }
  for (const file of files) {
    if (file.min !== reached + 1n) {
      const what = `${dataset} has no rows in (${reached}, ${file.min - 1n}]`;
      walk.report(file.path, what, 'Rows are missing or double: restore the table.');
    }
    reached = file.max;
    await walk.attempt(file.path, () => checkFile(walk, table, head, file));
  }
  const { maxSeq } = head.value.hyp;
  if (manifests !== undefined && reached !== maxSeq) {
    const what = `${dataset} ends at seq ${reached}, its head says ${maxSeq}`;
    walk.report(`table ${dataset}`, what, 'Rows are missing: restore the table from a backup.');
  }
}

/** Manifests of older snapshots: other engines read them, hyp does not. */
async function checkHistory(walk: Walk, table: Table, head: TableHead): Promise<void> {
  const seen = new Set<string>();
  for (const { manifestList } of head.value.snapshots) {
    const manifests = await walk.attempt(manifestList, () => table.manifestList(manifestList));
    walk.count('manifest lists');
    for (const manifest of manifests ?? []) {
      if (seen.has(manifest.path)) continue;
      seen.add(manifest.path);
      await walk.attempt(manifest.path, () => table.entries(manifest));
      walk.count('kept manifests');
    }
  }
}

/** Every row group is read against its sum; its seqs must be exactly those the manifest says. */
async function checkFile(walk: Walk, table: Table, head: TableHead, file: LiveFile): Promise<void> {
  const { sums } = file;
  const footer = await readFooter(table.fs, file.path, sums);
  walk.count('data files');
  let next: bigint = file.min;
  for (const index of footer.rowGroups.keys()) {
    const batch = await readRowGroup(table.fs, { path: file.path, footer, sums }, index);
    const seqs = columnNamed(batch, SEQ_COLUMN);
    if (seqs?.type !== 'long') throw badFile(table, file, 'no seq column');
    for (let row = 0; row < batch.rows; row++) {
      if (seqs.values[row] !== next) throw badFile(table, file, `no seq ${next}`);
      next += 1n;
    }
    walk.count('row groups');
    walk.count('rows', batch.rows);
  }
  if (next !== file.max + 1n) throw badFile(table, file, `ends at seq ${next - 1n}`);
  if (file.max > head.value.hyp.maxSeq) throw badFile(table, file, 'is above the head');
}

function badFile(table: Table, file: LiveFile, what: string): HypError {
  const range: { min: Seq; max: Seq } = { min: file.min, max: file.max };
  return new HypError(
    'E_CORRUPT',
    `${file.path} of ${table.dataset}, seqs ${range.min} to ${range.max}: ${what}`,
    { hint: 'Restore the file from a backup; other datasets go on.' },
  );
}
