/**
 * Owns: what a store is to its destination, as one pure table over evidence (I10). First match wins.
 *
 * | directory | head | destination | identity | the sink |
 * | any | another lineage | any | foreign | parks |
 * | any | went back | any | rolled back | parks |
 * | moved | exported under another name | any | moved | parks |
 * | copied | continues | differs | copied | parks |
 * | here, moved | continues | differs | rolled back | parks |
 * | moved | continues | agrees | moved | goes on, the table is relocated |
 * | copied | continues, or exported under another name | agrees | copied | goes on, relocated |
 * | here | continues, or exported under another name | agrees | same | goes on |
 *
 * Directory: the table is where its metadata says (here); it is not, and nothing of it is there
 * (moved); it is not, and the table is there, too (copied).
 * Head: it has every row this sink has recorded (continues); it ends below them or has others (went
 * back); this sink has records of this dataset, none of this lineage (another lineage); or records
 * of this lineage, none for this dataset (exported under another name).
 * Destination: what it has of this lineage are our rows (agrees), or not (differs).
 * A copy that was relocated and the store it was made from look alike to themselves: who exports
 * second sees a destination that differs. So both choices are always named, and neither is taken.
 * llp/0017
 */
import type { SinkName } from '../../core/ids.ts';

export type Identity = 'same' | 'moved' | 'copied' | 'rolled back' | 'foreign';
export type DirectoryEvidence = 'here' | 'moved' | 'copied';
export type HeadEvidence = 'continues' | 'went back' | 'another lineage' | 'another name';
export type DestinationEvidence = 'agrees' | 'differs';

export interface Verdict {
  readonly identity: Identity;
  readonly parks: boolean;
}

export function identityOf(
  directory: DirectoryEvidence,
  head: HeadEvidence,
  destination: DestinationEvidence,
): Verdict {
  if (head === 'another lineage') return { identity: 'foreign', parks: true };
  if (head === 'went back') return { identity: 'rolled back', parks: true };
  if (head === 'another name' && directory === 'moved') return { identity: 'moved', parks: true };
  if (destination === 'differs') {
    return { identity: directory === 'copied' ? 'copied' : 'rolled back', parks: true };
  }
  const identity = directory === 'here' ? 'same' : directory;
  return { identity, parks: false };
}

/** What a person can do about an identity that parks; nothing is sent until then. */
export function hintFor(identity: Identity, sink: SinkName): string {
  const resolve = `hyp sink resolve ${sink}`;
  switch (identity) {
    case 'foreign':
      return `Nothing was sent. Put the old table back and run \`${resolve} --retry\`, or export the new one from its first row: \`${resolve} --again\`.`;
    case 'moved':
      return `Nothing was sent. Give the table its old name again and run \`${resolve} --retry\`; or go on under the new name: \`${resolve} --delivered\` (what went out under the old one is done), \`${resolve} --again\` (all rows once more).`;
    case 'copied':
    case 'rolled back':
    case 'same':
      return `Nothing was overwritten. If the store that sent those rows is gone for good (this one was restored or rolled back): \`${resolve} --restored\`. If both go on: \`${resolve} --copied\`. Put the newer table back instead: \`${resolve} --retry\`.`;
  }
}
