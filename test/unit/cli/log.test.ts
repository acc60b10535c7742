/** What the daemon says of itself, and what becomes of it when that cannot be said. llp/0010 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { daemonObserver } from '../../../src/cli/log.ts';
import { ManualClock } from '../../support/random.ts';

const FULL = '/dev/full';

test.runIf(existsSync(FULL))('a log on a full disk stops nobody who says something', async () => {
  const fd = openSync(FULL, 'a');
  try {
    const observe = await daemonObserver('info', new ManualClock(), fd);
    const facts = { reason: 'x'.repeat(10_000) };
    // More than is kept for a disk that gets room again.
    for (let line = 0; line < 200; line++) {
      const say = () => {
        observe({ type: 'decision', action: 'flushed', level: 'info', facts });
      };
      expect(say).not.toThrow();
    }
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    closeSync(fd);
  }
});
