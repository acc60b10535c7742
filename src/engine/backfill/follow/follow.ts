/**
 * Owns: following files until told to stop: a poll, a wait, a poll.
 * Invariant: I3; commit point and table of steps: follower.ts.
 * llp/0012
 */
import type { DatasetName } from '../../../core/ids.ts';
import type { EngineContext } from '../../context.ts';
import { CommitGroup } from '../commit-group.ts';
import { KnownFiles } from '../known-sources.ts';
import { RejectsFile } from '../rejects.ts';
import { Follower } from './follower.ts';
import type { FollowOptions, FollowReport } from './report.ts';

/**
 * Follows until `options.signal` aborts; everything read and complete is committed then. Rejects
 * with what a commit rejects with; what was committed stays, and following again goes on from there.
 */
export async function follow(
  context: EngineContext,
  dataset: DatasetName,
  options: FollowOptions,
): Promise<FollowReport> {
  const table = await context.writableTable(dataset);
  const rejects = new RejectsFile(context, dataset);
  const known = new KnownFiles(table);
  // What comes bit by bit needs no threads.
  const place = { context, table, known, rejects, encoder: undefined };
  const newGroup = (): CommitGroup => new CommitGroup(place, false);
  const run = new Follower({ context, dataset, known, newGroup }, options);
  try {
    do {
      await run.poll();
      await context.clock.sleep(options.intervalMs, options.signal);
    } while (!options.signal.aborted);
    await run.poll();
  } finally {
    await rejects.close();
  }
  return { dataset, ...run.total, rejectsPath: rejects.path };
}
