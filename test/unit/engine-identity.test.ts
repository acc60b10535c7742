/** What a store is to its destination, and what a lost record is made of: the whole tables. llp/0017 */
import { describe, expect, test } from 'vitest';
import { toSinkName } from '../../src/core/ids.ts';
import { oldNameOf } from '../../src/engine/identity/another-name.ts';
import { hintFor, identityOf } from '../../src/engine/identity/identity.ts';
import type {
  DestinationEvidence,
  DirectoryEvidence,
  HeadEvidence,
} from '../../src/engine/identity/identity.ts';
import { recoveryOf } from '../../src/engine/identity/recover.ts';

const DIRECTORIES = ['here', 'moved', 'copied'] as const;
const HEADS = ['continues', 'went back', 'another lineage', 'another name'] as const;
const DESTINATIONS = ['agrees', 'differs'] as const;

/** One line for each combination that goes on; all others park, under the name beside them. */
const GOES_ON: readonly (readonly [DirectoryEvidence, HeadEvidence, string])[] = [
  ['here', 'continues', 'same'],
  ['moved', 'continues', 'moved'],
  ['copied', 'continues', 'copied'],
  ['here', 'another name', 'same'],
  ['copied', 'another name', 'copied'],
];

function parkedAs(
  directory: DirectoryEvidence,
  head: HeadEvidence,
  destination: DestinationEvidence,
): string {
  if (head === 'another lineage') return 'foreign';
  if (head === 'went back') return 'rolled back';
  if (head === 'another name' && directory === 'moved') return 'moved';
  expect(destination).toBe('differs');
  return directory === 'copied' ? 'copied' : 'rolled back';
}

describe('the identity of a store', () => {
  test('is same, moved, copied, rolled back or foreign for every evidence, and parks or goes on', () => {
    let asked = 0;
    for (const directory of DIRECTORIES) {
      for (const head of HEADS) {
        for (const destination of DESTINATIONS) {
          const goesOn = GOES_ON.find(
            (row) => row[0] === directory && row[1] === head && destination === 'agrees',
          );
          const expected =
            goesOn === undefined
              ? { identity: parkedAs(directory, head, destination), parks: true }
              : { identity: goesOn[2], parks: false };
          const found = identityOf(directory, head, destination);
          expect({ directory, head, destination, ...found }).toMatchObject(expected);
          asked++;
        }
      }
    }
    expect(asked).toBe(24);
  });

  test('that parks names the command for each choice', () => {
    const sink = toSinkName('archive');
    expect(hintFor('copied', sink)).toContain('hyp sink resolve archive --copied');
    expect(hintFor('rolled back', sink)).toContain('hyp sink resolve archive --restored');
    expect(hintFor('moved', sink)).toContain('hyp sink resolve archive --delivered');
    expect(hintFor('foreign', sink)).toContain('hyp sink resolve archive --again');
  });
});

describe('a lost record', () => {
  test.each([
    [false, false, 'nothing', 'begin'],
    [false, false, 'ours', 'begin'],
    [false, false, 'others', 'begin'],
    [true, true, 'ours', 'resume'],
    [true, false, 'ours', 'resume'],
    [true, true, 'nothing', 'emptied'],
    [true, false, 'nothing', 'no evidence'],
    [true, true, 'others', 'contradiction'],
    [true, false, 'others', 'contradiction'],
  ] as const)('exported before %s, receipts %s, destination %s: %s', (...row) => {
    const [exportedBefore, receipts, atDestination, label] = row;
    expect(recoveryOf({ exportedBefore, receipts, atDestination })).toBe(label);
  });
});

describe('a record of the table under an old name', () => {
  test.each([
    [true, false, undefined, true, 'here'],
    [false, true, undefined, false, 'lost'],
    [false, false, 'rolled back', true, 'waits'],
    [false, false, 'moved', true, 'open'],
    [false, false, undefined, true, 'open'],
    [false, false, 'moved', false, 'over'],
    [false, false, undefined, false, 'over'],
  ] as const)('has table %s, is lost %s, parked for %s, open %s: %s', (...row) => {
    const [hasTable, isLost, parkedFor, isOpen, label] = row;
    expect(oldNameOf({ hasTable, isLost, parkedFor, isOpen })).toBe(label);
  });
});
