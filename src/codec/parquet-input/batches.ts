/**
 * Owns: rows of a Parquet file becoming batches: one column for each column of the file whose name
 * a table can have, of a type that follows from the file's schema alone, so that it is the same in
 * every batch; everything else goes to `_hyp_rescued`, as NDJSON's values do.
 * Invariants: I13 (a batch is cut before a row could make it exceed its bytes), a row is never half
 * in: it is whole in the batch, or a reject.
 * llp/0019
 */
import { HypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Column } from '../columns.ts';
import {
  appendText,
  clearNewest,
  closeText,
  finishColumn,
  newBuilder,
  openText,
  putBoolean,
  putDouble,
  putInteger,
  putLong,
  resizeRows,
  rowBits,
} from '../ndjson/builders.ts';
import type { ColumnBuilder, Kind } from '../ndjson/builders.ts';
import type { DecodedBatch } from '../ndjson/decoder.ts';
import { foldName, isUnfitName } from '../ndjson/keys.ts';
import { newReject, rejectCost } from '../ndjson/reject.ts';
import type { Reject } from '../ndjson/reject.ts';
import {
  MEMBER_BYTES,
  addMember,
  finishRescued,
  newRescueLog,
  truncateLog,
} from '../ndjson/rescue-log.ts';
import { readNode, streamOf } from './record.ts';
import type { Leaves } from './record.ts';
import { BadValue, Rescued, jsonText, tooLarge } from './said.ts';
import type { Said } from './said.ts';
import type { SchemaNode } from './schema.ts';

const FIRST_ROWS = 64;

interface InputColumn {
  readonly node: SchemaNode;
  readonly kind: Kind;
  /** A declared list or struct: null members are as those that are not there (llp/0021). */
  readonly bare: boolean;
  /** Its name as JSON. */
  readonly key: Uint8Array;
  /** undefined: no table can have a column of this name. */
  builder: ColumnBuilder | undefined;
}

/** Names as the decoder of NDJSON judges them. E_BAD_INPUT when two are the same. */
function inputColumns(
  nodes: readonly SchemaNode[],
  leaves: Leaves,
  nested: ReadonlySet<string>,
): InputColumn[] {
  const names = new Set<string>();
  const folded = new Set<string>();
  return nodes.map((node) => {
    const { name } = node;
    if (names.has(name)) {
      throw new HypError('E_BAD_INPUT', `two columns are called ${name}`, {
        hint: 'Nothing of it was stored. Write the file again with a name for each column.',
      });
    }
    names.add(name);
    const fits = !isUnfitName(name) && !folded.has(foldName(name)) && folded.size < LIMITS.columns;
    if (fits) folded.add(foldName(name));
    const leaf = node.is === 'leaf' ? leaves.sayers[node.leaves[0] ?? -1] : undefined;
    const kind = leaf?.kind ?? 'json';
    const builder = fits ? newBuilder(name, kind, FIRST_ROWS) : undefined;
    const bare = nested.has(name);
    return { node, kind, bare, key: Buffer.from(JSON.stringify(name)), builder };
  });
}

export class BatchBuilder {
  readonly #leaves: Omit<Leaves, 'streams'>;
  readonly #columns: InputColumn[];
  readonly #rowBits: number;
  #rescued = newRescueLog();
  #rows = 0;
  #capacity = FIRST_ROWS;
  #textBytes = 0;
  #rejects: Reject[] = [];
  #rejectBytes = 0;

  /** `nested`: columns that are declared lists or structs. */
  constructor(nodes: readonly SchemaNode[], leaves: Leaves, nested: ReadonlySet<string>) {
    this.#leaves = leaves;
    this.#columns = inputColumns(nodes, leaves, nested);
    this.#rowBits = this.#columns.reduce((sum, { kind }) => sum + rowBits(kind), rowBits('json'));
  }

