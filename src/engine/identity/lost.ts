/**
 * Owns: whether a progress record can be read: there is no whole version when there is none at all, or
 * when the newest is damaged. Not its job: making it again (recover).
 * llp/0017
 */
import { isHypError } from '../../core/errors.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Progress, ProgressRecord } from '../../../state/progress.ts';

/** `lost`: there is no whole version, because there is none or because the newest is damaged. */
export async function loadOrLost(record: ProgressRecord): Promise<{
  readonly base: RecordHead<Progress> | undefined;
  readonly lost: 'absent' | 'damaged' | undefined;
}> {
  try {
    const base = await record.load();
    return { base, lost: base === undefined ? 'absent' : undefined };
  } catch (error) {
    if (!isHypError(error, 'E_CORRUPT')) throw error;
    return { base: undefined, lost: 'damaged' };
  }
}
