/**
 * Owns: what the exit status of `hyp` says: one total table over the error codes.
 * | 0 | done | 1 | failed, a person decides | 2 | wrong usage | 4 | backfill: the very bytes of a
 * file are in already from another path, and nothing else was wrong | 65 | bad input: some lines
 * rejected, all others stored | 69 | unavailable | 75 | busy or undecided: try again |
 * 78 | bad configuration | 130, 143 | ended by SIGINT, SIGTERM |
 * llp/0010
 */
import { isHypError, systemCode } from '../core/errors.ts';
import type { ErrorCode, HypError } from '../core/errors.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  sameBytes: 4,
  badInput: 65,
  unavailable: 69,
  tryAgain: 75,
  badConfig: 78,
} as const;

/** What each status says, in the words of `hyp --help` and the README. */
export const EXIT_MEANINGS = [
  [EXIT.ok, 'done'],
  [
    EXIT.failed,
    'failed, a person decides: parked, corrupt, refused, a part appended; check, verify found something',
  ],
  [EXIT.usage, 'wrong usage: option, name, range, no such store, dataset or file'],
  [EXIT.sameBytes, 'backfill: a file was skipped, its very bytes came from another path'],
  [
    EXIT.badInput,
    'bad input: rejected lines and unreadable files are named, all others are stored',
  ],
  [EXIT.unavailable, 'unavailable: destination, disk, address, DuckDB'],
  [EXIT.tryAgain, 'try again: held by another daemon, spool full, a sink waits for a retry'],
  [EXIT.badConfig, 'bad configuration'],
  [130, 'ended by SIGINT (Ctrl-C); what was acknowledged is safe'],
  [143, 'ended by SIGTERM; what was acknowledged is safe'],
] as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  E_USAGE: EXIT.usage,
  E_CONFIG: EXIT.badConfig,
  E_DATASET_NAME: EXIT.usage,
  E_UNKNOWN_DATASET: EXIT.usage,
  E_BAD_ROW: EXIT.badInput,
  E_ROW_TOO_LARGE: EXIT.badInput,
  E_BAD_INPUT: EXIT.badInput,
  E_RANGE: EXIT.usage,
  E_NOT_A_STORE: EXIT.usage,
  E_CLOSED: EXIT.failed,
  E_CONFLICT: EXIT.tryAgain,
  E_HELD: EXIT.tryAgain,
  E_UNAVAILABLE: EXIT.unavailable,
  E_DISK_FULL: EXIT.unavailable,
  E_SPOOL_FULL: EXIT.tryAgain,
  E_UNSUPPORTED_FS: EXIT.failed,
  E_UNSUPPORTED_FORMAT: EXIT.failed,
  E_PARKED: EXIT.failed,
  E_REFUSED: EXIT.failed,
  E_FORK: EXIT.failed,
  E_FOREIGN: EXIT.failed,
  E_CORRUPT: EXIT.failed,
  E_UNKNOWN_OUTCOME: EXIT.tryAgain,
  E_INTERNAL: EXIT.failed,
};

const SPACE = 'What was acknowledged is safe. Free space on that disk, then run it again.';
const RIGHTS =
  'What was acknowledged is safe. Let this user read and write there, or choose another place.';
const FILES =
  'What was acknowledged is safe. Allow more open files (ulimit -n), then run it again.';
const DISK = 'What was acknowledged is safe. Look at the disk, then run it again and `hyp check`.';

/** A disk that is full, closed or failing is a state of the world, not of the command. */
const UNAVAILABLE = new Map<string | undefined, string>([
  ['ENOSPC', SPACE],
  ['EDQUOT', SPACE],
  ['EACCES', RIGHTS],
  ['EPERM', RIGHTS],
  ['EROFS', RIGHTS],
  ['EMFILE', FILES],
  ['ENFILE', FILES],
  ['ENOMEM', 'What was acknowledged is safe. Free memory, then run it again.'],
  ['EIO', DISK],
]);

/** What to do after `error`: its own hint, or what the code of a system error asks for. */
export function hintOf(error: unknown): string | undefined {
  return isHypError(error) ? error.hint : UNAVAILABLE.get(systemCode(error));
}

/** The exit status for a command that ended with `error`. */
export function exitCodeOf(error: unknown): number {
  if (isHypError(error) && isPartlyDone(error)) return EXIT.failed;
  if (isHypError(error)) return BY_CODE[error.code];
  return UNAVAILABLE.has(systemCode(error)) ? EXIT.unavailable : EXIT.failed;
}

/** An append that stored some of its rows, or perhaps: to run it again would store them twice. */
function isPartlyDone({ code, details }: HypError): boolean {
  const stored = details['storedRows'];
  return stored !== undefined && (stored !== 0 || code === 'E_UNKNOWN_OUTCOME');
}
