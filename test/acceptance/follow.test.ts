/** A log that is followed by the command while it is written and rotated. llp/0012 */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LogWriter } from '../support/log-writer.ts';
import {
  expectAllOf,
  expectDense,
  expectNoneTwice,
  tableRows,
  tableVersion,
} from '../support/oracle.ts';
import { expectSound, idsOf, jsonOf, site, until } from '../support/processes.ts';
import type { Site } from '../support/processes.ts';

const QUICK = 'datasets: { "*": { flush: { maxDelay: 60ms } } }\n';
const FOLLOW = ['backfill', 'events', 'app.log', '--follow'];

async function commitAfter(on: Site): Promise<void> {
  const before = tableVersion(on.root, 'events');
  await until('a commit', () => tableVersion(on.root, 'events') > before);
}

describe('hyp backfill --follow', () => {
  test('has every line once: rotated both ways, killed in between', async () => {
    const on = await site(QUICK);
    const log = new LogWriter(join(on.cwd, 'app.log'), 1);
    const writing = log.run(8);
    const first = on.start(FOLLOW);
    await commitAfter(on);
    log.renameAway();
    await commitAfter(on);
    log.copyAndCut();
    await commitAfter(on);
    first.process.kill('SIGKILL');
    await first.finished;
    // Nobody looks: one rotation is missed as a whole.
    log.copyAndCut();
    await wait(30);
    log.renameAway();
    const second = on.start([...FOLLOW, '--json']);
    await commitAfter(on);
    log.renameAway();
    await commitAfter(on);
    log.copyAndCut();
    await commitAfter(on);
    log.stop();
    await writing;
    second.process.kill('SIGTERM');
    const finished = await second.finished;
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    expect(jsonOf(finished)).toMatchObject({ dataset: 'events', rejected: 0, rejectsPath: null });
    const { ids, seqs } = await tableRows(on.root, 'events');
    expectNoneTwice(ids, 'in the table');
    expectAllOf(idsOf([{ low: 1, high: log.lastId }]), ids, 'in the table');
    expect(ids).toHaveLength(log.lastId);
    expectDense(seqs);
    await expectSound(on);
  });

  test('waits for a file that is not there, ends well by Ctrl-C, and says what was rejected', async () => {
    const on = await site(QUICK);
    const started = on.start(FOLLOW);
    await started.said('following 1 file');
    await writeFile(join(on.cwd, 'app.log'), '{"id":1}\nno row\n{"id":');
    await until('a commit', () => tableVersion(on.root, 'events') > 0);
    await appendFile(join(on.cwd, 'app.log'), '2}');
    started.process.kill('SIGINT');
    const { code, stdout, stderr } = await started.finished;
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('events: 2 rows added\n');
    expect(stderr).toContain('1 line rejected; see ');
    const again = await on.ok(['backfill', 'events', 'app.log']);
    expect(again.stdout).toContain('all in already');
  });

  test('goes with neither --dry-run nor --again', async () => {
    const on = await site(QUICK);
    for (const other of ['--dry-run', '--again']) {
      const { code, stderr } = await on.run([...FOLLOW, other]);
      expect(code).toBe(2);
      expect(stderr).toContain('--follow goes with neither');
    }
  });
});
