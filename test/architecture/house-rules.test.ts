/** The rules of the house (DESIGN §4, §17). Each is also run on a text that breaks it. llp/0013 */
import { describe, expect, test } from 'vitest';
import {
  barrels,
  brokenCodeLists,
  brokenPapers,
  codePaths,
  inexactVersions,
  leftOpen,
  lockfileAddresses,
  machinePaths,
  skippedTests,
  swallowedErrors,
  tooLong,
  unownedFiles,
} from './rules.ts';
import { projectFiles } from './tree.ts';
import type { SourceFile } from './tree.ts';

const files = projectFiles();
const file = (path: string, text: string): SourceFile => ({ path, text });
const textOf = (path: string): string => files.find((one) => one.path === path)?.text ?? '';

test('the rules look at a plausible number of files', () => {
  expect(files.filter(({ path }) => path.startsWith('src/')).length).toBeGreaterThan(30);
  expect(files.filter(({ path }) => path.endsWith('.test.ts')).length).toBeGreaterThan(15);
  expect(files.filter(({ path }) => path.startsWith('llp/')).length).toBeGreaterThan(3);
});

describe('files', () => {
  test('are at most 400 lines long, tests 600', () => {
    expect(tooLong(files)).toEqual([]);
  });

  test('that are longer are seen', () => {
    const long = file('src/core/a.ts', 'x\n'.repeat(401));
    expect(tooLong([long, file('test/unit/a.test.ts', 'x\n'.repeat(401))])).toEqual([
      'src/core/a.ts has 401 lines, 400 are allowed',
    ]);
  });

  test('leave nothing open and swallow no error', () => {
    expect(leftOpen(files)).toEqual([]);
    expect(swallowedErrors(files)).toEqual([]);
  });

  test('that do are seen', () => {
    expect(leftOpen([file('src/a.ts', `// ${'TO' + 'DO'}: later`)])).toHaveLength(1);
    expect(leftOpen([file('src/a.ts', `// ${'FIX' + 'ME'}`)])).toHaveLength(1);
    expect(swallowedErrors([file('src/a.ts', 'try { a(); } catch (error) {}')])).toHaveLength(1);
    expect(swallowedErrors([file('src/a.ts', 'try { a(); } catch { }')])).toHaveLength(1);
  });

  test('name no path of one machine', () => {
    expect(machinePaths(files)).toEqual([]);
    expect(machinePaths([file('src/a.ts', `open('${'/Us' + 'ers'}/someone/data')`)])).toHaveLength(
      1,
    );
  });

  test('re-export nothing, but for src/index.ts', () => {
    expect(barrels(files)).toEqual([]);
    expect(barrels([file('src/core/all.ts', `export * from './a.ts';`)])).toHaveLength(1);
    expect(barrels([file('src/index.ts', `export * from './a.ts';`)])).toEqual([]);
  });
});

describe('tests', () => {
  test('all run', () => {
    expect(skippedTests(files)).toEqual([]);
  });

  test.each([
    'test.sk' + 'ip(',
    'describe.on' + 'ly(',
    'test.to' + 'do(',
    'it.each.sk' + 'ip(',
    'x' + 'it(',
  ])('that do not are seen: %s', (call) => {
    expect(skippedTests([file('test/unit/a.test.ts', `${call}'a', () => {});`)])).toHaveLength(1);
  });
});

describe('the package', () => {
  test('has no download addresses in its lockfile', () => {
    expect(textOf('package-lock.json').length).toBeGreaterThan(10_000);
    expect(lockfileAddresses(textOf('package-lock.json'))).toEqual([]);
    expect(lockfileAddresses(JSON.stringify({ resolved: 'there' }, null, 1))).toHaveLength(1);
  });

  test('pins every dependency to one version', () => {
    expect(inexactVersions(textOf('package.json'))).toEqual([]);
    const loose = { dependencies: { a: '^1.0.0' }, devDependencies: { b: '2', c: '1.2.3-r.4' } };
    expect(inexactVersions(JSON.stringify(loose))).toHaveLength(2);
  });
});

describe('papers', () => {
  const paper = (code: string) =>
    file(
      'llp/0007-spool.md',
      `# Spool\n## Context\n## Decision\n## Rejected\n## Consequences\n## Code\n${code}\n`,
    );
  const map = file('llp/0000-map.md', '- 0007-spool.md\n- 0000-map.md');

  test('are listed in the map, have their sections and a number of their own', () => {
    expect(brokenPapers(files)).toEqual([]);
  });

  test('that are not are seen', () => {
    expect(brokenPapers([map, paper('- `src/a.ts`')])).toEqual([]);
    expect(brokenPapers([map, file('llp/0007-spool.md', '# Spool')])).toHaveLength(5);
    expect(brokenPapers([paper('')])).toEqual(['the map does not list llp/0007-spool.md']);
    expect(brokenPapers([map, paper(''), file('llp/0007-other.md', paper('').text)])).toHaveLength(
      3,
    );
  });

  test('list code that exists and names them', () => {
    expect(brokenCodeLists(files)).toEqual([]);
  });

  test('that list other code are seen', () => {
    const named = file('storage/spool/frame.ts', '/** Owns: frames. llp/0007 */');
    expect(brokenCodeLists([paper('- `storage/spool/frame.ts`'), named])).toEqual([]);
    expect(brokenCodeLists([paper('- `storage/spool/`'), named])).toEqual([]);
    expect(brokenCodeLists([paper('nothing'), named])).toEqual(['llp/0007-spool.md lists no code']);
    expect(brokenCodeLists([paper('- `storage/spool/gone.ts`'), named])).toHaveLength(1);
    const other = file('storage/spool/frame.ts', '/** llp/0003 */\n// llp/0007');
    expect(brokenCodeLists([paper('- `storage/spool/frame.ts`'), other])).toHaveLength(1);
  });

  test('govern every file that is shipped', () => {
    expect(unownedFiles(files)).toEqual([]);
  });

  test('that forget a file are seen', () => {
    const named = file('storage/spool/frame.ts', '/** Owns: frames. llp/0007 */');
    expect(unownedFiles([paper('- `storage/spool/frame.ts`'), named])).toEqual([]);
    expect(unownedFiles([paper('- `storage/spool/writer.ts`'), named])).toHaveLength(1);
    expect(unownedFiles([named])).toHaveLength(1);
    expect(unownedFiles([file('src/core/a.ts', 'export const a = 1;')])).toHaveLength(1);
  });

  test('list code as paths below "Code", with or without backticks', () => {
    const list = '- `src/a.ts`: and no more\n* storage/b/\n* vitest.config.ts, .ci/run\n';
    const paths = ['src/a.ts', 'storage/b/', 'vitest.config.ts', '.ci/run'];
    expect(codePaths(`## Code\n\n${list}\n## Other\n\n- src/c.ts\n`)).toEqual(paths);
    expect(codePaths(`Text.\n\nCode:\n\n${list}`)).toEqual(paths);
  });
});
