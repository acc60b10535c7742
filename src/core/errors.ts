/**
 * Owns: the one error class of hyp and its kinds.
 * A kind tells the caller what to do; the code names the case; the hint is the next command to run.
 * llp/0001
 */

/**
 * usage: fix the input; nothing of the call was stored · conflict: look again and decide again; what
 * was asked may have happened · unavailable: retry later; what was acknowledged is safe · refused:
 * a person decides, nothing was overwritten · corrupt: run `hyp check` · internal: report it.
 */
export type ErrorKind = 'usage' | 'conflict' | 'unavailable' | 'refused' | 'corrupt' | 'internal';

/** Every code hyp can raise, with its kind. The test of the table keeps README and code in step. */
export const ERROR_KINDS = {
  E_USAGE: 'usage',
  E_CONFIG: 'usage',
  E_DATASET_NAME: 'usage',
  E_UNKNOWN_DATASET: 'usage',
  E_BAD_ROW: 'usage',
  E_ROW_TOO_LARGE: 'usage',
  E_BAD_INPUT: 'usage',
  E_RANGE: 'usage',
  E_NOT_A_STORE: 'usage',
  E_CLOSED: 'usage',
  E_CONFLICT: 'conflict',
  E_HELD: 'unavailable',
  E_UNAVAILABLE: 'unavailable',
  E_DISK_FULL: 'unavailable',
  E_SPOOL_FULL: 'unavailable',
  E_UNSUPPORTED_FS: 'refused',
  E_UNSUPPORTED_FORMAT: 'refused',
  E_PARKED: 'refused',
  E_REFUSED: 'refused',
  E_FORK: 'refused',
  E_FOREIGN: 'refused',
  E_CORRUPT: 'corrupt',
  E_UNKNOWN_OUTCOME: 'conflict',
  E_INTERNAL: 'internal',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

export interface ErrorDetails {
  /** What the person should run or change next, one sentence. */
  readonly hint?: string | undefined;
  /** Facts for machines: dataset, range, path, line, column. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/**
 * The only error hyp throws on purpose. `message` says what happened, to which range of which
 * dataset or file; `code` names the case and never changes its meaning; `kind` tells what to do;
 * `hint` is the next step for a person; `details` are facts for programs and may grow.
 */
export class HypError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, more: ErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'HypError';
    this.code = code;
    this.kind = ERROR_KINDS[code];
    this.hint = more.hint;
    this.details = more.details ?? {};
  }
}

/** True when `error` is a HypError with one of `codes`. */
export function isHypError(error: unknown, ...codes: readonly ErrorCode[]): error is HypError {
  return error instanceof HypError && (codes.length === 0 || codes.includes(error.code));
}

/** What was thrown and what to do about it, in one line. */
export function problemText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return isHypError(error) && error.hint !== undefined ? `${message}. ${error.hint}` : message;
}

/** The `code` of a system error such as ENOENT, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const NO_ROOM = ['ENOSPC', 'EDQUOT'];

/** True when `error`, or what caused it, is a disk or quota without room. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error; at !== undefined && at !== null;) {
    if (isHypError(at, 'E_DISK_FULL') || NO_ROOM.includes(systemCode(at) ?? '')) return true;
    at = at instanceof Error ? at.cause : undefined;
  }
  return false;
}
