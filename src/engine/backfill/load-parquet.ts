/**
 * Owns: one Parquet file on its way in. Such a file has no prefixes: it is its bytes, all of them.
 * Its source is named after their digest, its position counts rows, and a file that grew or was
 * written again is another source, all of whose rows are new.
 *
 * | label | the positions hold | action |
 * | new | nothing of these bytes | begin a source of its own |
 * | resume | some of its rows | go on behind them: a killed backfill |
 * | unchanged | all of them, from this path | nothing to do |
 * | same-bytes | all of them, from another path | skip with a notice, unless told to load it again |
 *
 * Commit point and crash table: commit-group.ts. Not its job: the format (codec/parquet-input).
 * llp/0019
 */
import { open } from 'node:fs/promises';
import { HypError, isHypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { isParquet, readParquetFooter, readParquetRows } from '../../codec/parquet-input/read.ts';
import type { InputFooter } from '../../codec/parquet-input/read.ts';
import type { DecodedBatch } from '../../codec/ndjson/decoder.ts';
import { nestedNames } from '../declared.ts';
import { CommitGroup } from './commit-group.ts';
import type { Piece } from './commit-group.ts';
import { gathered } from './gather.ts';
import { isNamedParquet, isNamedText } from './format.ts';
import type { KnownSources } from './known-sources.ts';
import { begunAgain, noTotal, notBegun, report } from './load-file.ts';
import type { FileResult, LoadOptions, LoadPlace } from './load-file.ts';
import { ProvenFile } from './proven-file.ts';
import type { BackfillOptions } from './report.ts';

export type ParquetDecision =
  | { readonly label: 'new'; readonly source: string }
  | { readonly label: 'resume'; readonly source: string; readonly through: number }
  | { readonly label: 'unchanged' }
  | { readonly label: 'same-bytes'; readonly firstPath: string };

/** What the positions hold of a file's bytes. */
export interface ParquetEvidence {
  readonly path: string;
  readonly rows: number;
  /** A source of these bytes with fewer rows than the file has. */
  readonly unfinished: { readonly source: string; readonly through: number } | undefined;
  /** The path of a source with all of them. */
  readonly finishedFrom: string | undefined;
  readonly again: boolean;
}

/** What to do with a Parquet file (see the table above). Pure but for the name taken. */
export function decideParquet(evidence: ParquetEvidence, takeFree: () => string): ParquetDecision {
  const { path, rows, unfinished, finishedFrom, again } = evidence;
  // Nothing can be committed of a file without rows.
  if (rows === 0) return { label: 'unchanged' };
  if (again) return { label: 'new', source: takeFree() };
  if (unfinished !== undefined) return { label: 'resume', ...unfinished };
  if (finishedFrom === undefined) return { label: 'new', source: takeFree() };
  return finishedFrom === path
    ? { label: 'unchanged' }
    : { label: 'same-bytes', firstPath: finishedFrom };
}

/** True when the file at `path` is to be read as Parquet: told, named so, or it begins so. */
export async function isParquetFile(path: string, options: BackfillOptions): Promise<boolean> {
  if (options.format !== undefined) return options.format === 'parquet';
  if (isNamedParquet(path)) return true;
  if (isNamedText(path)) return false;
  // What cannot be opened is said by whoever reads it.
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(4), 0, 4, 0);
    return isParquet(buffer.subarray(0, bytesRead));
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** As loadFile, of a Parquet file. E_BAD_INPUT for what is none, with the rows before it stored. */
export async function loadParquet(
  place: LoadPlace,
  path: string,
  more: LoadOptions,
): Promise<FileResult> {
  const stop = (): void => {
    assertNotStopped(place.options, path);
  };
  const file = await ProvenFile.open(path, stop);
  try {
    return await loadProven(place, file, more);
  } catch (error) {
    if (!isHypError(error, 'E_BAD_INPUT') || error.message.includes(path)) throw error;
    const { message, hint, details } = error;
    throw new HypError('E_BAD_INPUT', `${path}: ${message}`, { cause: error, hint, details });
  } finally {
    await file.close();
  }
}

async function loadProven(
  place: LoadPlace,
  file: ProvenFile,
  more: LoadOptions,
): Promise<FileResult> {
  const { path } = file;
  const footer = await readParquetFooter(file);
  const total = more.total ?? noTotal();
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const decision = await decide(place, file, { footer, again: more.again });
    if (decision.label === 'unchanged' || decision.label === 'same-bytes') {
      const firstPath = decision.label === 'same-bytes' ? decision.firstPath : undefined;
      const outcome =
        total.bytes > 0 || more.again?.source !== undefined ? 'added' : decision.label;
      return { state: 'done', report: report(path, total, { outcome, firstPath }) };
    }
    const load = new ParquetLoad(place, { file, footer, total }, decision);
    const state = await load.run(more);
    if (state !== 'overtaken') return { state, report: report(path, total, { outcome: 'added' }) };
    place.known.forget();
  }
  throw new HypError('E_CONFLICT', `the source of ${path} is moved faster than it can be read`, {
    hint: 'What was committed stays. Run the same command again when no other backfill reads it.',
  });
}

