/**
 * Owns: the chance of the property tests. Each run has a seed of its own, which a failure prints;
 * HYP_SEED gives all of them one, so that a run is repeated by one line.
 * llp/0013
 */
import fc from 'fast-check';
import { count } from './counted.ts';

const seed = process.env['HYP_SEED'];
fc.configureGlobal({
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- a plugin would be added again by each file of a process
  beforeEach: () => {
    count('seeds', 1);
  },
});
