/**
 * Owns: what stop signals do to a long command: the first stops it between commits, the second
 * leaves at once, which is as safe.
 * llp/0010
 */
import { signalExitCode } from '../daemon/signals.ts';
import type { StopSignal } from '../daemon/signals.ts';
import type { Task } from './run.ts';

export interface Stop {
  readonly signal: AbortSignal;
  /** The signals end the process by themselves again. */
  readonly unsubscribe: () => void;
  readonly stoppedBy: () => StopSignal | undefined;
}

export function stopOnSignal(task: Task): Stop {
  const controller = new AbortController();
  let stopped: StopSignal | undefined;
  const unsubscribe = task.world.signals.subscribe((signal) => {
    if (stopped !== undefined) process.exit(signalExitCode(signal));
    stopped = signal;
    controller.abort();
    task.note('hyp: stopping after the commit under way; again to leave at once');
  });
  return { signal: controller.signal, unsubscribe, stoppedBy: () => stopped };
}
