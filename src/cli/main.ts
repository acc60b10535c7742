#!/usr/bin/env node
/**
 * Owns: the process `hyp`: one command line, and the end of the process.
 * llp/0010
 */
import './nursery.ts';
import { CommanderError } from 'commander';
import { systemClock } from '../core/clock.ts';
import { HypError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { processSignals } from '../daemon/signals.ts';
import { EXIT } from './exit-codes.ts';
import { outputOf } from './print.ts';
import { buildProgram } from './program.ts';
import { errorText, makeRun } from './run.ts';
import type { Surroundings } from './run.ts';

/** Runs one command line; answers the exit status. */
async function main(argv: readonly string[], world: Surroundings): Promise<number> {
  let exitCode: number = EXIT.ok;
  const run = makeRun(world, (code) => {
    exitCode = code;
  });
  try {
    await buildProgram(run).parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    // The help of a bare `hyp` or `hyp sink` is on stderr already.
    if (error.code === 'commander.help') return EXIT.usage;
    const message = error.message.replace(/^error: /, '');
    const usage = new HypError('E_USAGE', message, { hint: 'Run `hyp --help`.' });
    await world.stderr.write(errorText(usage, argv.includes('--json'))).catch(() => undefined);
    return EXIT.usage;
  }
}

const stdout = outputOf(process.stdout);
const stderr = outputOf(process.stderr);
const exitCode = await main(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdin: process.stdin,
  stdout,
  stderr,
  clock: systemClock,
  random: systemRandom,
  signals: processSignals,
});
// Everything durable is durable by now; what may still run (a step cut off) is safe to end.
await Promise.all([stdout.write(''), stderr.write('')].map((end) => end.catch(() => undefined)));
process.exit(exitCode);
