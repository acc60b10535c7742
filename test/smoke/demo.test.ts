/** The demo as a person runs it. llp/0016 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT, inFreshDir, startNode, within } from '../../smoke/harness.ts';

const DEMO = join(PACKAGE_ROOT, 'dist/smoke/demo.js');

describe('the demo', () => {
  it('delivers every row once although its daemon is killed three times', async () => {
    await inFreshDir(async (cwd) => {
      const done = await within(120_000, 'the demo', startNode([DEMO], { cwd }).finished);
      expect(done.code, done.stdout).toBe(0);
      expect(done.stdout).toMatch(/^ {2}duplicates +0 +0 +0$/m);
      expect(done.stdout).toMatch(/^ {2}missing +0 +0 +0$/m);
      expect(done.stdout).toMatch(/^ {2}kills -9 .* 3$/m);
      const widest = Math.max(...done.stdout.split('\n').map((line) => line.length));
      expect(widest).toBeLessThanOrEqual(80);
    });
  });

  it('leaves a directory alone that it did not make', async () => {
    await inFreshDir(async (cwd) => {
      const theirs = join(cwd, 'hyp-demo', 'thesis.txt');
      mkdirSync(join(cwd, 'hyp-demo'));
      writeFileSync(theirs, 'irreplaceable');
      const done = await within(20_000, 'the demo', startNode([DEMO], { cwd }).finished);
      expect(done.code).toBe(1);
      expect(existsSync(theirs)).toBe(true);
    });
  });
});
