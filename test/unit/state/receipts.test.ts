/** Receipts: what is kept of what was exported, and that only a whole one is evidence. llp/0015, llp/0017 */
import { expect, test } from 'vitest';
import { seqText, toSinkName } from '../../../src/core/ids.ts';
import { sampleUnit } from '../../../sinks/sample-unit.ts';
import { beginProgress, passed } from '../../../state/progress.ts';
import { keepReceipt, keptReceipts, markExported } from '../../../state/receipts.ts';
import { count } from '../../support/counted.ts';
import { MemoryFs } from '../../support/memory-fs.ts';

const { unit } = sampleUnit(['alpha\n', 'bravo\n']);
const KEY = { sink: toSinkName('archive'), dataset: unit.dataset, lineage: unit.lineage };
const FOLDER = `/state/receipts/archive/${unit.dataset}/${unit.lineage}`;

test('a receipt with any bit flipped, or cut anywhere, is none', async () => {
  const fs = new MemoryFs('/state');
  await markExported(fs, '/state', KEY, 1);
  await keepReceipt(fs, '/state', passed(beginProgress(KEY), unit), 'a');
  expect(await keptReceipts(fs, '/state', KEY)).toMatchObject([{ unit, exportedRows: 2n }]);
  const path = `${FOLDER}/${seqText(unit.after)}.json`;
  const whole = await fs.readFile(path);
  const evidence = async (bytes: Uint8Array) => {
    await fs.unlink(path);
    const handle = await fs.create(path);
    await handle.write(bytes);
    await handle.close();
    return keptReceipts(fs, '/state', KEY);
  };
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = whole.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await evidence(flipped), `bit ${bit}`).toEqual([]);
  }
  count('bit flips', whole.length * 8);
  for (let length = 0; length < whole.length - 1; length++) {
    expect(await evidence(whole.slice(0, length)), `cut at ${length}`).toEqual([]);
  }
});
