/**
 * Owns: `hyp append`: NDJSON from a file or stdin into the spool. Returns once every row is durable.
 * llp/0010
 */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { HypError, systemCode } from '../../core/errors.ts';
import type { AppendResult } from '../../engine/api.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { formatCount, plain, plural } from '../print.ts';
import type { Run, Task } from '../run.ts';

const SHOWN_REJECTS = 10;
const READ_BYTES = 1024 * 1024;

async function* readFileBytes(path: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: READ_BYTES });
  try {
    yield* stream;
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw new HypError('E_USAGE', `cannot read ${path} (${systemCode(cause) ?? ''})`, {
      cause,
      hint: 'Name an NDJSON file, or - for stdin.',
    });
  }
}

function inputOf(task: Task, file: string | undefined): AsyncIterable<Uint8Array> {
  const { cwd, stdin } = task.world;
  if (file !== undefined && file !== '-') return readFileBytes(resolve(cwd, file));
  if (stdin.isTTY === true) task.note('hyp: reading NDJSON from the terminal; Ctrl-D ends it');
  return stdin;
}

function noteRejects(task: Task, { rejects, rejected }: AppendResult): void {
  for (const { line, reason, excerpt } of rejects.slice(0, SHOWN_REJECTS)) {
    task.note(`line ${line}: ${plain(reason)}: ${plain(excerpt)}`);
  }
  const more = rejected - SHOWN_REJECTS;
  if (more > 0) task.note(`… and ${formatCount(more)} more`);
  if (rejected > 0) task.note(`hyp: ${plural(rejected, 'line')} rejected, all others stored`);
}

function resultJson(dataset: string, result: AppendResult) {
  const { rows, rejects, rejected, duplicateKeyRows } = result;
  const shown = rejects.slice(0, SHOWN_REJECTS).map((reject) => ({ ...reject }));
  return { dataset, rows, rejected, rejects: shown, duplicateKeyRows };
}

interface Options {
  readonly idempotencyKey?: string;
}

interface Given {
  readonly dataset: string;
  readonly file: string | undefined;
  readonly options: Options;
}

async function append(task: Task, { dataset, file, options }: Given): Promise<number> {
  const engine = await task.open({ mustExist: false });
  const { idempotencyKey } = options;
  const result = await engine.appendNdjson(dataset, inputOf(task, file), { idempotencyKey });
  noteRejects(task, result);
  if (result.duplicateKeyRows > 0) {
    const rows = plural(result.duplicateKeyRows, 'row');
    task.note(`hyp: ${rows} had a key twice; the last value was kept`);
  }
  await task.done(
    `${dataset}: ${plural(result.rows, 'row')} appended\n`,
    resultJson(dataset, result),
  );
  return result.rejected > 0 ? EXIT.badInput : EXIT.ok;
}

const PAGE = manual({
  about: `
Prints how many rows are durable. They are in the table after the next flush (hyp tick, a daemon).
A line that is not a JSON object is named on stderr and left out; all others are stored. A row and a
line are at most 8 MiB. With --idempotency-key the rows go to the table at once, and a repeated or
killed append may be run again by anybody: the key and the rows are remembered for 7 days. Other rows
under the same key are an error.`,
  writes: `
the spool of the store, durable (fdatasync) when it returns; with a key the table, durable likewise.
A store is made where there is none. An append that was killed may have stored its rows.`,
  exits: [
    [1, 'it ended early and a part is stored: how many rows is said, append the others'],
    [65, 'some lines are not rows: named on stderr, all others are stored'],
    [69, 'the disk is full or fails: nothing was stored'],
    [75, 'the spool is full (spool.maxBytes), nothing was stored: flush it, append again'],
  ],
  examples: [
    `echo '{"path":"/","ms":12}' | hyp append requests`,
    'hyp append requests ./requests.ndjson',
    'hyp append requests ./requests.ndjson --idempotency-key upload-17',
  ],
});

export function addAppend(program: Command, run: Run): void {
  program
    .command('append')
    .description('append NDJSON rows; returns once they are durable')
    .argument('<dataset>', 'it is made by its first row; [a-z0-9][a-z0-9_-]{0,62}')
    .argument('[file]', 'NDJSON file (default, and -: stdin)')
    .option('--idempotency-key <key>', 'the same key again, with the same rows, adds nothing')
    .addHelpText('after', PAGE)
    .action((dataset: string, file: string | undefined, options: Options, command: Command) =>
      run(command, (task) => append(task, { dataset, file, options })),
    );
}
