/**
 * Owns: the files that are known under one first line, as one version of the positions has them.
 * Sources of a first line are numbered 0, 1, 2, … without holes and never dropped, so the first
 * free number is the same for every process that sees the same positions: of two that begin one
 * file, one meets a stale start.
 * Memory: about 150 bytes for each file with the same first line.
 * llp/0012
 */
import type { ColumnType } from '../../codec/columns.ts';
import { currentSchema } from '../../../storage/iceberg/metadata.ts';
import { targetsOf } from '../../../storage/iceberg/schema.ts';
import type { Move, Position, Positions } from '../../../storage/positions/positions.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import { halfOf } from '../prefix-digest.ts';
import type { Half } from '../prefix-digest.ts';

/** More than this are listed in one go. */
const PROBES = 8;
/** First lines held in memory. */
const PREFIXES = 4096;

export class KnownSources {
  readonly #prefix: string;
  readonly #sources = new Map<string, string>();
  readonly #halves = new Map<string, Set<number>>();
  readonly #without = new Set<number>();
  #count = 0;
  #taken = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** A name nobody has, this caller's until the next commit shows it. */
  takeFree(): string {
    return `${this.#prefix}${this.#count + this.#taken++}`;
  }

  /** A source that is new, by a name that was taken when it is this process's. */
  add({ source, through, digest }: Position): void {
    const bytes = Number(through);
    this.#count += 1;
    this.#taken = Math.max(0, this.#taken - 1);
    this.#sources.set(`${bytes}:${digest}`, source);
    const half = halfOf(digest, bytes);
    if (half === undefined) this.#without.add(bytes);
    else {
      const lengths = this.#halves.get(halfKey(half)) ?? new Set<number>();
      this.#halves.set(halfKey(half), lengths.add(bytes));
    }
  }

  lengthsWithoutHalf(): Iterable<number> {
    return this.#without;
  }

  lengthsWith(half: Half): Iterable<number> {
    return this.#halves.get(halfKey(half)) ?? [];
  }

  /** The source that holds exactly these bytes. */
  sourceAt(bytes: number, digest: string): string | undefined {
    return this.#sources.get(`${bytes}:${digest}`);
  }
}

/** What is known of all first lines this process met, kept in step with its own commits. */
export class KnownFiles {
  readonly #table: Table;
  readonly #byPrefix = new Map<string, KnownSources>();
  #head: TableHead | undefined;
  #positions: Positions | undefined;

  constructor(table: Table) {
    this.#table = table;
  }

  async under(prefix: string): Promise<KnownSources> {
    const known = this.#byPrefix.get(prefix);
    if (known !== undefined) return known;
    const fresh = new KnownSources(prefix);
    const positions = await this.#current();
    for (const position of await positionsWith(positions, prefix)) fresh.add(position);
    if (this.#byPrefix.size >= PREFIXES) this.#byPrefix.clear();
    this.#byPrefix.set(prefix, fresh);
    return fresh;
  }

  /** Where `source` was in the version everything here is of. */
  async position(source: string): Promise<Position | undefined> {
    return (await this.#current()).get(source);
  }

  /** The types of the table's columns in that version. */
  async columnTypes(): Promise<ReadonlyMap<string, ColumnType>> {
    await this.#current();
    const head = this.#head;
    const targets = head === undefined ? [] : targetsOf(currentSchema(head.value));
    return new Map(targets.map(({ name, type }) => [name, type]));
  }

  /** Another process committed, or may have: everything is asked anew. */
  forget(): void {
    this.#positions = undefined;
    this.#byPrefix.clear();
  }

  /** Our commit of `moves` made `head` of the version whose positions were in `base`. */
  async follow(head: TableHead, base: string | undefined, moves: readonly Move[]): Promise<void> {
    const before = this.#positions;
    this.#head = head;
    this.#positions = await this.#table.positions(head);
    if (before?.fileName !== base) this.#byPrefix.clear();
    for (const { source, from, to } of moves) {
      const prefix = source.slice(0, source.indexOf('#') + 1);
      if (from === undefined) this.#byPrefix.get(prefix)?.add(to);
      else this.#byPrefix.delete(prefix);
    }
  }

  async #current(): Promise<Positions> {
    if (this.#positions !== undefined) return this.#positions;
    this.#head = await this.#table.load();
    this.#positions = await this.#table.positions(this.#head);
    return this.#positions;
  }
}

function halfKey({ bytes, digest }: Half): string {
  return `${bytes}:${digest}`;
}

/** One by one while they are few: a listing looks into every segment. */
async function positionsWith(positions: Positions, prefix: string): Promise<readonly Position[]> {
  const found: Position[] = [];
  for (let number = 0; number < PROBES; number++) {
    const position = await positions.get(`${prefix}${number}`);
    if (position === undefined) return found;
    found.push(position);
  }
  return positions.withPrefix(prefix);
}
