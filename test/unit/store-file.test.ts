/** Many processes may make one store at once; each finds the same one. llp/0008 */
import { expect, test } from 'vitest';
import { initStore } from '../../src/engine/store-file.ts';
import { interceptFs } from '../support/intercept-fs.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { seededRandom } from '../support/random.ts';

test('a store that another process makes at any moment is found, not refused and not made twice', async () => {
  let places = 0;
  for (let nth = 1; ; nth++) {
    const disk = new MemoryFs('/home');
    const made: string[] = [];
    let calls = 0;
    const fs = interceptFs(disk, async (_step, run) => {
      if (++calls === nth) {
        made.push((await initStore(disk, '/home/store', seededRandom(1))).storeId);
      }
      return run();
    });
    made.push((await initStore(fs, '/home/store', seededRandom(2))).storeId);
    if (calls < nth) break;
    places += 1;
    expect(new Set(made).size, `before call ${nth}`).toBe(1);
  }
  expect(places).toBeGreaterThan(20);
});
