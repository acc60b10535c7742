/**
 * A program that loads the built package once and then makes a copy of itself for each job, as
 * every-call.c does it: the copy runs the commands of the job file in a process of its own and
 * journals how each ended; `look` is not a command of hyp but lists all files. Arguments: directory of the built modules, job file, a place to warm up.
 * llp/0013
 */
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const [dist, jobFile, warmUp] = process.argv.slice(2);
const load = (module) => import(`${dist}/${module}.js`);
const { buildProgram } = await load('cli/program');
const { makeRun } = await load('cli/run');
const { systemClock: clock } = await load('core/clock');
const { systemRandom: random } = await load('core/random');
const { processSignals: signals } = await load('daemon/signals');

/** Runs a command; `say` is told of what it prints on stdout as soon as it does. */
async function run(cwd, args, say = () => undefined) {
  const text = { stdout: '', stderr: '' };
  const to = (name) => ({
    isTty: false,
    write: async (bytes) => {
      text[name] += bytes;
      if (name === 'stdout') say(text.stdout);
    },
  });
  const streams = { stdin: [], stdout: to('stdout'), stderr: to('stderr') };
  const world = { cwd, env: {}, ...streams, clock, random, signals };
  let exit;
  const program = buildProgram(makeRun(world, (code) => (exit = code)));
  await program.parseAsync([...args, '--json'], { from: 'user' });
  return { exit, ...text };
}

/** Every file with what tells whether it was touched, and every directory; but for leases. */
function look(cwd) {
  const names = readdirSync(cwd, { recursive: true }).filter((name) => !name.includes('/leases'));
  const lines = names.sort().map((name) => {
    const stat = statSync(join(cwd, name));
    return stat.isDirectory() ? name : `${name} ${stat.size} ${stat.mtimeMs} ${stat.ino}`;
  });
  return { exit: 0, stdout: lines.join('\n'), stderr: '' };
}

// What is compiled and loaded now need not be in each copy.
writeFileSync(join(warmUp, 'rows.ndjson'), '{"id":1,"color":"red"}\n');
writeFileSync(join(warmUp, 'rows.csv'), 'id,color\n1,red\n');
for (let turn = 0; turn < 2; turn++) {
  await run(warmUp, ['append', 'events', 'rows.ndjson']);
  await run(warmUp, ['tick']);
  await run(warmUp, ['backfill', 'events', 'rows.csv', '--again']);
  await run(warmUp, ['tick']);
  await run(warmUp, ['check']);
}

process.chdir('/hyp-fork');

// Two things Node remembers and a new process would not: its number, and uuids it has in store.
Object.defineProperty(process, 'pid', { value: Number(readlinkSync('/proc/self')) });
for (let drawn = 0; drawn < 128; drawn++) randomUUID();

const { cwd, commands, journal } = JSON.parse(readFileSync(jobFile, 'utf8'));
for (const [command, args] of commands.entries()) {
  const note = (answer) => {
    appendFileSync(journal, `${JSON.stringify({ command, args, ...answer })}\n`);
  };
  const say = (stdout) => note({ exit: null, stdout, stderr: '' });
  note(args[0] === 'look' ? look(cwd) : await run(cwd, args, say));
}
process.chdir('/hyp-exit');
