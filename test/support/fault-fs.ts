/**
 * Owns: three views of a disk for tests: one that counts, one that fails, one that pauses.
 * Each wraps any DurableFs (memory or real) and is one itself, so they stack.
 * llp/0013
 */
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { count } from './counted.ts';
import { interceptFs, isDurableStep, stepText, systemError } from './intercept-fs.ts';
import type { FsOp, FsStep } from './intercept-fs.ts';

export { stepText } from './intercept-fs.ts';
export type { FsOp, FsStep } from './intercept-fs.ts';

/** Which steps are meant; what is left out matches everything. */
export interface StepFilter {
  readonly op?: FsOp | readonly FsOp[] | undefined;
  /** Tested against the path, and against the second path of link and rename. */
  readonly path?: RegExp | undefined;
}

function matches(step: FsStep, filter: StepFilter): boolean {
  const { op, path } = filter;
  if (op !== undefined && !(typeof op === 'string' ? op === step.op : op.includes(step.op))) {
    return false;
  }
  return (
    path === undefined || path.test(step.path) || (step.to !== undefined && path.test(step.to))
  );
}

export interface CountingFs extends DurableFs {
  /** Calls since the last reset, failed ones too. */
  count(filter?: StepFilter): number;
  /** Bytes written since the last reset. */
  bytesWritten(filter?: Omit<StepFilter, 'op'>): number;
  /** Bytes asked for through open files since the last reset. */
  bytesRead(filter?: Omit<StepFilter, 'op'>): number;
  /** Paths opened for reading or read whole, in order, with repeats. */
  readPaths(path?: RegExp): string[];
  /** fsyncs of files and of directories. */
  syncs(): number;
  steps(filter?: StepFilter): readonly FsStep[];
  reset(): void;
  /** One line per op with its count, for a message. */
  report(): string;
}

function bytesOf(steps: readonly FsStep[]): number {
  return steps.reduce((sum, step) => sum + step.bytes, 0);
}

/** Counts every call. "opens no manifest or data file" is `readPaths(/manifest|parquet/)` = []. */
export function countingFs(inner: DurableFs): CountingFs {
  let log: FsStep[] = [];
  const fs = interceptFs(inner, (step, run) => {
    log.push(step);
    return run();
  });
  const steps = (filter: StepFilter = {}) => log.filter((step) => matches(step, filter));
  return Object.assign(fs, {
    steps,
    count: (filter?: StepFilter) => steps(filter).length,
    bytesWritten: (filter?: StepFilter) => bytesOf(steps({ ...filter, op: 'write' })),
    bytesRead: (filter?: StepFilter) => bytesOf(steps({ ...filter, op: 'read' })),
    readPaths: (path?: RegExp) =>
      steps({ op: ['open', 'readFile'], path }).map((step) => step.path),
    syncs: () => steps({ op: ['sync', 'datasync', 'syncDir'] }).length,
    reset: () => {
      log = [];
    },
    report: () => {
      const counts = new Map<FsOp, number>();
      for (const step of log) counts.set(step.op, (counts.get(step.op) ?? 0) + 1);
      return [...counts].map(([op, count]) => `${op} ${count}`).join('\n');
    },
  });
}

export interface Fault extends StepFilter {
  /** 1 for the first matching call. */
  readonly nth: number;
  readonly code: 'EIO' | 'ENOSPC' | 'EMFILE' | 'EACCES' | 'EPERM';
  /**
   * before: nothing happened · after: it took effect and reports an error all the same ·
   * half: of a write, the first half of the bytes is in the file.
   */
  readonly when: 'before' | 'after' | 'half';
  /** Every later matching call fails as well, as on a full disk. */
  readonly sticky?: boolean | undefined;
}

export interface FaultFs extends DurableFs {
  /** Steps that were made to fail. */
  readonly failed: readonly FsStep[];
  /** From now on nothing fails: the disk has room again. */
  mend(): void;
}

