/**
 * Owns: `hyp backfill --follow`: growing files until SIGINT or SIGTERM, which is a clean end.
 * llp/0010, llp/0012
 */
import { HypError } from '../../core/errors.ts';
import { toDatasetName } from '../../core/ids.ts';
import type { InputFormat } from '../../engine/backfill/report.ts';
import { EXIT } from '../exit-codes.ts';
import { followedFiles } from '../followed-files.ts';
import { plain, plural } from '../print.ts';
import type { Task } from '../run.ts';
import { stopOnSignal } from '../stop.ts';

export interface FollowCommandOptions {
  readonly dryRun?: boolean;
  readonly again?: boolean;
  readonly format?: InputFormat;
}

/** Answers 0 when it was told to stop: everything read and complete is committed. */
export async function followFiles(
  task: Task,
  dataset: string,
  named: readonly string[],
  options: FollowCommandOptions,
): Promise<number> {
  if (options.dryRun === true || options.again === true) {
    throw new HypError('E_USAGE', '--follow goes with neither --dry-run nor --again', {
      hint: 'Nothing was done. Leave one of them out.',
    });
  }
  const { cwd } = task.world;
  const name = toDatasetName(dataset);
  const { maxDelayMs } = (await task.config()).dataset(name).flush;
  const engine = await task.open({ mustExist: false });
  const stop = stopOnSignal(task);
  try {
    const begun = await followedFiles(named, cwd);
    task.note(`hyp: following ${plural(begun.length, 'file')}; Ctrl-C ends it`);
    const told = new Set<string>();
    // One that turns up later keeps no other file from being followed.
    const onOddName = ({ message }: HypError): void => {
      if (told.has(message)) return;
      told.add(message);
      task.note(`hyp: ${plain(message)}; it is passed over`);
    };
    const list = (): Promise<readonly string[]> => followedFiles(named, cwd, onOddName);
    const report = await engine.follow(name, {
      list,
      intervalMs: maxDelayMs,
      signal: stop.signal,
      format: options.format,
      onNote: (note) => {
        task.note(`hyp: ${plain(note)}`);
      },
    });
    if (report.rejected > 0) {
      const where = report.rejectsPath === undefined ? '' : `; see ${report.rejectsPath}`;
      task.note(`hyp: ${plural(report.rejected, 'line')} rejected${where}`);
    }
    await task.result(`${name}: ${plural(report.rows, 'row')} added\n`, {
      dataset: name,
      rows: report.rows,
      rejected: report.rejected,
      rejectsPath: report.rejectsPath ?? null,
    });
    return EXIT.ok;
  } finally {
    stop.unsubscribe();
  }
}