  /** True when the next row might not fit. */
  get isFull(): boolean {
    const fixed = (this.#rows * this.#rowBits) / 8;
    return (
      this.#rows + this.#rejects.length >= LIMITS.batchRows ||
      fixed + this.#textBytes + this.#rejectBytes >= LIMITS.batchBytes - LIMITS.rowBytes
    );
  }

  get isEmpty(): boolean {
    return this.#rows === 0 && this.#rejects.length === 0;
  }

  /** Takes the row the streams stand at; `row` is its number in the file, from 0. */
  add(streams: Leaves['streams'], row: number): void {
    if (this.#rows === this.#capacity) this.#grow();
    const leaves = { ...this.#leaves, streams };
    const before = { members: this.#rescued.count, textBytes: this.#textBytes };
    let column: InputColumn | undefined;
    try {
      for (column of this.#columns) {
        this.#take(column, leaves);
        if (this.#textBytes - before.textBytes > LIMITS.rowBytes) throw tooLarge();
      }
      this.#rows += 1;
    } catch (error) {
      for (const { builder } of this.#columns) {
        if (builder !== undefined) clearNewest(builder, this.#rows);
      }
      truncateLog(this.#rescued, before.members);
      this.#textBytes = before.textBytes;
      if (!(error instanceof BadValue)) throw error;
      this.#reject(row, `${error.message} (column ${column?.node.name ?? ''})`);
    }
  }

  /** The rows as a batch of the source through its row `through`. */
  cut(through: number): DecodedBatch {
    const columns: Column[] = [];
    for (const column of this.#columns) {
      const { builder, kind, node } = column;
      if (builder === undefined) continue;
      const built = finishColumn(builder, this.#rows);
      if (built !== undefined) columns.push(built);
      column.builder = newBuilder(node.name, kind, FIRST_ROWS, builder.length);
    }
    const rescued = finishRescued(this.#rescued, this.#rows);
    if (rescued !== undefined) columns.push(rescued);
    const batch = { rows: this.#rows, columns };
    const rejects = this.#rejects;
    this.#rescued = newRescueLog();
    this.#rows = 0;
    this.#capacity = FIRST_ROWS;
    this.#textBytes = 0;
    this.#rejects = [];
    this.#rejectBytes = 0;
    return { batch, rejects, endByte: through, endLine: through, duplicateKeyRows: 0 };
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const { builder } of this.#columns) {
      if (builder !== undefined) resizeRows(builder, this.#capacity);
    }
  }

  #take(column: InputColumn, leaves: Leaves): void {
    const { node, kind, builder, bare } = column;
    if (node.is !== 'leaf') {
      const text = readNode(bare ? { ...leaves, bare } : leaves, node);
      if (text !== undefined) this.#put(column, text);
      return;
    }
    const stream = streamOf(leaves, node);
    if (stream.def >= node.def) {
      const sayer = leaves.sayers[node.leaves[0] ?? -1];
      const said = sayer?.say(stream.value);
      if (said instanceof Rescued) this.#rescue(column, said.json);
      else if (said !== undefined && builder !== undefined) this.#put(column, said);
      else if (said !== undefined) this.#rescue(column, jsonText(said, kind));
    }
    stream.advance();
  }

  #put({ builder, key, kind }: InputColumn, said: Exclude<Said, Rescued>): void {
    if (builder === undefined) {
      this.#rescue({ key }, jsonText(said, kind));
    } else if (typeof said === 'boolean') putBoolean(builder, this.#rows, said);
    else if (typeof said === 'bigint') putLong(builder, this.#rows, said);
    // A zero with a sign is 0, as it is in NDJSON.
    else if (typeof said === 'number' && kind === 'double')
      putDouble(builder, this.#rows, said + 0);
    else if (typeof said === 'number') putInteger(builder, this.#rows, said);
    else this.#putText(builder, typeof said === 'string' ? Buffer.from(said) : said);
  }

  #putText(builder: ColumnBuilder, bytes: Uint8Array): void {
    if (bytes.length > LIMITS.rowBytes) throw tooLarge();
    openText(builder, this.#rows);
    appendText(builder, bytes, 0, bytes.length);
    closeText(builder, this.#rows);
    this.#textBytes += bytes.length;
  }

  #rescue({ key }: Pick<InputColumn, 'key'>, json: string): void {
    const value = Buffer.from(json);
    if (value.length > LIMITS.rowBytes) throw tooLarge();
    addMember(this.#rescued, this.#rows, key, value);
    this.#textBytes += key.length + value.length + 1 + MEMBER_BYTES;
  }

  #reject(row: number, reason: string): void {
    const reject = newReject(row + 1, row, reason, new Uint8Array(0));
    this.#rejects.push(reject);
    this.#rejectBytes += rejectCost(reject);
  }
}
