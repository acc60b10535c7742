/**
 * Owns: assertions about our own code. A broken one is a bug of hyp, never of its input.
 * llp/0001
 */
import { HypError } from './errors.ts';

/** Throws E_INTERNAL with `message` when `condition` is false. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new HypError('E_INTERNAL', `invariant broken: ${message}`, {
      hint: 'This is a bug of hyp; please report it with the store left as it is.',
    });
  }
}

/** The value, or E_INTERNAL when it is undefined. */
export function defined<T>(value: T | undefined, message: string): T {
  invariant(value !== undefined, message);
  return value;
}

/** Ends a switch over a union: the compiler proves that no member is left. */
export function unreachable(value: never): never {
  throw new HypError('E_INTERNAL', `unreachable case: ${JSON.stringify(value)}`);
}
