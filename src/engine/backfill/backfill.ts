/**
 * Owns: history becoming table rows (DESIGN §12): files → batches → commits, bypassing the spool.
 * Invariant: I3: each commit asserts how much of the file is in; a killed backfill resumes, a
 * repeated one adds nothing, two at once add each row once.
 *
 * | step | a crash right after leaves |
 * | rejects of a batch durable | those lines are written once more by the next run |
 * | commit of the batch, the file's position with it | the next run goes on behind it |
 *
 * llp/0012
 */
import { resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { HypError } from '../../core/errors.ts';
import type { DatasetName } from '../../core/ids.ts';
import { NdjsonDecoder } from '../../codec/ndjson/decoder.ts';
import type { DecodedBatch } from '../../codec/ndjson/decoder.ts';
import type { Table } from '../../../storage/table.ts';
import type {
  BackfillFileReport,
  BackfillOptions,
  BackfillProgress,
  BackfillReport,
} from '../api.ts';
import type { EngineContext } from '../context.ts';
import { commitRows } from '../flush/commit-rows.ts';
import { PrefixDigest, readContent } from './content.ts';
import { RejectsFile } from './rejects.ts';
import { decideSource, firstLine, knownSources, matchPrefix, sourcePrefix } from './source.ts';
import type { SourceDecision } from './source.ts';

interface Run {
  readonly context: EngineContext;
  readonly table: Table;
  readonly options: BackfillOptions;
  readonly rejects: RejectsFile;
  readonly tally: { bytesDone: number; rows: number };
}

/**
 * Reads `files` into `dataset`, in order. Resolves when every row of them is durable in the table.
 * Throws E_BAD_INPUT for a file that cannot be read, with everything before it stored.
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
  const tally = { bytesDone: 0, rows: 0 };
  const run: Run = { context, table, options, rejects, tally };
  const reports: BackfillFileReport[] = [];
  const bytesTotal = await totalBytes(files);
  try {
    for (const [fileIndex, file] of files.entries()) {
      const path = resolve(file);
      const onStored = (bytes: number): void => {
        tally.bytesDone += bytes;
        const progress: BackfillProgress = {
          file,
          fileIndex,
          files: files.length,
          bytesDone: tally.bytesDone,
          bytesTotal,
          rows: tally.rows,
        };
        options.onProgress?.(progress);
      };
      reports.push(await backfillFile(run, path, onStored));
    }
  } finally {
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

interface Loaded {
  readonly rows: number;
  readonly bytes: number;
  readonly rejected: number;
  /** Another process moved this source: decide again. */
  readonly overtaken: boolean;
}

async function backfillFile(
  run: Run,
  path: string,
  onStored: (bytes: number) => void,
): Promise<BackfillFileReport> {
  const head = await firstLine(readContent(path));
  const total = { rows: 0, bytes: 0, rejected: 0 };
  for (;;) {
    const decision = await decide(run, path, head);
    if (decision.label === 'unchanged' || decision.label === 'same-bytes') {
      const added = total.bytes > 0;
      const firstPath = decision.label === 'same-bytes' ? decision.firstPath : undefined;
      return { path, ...total, outcome: added ? 'added' : decision.label, firstPath };
    }
    const loaded = await load(run, path, decision, onStored);
    total.rows += loaded.rows;
    total.bytes += loaded.bytes;
    total.rejected += loaded.rejected;
    if (!loaded.overtaken) {
      const outcome = total.bytes > 0 ? 'added' : 'unchanged';
      return { path, ...total, outcome, firstPath: undefined };
    }
  }
}

/** A content nothing is known of is not read for this; any other is hashed once. */
async function decide(run: Run, path: string, head: Uint8Array): Promise<SourceDecision> {
  const prefix = sourcePrefix(head);
  if (run.options.again === true) {
    return { label: 'new', source: `${prefix}again-${run.context.random.uuid()}` };
  }
  const positions = await run.table.positions(await run.table.load());
  const known = await knownSources(positions, prefix);
  const match =
    known.length === 0
      ? { position: undefined, bytes: 0 }
      : await matchPrefix(readContent(path), known);
  return decideSource(path, prefix, known, match);
}

