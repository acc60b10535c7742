/** Real disks that are full, closed, or out of descriptors, and the built command on them. llp/0020 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { expectAllOf, expectDense, exportedIds, tableRows } from '../support/oracle.ts';
import {
  LIBRARY,
  expectSound,
  idsOf,
  logRows,
  logText,
  settle,
  site,
} from '../support/processes.ts';
import type { Site } from '../support/processes.ts';

const NOBODY = 65_534;
/** Of the system, where there are any: nothing the package brings. */
const TOOL = { mount: 'mount', umount: 'umount' };
const PROGRAM = fileURLToPath(new URL('../support/no-descriptors.mjs', import.meta.url));

function config(more = ''): string {
  return `sinks: { archive: { type: fs, path: ./exports, retry: { initial: 50ms } } }\n${more}`;
}

interface Refusal {
  readonly error: { message: string; hint: string; details: { storedRows: number } };
}

/** Rows 1 … n are in the table and at the destination, each once. */
async function expectDelivered(on: Site, rows: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectDense(seqs);
  const sent = await exportedIds(on.exports, 'events');
  expectAllOf(idsOf([{ low: 1, high: rows }]), ids, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: rows }]), sent, 'at the destination');
  expect([ids.length, sent.length]).toEqual([rows, rows]);
  await expectSound(on);
}

/** Mounts a small disk at the store, or answers why that cannot be. */
function mountSmall(path: string, mebibytes: number): string | undefined {
  mkdirSync(path);
  try {
    execFileSync(TOOL.mount, ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], {
      stdio: 'pipe',
    });
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
  onTestFinished(() => void execFileSync(TOOL.umount, ['-l', path]));
  return undefined;
}

describe('a real disk that is full', () => {
  test('refuses appends, goes on exporting, and takes rows again with room', async () => {
    const on = await site(config('disk: { minFree: 1MiB }\n'));
    const why = mountSmall(on.root, 8);
    if (why !== undefined) {
      console.log(`full disk: 1 test on a tmpfs not run, mounting is not allowed: ${why}`);
      return;
    }
    await on.ok(['append', 'events'], { input: logText(logRows(), 1, 10) });
    await on.ok(['tick']);
    expect(statSync(join(on.root, 'state/ballast')).size).toBe(1024 * 1024);

    let rows = 10;
    let refused;
    while (refused === undefined) {
      const input = logText(logRows(), rows + 1, 10_000);
      const ended = await on.run(['append', 'events', '--json'], { input });
      if (ended.code === 0) rows += 10_000;
      else refused = ended;
    }
    const { error } = JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '') as Refusal;
    expect(refused.code).toBe(error.details.storedRows > 0 ? 1 : 69);
    expect(error.message).toMatch(/the disk of .* has .* free, disk\.minFree is 1 MiB; /);
    expect(error.hint).toMatch(/What was acknowledged is safe, exports go on\. Free space there/);
    rows += error.details.storedRows;

    // Others take the rest, to the last byte.
    const hog = join(on.root, 'other-program');
    const block = Buffer.alloc(64 * 1024, 1);
    for (;;) {
      const room = await appendFile(hog, block).then(
        () => true,
        () => false,
      );
      if (!room) break;
    }
    expect((await on.run(['append', 'events'], { input: '{"id":0}\n' })).code).toBe(69);
    const full = await on.run(['tick', '--json']);
    const before = (await exportedIds(on.exports, 'events')).length;
    console.log(
      `full disk: ${rows} rows before the refusal, tick ended with ${full.code}, ${before} rows exported on it`,
    );
    expect(before).toBeGreaterThan(10);

    unlinkSync(hog);
    await on.ok(['append', 'events'], { input: logText(logRows(), rows + 1, 10) });
    await settle(on);
    expect(statSync(join(on.root, 'state/ballast')).size).toBe(1024 * 1024);
    await expectDelivered(on, rows + 10);
  });
});

/** True when every user may read `path`. */
function isOpenToAll(path: string): boolean {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
  }
  return (statSync(path).mode & 0o004) !== 0;
}

describe('a directory without write permission, as an ordinary user', () => {
  test('is named with what to do; nothing is lost, and all goes on once it may be written', async ({
    skip,
  }) => {
    const root = process.getuid?.() === 0;
    skip(root && !isOpenToAll(LIBRARY), 'this package lies where an ordinary user cannot look');
    const on = await site(config());
    const as = root ? { uid: NOBODY } : {};
    if (root) chownSync(on.cwd, NOBODY, NOBODY);
    await on.ok(['append', 'events'], { ...as, input: logText(logRows(), 1, 10) });
    const closed = (path: string) => {
      chmodSync(path, 0o500);
      onTestFinished(() => chmodSync(path, 0o700));
    };
    closed(join(on.root, 'spool'));
    const append = await on.run(['append', 'events'], { ...as, input: '{"id":0}\n' });
    expect([append.code, append.stderr]).toMatchObject([69, expect.stringMatching(/EACCES/)]);
    chmodSync(join(on.root, 'spool'), 0o700);

    closed(join(on.root, 'tables'));
    const flush = await on.run(['tick'], as);
    expect(flush.code).not.toBe(0);
    expect(flush.stdout + flush.stderr).toMatch(/EACCES|permission/);
    chmodSync(join(on.root, 'tables'), 0o700);

    if (!existsSync(on.exports)) mkdirSync(on.exports);
    if (root) chownSync(on.exports, NOBODY, NOBODY);
    rmSync(join(on.exports, '.hyp-staging'), { recursive: true, force: true });
    closed(on.exports);
    const exporting = await on.run(['tick'], as);
    expect(exporting.code).not.toBe(0);
    expect(exporting.stdout + exporting.stderr).toMatch(/cannot .*exports.*EACCES/);
    expect(readdirSync(on.exports).filter((name) => name === 'events')).toEqual([]);
    chmodSync(on.exports, 0o700);

    await settle(on, as);
    await expectDelivered(on, 10);
  });
});

describe('a process without a file descriptor left', () => {
  test('is told so, keeps every promise it gave, and goes on when it has some', async () => {
    const on = await site(config());
    const line = 'ulimit -n 256; exec "$0" "$@"';
    const program = [process.execPath, PROGRAM, LIBRARY, join(on.cwd, 'hyp.yaml')];
    const ran = spawnSync('sh', ['-c', line, ...program], { encoding: 'utf8' });
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    const said = ran.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(said).toMatchObject([
      { what: 'first append', rows: 1 },
      { what: 'first tick', rows: 1, problems: [] },
      {
        what: 'append without',
        code: expect.stringMatching(/E_UNAVAILABLE|E_UNKNOWN_OUTCOME|EMFILE/) as string,
      },
      {
        what: 'tick without',
        problems: expect.arrayContaining([expect.stringMatching(/EMFILE/)]) as string[],
      },
      { what: 'append with', rows: 1 },
      { what: 'tick with', problems: [] },
    ]);
    const sent = await exportedIds(on.exports, 'events');
    expect(sent.filter((id) => id !== 2)).toEqual([1, 3]);
    if (said[2]?.['code'] !== 'E_UNKNOWN_OUTCOME') expect(sent).toEqual([1, 3]);
    await expectSound(on);
  });
});
