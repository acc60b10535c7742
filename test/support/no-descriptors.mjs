/**
 * A program that opens a store through the built library, takes every file descriptor it may have,
 * appends and ticks without any, gives them back, and appends and ticks again. Prints one JSON line
 * for each outcome. Arguments: path of the built index.js, configuration. llp/0013
 */
import { closeSync, openSync } from 'node:fs';

const [library, config] = process.argv.slice(2);
const { openStore } = await import(library);
const store = await openStore({ config });

async function say(what, work) {
  const outcome = await work().catch((error) => ({ code: error.code, message: error.message }));
  process.stdout.write(`${JSON.stringify({ what, ...outcome })}\n`);
}

const append = (id) => store.append('events', [{ id }]);
const tick = async () => {
  const { flushed, exported, failures } = await store.tick();
  const problems = [
    ...failures.map(({ error }) => error.message),
    ...exported.map((it) => it.problem),
  ];
  return {
    rows: flushed.reduce((sum, it) => sum + it.rows, 0),
    problems: problems.filter(Boolean),
  };
};

await say('first append', () => append(1));
await say('first tick', tick);
const taken = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
await say('append without', () => append(2));
await say('tick without', tick);
for (const descriptor of taken) closeSync(descriptor);
await say('append with', () => append(3));
await say('tick with', tick);
await store.close();
