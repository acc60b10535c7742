/** A file of a backfill that cannot be read to its end: it alone is left, and said. llp/0012 */
import { rm, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tempDir } from '../support/tmp.ts';
import { World, tableRows } from '../support/world.ts';

function lines(low: number, high: number): string {
  let text = '';
  for (let id = low; id <= high; id++) text += `{"id":${id}}\n`;
  return text;
}

test('a damaged file keeps no other out, before and after it, and goes on once it is whole', async () => {
  const dir = await tempDir();
  const paths = ['a.ndjson', 'b.ndjson.gz', 'c.ndjson', 'd.parquet', 'e.ndjson', 'f.ndjson'].map(
    (name) => `${dir}/${name}`,
  );
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = paths;
  const whole = gzipSync(lines(1000, 1999));
  await writeFile(a, lines(1, 2));
  await writeFile(b, whole.subarray(0, -50));
  // The first line of the damaged one: both want the same name for their source.
  await writeFile(c, `${lines(1000, 1000)}{"id":3}\n`);
  await writeFile(d, 'PAR1 and nothing else');
  await writeFile(e, lines(4, 5));
  await writeFile(f, '{"id":6}\n');
  const engine = await new World().open();
  const first = await engine.backfill('events', paths);
  expect(first.files.map(({ outcome }) => outcome)).toEqual([
    'added',
    'failed',
    'added',
    'failed',
    'added',
    'added',
  ]);
  expect(first.files[1]?.problem?.message).toBe(`${b}: damaged gzip data: it ends too soon`);
  expect(first.files[3]?.problem?.message).toContain(d);
  const stored = (await tableRows(engine)).map(({ id }) => id);
  expect(stored).toHaveLength(first.rows);
  expect(stored).toEqual(expect.arrayContaining([1, 2, 3, 4, 5, 6]));
  expect(first.rows - 7).toBe(first.files[1]?.rows);

  await writeFile(b, whole);
  await rm(d);
  const again = await engine.backfill('events', [a, b, c, e, f]);
  expect(again.files.map(({ outcome }) => outcome)).toEqual([
    'unchanged',
    'added',
    'unchanged',
    'unchanged',
    'unchanged',
  ]);
  expect(await tableRows(engine)).toHaveLength(1000 + 7);
  await engine.close();
});
