/**
 * Owns: rows of any source becoming part of a table: steps 3 to 6 of the way of a row (DESIGN §6).
 * Invariants: I1, I2, I3: nothing computed from an old head survives a conflict; the caller's
 * `due` is asked again for rows and moves each time, against the positions of the new head.
 * Commit point: storage/iceberg/commit. What a crash leaves: its table of steps.
 * The append lease saves work that would be done twice; commits are right without it (I11).
 * llp/0008
 */
import { HypError } from '../../core/errors.ts';
import { toSeq } from '../../core/ids.ts';
import { defined } from '../../core/invariant.ts';
import { LIMITS } from '../../core/limits.ts';
import { INGESTED_AT_COLUMN, SEQ_COLUMN } from '../../codec/columns.ts';
import type { Batch } from '../../codec/columns.ts';
import { conform, summarize } from '../../codec/conform.ts';
import { stamp } from '../../../storage/allocator.ts';
import { writeDataFile } from '../../../storage/data/write.ts';
import { commitAppend } from '../../../storage/iceberg/commit.ts';
import type { NewDataFile } from '../../../storage/iceberg/commit.ts';
import { currentSchema } from '../../../storage/iceberg/metadata.ts';
import { evolve, targetsOf } from '../../../storage/iceberg/schema.ts';
import type { Evolution } from '../../../storage/iceberg/schema.ts';
import { dataDir } from '../../../storage/layout.ts';
import type { Move, Positions } from '../../../storage/positions/positions.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import { appendLeasePath } from '../../../state/layout.ts';
import type { EngineContext } from '../context.ts';
import { assertDeclared } from '../declared.ts';
import { settleTable } from '../identity/directory.ts';

/** Rows of one commit and the sources they move; at most LIMITS.batchRows and batchBytes. */
export interface DueRows {
  readonly batches: readonly Batch[];
  readonly moves: readonly Move[];
  /** Sources that are durably gone. */
  readonly drop: readonly string[];
}

/** What is due against these positions; undefined: nothing is, or another process was first. */
export type FindDue = (
  positions: Positions,
  head: TableHead | undefined,
) => Promise<DueRows | undefined>;

export interface Committed {
  readonly head: TableHead;
  readonly rows: number;
}

/** Flushed files are short-lived: the fast codec, compaction rewrites them with zstd. */
const HOT_CODEC = 'lz4_raw';

/**
 * One commit of what `findDue` finds, or undefined when it finds nothing. Resolves when the rows
 * are durable in the table, in exactly this order. Idempotent by the positions it asserts.
 * Throws E_CONFLICT when other processes keep winning; E_DISK_FULL; E_CORRUPT, E_FOREIGN of the table.
 */
export async function commitRows(
  context: EngineContext,
  table: Table,
  findDue: FindDue,
): Promise<Committed | undefined> {
  const lease = await context.leases.acquire(appendLeasePath(context.state, table.dataset), {
    waitMs: LIMITS.leaseWaitMs,
    purpose: `commit to ${table.dataset}`,
  });
  try {
    return await context.disk.forced(`commit rows of ${table.dataset}`, () =>
      commitUnderLease(context, table, findDue),
    );
  } finally {
    await lease?.release();
  }
}

async function commitUnderLease(
  context: EngineContext,
  table: Table,
  findDue: FindDue,
): Promise<Committed | undefined> {
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const base = await table.load();
    try {
      if ((await settleTable(context, table, base)) === 'conflict') continue;
      const result = await commitOnce(context, table, base, findDue);
      if (result !== 'conflict') return result;
    } catch (error) {
      // A process that was paused may find the files of its head trimmed: that is a conflict, too.
      if (!(await table.hasPassed(base, error))) throw error;
    }
    await context.clock.sleep(context.random.fraction() * 2 ** Math.min(attempt, 6));
  }
  throw new HypError('E_CONFLICT', `other writers keep committing to ${table.dataset} first`, {
    hint: 'Nothing was lost; the rows are where they were. Try again.',
  });
}

/** undefined: nothing was due. */
async function commitOnce(
  context: EngineContext,
  table: Table,
  base: TableHead | undefined,
  findDue: FindDue,
): Promise<Committed | 'conflict' | undefined> {
  const due = await findDue(await table.positions(base), base);
  if (due === undefined) return undefined;
  const prepared = await prepare(context, table, base, due.batches);
  const { moves, drop } = due;
  const result = await commitAppend(table, context, { base, ...prepared, moves, drop });
  if (result.kind !== 'committed') return 'conflict';
  return { head: result.head, rows: prepared.rows };
}

interface Prepared {
  readonly evolution: Evolution;
  readonly files: readonly NewDataFile[];
  readonly maxSeq: TableHead['value']['hyp']['maxSeq'];
  readonly ingestedAtUs: bigint;
  readonly rescuedRows: number;
  readonly rows: number;
}

async function prepare(
  context: EngineContext,
  table: Table,
  base: TableHead | undefined,
  batches: readonly Batch[],
): Promise<Prepared> {
  const hyp = base?.value.hyp;
  const current = base && {
    schema: currentSchema(base.value),
    lastColumnId: base.value.lastColumnId,
  };
  const declared = context.declared(table.dataset);
  assertDeclared(table.dataset, declared, current?.schema);
  const evolution = evolve(current, [...declared, ...summarize(batches)]);
  const targets = targetsOf(evolution.schema);
  const stamped = new Set([SEQ_COLUMN, INGESTED_AT_COLUMN]);
  const given = targets.filter((target) => !stamped.has(target.name));
  const conformed = batches.map((batch) => conform(batch, given));
  const idOf = (name: string): number =>
    defined(targets.find((target) => target.name === name)?.fieldId, `the schema has ${name}`);
  const allocation = {
    maxSeq: toSeq(hyp?.maxSeq ?? 0n),
    lastIngestedAtUs: hyp?.lastIngestedAtUs ?? 0n,
    seqFieldId: idOf(SEQ_COLUMN),
    ingestedAtFieldId: idOf(INGESTED_AT_COLUMN),
  };
  const rows = stamp(
    allocation,
    conformed.map((result) => result.batch),
    context.clock.nowMs(),
  );
  const files = rows.rows === 0 ? [] : [await writeFile(context, table, rows.batches)];
  return {
    evolution,
    files,
    maxSeq: rows.maxSeq,
    ingestedAtUs: rows.ingestedAtUs,
    rescuedRows: conformed.reduce((sum, result) => sum + result.rescuedRows, 0),
    rows: rows.rows,
  };
}

/** Columns no row of the file has a value for are left out: by their field id they read as null. */
async function writeFile(
  context: EngineContext,
  table: Table,
  batches: readonly Batch[],
): Promise<NewDataFile> {
  const name = `${context.random.uuid()}.parquet`;
  const first = defined(batches[0], 'rows come in batches');
  const used = first.columns.filter((_, index) =>
    batches.some((batch) => {
      const column = batch.columns[index];
      return column !== undefined && column.nullCount < batch.rows;
    }),
  );
  const ids = new Set(used.map((column) => column.fieldId));
  const columns = used.map((column) => ({
    name: column.name,
    type: column.type,
    fieldId: defined(column.fieldId, 'a conformed column has its field id'),
  }));
  const kept = batches.map((batch) => ({
    rows: batch.rows,
    columns: batch.columns.filter((column) => ids.has(column.fieldId)),
  }));
  const path = `${dataDir(table.dir)}/${name}`;
  const { fs, encoder } = context;
  const stats = await writeDataFile(fs, path, columns, kept, HOT_CODEC, encoder);
  return { name, stats };
}
