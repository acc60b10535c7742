/** What a poll does with a file, label by label, and which names a rotation gives (llp/0012). */
import { describe, expect, it } from 'vitest';
import { rotatedFrom } from '../../../src/cli/followed-files.ts';
import { followAction } from '../../../src/engine/backfill/follow/action.ts';
import type {
  FileStat,
  FollowAction,
  FollowEvidence,
} from '../../../src/engine/backfill/follow/action.ts';

const STAT: FileStat = { device: 1n, inode: 7n, bytes: 100, modifiedNs: 5n, changedNs: 5n };
const LONGER: FileStat = { ...STAT, bytes: 150, modifiedNs: 6n, changedNs: 6n };
const READ: FollowEvidence = { now: LONGER, before: STAT, taken: 90, beginsSame: undefined };

const CASES: readonly [string, FollowAction, Partial<FollowEvidence>][] = [
  ['a file that is not there', 'gone', { now: undefined }],
  ['one that was never seen and is not there', 'gone', { now: undefined, before: undefined }],
  ['what stat says nothing new of', 'idle', { now: STAT }],
  ['the same of a file nothing was taken of', 'idle', { now: STAT, taken: undefined }],
  ['one that grew', 'compare', {}],
  ['one of equal length that was written to', 'compare', { now: { ...LONGER, bytes: 100 } }],
  ['one that was only touched', 'compare', { now: { ...STAT, changedNs: 9n } }],
  ['one that lost a line that was not taken', 'compare', { now: { ...LONGER, bytes: 90 } }],
  ['one that begins with what was taken', 'grown', { beginsSame: true }],
  ['one that grew and begins otherwise', 'decide', { beginsSame: false }],
  ['one that is new', 'decide', { before: undefined, taken: undefined }],
  ['one that is shorter than what was taken', 'decide', { now: { ...LONGER, bytes: 89 } }],
  [
    'another inode, however it begins',
    'decide',
    { now: { ...LONGER, inode: 8n }, beginsSame: true },
  ],
  ['another device', 'decide', { now: { ...LONGER, device: 2n } }],
  ['one that was seen and not taken from', 'decide', { taken: undefined }],
  ['one of which nothing was complete', 'decide', { taken: 0 }],
];

describe('a poll', () => {
  it.each(CASES)('of %s: %s', (_what, action, evidence) => {
    expect(followAction({ ...READ, ...evidence })).toBe(action);
  });
});

describe('the names of a rotation', () => {
  it.each([
    ['app.log.1', 'app.log'],
    ['app.log.12.gz', 'app.log'],
    ['app.log-20261121', 'app.log'],
    ['app.log-2026-11-21.zst', 'app.log'],
    ['app.log.2026-11-21T13:00:00Z', 'app.log'],
    ['app.log.old', 'app.log'],
    ['app.1.log', 'app.log'],
    ['app-2026-11-21.log', 'app.log'],
    ['app_20261121.log.gz', 'app.log'],
    ['log.1', 'log'],
  ])('%s was %s', (name, base) => {
    expect(rotatedFrom(name).map((each) => each.base)).toContain(base);
  });

  it.each([
    'app.log',
    'app.log.swp',
    'app.log.bz2',
    'app.log.lock',
    'app-1.log',
    'other-app.log.txt',
  ])('%s is none of app.log', (name) => {
    expect(rotatedFrom(name).map((each) => each.base)).not.toContain('app.log');
  });
});
