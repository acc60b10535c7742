/**
 * `hyp backfill --follow` killed and started again at random while its log is written and rotated
 * both ways at random: every line once. HYP_FOLLOW_SECONDS: how long; HYP_SEED: which course.
 * llp/0012
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { count } from '../support/counted.ts';
import { LogWriter } from '../support/log-writer.ts';
import { expectAllOf, expectDense, expectNoneTwice, tableRows } from '../support/oracle.ts';
import { expectSound, idsOf, site } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';

const SECONDS = Number(process.env['HYP_FOLLOW_SECONDS'] ?? 40);
const SEED = Number(process.env['HYP_SEED'] ?? 1);
const CONFIG = 'datasets: { "*": { flush: { maxDelay: 50ms } } }\n';
const FOLLOW = ['backfill', 'events', 'app.log', '--follow'];

test(`a log killed and rotated at random for ${SECONDS} s is in once`, async () => {
  const on = await site(CONFIG);
  const random = seededRandom(SEED);
  const log = new LogWriter(join(on.cwd, 'app.log'), SEED);
  const writing = log.run(5);
  const endMs = performance.now() + SECONDS * 1000;
  let kills = 0;
  let rotations = 0;
  while (performance.now() < endMs) {
    const child = on.start(FOLLOW);
    const livesMs = 300 + random.integer(2_500);
    const deathMs = performance.now() + livesMs;
    while (performance.now() < deathMs) {
      await wait(random.integer(400));
      if (random.integer(2) === 0) log.renameAway();
      else log.copyAndCut();
      rotations += 1;
      // A program opens its log anew before it is rotated again.
      log.write(3);
    }
    child.process.kill('SIGKILL');
    await child.finished;
    kills += 1;
  }
  log.stop();
  await writing;
  const last = on.start(FOLLOW);
  await last.said('following');
  last.process.kill('SIGTERM');
  expect((await last.finished).code).toBe(0);
  count('kills', kills);
  count('seeds', 1);
  expect(kills).toBeGreaterThan(2);
  expect(rotations).toBeGreaterThan(kills);
  const { ids, seqs } = await tableRows(on.root, 'events');
  expectNoneTwice(ids, 'in the table');
  expectAllOf(idsOf([{ low: 1, high: log.lastId }]), ids, 'in the table');
  expect(ids).toHaveLength(log.lastId);
  expectDense(seqs);
  await expectSound(on);
});
