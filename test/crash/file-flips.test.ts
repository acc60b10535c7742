/**
 * Flipped bits at full figures: 500 places of each kind of file, every one of them also exported and
 * checked. The same scenario, with fewer of those, is test/sim/file-flips.test.ts. llp/0013
 */
import { expect, test } from 'vitest';
import { KINDS, flipPlaces } from '../support/table-flips.ts';
import type { Kind } from '../support/table-flips.ts';

const FLIPS = 500;

test.each(Object.keys(KINDS) as Kind[])(
  'a flipped bit in a %s file lets no wrong row out by cat or export, and check names the file',
  async (kind) => {
    expect(await flipPlaces(kind, FLIPS, 1)).toBe(FLIPS);
  },
);
