/** Backfills of Parquet files: a file is its bytes, its position counts rows. llp/0019 */
import { appendFile, copyFile, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runDuckDb } from '../support/duckdb.ts';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  tableRows,
  tableVersion,
} from '../support/oracle.ts';
import { asChild, expectSound, idsOf, jsonOf, site, until } from '../support/processes.ts';
import type { Site } from '../support/processes.ts';

async function parquet(on: Site, name: string, select: string, options = ''): Promise<string> {
  await runDuckDb(`copy (${select}) to '${join(on.cwd, name)}' (format parquet${options})`);
  return name;
}

async function load(on: Site, ...args: string[]): Promise<unknown> {
  return jsonOf(await on.ok(['backfill', 'events', ...args, '--json']));
}

async function expectIds(on: Site, count: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  const numbers = ids.map(Number);
  expectNoneTwice(numbers, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: count }]), numbers, 'in the table');
  expectDense(seqs);
  await expectSound(on);
}

const ids = (low: number, high: number): string =>
  `select i as id, 'row ' || i as msg from range(${low}, ${high + 1}) t(i)`;

describe('a backfill of Parquet', () => {
  test('adds a file once, by whatever name and path, and all of one that was written again', async () => {
    const on = await site('');
    const file = await parquet(on, 'first.parquet', ids(1, 30));
    expect(await load(on, file)).toMatchObject({ rows: 30, files: [{ outcome: 'added' }] });
    const before = tableVersion(on.root, 'events');
    expect(await load(on, file)).toMatchObject({ rows: 0, files: [{ outcome: 'unchanged' }] });
    // Without an extension it is told by its first bytes.
    await copyFile(join(on.cwd, file), join(on.cwd, 'copy'));
    const same = await on.run(['backfill', 'events', 'copy', '--json']);
    expect(same.code).toBe(4);
    expect(jsonOf(same)).toMatchObject({ rows: 0, files: [{ outcome: 'same-bytes' }] });
    expect(tableVersion(on.root, 'events'), 'no commit').toBe(before);
    await parquet(on, 'second.parquet', ids(31, 70));
    await rename(join(on.cwd, 'second.parquet'), join(on.cwd, file));
    const dry = await load(on, file, '--dry-run');
    expect(dry).toMatchObject({ rows: 40, dryRun: true });
    expect(await load(on, '.')).toMatchObject({ rows: 40, files: [{ outcome: 'added' }] });
    await expectIds(on, 70);
    expect(await load(on, file, '--again')).toMatchObject({ rows: 40 });
    expect(await load(on, file)).toMatchObject({ rows: 0, files: [{ outcome: 'unchanged' }] });
  });

  test('killed between its commits goes on where it stopped', async () => {
    const on = await site('');
    const rows = 130;
    // A commit holds about sixty of them.
    const select = `select id, repeat(msg, 60000) as msg from (${ids(1, rows)})`;
    const file = await parquet(on, 'large.parquet', select);
    const before = tableVersion(on.root, 'events');
    const child = asChild(on.start(['backfill', 'events', file]));
    await until('a commit', () => !child.running || tableVersion(on.root, 'events') > before);
    child.kill('SIGKILL');
    expect((await child.ended).signal).toBe('SIGKILL');
    const kept = (await tableRows(on.root, 'events')).ids.length;
    expect(kept).toBeLessThan(rows);
    await Promise.all([on.run(['backfill', 'events', file]), on.run(['backfill', 'events', file])]);
    expect(await load(on, file)).toMatchObject({ rows: 0, rejected: 0 });
    await expectIds(on, rows);
  });

  test('says what is no Parquet file, with what was read before it stored', async () => {
    const on = await site('');
    const good = await parquet(on, 'a.parquet', ids(1, 5));
    const cut = await parquet(on, 'b.parquet', ids(6, 10));
    await appendFile(join(on.cwd, cut), 'x');
    const finished = await on.run(['backfill', 'events', good, cut]);
    expect(finished.code).toBe(65);
    expect(finished.stderr).toContain(`${join(on.cwd, cut)}: a damaged Parquet file`);
    await expectIds(on, 5);
  });

  test('puts rows it cannot say into the rejects, by their number', async () => {
    const on = await site('');
    const file = await parquet(
      on,
      'j.parquet',
      "select i as id, map_from_entries([{'k': 'a', 'v': 1}]) as m, 'text' || i as s from range(1, 4) t(i)",
      ', compression uncompressed, dictionary_size_limit 1',
    );
    const path = join(on.cwd, file);
    const bytes = await readFile(path);
    bytes[bytes.indexOf('text3') + 2] = 0xff;
    const bad = join(on.cwd, 'bad.parquet');
    await appendFile(bad, bytes);
    const finished = await on.run(['backfill', 'events', bad, '--json']);
    expect(finished.code).toBe(65);
    const report = jsonOf(finished) as { rejectsPath: string };
    expect(report).toMatchObject({ rows: 2, rejected: 1 });
    expect(JSON.parse(await readFile(report.rejectsPath, 'utf8'))).toMatchObject({
      file: bad,
      line: 3,
      reason: 'text that is not UTF-8 (column s)',
    });
    await expectIds(on, 2);
  });
});
