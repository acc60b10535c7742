/**
 * Owns: a Parquet file as batches of its rows from a row on. A position in such a file is a number
 * of rows; only the row group it lies in is read again.
 * Invariants: I12 (what is no Parquet file is E_BAD_INPUT, after the batches before the damage),
 * I13 (pages up to LIMITS.parquetHeldBytes and one batch; larger ones are refused by name).
 * llp/0019
 */
import { HypError, isHypError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { DecodedBatch } from '../ndjson/decoder.ts';
import { BatchBuilder } from './batches.ts';
import { chunkPlaces, readInputFooter } from './footer.ts';
import type { InputFooter } from './footer.ts';
import { ColumnStream } from './pages.ts';
import type { ByteSource } from './pages.ts';
import { sayersOf } from './record.ts';

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
const TAIL_BYTES = 8;

export type { ByteSource } from './pages.ts';
export type { InputFooter } from './footer.ts';

/** True when a file that begins so is Parquet. */
export function isParquet(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, 4)).toString('latin1') === MAGIC;
}

/** Whatever is wrong with the bytes is wrong with the input. */
function badInput(error: unknown): unknown {
  if (isHypError(error) && error.code !== 'E_CORRUPT') return error;
  if (!isHypError(error) && !(error instanceof RangeError)) return error;
  return new HypError('E_BAD_INPUT', `a damaged Parquet file: ${error.message}`, {
    cause: error,
    hint: 'Rows before the damage are stored, none behind it. Get the file again and run the same command.',
  });
}

/** The footer. E_BAD_INPUT when there is none, or it is too large. */
export async function readParquetFooter(source: ByteSource): Promise<InputFooter> {
  try {
    const size = source.size;
    if (size < TAIL_BYTES + MAGIC.length) throw new HypError('E_CORRUPT', 'it is too short');
    const tail = Buffer.from(await source.read(size - TAIL_BYTES, TAIL_BYTES));
    const magic = tail.toString('latin1', 4);
    if (magic === ENCRYPTED_MAGIC) throw new HypError('E_CORRUPT', 'its footer is encrypted');
    if (magic !== MAGIC) throw new HypError('E_CORRUPT', 'its footer is missing');
    const length = tail.readUInt32LE(0);
    if (length > size - TAIL_BYTES) throw new HypError('E_CORRUPT', 'its footer is cut off');
    if (length > LIMITS.parquetFooterBytes) throw largeFooter(length);
    return readInputFooter((await source.read(size - TAIL_BYTES - length, length)).slice());
  } catch (error) {
    throw badInput(error);
  }
}

function largeFooter(length: number): HypError {
  return new HypError(
    'E_BAD_INPUT',
    `its footer takes ${length} bytes, ${LIMITS.parquetFooterBytes} is the limit`,
    { hint: 'Nothing of it was stored. Write its rows into several files, or larger row groups.' },
  );
}

/**
 * Batches of the rows behind row `start`; the places in them count rows of the file. Pages of all
 * columns that are needed at once take `how.heldBytes` at most, else E_BAD_INPUT. Structs in the
 * columns `how.nested`, which are declared lists or structs, are said without members that are null.
 */
export async function* readParquetRows(
  source: ByteSource,
  footer: InputFooter,
  start: number,
  how: { readonly heldBytes?: number | undefined; readonly nested?: ReadonlySet<string> } = {},
): AsyncGenerator<DecodedBatch, void, undefined> {
  const { heldBytes = LIMITS.parquetHeldBytes, nested = new Set<string>() } = how;
  const { columns, leaves } = footer.schema;
  const sayers = sayersOf(leaves);
  const builder = new BatchBuilder(columns, { streams: [], sayers }, nested);
  let first = 0;
  for (const group of footer.groups) {
    const next = first + group.rows;
    if (next > start && group.rows > 0) {
      try {
        yield* readGroup(source, footer, { group, first, start, heldBytes }, builder);
      } catch (error) {
        throw badInput(error);
      }
    }
    first = next;
  }
  if (!builder.isEmpty) yield builder.cut(footer.rows);
}

async function* readGroup(
  source: ByteSource,
  { schema }: InputFooter,
  at: {
    readonly group: InputFooter['groups'][number];
    readonly first: number;
    readonly start: number;
    readonly heldBytes: number;
  },
  builder: BatchBuilder,
): AsyncGenerator<DecodedBatch, void, undefined> {
  const { group, first, start, heldBytes } = at;
  const held = { bytes: 0, limit: heldBytes };
  const streams = chunkPlaces(group, schema.leaves.length, source.size).map((place, leaf) => {
    const column = schema.leaves[leaf];
    if (column === undefined) throw new HypError('E_CORRUPT', 'a column without a type');
    return new ColumnStream(source, place, column, held);
  });
  let row = 0;
  try {
    for (; row < group.rows; row++) {
      for (const stream of streams) if (!stream.hasRow) await stream.needRow();
      if (first + row >= start) builder.add(streams, first + row);
      for (const stream of streams) stream.endRow(row);
      if (builder.isFull) yield builder.cut(first + row + 1);
    }
    for (const stream of streams) stream.end(group.rows);
  } catch (error) {
    if (!builder.isEmpty) yield builder.cut(first + row);
    throw error;
  }
}
