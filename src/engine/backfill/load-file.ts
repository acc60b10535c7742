/**
 * Owns: one file on its way in: what it is, its rows from there on, and what is said of it.
 * The last piece of a small file waits in the group for others; everything else is committed in the
 * order of the files.
 * llp/0012
 */
import { HypError, isHypError } from '../../core/errors.ts';
import type { DatasetName } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Unfinished } from '../../codec/ndjson/decoder.ts';
import type { BackfillFileReport, BackfillOptions, InputFormat } from './report.ts';
import type { Position } from '../../../storage/positions/positions.ts';
import type { EngineContext } from '../context.ts';
import { declaredKinds } from '../declared.ts';
import { CommitGroup } from './commit-group.ts';
import type { Piece } from './commit-group.ts';
import { openContent } from './content.ts';
import type { FileContent } from './content.ts';
import { KnownSources } from './known-sources.ts';
import type { KnownFiles } from './known-sources.ts';
import { OtherContent, proven } from './proven-content.ts';
import { PrefixDigest } from '../prefix-digest.ts';
import { formatOf, readRows } from './format.ts';
import { gather } from './gather.ts';
import type { Gathered, GatheredBatches } from './gather.ts';
import { WorkerDeath } from '../workers/thread.ts';
import type { Workers } from '../workers/workers.ts';
import { decideSource, firstRecord, matchPrefix, sourcePrefix } from './source.ts';
import type { Mark, SourceDecision } from './source.ts';

export interface LoadPlace {
  readonly context: EngineContext;
  readonly dataset: DatasetName;
  readonly options: BackfillOptions;
  readonly known: KnownFiles;
  readonly workers: Workers | undefined;
  readonly group: CommitGroup;
  /** Rows so far, for the progress bar. */
  readonly tally: { rows: number };
  readonly newGroup: () => CommitGroup;
  /** Commits the group; files of a stale one are loaded again, each alone. */
  readonly commitGroup: () => Promise<void>;
}

export interface LoadOptions {
  /** Nothing of this file waits for others. */
  readonly alone: boolean;
  readonly onStored: (bytes: number) => void;
  /** Given when the file is to be loaded although its content is in; the same one for each try. */
  readonly again: LoadedAgain | undefined;
  /** Where it counts, for whoever wants to know what was stored before it threw. */
  readonly total?: Total;
}

/**
 * What a run began of one file that it loads again. From its first commit on there is no beginning
 * anew, whoever moves the source: it goes on there, or is done when all of it is in.
 */
export interface LoadedAgain {
  /** undefined: nothing is committed yet. */
  source: string | undefined;
}

interface TryOptions extends LoadOptions {
  /** Workers encode what they parse, too, to see whether it can be. */
  readonly trial: boolean;
}

interface Loaded {
  /** 'waiting': a piece is in the group. */
  readonly state: 'done' | 'waiting';
  readonly rest: Unfinished | undefined;
}

/** 'waiting': what was reported holds once the group is committed. */
export interface FileResult {
  readonly state: 'done' | 'waiting';
  readonly report: BackfillFileReport;
}

/** What one file came to. */
export interface Total {
  rows: number;
  bytes: number;
  rejected: number;
}

interface FormattedContent extends FileContent {
  readonly format: InputFormat;
}

/** Another process moved the source, or changed the file: what it is has to be decided again. */
const OVERTAKEN = 'overtaken';
/** A commit killed two workers, and was not made. */
const KILLED = 'killed';
type Again = typeof OVERTAKEN | typeof KILLED;

/**
 * Loads the file at `path`. With `alone` its rows are durable when it resolves; otherwise the last
 * of a small file may wait in the group.
 */
export async function loadFile(
  place: LoadPlace,
  path: string,
  more: LoadOptions,
): Promise<FileResult> {
  const total = more.total ?? noTotal();
  let trial = false;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const opened = await openContent(path);
    const head = await firstRecord(opened.read());
    const { decision, marks } = await decide(place, opened, { head, again: more.again });
    if (decision.label === 'unchanged' || decision.label === 'same-bytes') {
      const firstPath = decision.label === 'same-bytes' ? decision.firstPath : undefined;
      const outcome = total.bytes > 0 || more.again !== undefined ? 'added' : decision.label;
      return { state: 'done', report: report(path, total, { outcome, firstPath }) };
    }
    const content: FormattedContent = {
      path,
      format: place.options.format ?? formatOf(path, head),
      read: (onStored) => proven(opened.read(onStored), { head, marks }),
    };
    const loaded: Loaded | Again = await new FileLoad(place, content, decision, total)
      .run({ ...more, trial })
      .catch((error: unknown) => decideAgain(path, error, trial));
    if (typeof loaded === 'string') {
      trial ||= loaded === KILLED;
      place.known.forget();
      continue;
    }
    const { state, rest } = loaded;
    const unfinished = rest && { line: rest.line, byte: rest.byte };
    return { state, report: report(path, total, { ...said(path, decision, total), unfinished }) };
  }
  throw new HypError('E_CONFLICT', `${path} or its source changes faster than it can be read`, {
    hint: 'What was committed stays. Run the same command again when the file is at rest.',
  });
}