interface Asked extends Pick<LoadOptions, 'again'> {
  readonly footer: InputFooter;
}

async function decide(
  place: LoadPlace,
  { path, digest }: ProvenFile,
  { footer: { rows }, again }: Asked,
): Promise<ParquetDecision> {
  const prefix = `parquet/${digest}#`;
  const known = await place.known.under(prefix);
  const begun = await begunAgain(place, again);
  if (begun !== undefined) {
    if (!begun.source.startsWith(prefix)) throw notBegun(path);
    const through = Number(begun.through);
    return through < rows
      ? { label: 'resume', source: begun.source, through }
      : { label: 'unchanged' };
  }
  const all = known.sourceAt(rows, digest);
  const position = all === undefined ? undefined : await place.known.position(all);
  const evidence = {
    path,
    rows,
    unfinished: unfinishedOf(known, digest, rows),
    finishedFrom: position === undefined ? undefined : (position.hint ?? path),
    again: again !== undefined,
  };
  return decideParquet(evidence, () => known.takeFree());
}

function unfinishedOf(
  known: KnownSources,
  digest: string,
  rows: number,
): ParquetEvidence['unfinished'] {
  for (const through of known.lengthsWithoutHalf()) {
    const source = through < rows ? known.sourceAt(through, digest) : undefined;
    if (source !== undefined) return { source, through };
  }
  return undefined;
}

interface Loading {
  readonly file: ProvenFile;
  readonly footer: InputFooter;
  readonly total: { rows: number; bytes: number; rejected: number };
}

type Begun = Extract<ParquetDecision, { readonly label: 'new' | 'resume' }>;

/** One pass over a file, from the row its source stands at. */
class ParquetLoad {
  readonly #place: LoadPlace;
  readonly #loading: Loading;
  readonly #source: string;
  #through: number;

  constructor(place: LoadPlace, loading: Loading, decision: Begun) {
    this.#place = place;
    this.#loading = loading;
    this.#source = decision.source;
    this.#through = decision.label === 'resume' ? decision.through : 0;
  }

  /** 'waiting': the last piece is in the group; 'overtaken': another process moved the source. */
  async run(more: LoadOptions): Promise<'done' | 'waiting' | 'overtaken'> {
    const { file, footer } = this.#loading;
    const { context, dataset } = this.#place;
    const nested = nestedNames(context.declared(dataset));
    let small: Piece | undefined;
    try {
      for await (const decoded of readParquetRows(file, footer, this.#through, { nested })) {
        assertNotStopped(this.#place.options, file.path);
        if (small !== undefined && !(await this.#commit(small, more))) return 'overtaken';
        small = undefined;
        const piece = this.#piece(decoded, more);
        if (!more.alone && CommitGroup.isSmall(piece)) small = piece;
        else if (!(await this.#commit(piece, more))) return 'overtaken';
      }
    } catch (error) {
      // What came before damage is stored.
      if (small !== undefined) await this.#commit(small, more);
      throw error;
    }
    if (small === undefined) return 'done';
    if (this.#place.group.isFullFor(small)) await this.#place.commitGroup();
    this.#place.group.add(small);
    return 'waiting';
  }

  #piece(decoded: DecodedBatch, { onStored }: LoadOptions): Piece {
    const { file, total } = this.#loading;
    const through = decoded.endByte;
    const from = this.#through === 0 ? undefined : BigInt(this.#through);
    const to = {
      source: this.#source,
      through: BigInt(through),
      digest: file.digest,
      hint: file.path,
    };
    const bytes = this.#share(through) - this.#share(this.#through);
    total.bytes += bytes;
    total.rows += decoded.batch.rows;
    total.rejected += decoded.rejects.length;
    this.#place.tally.rows += decoded.batch.rows;
    this.#through = through;
    onStored(bytes);
    const move = { source: this.#source, from, to, finished: true };
    return { path: file.path, decoded: gathered([decoded]), move };
  }

  /** False when the source was moved by another process: what the piece added is taken back. */
  async #commit(piece: Piece, { again }: LoadOptions): Promise<boolean> {
    await this.#place.commitGroup();
    const alone = this.#place.newGroup();
    alone.add(piece);
    if (await alone.commit()) {
      if (again !== undefined) again.source = piece.move.source;
      return true;
    }
    const { decoded, move } = piece;
    const { total } = this.#loading;
    total.bytes -= this.#share(decoded.endByte) - this.#share(Number(move.from ?? 0n));
    total.rows -= decoded.rows;
    total.rejected -= decoded.rejects.length;
    this.#place.tally.rows -= decoded.rows;
    return false;
  }

  /** Bytes of the file that so many of its rows stand for. */
  #share(rows: number): number {
    const { file, footer } = this.#loading;
    return Math.round((file.size * rows) / footer.rows);
  }
}

function assertNotStopped(options: BackfillOptions, path: string): void {
  if (options.signal?.aborted !== true) return;
  throw new HypError('E_UNAVAILABLE', `stopped while reading ${path}`, {
    hint: 'Everything committed stays. Run the same command again to go on from here.',
    details: { stopped: true },
  });
}
