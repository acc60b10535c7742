#!/usr/bin/env node
/**
 * Owns: the command `hyp`: its verbs and global options, and the end of the process.
 * llp/0010
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { HypError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { processSignals } from '../daemon/signals.ts';
import { addAppend } from './commands/append.ts';
import { addBackfill } from './commands/backfill.ts';
import { addBackup } from './commands/backup.ts';
import { addCat } from './commands/cat.ts';
import { addCheck } from './commands/check.ts';
import { addDaemon } from './commands/daemon.ts';
import { addDataset } from './commands/dataset.ts';
import { addInit } from './commands/init.ts';
import { addQuery } from './commands/query.ts';
import { addSink } from './commands/sink.ts';
import { addStatus } from './commands/status.ts';
import { addTick } from './commands/tick.ts';
import { addValidate } from './commands/validate.ts';
import { addVerify } from './commands/verify.ts';
import { EXIT } from './exit-codes.ts';
import { LOG_LEVELS } from './log.ts';
import { outputOf } from './print.ts';
import { errorText, makeRun } from './run.ts';
import type { Run, Surroundings } from './run.ts';

const EXAMPLES = `
Examples:
  $ hyp init
  $ echo '{"path":"/","ms":12}' | hyp append requests
  $ hyp cat requests
  $ hyp query 'SELECT path, avg(ms) FROM requests GROUP BY path'
  $ hyp tick
  $ hyp status

Exit status: 0 done, 1 failed, 2 wrong usage, 4 same bytes at another path (backfill),
65 bad input (all good lines are stored), 69 unavailable, 75 try again, 78 bad configuration.`;

function version(): string {
  // dist/src/cli/main.js in a built package, src/cli/main.ts in the repository.
  for (const up of ['../../../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8');
      const found = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (found.name === 'hyp' && typeof found.version === 'string') return found.version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

function buildProgram(run: Run): Command {
  const program = new Command('hyp')
    .description('Rows in, real Iceberg tables on local disk, every new row exported exactly once.')
    .version(version())
    .option('--config <file>', 'configuration (default: ./hyp.yaml if there is one)')
    .option('--root <dir>', 'the store (default: root of the configuration, else ./hyp-data)')
    .option('--json', 'results and errors as JSON')
    .addOption(new Option('--log-level <level>', 'notices on stderr').choices(LOG_LEVELS))
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', EXAMPLES);
  const add = [addInit, addAppend, addBackfill, addTick, addDaemon, addStatus, addCat, addQuery];
  const prove = [addValidate, addCheck, addVerify];
  for (const verb of [...add, addSink, addDataset, ...prove, addBackup]) verb(program, run);
  return program;
}

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
