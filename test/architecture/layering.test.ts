/** storage knows rows, state progress, sinks destinations; only src/engine knows all. llp/0013 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/tmp.ts';
import { checkLayers } from './layering.ts';
import { ROOT, isShipped, projectFiles } from './tree.ts';

const FOLDERS = ['src', 'storage', 'state', 'sinks', 'smoke', 'bench'];

test('nobody imports upwards or sideways, and every file was looked at', async () => {
  const { violations, modules } = await checkLayers(ROOT, FOLDERS);
  expect(violations).toEqual([]);
  const shipped = projectFiles().filter(({ path }) => isShipped(path)).length;
  expect(modules).toBeGreaterThanOrEqual(shipped);
  expect(shipped).toBeGreaterThan(80);
});

/** The violations of a tree of `path: text`. */
async function violationsOf(tree: Readonly<Record<string, string>>): Promise<string[]> {
  const root = await tempDir();
  for (const [path, text] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const folders = [...new Set(Object.keys(tree).map((path) => path.split('/')[0] ?? ''))];
  return [...(await checkLayers(root, folders)).violations];
}

describe('a violation is seen:', () => {
  const value = 'export const a = 1;\nexport type A = number;\n';

  test.each([
    ['src/core/x.ts', 'src/codec/a.ts'],
    ['src/core/x.ts', 'storage/a.ts'],
    ['src/codec/x.ts', 'src/engine/a.ts'],
    ['storage/x.ts', 'state/a.ts'],
    ['state/x.ts', 'sinks/a.ts'],
    ['sinks/blob/x.ts', 'storage/iceberg/a.ts'],
    ['storage/x.ts', 'src/engine/a.ts'],
    ['src/engine/x.ts', 'src/cli/a.ts'],
    ['src/daemon/x.ts', 'storage/a.ts'],
    ['src/cli/x.ts', 'state/a.ts'],
    ['storage/x.ts', 'test/a.ts'],
    ['smoke/x.ts', 'src/core/a.ts'],
    ['src/engine/x.ts', 'src/index.ts'],
  ])('%s imports %s, a type only', async (from, to) => {
    const up = '../'.repeat(from.split('/').length - 1);
    const text = `import type { A } from '${up}${to}';\nexport const x: A = 1;\n`;
    expect(await violationsOf({ [from]: text, [to]: value })).not.toEqual([]);
  });

  test('a cycle', async () => {
    const tree = {
      'src/core/x.ts': `import { y } from './y.ts';\nexport const x = () => y;\n`,
      'src/core/y.ts': `import { x } from './x.ts';\nexport const y = () => x;\n`,
    };
    expect((await violationsOf(tree)).join()).toContain('no cycles');
  });

  test('an import of nothing', async () => {
    const tree = { 'src/core/x.ts': `import { y } from './gone.ts';\nexport const x = y;\n` };
    expect((await violationsOf(tree)).join()).toContain('every import is there');
  });

  test('and what is allowed is not', async () => {
    const tree = {
      'src/engine/x.ts': `import { a } from '../../storage/a.ts';\nexport const x = a;\n`,
      'storage/a.ts': `import { a } from '../src/core/a.ts';\nexport { a };\n`,
      'src/core/a.ts': value,
    };
    expect(await violationsOf(tree)).toEqual([]);
  });
});
