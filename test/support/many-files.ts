/**
 * Owns: a backfill of many small files that begin alike, killed at random, run twice at once, repeated
 * and fed with grown files: every row is in once, and the repeated run adds nothing.
 * llp/0013
 */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { count as tally } from './counted.ts';
import { expectAllOf, expectDense, expectNoneTwice, tableRows } from './oracle.ts';
import { asChild, expectSound, idsOf, jsonOf, site } from './processes.ts';
import type { Site } from './processes.ts';
import { seededRandom } from './random.ts';

/** Lines of the ids `from` … */
function lines(from: number, count: number): string {
  return Array.from({ length: count }, (_, at) => `{"id":${from + at}}\n`).join('');
}

async function load(on: Site): Promise<unknown> {
  return jsonOf(await on.ok(['backfill', 'events', 'many', '--json']));
}

/** `count` files of up to 41 rows; answers how many rows have an id of their own. */
async function makeFiles(on: Site, count: number, rowsBelow: (n: number) => number) {
  await mkdir(join(on.cwd, 'many'));
  let rows = 0;
  for (let at = 0; at < count; at++) {
    const own = 1 + rowsBelow(40);
    await writeFile(join(on.cwd, `many/${at}.ndjson`), `{"head":1}\n${lines(rows + 1, own)}`);
    rows += own;
  }
  return rows;
}

/** Loads `count` files with `kills` kills in between; HYP_SEED repeats the course of harm. */
export async function loadManyFiles(count: number, kills: number): Promise<void> {
  const seed = Number(process.env['HYP_SEED'] ?? 1);
  const random = seededRandom(seed);
  const on = await site('');
  let rows = await makeFiles(on, count, (n) => random.integer(n));
  let killed = 0;
  while (killed < kills) {
    const child = asChild(on.start(['backfill', 'events', 'many']));
    await wait(300 + random.integer(Math.max(600, count / 5)));
    child.kill('SIGKILL');
    const { signal, code, stderr } = await child.ended;
    if (signal === 'SIGKILL') killed += 1;
    else expect(code, stderr).toBe(0);
  }
  const first = performance.now();
  await Promise.all([load(on), load(on)]);
  const second = performance.now();
  expect(await load(on), 'adds nothing').toMatchObject({ rows: 0, rejected: 0 });
  const third = performance.now();
  for (let at = 0; at < count; at += 10) {
    await appendFile(join(on.cwd, `many/${at}.ndjson`), lines(++rows, 1));
  }
  expect(await load(on)).toMatchObject({ rows: Math.ceil(count / 10) });
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectDense(seqs);
  const given = ids.filter((id) => !Number.isNaN(id) && id > 0);
  expectNoneTwice(given, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: rows }]), given, 'in the table');
  expect(ids).toHaveLength(rows + count);
  await expectSound(on);
  tally('seeds', 1);
  const ms = [second - first, third - second].map(Math.round).join(' and ');
  console.log(`backfill: seed ${seed}, ${count} files, ${killed} kills, then ${ms} ms`);
}
