/**
 * Owns: what a worker thread runs: it proves once that it can work, then does one job after the
 * other. Whatever a job throws ends the thread: after a trap in wasm or a lack of memory nothing in
 * it can be trusted, and the one who sent the job decides what becomes of it.
 * llp/0023
 */
import { parentPort } from 'node:worker_threads';
import { loadParquetWasm } from '../../codec/parquet-wasm.ts';
import { buffersOf, doJob } from './jobs.ts';
import type { Job } from './jobs.ts';
import type { FromWorker } from './thread.ts';

/** A row that nothing is wrong with. */
const TRIAL_ROW = Buffer.from('{"a":1,"b":"text"}\n');

async function wasmBytes(): Promise<number> {
  const memory: unknown = (await loadParquetWasm()).wasmMemory();
  return (memory as { readonly buffer: ArrayBuffer }).buffer.byteLength;
}

function tell(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

async function work(job: Job): Promise<void> {
  const answer = await doJob(job);
  tell({ kind: 'done', answer, heldBytes: await wasmBytes() }, buffersOf(answer));
}

/** Serves the thread that started this one until it ends it. */
export async function serve(): Promise<void> {
  const bytes = Uint8Array.from(TRIAL_ROW);
  await doJob({ kind: 'parse', bytes, startByte: 0, last: true, declared: undefined, trial: true });
  parentPort?.on('message', (job: Job) => void work(job));
  tell({ kind: 'ready' });
}

if (parentPort !== null) await serve();
