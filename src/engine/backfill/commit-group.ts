/**
 * Owns: what one commit of a backfill holds: a piece of a large file, or many small files at once,
 * because ten thousand files must not cost ten thousand commits.
 * Invariants: I3 (every file's position is asserted; one that is stale makes the whole group stale
 * and nothing of it is stored), I13 (rows wait up to JOIN_BYTES).
 *
 * | step | a crash right after leaves |
 * | rejects of all its files durable | those lines are written once more by the next run |
 * | commit of the rows, every file's position with them | the next run goes on behind them |
 *
 * Not its job: deciding what a file is; that is asked again by the caller when a group is stale.
 * llp/0012
 */
import { LIMITS } from '../../core/limits.ts';
import type { Batch } from '../../codec/columns.ts';
import { joinBatches, sameShape } from '../../codec/join.ts';
import type { RowGroupEncoder } from '../../codec/parquet.ts';
import type { Move, Positions } from '../../../storage/positions/positions.ts';
import type { Table } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import { commitRows } from '../flush/commit-rows.ts';
import type { Gathered } from './gather.ts';
import type { KnownFiles } from './known-sources.ts';
import type { RejectsFile } from './rejects.ts';
import { sourceBefore } from './source.ts';

/** Rows of small files that wait for others; a larger piece is a commit of its own. */
const JOIN_BYTES = 4 * 1024 * 1024;
/** What may join others. */
const SMALL_BYTES = 256 * 1024;

/** A piece of one file, and how it moves the file's source. */
export interface Piece {
  readonly path: string;
  readonly decoded: Gathered;
  readonly move: Move;
}

export interface GroupPlace {
  readonly context: EngineContext;
  readonly table: Table;
  readonly known: KnownFiles;
  readonly rejects: RejectsFile;
  /** Encodes what is larger than small files together; undefined: the calling thread does. */
  readonly encoder: RowGroupEncoder | undefined;
}

export class CommitGroup {
  readonly #place: GroupPlace;
  readonly #dry: boolean;
  #pieces: Piece[] = [];
  #bytes = 0;
  #rows = 0;

  /** A dry one commits nothing and says that it did. */
  constructor(place: GroupPlace, dry: boolean) {
    this.#place = place;
    this.#dry = dry;
  }

  static isSmall(piece: Piece): boolean {
    return piece.decoded.bytes <= SMALL_BYTES;
  }

  /** True when `piece` does not fit beside those that wait: commit them first. */
  isFullFor(piece: Piece): boolean {
    return (
      this.#pieces.length >= LIMITS.backfillFilesPerCommit ||
      this.#rows + piece.decoded.rows > LIMITS.batchRows ||
      this.#bytes + piece.decoded.bytes > JOIN_BYTES
    );
  }

  add(piece: Piece): void {
    this.#pieces.push(piece);
    this.#bytes += piece.decoded.bytes;
    this.#rows += piece.decoded.rows;
  }

  /**
   * Commits what waits, in its order. False when another process moved one of the sources: nothing
   * was stored then, and every file of the group has to be decided again.
   */
  async commit(): Promise<boolean> {
    const pieces = this.#pieces;
    const large = this.#bytes > JOIN_BYTES;
    this.#pieces = [];
    this.#bytes = 0;
    this.#rows = 0;
    if (pieces.length === 0 || this.#dry) return true;
    const { context, table, known, rejects } = this.#place;
    await rejects.add(
      pieces.map(({ path, decoded }) => ({ file: path, rejects: decoded.rejects })),
    );
    const moves = pieces.map(({ move }) => move);
    const found = pieces.flatMap(({ decoded }) => decoded.batches);
    const batches = large ? found : joined(found);
    const encoder = large ? this.#place.encoder : undefined;
    let base: string | undefined;
    const committed = await commitRows({ ...context, encoder }, table, async (positions) => {
      if (!(await areDue(positions, moves))) return undefined;
      base = positions.fileName;
      return { batches, moves, drop: [] };
    });
    if (committed === undefined) known.forget();
    else await known.follow(committed.head, base, moves);
    return committed !== undefined;
  }
}

/**
 * Every source stands where its piece begins, and a new one follows the last of its first line:
 * KnownSources finds them by their numbers, so there must be no hole. Two files of a group that go
 * on from one source are decided again, one after the other.
 */
async function areDue(positions: Positions, moves: readonly Move[]): Promise<boolean> {
  const sources = new Set<string>();
  for (const { source, from } of moves) {
    if (sources.has(source)) return false;
    sources.add(source);
    if ((await positions.get(source))?.through !== from) return false;
    const before = from === undefined ? sourceBefore(source) : undefined;
    if (before === undefined || sources.has(before)) continue;
    if ((await positions.get(before)) === undefined) return false;
  }
  return true;
}

/** Neighbours of one shape as one batch: a batch of one row costs a thousand times its values. */
function joined(batches: readonly Batch[]): Batch[] {
  const result: Batch[] = [];
  let run: Batch[] = [];
  for (const batch of batches) {
    const last = run.at(-1);
    if (last !== undefined && !sameShape(last, batch)) {
      result.push(joinBatches(run));
      run = [];
    }
    run.push(batch);
  }
  return run.length === 0 ? result : [...result, joinBatches(run)];
}
