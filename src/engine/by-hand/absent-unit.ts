/**
 * Owns: units without objects: ranges of rows that a sink accounts for and does not hold, because a
 * person decided so. Their digest and commits are those of the rows, so that chain, branch and
 * recovery need no second rule for them.
 * Cost: one read of the rows. Bounded: LIMITS.commitsPerUnit commits, a row group.
 * llp/0022
 */
import { HypError } from '../../core/errors.ts';
import { toSeq } from '../../core/ids.ts';
import type { DatasetName, Lineage, Seq } from '../../core/ids.ts';
import type { AbsentRows, Unit } from '../../core/unit.ts';
import { LIMITS } from '../../core/limits.ts';
import { addDigests, digestFromHex, digestHex } from '../../codec/content-digest.ts';
import { planScan } from '../../../storage/scan/plan.ts';
import { ENCODER_VERSION } from '../export/part-encoder.ts';
import { digestOfRange } from '../export/new-unit.ts';
import type { UnitSource } from '../export/new-unit.ts';

/** Where it begins, and how far it may reach. */
export interface AbsentFrom {
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
  readonly watermark: Seq;
  readonly chain: string;
  readonly through: Seq;
  /** Of the sink's keys. */
  readonly prefix: string;
}

/**
 * The unit `(watermark, through]`, or its first 1,024 commits, without an object. A pure function of
 * the rows: made again it is the same. E_CORRUPT when the rows cannot be read.
 */
export async function absentUnit(
  source: UnitSource,
  from: AbsentFrom,
  absent: Omit<AbsentRows, 'rows'>,
): Promise<Unit> {
  const { dataset, lineage, watermark: after, chain: chainBefore, prefix } = from;
  const files = await planScan(source.table, source.head, after, from.through);
  const within = files.slice(0, LIMITS.commitsPerUnit);
  let reached: bigint = after;
  for (const file of within) {
    if (file.min > reached + 1n) break;
    reached = file.max;
  }
  const through = toSeq(reached < from.through ? reached : from.through);
  // Seqs are dense: rows that are not there are damage, and nobody skips what he cannot see.
  const whole = reached === within.at(-1)?.max && reached > after;
  if (!whole) throw noRows(dataset, toSeq(reached), from.through);
  const contentDigest = await digestOfRange(source, after, through);
  const chain = addDigests(digestFromHex(chainBefore), digestFromHex(contentDigest));
  return {
    dataset,
    lineage,
    after,
    through,
    rows: 0,
    absent: { ...absent, rows: Number(through - after) },
    parts: [],
    chainBefore,
    chain: digestHex(chain),
    contentDigest,
    encoder: {
      name: 'ndjson',
      version: ENCODER_VERSION,
      partition: '',
      prefix,
      schemaId: source.head.value.currentSchemaId,
    },
    commits: within.map((file) => ({
      through: file.max < through ? file.max : through,
      commitId: String(file.snapshotId),
    })),
  };
}

function noRows(dataset: DatasetName, after: Seq, through: Seq): HypError {
  return new HypError('E_CORRUPT', `${dataset} has no rows in (${after}, ${through}]`, {
    hint: 'Nothing was changed. Run `hyp check`.',
  });
}
