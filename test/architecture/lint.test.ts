/** Each ban of eslint.config.js is shown to bite, and to spare the one home of what it bans. llp/0013 */
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';
import { ROOT } from './tree.ts';

const eslint = new ESLint({ cwd: ROOT });

/** Rules that `text` breaks when it stands in the file at `path` (an existing one, for its types). */
async function rulesBroken(text: string, path = 'src/engine/api.ts'): Promise<string[]> {
  const [result] = await eslint.lintText(`${text}\n`, { filePath: `${ROOT}/${path}` });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

describe('the linter refuses', () => {
  test.each([
    ['the wall clock', 'export const a = Date.now();', 'no-restricted-properties'],
    ['the date of now', 'export const a = new Date();', 'no-restricted-syntax'],
    ['chance', 'export const a = Math.random();', 'no-restricted-properties'],
    [
      'ids by chance',
      "import { randomUUID } from 'node:crypto';\nexport const a = randomUUID();",
      'no-restricted-imports',
    ],
    ['timers', 'export const a = setTimeout(() => undefined, 1);', 'no-restricted-globals'],
    [
      'timers by import',
      "import { setTimeout as s } from 'node:timers/promises';\nexport const a = s(1);",
      'no-restricted-imports',
    ],
    [
      'the disk',
      "import { readFileSync } from 'node:fs';\nexport const a = readFileSync('a');",
      'no-restricted-imports',
    ],
    ['default exports', 'export default 1;', 'no-restricted-exports'],
    ['words this house does not use', 'export const saveCheckpoint = 1;', 'no-restricted-syntax'],
    [
      'any',
      'export const a = (b: any): string => String(b);',
      '@typescript-eslint/no-explicit-any',
    ],
    [
      'the non-null assertion',
      'export const a = (b?: string): string => b!;',
      '@typescript-eslint/no-non-null-assertion',
    ],
    [
      'promises nobody waits for',
      'export const a = (b: Promise<void>) => { b; };',
      '@typescript-eslint/no-floating-promises',
    ],
    [
      'five parameters',
      'export const a = (b: 1, c: 1, d: 1, e: 1, f: 1): number => b + c + d + e + f;',
      'max-params',
    ],
    ['long functions', `export function a(): void {${'\n'.repeat(61)}}`, 'max-lines-per-function'],
    ['long files', '\n'.repeat(401), 'max-lines'],
    ['printing', "console.log('a');", 'no-console'],
  ])('%s', async (_what, text, rule) => {
    expect(await rulesBroken(text)).toContain(rule);
  });
});

describe('the linter allows', () => {
  test('the clock, chance and the disk in their homes', async () => {
    expect(await rulesBroken('export const a = Date.now();', 'src/core/clock.ts')).toEqual([]);
    expect(await rulesBroken('export const a = Math.random();', 'src/core/random.ts')).toEqual([]);
    const disk = "import { open } from 'node:fs/promises';\nexport const a = open;";
    expect(await rulesBroken(disk, 'src/core/node-fs.ts')).toEqual([]);
  });

  test('a date made of a number, and a word as a member of something foreign', async () => {
    expect(await rulesBroken('export const a = (ms: number) => new Date(ms);')).toEqual([]);
    const foreign = 'export const a = (out: NodeJS.WriteStream) => out.cursorTo(0);';
    expect(await rulesBroken(foreign)).toEqual([]);
  });
});
