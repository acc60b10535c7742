/**
 * A worker thread that dies of marked rows: as it parses or as it encodes them, by its own end, by an
 * error, or for lack of memory. For everything else it is the built one. llp/0023
 */
import { parentPort } from 'node:worker_threads';

function holds(bytes, mark) {
  return (
    bytes !== undefined && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(mark)
  );
}

parentPort.on('message', (job) => {
  const encoded = job.kind === 'encode' ? job.rows : job.trial ? job.bytes : undefined;
  if (holds(job.bytes, 'exit as parsed') || holds(encoded, 'exit as encoded')) process.exit(9);
  if (holds(job.bytes, 'throw as parsed')) throw new Error('thrown as asked');
  if (holds(job.bytes, 'fill as parsed')) {
    const kept = [];
    for (;;) kept.push(new Array(100_000).fill(kept.length));
  }
  if (holds(job.bytes, 'always')) process.exit(9);
});
await import('../../dist/src/engine/workers/entry.js');
