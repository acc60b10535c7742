/**
 * Tables are real: PyIceberg, which shares no code with hyp, lists the same rows as `hyp cat`.
 * llp/0006
 */
import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import { columnNamed } from '../../src/codec/columns.ts';
import { encodeNdjson } from '../../src/codec/ndjson/encode.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import { openEngine } from '../../src/engine/open.ts';
import type { Engine } from '../../src/engine/api.ts';
import { pythonMissing, pythonRows } from '../support/pyiceberg.ts';
import { tempDir } from '../support/tmp.ts';

type Row = Readonly<Record<string, unknown>>;

async function store(): Promise<Engine> {
  const config = defaultConfig(`${await tempDir()}/store`);
  return openEngine({ root: config.root, config });
}

/** What `hyp cat --seq` prints: rows with their seq. */
async function catRows(engine: Engine): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of engine.scan('events')) {
    expect(columnNamed(batch, '_hyp_seq')).toBeDefined();
    const text = Buffer.from(encodeNdjson(batch, { seq: true })).toString('utf8');
    rows.push(
      ...text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Row),
    );
  }
  return rows;
}

async function metadataPath(engine: Engine): Promise<string> {
  const dir = `${engine.root}/tables/events/metadata`;
  const hint = Buffer.from(await nodeFs.readFile(`${dir}/version-hint.text`)).toString();
  return `${dir}/v${hint}.metadata.json`;
}

/** PyIceberg's rows as hyp writes them: no nulls, none of hyp's own columns but the seq. */
async function rowsByPython(engine: Engine): Promise<Row[]> {
  const rows = (await pythonRows(await metadataPath(engine))) as Row[];
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).filter(
        ([name, value]) => value !== null && name !== '_hyp_ingested_at' && name !== '_hyp_rescued',
      ),
    ),
  );
}

function sameRows(a: readonly Row[], b: readonly Row[]): void {
  const sorted = (row: Row): unknown => Object.entries(row).sort(([x], [y]) => (x < y ? -1 : 1));
  expect(a.map(sorted)).toEqual(b.map(sorted));
}

describe.skipIf(pythonMissing() !== undefined)('tables hyp keeps', () => {
  test('PyIceberg lists the rows of hyp cat after 1, 10 and 300 commits and after a new column', async () => {
    const engine = await store();
    let commits = 0;
    const commit = async (row: Row): Promise<void> => {
      await engine.append('events', [row, { ...row, id: -commits - 1 }]);
      await engine.flush();
      commits += 1;
    };
    for (const until of [1, 10, 300]) {
      while (commits < until) {
        await commit({ id: commits, name: `é ${commits} 日本`, ok: commits % 2 === 0, load: 0.5 });
      }
      const rows = await catRows(engine);
      expect(rows).toHaveLength(2 * until);
      sameRows(await rowsByPython(engine), rows);
    }
    await commit({ id: 1, extra: 'a new column', other: 2.5 });
    sameRows(await rowsByPython(engine), await catRows(engine));
    await engine.close();
  });
});