/** Rows that were read kill who encodes them: the file is read again, and each block is tried. */
function decideAgain(path: string, error: unknown, trial: boolean): Again {
  if (error instanceof OtherContent) return OVERTAKEN;
  if (!(error instanceof WorkerDeath)) throw error;
  if (!trial) return KILLED;
  throw new HypError('E_INTERNAL', `rows of ${path} kill worker threads: ${error.message}`, {
    cause: error,
    hint: 'Everything before them is stored. Please report this with the rows that follow it.',
  });
}

/** A source of which only a line that is not whole is left has nothing new. */
function said(
  path: string,
  decision: SourceDecision,
  total: Total,
): Pick<BackfillFileReport, 'outcome' | 'firstPath'> {
  if (total.bytes > 0) return { outcome: 'added', firstPath: undefined };
  const firstPath = decision.label === 'resume' ? decision.firstPath : path;
  if (firstPath === path) return { outcome: 'unchanged', firstPath: undefined };
  return { outcome: 'same-bytes', firstPath };
}

export function noTotal(): Total {
  return { rows: 0, bytes: 0, rejected: 0 };
}

export function report(
  path: string,
  total: Total,
  more: Partial<BackfillFileReport> & Pick<BackfillFileReport, 'outcome'>,
): BackfillFileReport {
  const nothing = { firstPath: undefined, problem: undefined, unfinished: undefined };
  return { path, ...total, ...nothing, ...more };
}

interface Decided {
  readonly decision: SourceDecision;
  /** What it was decided by, beside its first record. */
  readonly marks: readonly Mark[];
}

interface Asked extends Pick<LoadOptions, 'again'> {
  readonly head: Uint8Array;
}

/** A content nothing is known of is not read for this; any other is hashed once. */
async function decide(
  place: LoadPlace,
  content: FileContent,
  { head, again }: Asked,
): Promise<Decided> {
  const prefix = sourcePrefix(head);
  const begun = await begunAgain(place, again);
  if (begun !== undefined) return goOn(content, prefix, begun);
  const known = await place.known.under(prefix);
  const begin = (): SourceDecision => ({ label: 'new', source: known.takeFree() });
  if (again !== undefined || known.isEmpty) return { decision: begin(), marks: [] };
  const { source, bytes, marks } = await matchPrefix(content.read(), known);
  const position = source === undefined ? undefined : await place.known.position(source);
  const decision = decideSource(content.path, { position, bytes }, () => known.takeFree());
  return { decision, marks };
}

/** Where the source stands by now that this run began; undefined: none, or it was dropped. */
export async function begunAgain(
  { known }: Pick<LoadPlace, 'known'>,
  again: LoadedAgain | undefined,
): Promise<Position | undefined> {
  return again?.source === undefined ? undefined : known.position(again.source);
}

/** What is left of a file that is being loaded again. E_CONFLICT when that cannot be told. */
async function goOn(content: FileContent, prefix: string, begun: Position): Promise<Decided> {
  const { path } = content;
  const only = new KnownSources(prefix);
  only.add(begun);
  const { source, bytes, marks } = await matchPrefix(content.read(), only);
  if (source === undefined) throw notBegun(path);
  const position = { ...begun, hint: path };
  return { decision: decideSource(path, { position, bytes }, () => source), marks };
}

export function notBegun(path: string): HypError {
  return new HypError(
    'E_CONFLICT',
    `${path} is not the file any more of which rows are in again, or its source went on otherwise`,
    {
      hint: 'What was committed stays. Run the command without --again: it adds what is not in.',
    },
  );
}

type Begun = Extract<SourceDecision, { readonly label: 'new' | 'resume' }>;

/** One pass over a file, from where its source stands. */
class FileLoad {
  readonly #place: LoadPlace;
  readonly #content: FormattedContent;
  readonly #decision: Begun;
  readonly #total: Total;
  readonly #digest = new PrefixDigest();
  #through: number;
  #again: LoadedAgain | undefined;

