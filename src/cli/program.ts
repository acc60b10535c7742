/**
 * Owns: the command `hyp`: its verbs and global options, and the page of `hyp --help`.
 * llp/0010
 */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { addAppend } from './commands/append.ts';
import { addBackfill } from './commands/backfill.ts';
import { addBackup } from './commands/backup.ts';
import { addCat } from './commands/cat.ts';
import { addCheck } from './commands/check.ts';
import { addCompletion } from './commands/completion.ts';
import { addDaemon } from './commands/daemon.ts';
import { addDataset } from './commands/dataset.ts';
import { addInit } from './commands/init.ts';
import { addQuery } from './commands/query.ts';
import { addSink } from './commands/sink.ts';
import { addStatus } from './commands/status.ts';
import { addTick } from './commands/tick.ts';
import { addValidate } from './commands/validate.ts';
import { addVerify } from './commands/verify.ts';
import { exitTable } from './help.ts';
import { LOG_LEVELS } from './log.ts';
import type { Run } from './run.ts';

const PAGE = `
What each command does, writes and answers: hyp <command> --help. Results go to stdout, notices
and errors to stderr. Sizes are written 64MiB, durations 5s. Ranges of sequence numbers are
(after, through].

${exitTable()}
Examples:
  $ hyp init
  $ echo '{"path":"/","ms":12}' | hyp append requests
  $ hyp cat requests
  $ hyp query 'SELECT path, avg(ms) FROM requests GROUP BY path'
  $ hyp tick
  $ hyp status`;

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

/** The whole tree of commands; each runs by `run`. */
export function buildProgram(run: Run): Command {
  const program = new Command('hyp')
    .description('Rows in, real Iceberg tables on local disk, every new row exported exactly once.')
    .version(version())
    .option('--config <file>', 'configuration (default: ./hyp.yaml if there is one)')
    .option('--root <dir>', 'the store (default: root of the configuration, else ./hyp-data)')
    .option('--json', 'results and errors as JSON')
    .addOption(
      new Option('--log-level <level>', 'notices on stderr (default: warn; daemon: info)').choices(
        LOG_LEVELS,
      ),
    )
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', PAGE);
  const add = [addInit, addAppend, addBackfill, addTick, addDaemon, addStatus, addCat, addQuery];
  const prove = [addValidate, addCheck, addVerify];
  for (const verb of [...add, addSink, addDataset, ...prove, addBackup, addCompletion])
    verb(program, run);
  return program;
}