/** Only steps that change the disk or make it durable fail, unless the fault names other ops. */
export function faultFs(inner: DurableFs, ...faults: readonly Fault[]): FaultFs {
  const seen = new Map<Fault, number>();
  const failed: FsStep[] = [];
  let mended = false;
  const due = (step: FsStep): Fault | undefined => {
    if (mended) return undefined;
    let found: Fault | undefined;
    for (const fault of faults) {
      if (!matches(step, fault) || (fault.op === undefined && !isDurableStep(step))) continue;
      const calls = (seen.get(fault) ?? 0) + 1;
      seen.set(fault, calls);
      if (calls === fault.nth || (fault.sticky === true && calls > fault.nth)) found ??= fault;
    }
    return found;
  };
  const halving = halfWrites(inner);
  const fs = interceptFs(halving.fs, async (step, run) => {
    const fault = due(step);
    if (fault === undefined) return run();
    failed.push(step);
    count('faults', 1);
    if (fault.when === 'half') halving.next();
    if (fault.when !== 'before') await run();
    throw systemError(fault.code, stepText(step), step.path);
  });
  return Object.assign(fs, {
    failed,
    mend: () => {
      mended = true;
    },
  });
}

/** A disk whose next write, once asked, takes the first half of the bytes only. */
function halfWrites(inner: DurableFs): { readonly fs: DurableFs; readonly next: () => void } {
  let half = false;
  const create = async (path: string) => {
    const handle = await inner.create(path);
    return {
      path,
      write: (bytes: Uint8Array) => {
        const taken = half ? bytes.subarray(0, bytes.length >> 1) : bytes;
        half = false;
        return handle.write(taken);
      },
      sync: () => handle.sync(),
      datasync: () => handle.datasync(),
      close: () => handle.close(),
    };
  };
  const passed = interceptFs(inner, (_step, run) => run());
  return {
    fs: { ...passed, create },
    next: () => {
      half = true;
    },
  };
}

export type PauseSide = 'before' | 'after';

export interface PausingFs extends DurableFs {
  /** Runs `action` right before or after durable step `k` (0 for the first), once. */
  at(k: number, side: PauseSide, action: () => Promise<void> | void): void;
  /** Durable steps so far, in order: the k-th is `steps[k]`. */
  readonly steps: readonly FsStep[];
  /** True when every action ran. */
  readonly fired: boolean;
  /** The steps, numbered, one a line. */
  report(): string;
}

/** Enumerates the steps that change the disk, so that a test can stop a process at each of them. */
export function pausingFs(inner: DurableFs): PausingFs {
  const steps: FsStep[] = [];
  const actions = new Map<string, () => Promise<void> | void>();
  const runAction = async (k: number, side: PauseSide): Promise<void> => {
    const key = `${side} ${k}`;
    const action = actions.get(key);
    if (action === undefined) return;
    actions.delete(key);
    await action();
  };
  const fs = interceptFs(inner, async (step, run) => {
    if (!isDurableStep(step)) return run();
    const k = steps.push(step) - 1;
    await runAction(k, 'before');
    try {
      return await run();
    } finally {
      await runAction(k, 'after');
    }
  });
  return Object.defineProperty(
    Object.assign(fs, {
      at: (k: number, side: PauseSide, action: () => Promise<void> | void) => {
        actions.set(`${side} ${k}`, action);
      },
      steps,
      fired: false,
      report: () => steps.map((step, k) => `${k} ${stepText(step)}`).join('\n'),
    }),
    'fired',
    { get: () => actions.size === 0 },
  );
}

/** Wraps a process's disk so that `action` runs at the place this round is about. Call it once. */
export type PauseHere = (inner: DurableFs, action: () => Promise<void> | void) => PausingFs;

/**
 * Runs `scenario` once for each side of each of its durable steps, from the first to the last. An
 * error names the step. Answers the places tried; assert them, so that none is skipped in silence.
 * With `every`, one place in so many is tried, of both sides in turn when it is odd.
 */
export async function everyPause(
  scenario: (pauseHere: PauseHere) => Promise<void>,
  every = 1,
): Promise<readonly string[]> {
  const places: string[] = [];
  for (let k = 0; ; k++) {
    for (const [half, side] of (['before', 'after'] as const).entries()) {
      if ((2 * k + half) % every !== 0) continue;
      let pauses: PausingFs | undefined;
      const place = () => {
        const step = pauses?.steps[k];
        return `${side} step ${k}: ${step === undefined ? 'not reached' : stepText(step)}`;
      };
      try {
        await scenario((inner, action) => {
          pauses = pausingFs(inner);
          pauses.at(k, side, action);
          return pauses;
        });
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${place()}: ${reason}\n${pauses?.report() ?? ''}`, { cause });
      }
      if (pauses?.fired !== true) return places;
      places.push(place());
      count('pauses', 1);
    }
  }
}
