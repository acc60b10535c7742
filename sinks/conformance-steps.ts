/**
 * Owns: what the cases of the contract have in common: a sink under test and the steps they take.
 * llp/0009
 */
import { isHypError } from '../src/core/errors.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import { invariant } from '../src/core/invariant.ts';
import { sampleUnit, stagePart } from './sample-unit.ts';
import type { SampleUnit } from './sample-unit.ts';
import type { Sink } from './sink.ts';

/** A sink as one process has it, and the eyes of somebody who looks at its destination. */
export interface SinkUnderTest {
  readonly sink: Sink;
  /** The object under a final name. */
  readonly read: (key: string) => Promise<Uint8Array | undefined>;
  /** Final names, sorted; not what waits beside them. */
  readonly list: () => Promise<string[]>;
}

export const OWNER = 'store-1/archive';
export const { dataset: DATASET, lineage: LINEAGE } = sampleUnit([]).unit;

export async function deliverAll(sink: Sink, sample: SampleUnit): Promise<string[]> {
  const kinds: string[] = [];
  for (const index of sample.unit.parts.keys()) {
    const staged = await stagePart(sink, sample, index);
    kinds.push((await sink.deliver(sample.unit, index, staged)).kind);
  }
  return kinds;
}

export async function claimed(make: () => Promise<SinkUnderTest>): Promise<SinkUnderTest> {
  const made = await make();
  await made.sink.claim(OWNER);
  return made;
}

export async function refusal(run: () => Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (isHypError(error, ...codes)) return;
    throw error;
  }
  invariant(false, `refused with ${codes.join(' or ')}`);
}

export function same(found: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  invariant(left === right, `${what}: ${left}, expected ${right}`);
}

export const AB = sampleUnit(['alpha\n', 'bravo, and more of it\n']);
export const OTHER = sampleUnit(['other\n', 'bravo, and more of it\n']);
