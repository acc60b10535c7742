/**
 * Owns: what a disk with so much room means for appends and for the ballast. Pure.
 *
 * | label | when | appends | ballast |
 * | no-reserve | `disk.minFree` is 0 | taken | as it is |
 * | exhausted | less than half a ballast is free | refused | released |
 * | short | less than `disk.minFree` would be free with the ballast in place | refused | as it is |
 * | ballast-missing | there is room for the ballast and for `disk.minFree` | taken | made |
 * | ample | all is in place | taken | as it is |
 *
 * What the ballast lacks counts as used: else appends would eat the room that it gave to progress.
 * llp/0020
 */
import { LIMITS } from '../../core/limits.ts';

export interface RoomEvidence {
  readonly freeBytes: number;
  readonly minFreeBytes: number;
  /** Size of the ballast as it lies there. */
  readonly ballastBytes: number;
}

export type RoomLabel = 'no-reserve' | 'exhausted' | 'short' | 'ballast-missing' | 'ample';

/** The size a ballast should have beside such a reserve. */
export function wantedBallast(minFreeBytes: number): number {
  return Math.min(LIMITS.ballastBytes, minFreeBytes);
}

/** Bytes that appends may still take; negative when they took too many already. */
export function roomForAppends({ freeBytes, minFreeBytes, ballastBytes }: RoomEvidence): number {
  if (minFreeBytes === 0) return Number.POSITIVE_INFINITY;
  const missing = Math.max(0, wantedBallast(minFreeBytes) - ballastBytes);
  return freeBytes - missing - minFreeBytes;
}

export function roomOf(evidence: RoomEvidence): RoomLabel {
  const { freeBytes, minFreeBytes, ballastBytes } = evidence;
  if (minFreeBytes === 0) return 'no-reserve';
  const wanted = wantedBallast(minFreeBytes);
  if (freeBytes < wanted / 2 && ballastBytes > 0) return 'exhausted';
  if (roomForAppends(evidence) < 0) return 'short';
  return ballastBytes < wanted ? 'ballast-missing' : 'ample';
}

/** True when appends may take more of the disk. */
export function takesAppends(label: RoomLabel): boolean {
  return label !== 'exhausted' && label !== 'short';
}
