/**
 * Owns: neighbouring batches of one shape becoming one: a batch of one row costs a thousand times
 * its values, because each column is an object with buffers of its own (I13).
 * Not its job: how many to join (the caller bounds what waits).
 * llp/0004
 */
import { encodeIpcJoined } from './arrow-ipc.ts';
import { decodeIpc } from './arrow-read.ts';
import { invariant } from '../core/invariant.ts';
import type { Batch } from './columns.ts';

/** True when both have the same columns in the same order. */
export function sameShape(a: Batch, b: Batch): boolean {
  return (
    a.columns.length === b.columns.length &&
    a.columns.every(({ name, type, fieldId }, index) => {
      const other = b.columns[index];
      return other?.name === name && other.type === type && other.fieldId === fieldId;
    })
  );
}

/** The rows of all `batches`, which have one shape, in their order. At least one batch. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const [first] = batches;
  if (first !== undefined && batches.length === 1) return first;
  const [joined, ...others] = decodeIpc(encodeIpcJoined(batches));
  invariant(joined !== undefined && others.length === 0, 'joined batches are one');
  return joined;
}
