/** The built package as a user meets it: each flow is one promise. llp/0016 */
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { FLOWS } from '../../smoke/flows/all.ts';
import { HYP } from '../../smoke/harness.ts';

describe('the built package', () => {
  beforeAll(() => {
    expect(existsSync(HYP), `${HYP} is built: run npm run build`).toBe(true);
  });

  it('has a flow for every face: package, commands, mistakes, library', () => {
    expect(FLOWS.length).toBeGreaterThanOrEqual(9);
  });

  it.each(FLOWS.map((flow) => [flow.promise, flow] as const))('%s', async (_promise, flow) => {
    await expect(flow.run()).resolves.not.toBe('broken');
  });
});
