/**
 * Owns: how a backfill shows that it moves: a bar on a terminal, a line now and then elsewhere.
 * llp/0010
 */
import { SingleBar } from 'cli-progress';
import type { BackfillProgress } from '../engine/backfill/report.ts';
import { formatBytes, formatCount, formatSeconds, plural } from './print.ts';
import type { Task } from './run.ts';

export interface ProgressView {
  readonly show: (progress: BackfillProgress) => void;
  /** Removes the bar. Idempotent. */
  readonly end: () => void;
}

const LINE_EVERY_MS = 5_000;
const BAR = '{bar} {percentage}% | {file} | {rows} rows | {rate} | {bytes} | ETA {eta_text}';

/** `12,345 rows/s`, time left, and how much of how much, as text. */
export function progressFacts(progress: BackfillProgress, elapsedMs: number) {
  const { bytesDone, bytesTotal, rows } = progress;
  const seconds = Math.max(elapsedMs, 1) / 1000;
  const left = bytesDone === 0 ? undefined : (seconds * (bytesTotal - bytesDone)) / bytesDone;
  return {
    rows: formatCount(rows),
    rate: `${formatCount(Math.round(rows / seconds))} rows/s`,
    bytes: `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`,
    eta_text: left === undefined ? '?' : formatSeconds(left),
  };
}

function barView(task: Task): ProgressView {
  const { clock } = task.world;
  const startedMs = clock.monotonicMs();
  let bar: SingleBar | undefined;
  return {
    show: (progress) => {
      const facts = progressFacts(progress, clock.monotonicMs() - startedMs);
      const file = `${progress.fileIndex + 1}/${progress.files}`;
      if (bar === undefined) {
        bar = new SingleBar({ format: BAR, stream: process.stderr, clearOnComplete: true });
        bar.start(progress.bytesTotal, progress.bytesDone, { ...facts, file });
      } else bar.update(progress.bytesDone, { ...facts, file });
    },
    end: () => {
      bar?.stop();
      bar = undefined;
    },
  };
}

function lineView(task: Task): ProgressView {
  const { clock } = task.world;
  const startedMs = clock.monotonicMs();
  let saidMs = startedMs;
  return {
    show: (progress) => {
      const nowMs = clock.monotonicMs();
      if (nowMs - saidMs < LINE_EVERY_MS) return;
      saidMs = nowMs;
      const facts = progressFacts(progress, nowMs - startedMs);
      const file = `file ${progress.fileIndex + 1} of ${plural(progress.files, 'file')}`;
      task.note(
        `${file}: ${facts.rows} rows, ${facts.rate}, ${facts.bytes}, ETA ${facts.eta_text}`,
      );
    },
    end: () => undefined,
  };
}

export function showProgress(task: Task): ProgressView {
  return task.world.stderr.isTty && !task.json ? barView(task) : lineView(task);
}
