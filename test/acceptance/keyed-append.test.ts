/** Appends with an idempotency key: repeated, killed, at once, with other rows. llp/0014 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  tableRows,
  tableVersion,
} from '../support/oracle.ts';
import {
  asChild,
  expectSound,
  idsOf,
  jsonOf,
  logRows,
  logText,
  settle,
  site,
  until,
} from '../support/processes.ts';
import type { Site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';

async function expectIds(on: Site, count: number): Promise<void> {
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectNoneTwice(ids, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: count }]), ids, 'in the table');
  expect(ids).toHaveLength(count);
  expectDense(seqs);
  await expectSound(on);
}

describe('an append with an idempotency key', () => {
  test('answers the same when it is repeated, also after a flush, and adds nothing', async () => {
    const on = await site('');
    const args = ['append', 'events', '--idempotency-key', 'one', '--json'];
    const input = '{"id":1}\nno row\n{"id":2,"id":2}\n{"id":3}';
    const first = await on.run(args, { input });
    expect(first.code).toBe(65);
    expect(jsonOf(first)).toMatchObject({ rows: 3, rejected: 1, duplicateKeyRows: 1 });
    const again = await on.run(args, { input });
    expect(again).toEqual(first);
    await settle(on);
    expect(await on.run(args, { input })).toEqual(first);
    const other = await on.run(args, { input: `${input}\n{"id":4}` });
    expect(other.code, other.stdout).toBe(2);
    const fewer = await on.run(args, { input: '{"id":1}\n' });
    expect(fewer.code).toBe(2);
    expect((await on.run(args, { input: '' })).code).toBe(2);
    await expectIds(on, 3);
  });

  test('from six processes at once is in once, and all of them say so', async () => {
    const on = await site('');
    const input = logText(logRows(), 1, 2_000);
    const args = ['append', 'events', '--idempotency-key', 'six', '--json'];
    const all = await Promise.all(Array.from({ length: 6 }, () => on.ok(args, { input })));
    for (const finished of all) expect(jsonOf(finished)).toMatchObject({ rows: 2_000 });
    await expectIds(on, 2_000);
  });

  test('killed again and again goes on behind what is in', { timeout: 120_000 }, async () => {
    const random = seededRandom(Number(process.env['HYP_SEED'] ?? 1));
    const on = await site('');
    const rows = 350_000;
    await writeFile(
      join(on.cwd, 'big.ndjson'),
      Array.from({ length: rows }, (_, at) => `{"id":${at + 1}}\n`).join(''),
    );
    const args = ['append', 'events', 'big.ndjson', '--idempotency-key', 'big', '--json'];
    let afterCommit = 0;
    for (let kill = 0; kill < 3; kill++) {
      const before = tableVersion(on.root, 'events');
      const child = asChild(on.start(args));
      const committed = (): boolean => tableVersion(on.root, 'events') > before;
      await until('a commit', () => !child.running || committed());
      await wait(random.integer(50));
      child.kill('SIGKILL');
      if ((await child.ended).signal === 'SIGKILL' && committed()) afterCommit += 1;
    }
    expect(afterCommit).toBeGreaterThan(0);
    expect(jsonOf(await on.ok(args))).toMatchObject({ rows });
    await expectIds(on, rows);
  });
});
