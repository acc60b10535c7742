/**
 * Owns: history becoming table rows (DESIGN §12): files → batches → commits, bypassing the spool.
 * Small files share a commit; a file whose commit met another process's is loaded again, alone.
 * Invariant: I3: each commit asserts how much of each file is in; a killed backfill resumes, a
 * repeated one adds nothing, two at once add each row once.
 * Commit point: commit-group.ts. What a crash leaves: its table of steps.
 * Not its job: what a file is (source.ts), how it is read (load-file.ts).
 * llp/0012
 */
import { resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { HypError, isHypError } from '../../core/errors.ts';
import type { DatasetName } from '../../core/ids.ts';
import type { BackfillFileReport, BackfillOptions, BackfillReport } from './report.ts';
import type { EngineContext } from '../context.ts';
import { CommitGroup } from './commit-group.ts';
import { KnownFiles } from './known-sources.ts';
import { loadFile, noTotal, report } from './load-file.ts';
import type { LoadOptions, LoadPlace, LoadedAgain } from './load-file.ts';
import { isParquetFile, loadParquet } from './load-parquet.ts';
import { RejectsFile } from './rejects.ts';
import { workerCount, workerEvidence } from '../workers/count.ts';
import { Workers, builtEntry } from '../workers/workers.ts';

/**
 * Reads `files` into `dataset`, in order. Resolves when every row of them is durable in the table. A
 * file that cannot be read to its end is reported as failed, with what was read of it stored, and
 * keeps no other from its turn. Throws E_BAD_INPUT, before anything is read, for one that is not there.
 */
export async function backfill(
  context: EngineContext,
  dataset: DatasetName,
  files: readonly string[],
  options: BackfillOptions,
): Promise<BackfillReport> {
  const dry = options.dryRun === true;
  const table = dry ? context.table(dataset) : await context.writableTable(dataset);
  const rejects = new RejectsFile(context, dataset);
  const known = new KnownFiles(table);
  const workers = workersFor(context, options);
  const place = { context, table, known, rejects, encoder: workers?.encoder };
  const newGroup = (): CommitGroup => new CommitGroup(place, dry);
  const run = new BackfillRun({ context, dataset, options, known, workers, newGroup }, files);
  const bytesTotal = await totalBytes(files);
  let reports: readonly BackfillFileReport[];
  try {
    reports = await run.all(bytesTotal);
  } finally {
    await workers?.close();
    await rejects.close();
  }
  return {
    dataset,
    files: reports,
    rows: reports.reduce((sum, report) => sum + report.rows, 0),
    rejected: reports.reduce((sum, report) => sum + report.rejected, 0),
    rejectsPath: rejects.path,
  };
}

/** None is started before there is work for it. */
function workersFor(context: EngineContext, options: BackfillOptions): Workers | undefined {
  const { workers } = workerCount(workerEvidence(options.workers));
  const entry = context.workerEntry ?? builtEntry();
  if (entry === undefined || workers === 0) return undefined;
  return new Workers(entry, workers, context.observe);
}

async function totalBytes(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const file of files) {
    const found = await stat(file).catch((cause: unknown) => {
      throw new HypError('E_BAD_INPUT', `no such file: ${file}`, {
        cause,
        hint: 'Check the path.',
      });
    });
    bytes += found.size;
  }
  return bytes;
}

class BackfillRun {
  readonly #place: LoadPlace;
  readonly #files: readonly string[];
  readonly #reports: BackfillFileReport[] = [];
  /** Files with a piece in the group, by number. */
  #waiting: number[] = [];
  /** What was begun of each file that is loaded again, by number: a refused group asks a second time. */
  readonly #again: (LoadedAgain | undefined)[] = [];
  #bytesDone = 0;

  constructor(place: Omit<LoadPlace, 'group' | 'commitGroup' | 'tally'>, files: readonly string[]) {
    this.#files = files;
    this.#place = {
      ...place,
      tally: { rows: 0 },
      group: place.newGroup(),
      commitGroup: () => this.#commitGroup(),
    };
  }

  async all(bytesTotal: number): Promise<readonly BackfillFileReport[]> {
    const { options } = this.#place;
    try {
      for (const [fileIndex, file] of this.#files.entries()) {
        const onStored = (bytes: number): void => {
          this.#bytesDone += bytes;
          options.onProgress?.({
            file,
            fileIndex,
            files: this.#files.length,
            bytesDone: this.#bytesDone,
            bytesTotal,
            rows: this.#place.tally.rows,
          });
        };
        await this.#load(fileIndex, { alone: false, onStored });
      }
    } catch (error) {
      // What was read before it stopped is stored, as it would be had each file its own commit.
      await this.#commitGroup();
      throw error;
    }
    await this.#commitGroup();
    return this.#reports;
  }

  async #load(index: number, how: Omit<LoadOptions, 'again' | 'total'>): Promise<void> {
    const path = resolve(this.#files[index] ?? '');
    const load = (await isParquetFile(path, this.#place.options)) ? loadParquet : loadFile;
    if (this.#place.options.again === true) this.#again[index] ??= { source: undefined };
    const again = this.#again[index];
    const total = noTotal();
    try {
      const { state, report } = await load(this.#place, path, { ...how, again, total });
      this.#reports[index] = report;
      if (state === 'waiting') this.#waiting.push(index);
    } catch (error) {
      if (!isHypError(error, 'E_BAD_INPUT')) throw error;
      const { message, hint } = error;
      const problem = { message, hint };
      this.#reports[index] = report(path, total, { outcome: 'failed', problem });
      // A source it had taken and not begun is free again.
      if (!how.alone) await this.#commitGroup();
      this.#place.known.forget();
    }
  }

  async #commitGroup(): Promise<void> {
    const files = this.#waiting;
    this.#waiting = [];
    if (await this.#place.group.commit()) return;
    for (const index of files) {
      this.#place.tally.rows -= this.#reports[index]?.rows ?? 0;
      await this.#load(index, { alone: true, onStored: () => undefined });
    }
  }
}
