/** What a command's exit status is when its reader has gone, or when it fails while it stops. llp/0010 */
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { HypError } from '../../../src/core/errors.ts';
import { systemRandom } from '../../../src/core/random.ts';
import type { StopSignal } from '../../../src/daemon/signals.ts';
import type { Engine } from '../../../src/engine/api.ts';
import { addBackfill } from '../../../src/cli/commands/backfill.ts';
import { addStatus } from '../../../src/cli/commands/status.ts';
import { makeRun } from '../../../src/cli/run.ts';
import type { Action, Surroundings, Task } from '../../../src/cli/run.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { tempDir } from '../../support/tmp.ts';

const GONE = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });

/** A world whose stdout nobody reads; what goes to stderr, and a way to send a signal. */
async function unread() {
  const said: string[] = [];
  const listeners = new Set<(signal: StopSignal) => void>();
  const world: Surroundings = {
    cwd: await tempDir(),
    env: {},
    stdin: (async function* () {})(),
    stdout: { isTty: false, write: () => Promise.reject(GONE) },
    stderr: { isTty: false, write: (text) => Promise.resolve(void said.push(String(text))) },
    clock: systemClock,
    random: systemRandom,
    signals: {
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  const signal = (name: StopSignal): void => {
    for (const listener of listeners) listener(name);
  };
  return { world, said, signal };
}

async function exitOf(world: Surroundings, action: Action): Promise<number | undefined> {
  let code: number | undefined;
  await makeRun(world, (exitCode) => (code = exitCode))(new Command(), action);
  return code;
}

/** Runs `hyp args…` of one verb on an engine a test writes. */
async function runVerb(
  add: typeof addBackfill,
  on: { readonly world: Surroundings; readonly engine: Engine },
  args: readonly string[],
): Promise<number | undefined> {
  let code: number | undefined;
  const program = new Command('hyp');
  const inner = makeRun(on.world, (exitCode) => (code = exitCode));
  add(program, (command, action) =>
    inner(command, (task: Task) =>
      action({
        world: task.world,
        json: task.json,
        logLevel: task.logLevel,
        given: task.given,
        config: () => task.config(),
        open: () => Promise.resolve(on.engine),
        openWith: () => Promise.resolve(on.engine),
        result: (text, json) => task.result(text, json),
        done: (text, json) => task.done(text, json),
        note: (line) => {
          task.note(line);
        },
      }),
    ),
  );
  await program.parseAsync(args, { from: 'user' });
  return code;
}

test('an append whose result cannot be written is done, and says so', async () => {
  const { world, said } = await unread();
  const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
  const stdout = { isTty: false, write: () => Promise.reject(full) };
  const code = await exitOf({ ...world, stdout }, async (task) => {
    await task.done('events: 3 rows appended\n', {});
    return 0;
  });
  expect(code).toBe(0);
  expect(said.join('')).toBe(
    'hyp: done, but stdout cannot be written (ENOSPC): events: 3 rows appended\n',
  );
});

test('a report nobody reads leaves the exit status what it is', async () => {
  const { world } = await unread();
  const report: Action = async (task) => {
    await task.result('1 row appended, 1 rejected\n', {});
    return 65;
  };
  expect(await exitOf(world, report)).toBe(65);
});

test('rows nobody reads any more are a quiet end', async () => {
  const { world, said } = await unread();
  const rows: Action = async (task) => {
    await task.world.stdout.write('{"id":1}\n');
    return 1;
  };
  expect([await exitOf(world, rows), said]).toEqual([0, []]);
});

test('a status that is shown again and again ends when nobody looks', async () => {
  const { world } = await unread();
  const engine = fakeEngine({});
  expect(await runVerb(addStatus, { world, engine }, ['status', '--watch', '0.1'])).toBe(0);
});

test('a backfill whose report nobody reads names its rejects all the same', async () => {
  const { world, said } = await unread();
  const engine = fakeEngine(
    {},
    {
      backfill: () =>
        Promise.resolve({
          dataset: 'e' as never,
          files: [],
          rows: 1,
          rejected: 1,
          rejectsPath: '/r',
        }),
    },
  );
  const file = import.meta.filename;
  expect(await runVerb(addBackfill, { world, engine }, ['backfill', 'e', file])).toBe(65);
  expect(said.join('')).toContain('1 line rejected; see /r');
});

test.each([
  [new HypError('E_CORRUPT', 'damaged table metadata'), 1],
  [new HypError('E_UNAVAILABLE', 'stopped while reading', { details: { stopped: true } }), 130],
])('a backfill that is stopped and then ends with "%s" answers %i', async (error, code) => {
  const { world, said, signal } = await unread();
  const engine = fakeEngine(
    {},
    {
      backfill: () => {
        signal('SIGINT');
        return Promise.reject(error);
      },
    },
  );
  const file = import.meta.filename;
  expect(await runVerb(addBackfill, { world, engine }, ['backfill', 'e', file])).toBe(code);
  expect(said.join('')).toContain(
    code === 1 ? 'damaged table metadata' : 'What was committed stays',
  );
});
