/**
 * Owns: the first five minutes of a user: init, append, tick, cat, status, and the files they find.
 * llp/0016
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hypOk, inFreshDir } from '../harness.ts';
import { linesOf, readExported } from '../proof.ts';
import { expectEqual, expectMatch } from './expect.ts';

const ROWS = [
  { id: 1, path: '/', ms: 12.5, ok: true, tags: ['a', 'b'] },
  { id: 2, path: '/zürich', ms: 7, ok: false },
  { id: 9007199254740993n, path: '/big', ms: 1, ok: true },
] as const;

const LINES = [
  '{"id":1,"path":"/","ms":12.5,"ok":true,"tags":["a","b"]}',
  '{"id":2,"path":"/zürich","ms":7,"ok":false}',
  '{"id":9007199254740993,"path":"/big","ms":1,"ok":true}',
];

const CONFIG = `root: ./hyp-data
sinks:
  archive: { type: fs, path: ./exports }
`;

/** init → append → tick → cat → status: what went in comes out, once, and status says so. */
export async function firstRowsFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    await hypOk(['init'], { cwd });
    expectMatch('hyp.yaml', readFileSync(join(cwd, 'hyp.yaml'), 'utf8'), /^root:/m);
    await hypOk(['validate'], { cwd });
    writeFileSync(join(cwd, 'hyp.yaml'), CONFIG);
    const appended = await hypOk(['append', 'requests', '--json'], {
      cwd,
      input: `${LINES.join('\n')}\n`,
    });
    expectEqual('rows appended', (JSON.parse(appended.stdout) as { rows: number }).rows, 3);
    const cat = await hypOk(['cat', 'requests'], { cwd });
    expectEqual('hyp cat', linesOf(cat.stdout), LINES);
    const tail = await hypOk(['cat', 'requests', '--after', '1', '--through', '2', '--seq'], {
      cwd,
    });
    expectMatch('hyp cat --seq', tail.stdout, /^\{.*"_hyp_seq":2.*\}\n$/);
    await hypOk(['tick'], { cwd });
    await hypOk(['tick'], { cwd });
    const exported = readExported(join(cwd, 'exports'), 'requests');
    expectEqual('exported rows after two ticks', exported.rowCount, ROWS.length);
    expectEqual('ranges of the exported files', exported.rangeFaults, []);
    await expectStatus(cwd);
    await hypOk(['check'], { cwd });
  });
}

/** Keys and kinds of values of DESIGN §14. */
async function expectStatus(cwd: string): Promise<void> {
  const { stdout } = await hypOk(['status', '--json'], { cwd });
  const status = JSON.parse(stdout) as {
    root: string;
    datasets: Record<string, unknown>[];
    sinks: { name: string; type: string; state: string; datasets: Record<string, unknown>[] }[];
  };
  expectEqual('keys of the status', Object.keys(status).sort(), [
    'datasets',
    'disk',
    'root',
    'sinks',
  ]);
  const [dataset = {}] = status.datasets;
  expectEqual('keys of a dataset', Object.keys(dataset).sort(), [
    'bytes',
    'files',
    'lineage',
    'maxSeq',
    'name',
    'problem',
    'prunedThrough',
    'rescuedRows',
    'rows',
    'snapshots',
    'spoolBytes',
    'spoolRows',
  ]);
  const { name, rows, maxSeq, prunedThrough, spoolRows } = dataset;
  expectEqual(
    'figures of the dataset',
    { name, rows, maxSeq, prunedThrough, spoolRows },
    { name: 'requests', rows: 3, maxSeq: '3', prunedThrough: '0', spoolRows: 0 },
  );
  const sink = status.sinks[0];
  expectEqual('the sink', [sink?.name, sink?.type, sink?.state], ['archive', 'fs', 'idle']);
  expectEqual('what the sink has of it', sink?.datasets, [
    {
      dataset: 'requests',
      state: 'idle',
      watermark: '3',
      lagRows: 0,
      lagSeconds: 0,
      exportedRows: 3,
      declinedRows: 0,
      lostRows: 0,
      openUnit: null,
      lastError: null,
    },
  ]);
}
