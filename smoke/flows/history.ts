/**
 * Owns: a user's history: a compressed log becomes a table, once, however often it is loaded, and
 * answers SQL.
 * llp/0016
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ACCESS_LOG, hyp, hypOk, inFreshDir } from '../harness.ts';
import { identityOf, linesOf } from '../proof.ts';
import { expectEqual } from './expect.ts';

/** backfill → again → from another path → cat: the rows of the log, in its order, once. */
export async function historyFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const input = linesOf(gunzipSync(readFileSync(ACCESS_LOG)).toString('utf8'));
    const rowsOf = (stdout: string) => (JSON.parse(stdout) as { rows: number }).rows;
    const first = await hypOk(['backfill', 'access', ACCESS_LOG, '--json'], { cwd });
    expectEqual('rows of the first backfill', rowsOf(first.stdout), input.length);
    const second = await hypOk(['backfill', 'access', ACCESS_LOG, '--json'], { cwd });
    expectEqual('rows of the second backfill', rowsOf(second.stdout), 0);
    copyFileSync(ACCESS_LOG, join(cwd, 'copy.ndjson.gz'));
    const copy = await hyp(['backfill', 'access', 'copy.ndjson.gz'], { cwd });
    expectEqual('exit code for the same bytes at another path', copy.code, 4);
    const cat = await hypOk(['cat', 'access'], { cwd });
    const output = linesOf(cat.stdout);
    expectEqual('rows of hyp cat', output.length, input.length);
    const wrong = input.findIndex(
      (line, row) => identityOf(line) !== identityOf(output[row] ?? '{}'),
    );
    expectEqual('first row that is not the one of the log', wrong, -1);
  });
}

/** SQL over a table, when DuckDB is installed. Answers false when it is not. */
export async function queryFlow(): Promise<boolean> {
  return inFreshDir(async (cwd) => {
    await hypOk(['append', 'my-requests'], { cwd, input: '{"a":1}\n{"a":2,"b":"x"}\n' });
    const sql = 'SELECT sum(a)::INT AS total, count(b)::INT AS b FROM "my-requests"';
    const done = await hyp(['query', sql, '--json'], { cwd });
    if (done.code === 69) return false;
    expectEqual('exit code of hyp query', done.code, 0);
    expectEqual('answer of hyp query', JSON.parse(done.stdout), { total: 3, b: 1 });
    return true;
  });
}
