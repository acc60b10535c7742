/**
 * Owns: the work that is measured, as a process of its own (`node dist/bench/tasks.js '<json>'`), so
 * that memory, threads and the core it may use are its own. Prints one JSON line: what it did, how
 * long the work took (without starting node), its peak memory, and how fast this core was before.
 * Not its job: which work and how often (ingest.ts, export.ts, memory.ts).
 * llp/0016
 */
import { createReadStream, openSync, closeSync, fsyncSync, readFileSync } from 'node:fs';
import { defaultConfig } from '../src/config/config.ts';
import { systemClock } from '../src/core/clock.ts';
import { toSinkName } from '../src/core/ids.ts';
import { openEngine } from '../src/engine/open.ts';
import type { SinkFormat } from '../src/config/config.ts';

export type Task =
  | {
      readonly kind: 'backfill';
      readonly root: string;
      readonly files: readonly string[];
      readonly workers?: number;
    }
  | { readonly kind: 'append'; readonly root: string; readonly file: string }
  | {
      readonly kind: 'export';
      readonly root: string;
      readonly sink: string;
      readonly path: string;
      readonly format: SinkFormat;
    }
  | { readonly kind: 'duckdb'; readonly sql: string; readonly writes: string };

export interface TaskResult {
  readonly rows: number;
  readonly ms: number;
  /** Processor time of the work, all threads: what is left when others use the machine, too. */
  readonly cpuMs: number;
  /** Largest resident size of the process, bytes. */
  readonly peakBytes: number;
  /** A fixed amount of JSON parsing: the same number on a quiet machine. */
  readonly calibrationMs: number;
}

export const DATASET = 'access';

const CALIBRATION_ROUNDS = 20_000;
const CALIBRATION_TEXT = JSON.stringify({
  a: 1,
  b: 'two',
  c: [3, 4.5, null],
  d: { e: 'f'.repeat(80) },
});

function calibrate(): number {
  const from = systemClock.monotonicMs();
  let keys = 0;
  for (let round = 0; round < CALIBRATION_ROUNDS; round++) {
    keys += Object.keys(JSON.parse(CALIBRATION_TEXT) as object).length;
  }
  if (keys !== CALIBRATION_ROUNDS * 4) throw new Error('calibration parsed something else');
  return systemClock.monotonicMs() - from;
}

async function backfill({
  root,
  files,
  workers,
}: Extract<Task, { kind: 'backfill' }>): Promise<number> {
  const engine = await openEngine({ root, config: defaultConfig(root) });
  const report = await engine.backfill(DATASET, files, { workers });
  await engine.close();
  return report.rows;
}

async function append(root: string, file: string): Promise<number> {
  const engine = await openEngine({ root, config: defaultConfig(root) });
  const { rows } = await engine.appendNdjson(
    DATASET,
    createReadStream(file, { highWaterMark: 1 << 20 }),
  );
  await engine.flush();
  await engine.close();
  return rows;
}

async function exportAll(task: Extract<Task, { kind: 'export' }>): Promise<number> {
  const { root, path, format } = task;
  const sink = {
    name: toSinkName(task.sink),
    type: 'fs',
    path,
    prefix: '',
    format,
    partition: '',
    rotate: { rows: 1_000_000, bytes: 128 * 1024 * 1024, intervalMs: 60_000 },
    datasets: undefined,
    retry: { initialMs: 1_000, maxMs: 300_000 },
  } as const;
  const engine = await openEngine({ root, config: { ...defaultConfig(root), sinks: [sink] } });
  const report = await engine.tick();
  await engine.close();
  const failure = report.failures[0];
  if (failure !== undefined) throw failure.error;
  const problem = report.exported.find((each) => each.problem !== undefined)?.problem;
  if (problem !== undefined) throw new Error(problem);
  return report.exported.reduce((sum, each) => sum + each.rows, 0);
}

/** One statement that writes one file, on one thread, its file synced as hyp syncs its own. */
async function duckdb(sql: string, writes: string): Promise<number> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const { rowsChanged } = await connection.run(sql);
  const file = openSync(writes, 'r+');
  fsyncSync(file);
  closeSync(file);
  connection.closeSync();
  instance.closeSync();
  return rowsChanged;
}

function run(task: Task): Promise<number> {
  switch (task.kind) {
    case 'backfill':
      return backfill(task);
    case 'append':
      return append(task.root, task.file);
    case 'export':
      return exportAll(task);
    case 'duckdb':
      return duckdb(task.sql, task.writes);
  }
}

/** Linux states the peak of the process itself; elsewhere the kernel's figure for it is taken. */
function peakBytes(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (match !== null) return Number(match[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

const argument = process.argv[2];
if (process.argv[1]?.endsWith('tasks.js') === true && argument !== undefined) {
  const task = JSON.parse(argument) as Task;
  // Loaded before the clock starts, as a daemon has it.
  if (task.kind === 'duckdb') await import('@duckdb/node-api');
  const calibrationMs = Math.min(calibrate(), calibrate(), calibrate());
  const from = systemClock.monotonicMs();
  const cpuFrom = process.cpuUsage();
  const rows = await run(task);
  const ms = systemClock.monotonicMs() - from;
  const cpu = process.cpuUsage(cpuFrom);
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const result: TaskResult = { rows, ms, cpuMs, peakBytes: peakBytes(), calibrationMs };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