  constructor(place: LoadPlace, content: FormattedContent, decision: Begun, total: Total) {
    this.#place = place;
    this.#content = content;
    this.#decision = decision;
    this.#total = total;
    this.#through = decision.label === 'resume' ? decision.through : 0;
  }

  /** Resolves with what was left undecided at the end; `waiting`: a piece is in the group. */
  async run(more: TryOptions): Promise<typeof OVERTAKEN | Loaded> {
    const { context, dataset, workers } = this.#place;
    const { observe } = context;
    const { trial } = more;
    this.#again = more.again;
    const start = this.#through;
    const { format } = this.#content;
    const types = await this.#place.known.columnTypes();
    const own = new Map(context.declared(dataset).map(({ name, type }) => [name, type]));
    const typeOf = (name: string) => types.get(name) ?? own.get(name);
    const declared = await declaredKinds(context, dataset);
    const how = { format, start, observe, typeOf, declared, workers, trial };
    const batches = gather(readRows(this.#pushed(more.onStored), how));
    try {
      return await this.#take(batches, more);
    } finally {
      await batches.return(undefined);
    }
  }

  async #take(batches: GatheredBatches, more: LoadOptions): Promise<typeof OVERTAKEN | Loaded> {
    let small: Piece | undefined;
    for (;;) {
      const next = await this.#next(batches, small);
      if (next.done === true) {
        if (small !== undefined) await this.#wait(small);
        return { state: small === undefined ? 'done' : 'waiting', rest: next.value };
      }
      if (small !== undefined && !(await this.#commit(small))) return OVERTAKEN;
      small = undefined;
      const piece = this.#piece(next.value);
      if (!more.alone && CommitGroup.isSmall(piece)) small = piece;
      else if (!(await this.#commit(piece))) return OVERTAKEN;
    }
  }

  /** What came before damage is stored. */
  async #next(batches: GatheredBatches, small: Piece | undefined) {
    try {
      assertNotStopped(this.#place.options, this.#content.path);
      return await batches.next();
    } catch (error) {
      if (small !== undefined) await this.#commit(small);
      if (!isHypError(error, 'E_BAD_INPUT') || error.message.includes(this.#content.path))
        throw error;
      const { message, hint, details } = error;
      throw new HypError('E_BAD_INPUT', `${this.#content.path}: ${message}`, {
        cause: error,
        hint,
        details,
      });
    }
  }

  async *#pushed(onStored: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#content.read(onStored)) {
      assertNotStopped(this.#place.options, this.#content.path);
      this.#digest.push(chunk);
      yield chunk;
    }
  }

  #piece(decoded: Gathered): Piece {
    const { source } = this.#decision;
    const { path } = this.#content;
    const from = this.#through === 0 ? undefined : BigInt(this.#through);
    const digest = this.#digest.at(decoded.endByte);
    const to = { source, through: BigInt(decoded.endByte), digest, hint: path };
    this.#total.bytes += decoded.endByte - this.#through;
    this.#total.rows += decoded.rows;
    this.#place.tally.rows += decoded.rows;
    this.#total.rejected += decoded.rejects.length;
    this.#through = decoded.endByte;
    // It may move again all the same; an unfinished one is no different from one that will grow.
    return { path, decoded, move: { source, from, to, finished: true } };
  }

  async #wait(piece: Piece): Promise<void> {
    if (this.#place.group.isFullFor(piece)) await this.#place.commitGroup();
    this.#place.group.add(piece);
  }

  /** False when the source was moved by another process: what the piece added is taken back. */
  async #commit(piece: Piece): Promise<boolean> {
    await this.#place.commitGroup();
    const alone = this.#place.newGroup();
    alone.add(piece);
    let committed = false;
    try {
      committed = await alone.commit();
    } finally {
      if (!committed) this.#takeBack(piece);
      else if (this.#again !== undefined) this.#again.source = piece.move.source;
    }
    return committed;
  }

  #takeBack({ decoded, move }: Piece): void {
    this.#total.bytes -= decoded.endByte - Number(move.from ?? 0n);
    this.#total.rows -= decoded.rows;
    this.#place.tally.rows -= decoded.rows;
    this.#total.rejected -= decoded.rejects.length;
  }
}

function assertNotStopped(options: BackfillOptions, path: string): void {
  if (options.signal?.aborted !== true) return;
  throw new HypError('E_UNAVAILABLE', `stopped while reading ${path}`, {
    hint: 'Everything committed stays. Run the same command again to go on from here.',
    details: { stopped: true },
  });
}
