/**
 * Owns: a table being dropped by a person: its next version is an empty table with a new uuid and
 * lineage, which names the old one; then the files of all versions before it go.
 * Commit point: the link of that version. It is one of the same record, so whoever slept with an older
 * head is refused as ever (I9); in a fresh directory with numbers from 1 on it could link its rows
 * above those of the new table.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 names of the table's files listed | - | the table |
 * | 2 positions file of the spool's writers alone | it | the table, an orphan |
 * | 3 v<N+1> linked: empty, another lineage | **the table is dropped** | files nobody names: drop again |
 * | 4 hint written, files of step 1 removed | - | the rest of them: drop again |
 *
 * Listed before the link, a file is of a commit that step 3 refuses; a file that comes later may be of
 * the new table and stays. Spooled frames that were committed stay committed, so that no dropped row
 * comes back from a segment. Nothing outside the table's own directory is touched, nor its directories.
 * Not its job: whether rows were sent (engine/by-hand).
 * llp/0022
 */
import { readdirIfAny, unlinkIfAny } from '../../src/core/durable-fs.ts';
import { HypError } from '../../src/core/errors.ts';
import { SEQ_ZERO, toLineage } from '../../src/core/ids.ts';
import type { Lineage } from '../../src/core/ids.ts';
import { dataDir, metadataDir } from '../layout.ts';
import { applyMoves, loadPositions } from '../positions/positions.ts';
import type { Table, TableHead } from '../table.ts';
import type { CommitContext } from './commit.ts';
import { locationOf } from './locations.ts';
import { initialMetadata } from './metadata.ts';
import type { TableMetadata } from './metadata.ts';
import { evolve } from './schema.ts';
import { writeHint } from './trim.ts';

const DROPPED = 'hyp.dropped';
const HINT_FILE = 'version-hint.text';

/** Lineages of this dataset that a person dropped, oldest first. */
export function droppedLineages(metadata: TableMetadata): readonly Lineage[] {
  const text = metadata.properties[DROPPED] ?? '';
  return text === '' ? [] : text.split(',').map(toLineage);
}

/** True for what is left of a dropped table as long as no row came after: there is no such dataset. */
export function isDropped(metadata: TableMetadata): boolean {
  return metadata.hyp.maxSeq === SEQ_ZERO && droppedLineages(metadata).length > 0;
}

/**
 * Drops the table as `base` has it. Durable when it answers; 'conflict': the head is another one by
 * now, nothing was done. `keep` says which sources' positions stay. E_UNAVAILABLE: dropped, with
 * files left; the call may be repeated with the new head.
 */
export async function dropTable(
  table: Table,
  context: CommitContext,
  base: TableHead,
  keep: (source: string) => boolean,
): Promise<'dropped' | 'conflict'> {
  const { fs } = table;
  const [metadata, data] = [metadataDir(table.dir), dataDir(table.dir)];
  const old = [
    ...(await readdirIfAny(fs, data)).map((name) => `${data}/${name}`),
    ...(await readdirIfAny(fs, metadata))
      .filter((name) => name !== HINT_FILE)
      .map((name) => `${metadata}/${name}`),
  ];
  const version = base.version + 1;
  const id = context.random.uuid();
  const moves = (await table.positions(base))
    .active()
    .filter(({ source }) => keep(source))
    .map((to) => ({ source: to.source, from: undefined, to, finished: false }));
  const none = await loadPositions(fs, metadata, undefined);
  const moved = await applyMoves(fs, metadata, none, { moves, drop: [] }, { version, id });
  if (moved.kind === 'stale') return 'conflict';
  await fs.syncDir(metadata);
  const next = emptied(table, context, base.value, moved.fileName);
  if ((await table.record.append(base, next)).kind === 'conflict') return 'conflict';
  await writeHint(fs, metadata, version, id);
  try {
    for (const path of old) {
      if (path !== `${metadata}/${moved.fileName}`) await unlinkIfAny(fs, path);
    }
    await fs.syncDir(data);
    await fs.syncDir(metadata);
  } catch (cause) {
    throw leftOver(table, cause);
  }
  return 'dropped';
}

function leftOver({ dataset, dir }: Table, cause: unknown): HypError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HypError('E_UNAVAILABLE', `${dataset} is dropped, files of it are left: ${reason}`, {
    cause,
    hint: `Nothing reads them. Let this user write in ${dir}, then run the command again.`,
  });
}

function emptied(
  table: Table,
  context: CommitContext,
  base: TableMetadata,
  positions: string,
): TableMetadata {
  const { schema, lastColumnId } = evolve(undefined, []);
  const fresh = initialMetadata({
    tableUuid: context.random.uuid(),
    location: locationOf(table.dir),
    schema,
    lastColumnId,
    nowMs: Math.max(context.clock.nowMs(), base.lastUpdatedMs),
  });
  const dropped = [...droppedLineages(base), base.hyp.lineage].join(',');
  return {
    ...fresh,
    hyp: { ...fresh.hyp, positions },
    properties: { [DROPPED]: dropped },
  };
}
