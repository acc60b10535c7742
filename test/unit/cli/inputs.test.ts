import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expandBraces, expandInputs, globPattern } from '../../../src/cli/inputs.ts';
import { followedFiles } from '../../../src/cli/followed-files.ts';
import { tempDir } from '../../support/tmp.ts';

const FILES = [
  'a.ndjson',
  'b.txt',
  'logs/2.jsonl.gz',
  'logs/1.json',
  'logs/.hidden.ndjson',
  'logs/deep/3.ndjson',
  'logs/deep/readme.md',
  'odd[1].ndjson',
  'other/x{1}.ndjson',
];

async function tree(): Promise<string> {
  const root = await tempDir();
  for (const file of FILES) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await writeFile(join(root, file), '{}\n');
  }
  return root;
}

async function expand(...inputs: string[]): Promise<string[]> {
  const cwd = await tree();
  return (await expandInputs(inputs, cwd)).map((path) => relative(cwd, path));
}

describe('the inputs of a backfill', () => {
  it('are a file as named, whatever its ending', async () => {
    expect(await expand('b.txt', './a.ndjson')).toEqual(['b.txt', 'a.ndjson']);
  });

  it.runIf(process.platform === 'linux')('are refused by a name that is not UTF-8', async () => {
    const cwd = await tree();
    const odd = Buffer.concat([Buffer.from(`${cwd}/logs/caf`), Buffer.from([0xe9])]);
    await writeFile(Buffer.concat([odd, Buffer.from('.txt')]), '{}\n');
    expect(await expandInputs(['logs'], cwd)).toHaveLength(3);
    await writeFile(Buffer.concat([odd, Buffer.from('.ndjson')]), '{}\n');
    for (const input of ['logs', 'logs/*.ndjson', '.']) {
      for (const expansion of [expandInputs([input], cwd), followedFiles([input], cwd)]) {
        await expect(expansion).rejects.toMatchObject({
          code: 'E_BAD_INPUT',
          message: expect.stringMatching(/logs\/caf\ufffd\.ndjson is not UTF-8/) as string,
        });
      }
    }
    const odds: string[] = [];
    const files = await followedFiles(['logs'], cwd, ({ message }) => odds.push(message));
    expect([files.length, odds.length]).toEqual([3, 1]);
    await mkdir(Buffer.concat([odd, Buffer.from('.d')]));
    await expect(expandInputs(['logs/**/x.json'], cwd)).rejects.toMatchObject({
      code: 'E_BAD_INPUT',
    });
    expect(await expandInputs(['logs/*.json'], cwd)).toHaveLength(1);
  });

  it('are the NDJSON files below a directory, sorted, hidden ones left out', async () => {
    expect(await expand('logs')).toEqual(['logs/1.json', 'logs/2.jsonl.gz', 'logs/deep/3.ndjson']);
  });

  it.each([
    ['*.ndjson', ['a.ndjson', 'odd[1].ndjson']],
    ['logs/*', ['logs/1.json', 'logs/2.jsonl.gz']],
    ['logs/**', ['logs/1.json', 'logs/2.jsonl.gz', 'logs/deep/3.ndjson', 'logs/deep/readme.md']],
    ['**/*.ndjson', ['a.ndjson', 'logs/deep/3.ndjson', 'odd[1].ndjson', 'other/x{1}.ndjson']],
    ['logs/[12].json*', ['logs/1.json', 'logs/2.jsonl.gz']],
    ['logs/[!1].*', ['logs/2.jsonl.gz']],
    ['{logs/1.json,a.ndjson}', ['a.ndjson', 'logs/1.json']],
    ['l?gs/d{ee,i}p/3.*', ['logs/deep/3.ndjson']],
  ])('are what the glob %s matches', async (glob, expected) => {
    expect(await expand(glob)).toEqual(expected);
  });

  it('are a file whose name looks like a glob when there is one', async () => {
    expect(await expand('odd[1].ndjson', 'other/x{1}.ndjson')).toHaveLength(2);
  });

  it('hold each file once, however often it is named', async () => {
    expect(await expand('a.ndjson', '*.ndjson', 'a.ndjson')).toEqual(['a.ndjson', 'odd[1].ndjson']);
  });

  it.each(['nothing.ndjson', 'logs/*.csv', 'no/such/**'])(
    'must be something: %s',
    async (input) => {
      await expect(expand('a.ndjson', input)).rejects.toMatchObject({
        code: 'E_USAGE',
        message: `nothing to read at ${input}`,
      });
    },
  );

  it('do not follow links to directories, which may go round in circles', async () => {
    const cwd = await tree();
    await symlink(cwd, join(cwd, 'logs', 'loop'));
    await symlink(join(cwd, 'a.ndjson'), join(cwd, 'logs', 'linked.ndjson'));
    const found = await expandInputs(['logs'], cwd);
    expect(found.map((path) => relative(cwd, path))).toEqual([
      'logs/1.json',
      'logs/2.jsonl.gz',
      'logs/deep/3.ndjson',
      'logs/linked.ndjson',
    ]);
  });
});

describe('a glob', () => {
  it('takes everything but its own signs literally', () => {
    expect(globPattern(['a.b+(c)*$']).test('a.b+(c)xyz$')).toBe(true);
    expect(globPattern(['a.b']).test('axb')).toBe(false);
    expect(globPattern(['*']).test('a/b')).toBe(false);
    expect(globPattern(['**', 'b']).test('b')).toBe(true);
    expect(globPattern(['**', 'b']).test('xb')).toBe(false);
  });

  it('has braces that nest and braces that do not close', () => {
    expect(expandBraces('a{b,c{d,e}}f')).toEqual(['abf', 'acdf', 'acef']);
    expect(expandBraces('a{b')).toEqual(['a{b']);
    expect(expandBraces('{a,b}{1,2}')).toEqual(['a1', 'a2', 'b1', 'b2']);
  });
});
