/** What a disk with so much room means, and the ballast that is kept for a full one. llp/0020 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import {
  roomForAppends,
  roomOf,
  takesAppends,
  wantedBallast,
} from '../../../src/engine/room/decide.ts';
import { ballastSize, makeBallast, releaseBallast } from '../../../state/ballast.ts';
import { everyPause, faultFs } from '../../support/fault-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';
import { dies } from '../../support/world.ts';

const MIB = 1024 * 1024;
const BALLAST = LIMITS.ballastBytes;

describe('the room on a disk', () => {
  test.each([
    ['no-reserve', { freeBytes: 0, minFreeBytes: 0, ballastBytes: BALLAST }, true],
    ['ample', { freeBytes: 64 * MIB, minFreeBytes: 64 * MIB, ballastBytes: BALLAST }, true],
    ['short', { freeBytes: 64 * MIB - 1, minFreeBytes: 64 * MIB, ballastBytes: BALLAST }, false],
    ['short', { freeBytes: 72 * MIB - 1, minFreeBytes: 64 * MIB, ballastBytes: 0 }, false],
    ['ballast-missing', { freeBytes: 72 * MIB, minFreeBytes: 64 * MIB, ballastBytes: 0 }, true],
    ['ballast-missing', { freeBytes: 72 * MIB, minFreeBytes: 64 * MIB, ballastBytes: MIB }, true],
    ['exhausted', { freeBytes: 4 * MIB - 1, minFreeBytes: 64 * MIB, ballastBytes: BALLAST }, false],
    ['short', { freeBytes: 0, minFreeBytes: 64 * MIB, ballastBytes: 0 }, false],
    ['ample', { freeBytes: MIB, minFreeBytes: MIB, ballastBytes: MIB }, true],
  ])('is %s with %o', (label, evidence, taken) => {
    expect(roomOf(evidence)).toBe(label);
    expect(takesAppends(roomOf(evidence))).toBe(taken);
    expect(roomForAppends(evidence) >= 0).toBe(taken);
  });

  test('after a ballast was made is ample: it is not made and released in turn', () => {
    for (const minFreeBytes of [1, MIB, BALLAST, 256 * MIB]) {
      const wanted = wantedBallast(minFreeBytes);
      const before = { freeBytes: minFreeBytes + wanted, minFreeBytes, ballastBytes: 0 };
      expect(roomOf(before)).toBe('ballast-missing');
      const after = { freeBytes: minFreeBytes, minFreeBytes, ballastBytes: wanted };
      expect(roomOf(after)).toBe('ample');
    }
  });
});

describe('the ballast', () => {
  test('is as long as asked for, replaces one of another length, and is given back once', async () => {
    const fs = new MemoryFs('/state');
    expect(await makeBallast(fs, '/state', 100)).toBe(true);
    expect(await makeBallast(fs, '/state', BALLAST)).toBe(true);
    expect(await ballastSize(fs, '/state')).toBe(BALLAST);
    expect(await releaseBallast(fs, '/state')).toBe(true);
    expect(await releaseBallast(fs, '/state')).toBe(false);
    expect(fs.usedBytes).toBe(0);
  });

  test('that does not fit leaves nothing behind', async () => {
    const fs = new MemoryFs('/state');
    fs.setCapacity(MIB);
    expect(await makeBallast(fs, '/state', BALLAST)).toBe(false);
    expect(await fs.readdir('/state')).toEqual([]);
  });

  test('of a maker that ended at any step is made whole by the next, and can be given back', async () => {
    const places = await everyPause(async (pauseHere) => {
      const disk = new MemoryFs('/state');
      const fs = pauseHere(disk.process(), () => void disk.crash(LOSE_ALL));
      await dies(() => makeBallast(fs, '/state', 100));
      await makeBallast(disk, '/state', 100);
      expect(await ballastSize(disk, '/state')).toBe(100);
      expect(await releaseBallast(disk, '/state')).toBe(true);
    });
    expect(places.length).toBeGreaterThan(6);
  });

  test('whose name cannot be synced away gives its room all the same', async () => {
    const disk = new MemoryFs('/state');
    await makeBallast(disk, '/state', 100);
    const fs = faultFs(disk, { op: 'syncDir', nth: 1, code: 'EIO', when: 'before' });
    expect(await releaseBallast(fs, '/state')).toBe(true);
    expect(disk.usedBytes).toBe(0);
  });
});
