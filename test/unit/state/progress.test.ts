/** The laws of a progress record: what may follow what, and that what was told of stays. llp/0015 */
import { describe, expect, test } from 'vitest';
import { toSeq, toSinkName } from '../../../src/core/ids.ts';
import type { Unit } from '../../../src/core/unit.ts';
import { sampleUnit } from '../../../sinks/sample-unit.ts';
import { advance, beginProgress, openProgress, withIntent } from '../../../state/progress.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';

const { unit } = sampleUnit(['alpha\n', 'bravo\n']);
const KEY = { sink: toSinkName('archive'), dataset: unit.dataset, lineage: unit.lineage };

describe('a unit is refused as an intent', () => {
  const other = 'a'.repeat(32);
  test.each<[string, Partial<Unit>]>([
    ['that begins above the watermark', { after: toSeq(1), rows: 1 }],
    ['that has no rows', { through: toSeq(0), rows: 0 }],
    ['that has a row less than its range', { rows: 1 }],
    ['that continues another chain', { chainBefore: other }],
    ['whose chain is not that of its rows', { chain: other }],
  ])('%s', (_what, wrong) => {
    const progress = beginProgress(KEY);
    expect(() => withIntent(progress, { ...unit, ...wrong })).toThrow();
    expect(withIntent(progress, unit).open).toEqual(unit);
  });

  test('while another is open', () => {
    const open = withIntent(beginProgress(KEY), unit);
    expect(() => withIntent(open, unit)).toThrow();
    expect(() => advance(beginProgress(KEY), undefined)).toThrow();
  });
});

test('an intent and an advance outlive the power the moment they are linked', async () => {
  const memory = new MemoryFs('/state');
  const random = seededRandom(3);
  for (const watermark of [0n, 2n]) {
    const record = await openProgress(memory, '/state', KEY, random);
    const base = await record.load();
    const next =
      base === undefined ? withIntent(beginProgress(KEY), unit) : advance(base.value, undefined);
    expect((await record.append(base, next)).kind).toBe('linked');
    memory.crash(LOSE_ALL);
    const after = await (await openProgress(memory, '/state', KEY, random)).load();
    expect(after?.value).toEqual(next);
    expect(after?.value.watermark).toBe(watermark);
  }
});
