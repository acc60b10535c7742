/**
 * Owns: one line to one row: its braces, its keys, what may stand around them.
 * Not its job: values (values.ts), lines and limits (decoder.ts).
 * llp/0004
 */
import {
  CLOSE_BRACE,
  COLON,
  COMMA,
  LF,
  OPEN_BRACE,
  QUOTE,
  SPACE,
  fail,
  skipSpace,
  skipString,
} from './scan.ts';
import { NO_SLOT, forgetKeys, hasTooManyKeys, slotOf } from './keys.ts';
import type { KeySlot } from './keys.ts';
import { beginRow, forgetValue } from './row-state.ts';
import type { RowState } from './row-state.ts';
import { skipNested } from './nested.ts';
import { readValue } from './values.ts';

/**
 * Reads the object that begins at or after `at` and must be all of its line. Returns the position
 * after the line feed, or -1: then call `dropRow`, and look at `full`, else at `reason`. To keep
 * the row, add 1 to `rows`.
 */
export function readRow(state: RowState, at: number): number {
  const { bytes, keys } = state;
  if (hasTooManyKeys(keys)) forgetKeys(keys);
  beginRow(state);
  at = skipSpace(bytes, at);
  if (bytes[at] !== OPEN_BRACE) return fail(state, at, 'not an object');
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === CLOSE_BRACE) return endOfRow(state, at + 1);
  let slot = keys.head;
  for (;;) {
    slot = readKey(state, slot, at);
    if (state.valueAt < 0) return -1;
    at = readValue(state, slot, state.valueAt);
    if (at < 0) return -1;
    let byte = bytes[at];
    if (byte !== COMMA) {
      at = skipSpace(bytes, at);
      byte = bytes[at];
      if (byte === CLOSE_BRACE) return endOfRow(state, at + 1);
      if (byte !== COMMA) return fail(state, at, 'expected a comma or a closing brace');
    }
    at++;
    if ((bytes[at] ?? 0) <= SPACE) at = skipSpace(bytes, at);
  }
}

/** True when the line whose object begins at `at` is JSON; a row that has no room is not read on. */
export function isWhole(state: RowState, at: number): boolean {
  const end = skipNested(state, at, 0);
  return end >= 0 && endOfRow(state, end) >= 0;
}

function endOfRow(state: RowState, at: number): number {
  at = skipSpace(state.bytes, at);
  return state.bytes[at] === LF ? at + 1 : fail(state, at, 'text after the object');
}

/** The slot of the key at `at`; `valueAt` becomes where its value begins, negative for no key. */
function readKey(state: RowState, previous: KeySlot, at: number): KeySlot {
  const { bytes } = state;
  const guess = previous.next ?? NO_SLOT;
  const known = state.keys.bytes;
  const shift = guess.start - at;
  const end = at + guess.length;
  let same = at;
  while (same < end && bytes[same] === known[same + shift]) same++;
  let slot = guess;
  if (same !== end) {
    const found = findKey(state, at);
    if (found === undefined) {
      state.valueAt = -1;
      return NO_SLOT;
    }
    slot = found;
    previous.next = slot;
    same = state.valueAt;
  }
  if (bytes[same] !== COLON) same = skipSpace(bytes, same);
  if (bytes[same] !== COLON) {
    state.valueAt = fail(state, same, 'expected a colon');
    return slot;
  }
  same++;
  state.valueAt = (bytes[same] ?? 0) <= SPACE ? skipSpace(bytes, same) : same;
  if (slot.attempt === state.attempt) forgetValue(state, slot);
  slot.attempt = state.attempt;
  slot.rescued = -1;
  state.begun = true;
  return slot;
}

/** The slot of a key that was not the guessed one; `valueAt` becomes the position after it. */
function findKey(state: RowState, at: number): KeySlot | undefined {
  if (state.bytes[at] !== QUOTE) {
    fail(state, at, 'expected a key');
    return undefined;
  }
  const end = skipString(state, at + 1);
  if (end < 0) return undefined;
  state.valueAt = end;
  return slotOf(state.keys, state.bytes.subarray(at, end));
}