async function load(
  run: Run,
  path: string,
  decision: Extract<SourceDecision, { label: 'new' | 'resume' }>,
  onStored: (bytes: number) => void,
): Promise<Loaded> {
  const start = decision.label === 'resume' ? decision.through : 0;
  const digest = new PrefixDigest();
  const file = new FileLoad(run, path, decision.source, { start, digest });
  let decoder: NdjsonDecoder | undefined;
  const skip = new LineSkip(start);
  for await (const whole of readContent(path, onStored)) {
    assertNotStopped(run, path);
    digest.push(whole);
    const chunk = skip.next(whole);
    if (chunk === undefined) continue;
    decoder ??= new NdjsonDecoder({
      startByte: start,
      startLine: skip.lines,
      observe: run.context.observe,
    });
    for (const batch of decoder.decode(chunk)) {
      if (!(await file.commit(batch, false))) return file.loaded(true);
    }
  }
  const last = decoder?.finish();
  if (last !== undefined && !(await file.commit(last, true))) return file.loaded(true);
  return file.loaded(false);
}

/** Passes over the bytes that are in already and counts their lines. */
class LineSkip {
  lines = 0;
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  next(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#left === 0) return chunk;
    const skipped = Math.min(this.#left, chunk.length);
    for (let at = chunk.indexOf(10); at >= 0 && at < skipped; at = chunk.indexOf(10, at + 1)) {
      this.lines += 1;
    }
    this.#left -= skipped;
    return skipped === chunk.length ? undefined : chunk.subarray(skipped);
  }
}

/** One file on its way in, from where its source stands. */
class FileLoad {
  readonly #run: Run;
  readonly #path: string;
  readonly #source: string;
  readonly #digest: PrefixDigest;
  readonly #start: number;
  #through: number;
  #rows = 0;
  #rejected = 0;

  constructor(
    run: Run,
    path: string,
    source: string,
    from: { readonly start: number; readonly digest: PrefixDigest },
  ) {
    this.#run = run;
    this.#path = path;
    this.#source = source;
    this.#digest = from.digest;
    this.#start = from.start;
    this.#through = from.start;
  }

  /** False when another process has moved this source: nothing of `batch` was stored then. */
  async commit(batch: DecodedBatch, finished: boolean): Promise<boolean> {
    const digest = this.#digest.at(batch.endByte);
    if (this.#run.options.dryRun !== true) {
      await this.#run.rejects.add(this.#path, batch.rejects);
      if (!(await this.#store(batch, digest, finished))) return false;
    }
    this.#through = batch.endByte;
    this.#rows += batch.batch.rows;
    this.#run.tally.rows += batch.batch.rows;
    this.#rejected += batch.rejects.length;
    return true;
  }

  async #store(batch: DecodedBatch, digest: string, finished: boolean): Promise<boolean> {
    const from = this.#through === 0 ? undefined : BigInt(this.#through);
    const committed = await commitRows(this.#run.context, this.#run.table, async (positions) => {
      const at = await positions.get(this.#source);
      if (at?.through !== from) return undefined;
      const to = {
        source: this.#source,
        through: BigInt(batch.endByte),
        digest,
        hint: this.#path,
      };
      const moves = [{ source: this.#source, from, to, finished }];
      return { batches: [batch.batch], moves, drop: [] };
    });
    return committed !== undefined;
  }

  loaded(overtaken: boolean): Loaded {
    const bytes = this.#through - this.#start;
    return { rows: this.#rows, bytes, rejected: this.#rejected, overtaken };
  }
}

function assertNotStopped(run: Run, path: string): void {
  if (run.options.signal?.aborted !== true) return;
  throw new HypError('E_UNAVAILABLE', `stopped while reading ${path}`, {
    hint: 'Everything committed stays. Run the same command again to go on from here.',
  });
}
