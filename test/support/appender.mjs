/**
 * A program that appends rows through the built library until SIGTERM, and keeps account of them
 * outside the store: `begin LOW HIGH` before each append, `done LOW HIGH` once it resolved.
 * Arguments: path of the built index.js, root, dataset, journal, first id. llp/0013
 */
import { openSync, writeSync } from 'node:fs';

const [library, root, dataset, journal, firstId] = process.argv.slice(2);
const { openStore } = await import(library);
const file = openSync(journal, 'a');
const say = (word, low, high) => writeSync(file, `${word} ${low} ${high}\n`);

let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});

const store = await openStore({ root });
let next = Number(firstId);

async function appendSome() {
  const low = next;
  const count = 1 + ((low * 7919) % 60);
  next += count;
  const rows = Array.from({ length: count }, (_, at) => ({
    id: low + at,
    part: at % 3,
    via: 'api',
  }));
  say('begin', low, next - 1);
  await store.append(dataset, rows);
  say('done', low, next - 1);
}

while (!stopped) {
  // Two at a time, so that a kill finds more than one append under way.
  await Promise.all([appendSome(), appendSome()]);
  await new Promise((resolve) => setTimeout(resolve, 40));
}
await store.close();
process.exit(0);
