/**
 * Owns: units made up for the conformance cases, and the way the engine stages one.
 * llp/0009
 */
import { sha256Hex } from '../src/core/digest.ts';
import { toDatasetName, toLineage, toSeq } from '../src/core/ids.ts';
import { defined } from '../src/core/invariant.ts';
import type { Unit } from '../src/core/unit.ts';
import { objectKey } from './blob/object-key.ts';
import type { Sink, StagedPart } from './sink.ts';

const DATASET = toDatasetName('requests');
const LINEAGE = toLineage('01234567-89ab-4cde-8f01-23456789abcd');

/** A unit of the texts in `parts`, one row each, and their bytes. */
export interface SampleUnit {
  readonly unit: Unit;
  readonly bytes: readonly Uint8Array[];
}

/** The unit `(after, after + parts.length]` whose parts hold `parts`. */
export function sampleUnit(parts: readonly string[], after = 0): SampleUnit {
  const bytes = parts.map((text) => Buffer.from(text));
  const from = toSeq(after);
  const through = toSeq(after + parts.length);
  const digest = sha256Hex(parts.join('\n')).slice(0, 32);
  const unit: Unit = {
    dataset: DATASET,
    lineage: LINEAGE,
    after: from,
    through,
    rows: parts.length,
    parts: bytes.map((content, part) => ({
      key: objectKey({
        prefix: '',
        dataset: DATASET,
        partitionPath: `p=${part % 2}`,
        lineage: LINEAGE,
        after: from,
        through,
        part: parts.length === 1 ? undefined : part,
        ext: 'ndjson',
      }),
      rows: 1,
      bytes: content.length,
      sha256: sha256Hex(content),
    })),
    chainBefore: '0'.repeat(32),
    chain: digest,
    contentDigest: digest,
    encoder: { name: 'ndjson', version: 1, partition: '', prefix: '', schemaId: 0 },
    commits: [{ through, commitId: 'c1' }],
  };
  return { unit, bytes };
}

/** Stages part `index`, as the engine does. */
export async function stagePart(
  sink: Sink,
  { unit, bytes }: SampleUnit,
  index: number,
): Promise<StagedPart> {
  const content = defined(bytes[index], `part ${index} has bytes`);
  const writer = await sink.staging.create(unit.dataset, unit.after, index);
  const half = content.length >> 1;
  await writer.write(content.subarray(0, half));
  await writer.write(content.subarray(half));
  return writer.finish();
}
