/**
 * Owns: planning and encoding a unit: from a watermark to staged parts and the intent's text; and
 * encoding an open unit again when its staged bytes are gone.
 * llp/0008
 */
import { HypError } from '../../core/errors.ts';
import { defined } from '../../core/invariant.ts';
import { LIMITS } from '../../core/limits.ts';
import { toSeq } from '../../core/ids.ts';
import type { Seq } from '../../core/ids.ts';
import type { Part, Unit, UnitEncoder } from '../../core/unit.ts';
import { addDigests, contentDigest, digestFromHex, digestHex } from '../../codec/content-digest.ts';
import type { SinkConfig } from '../../config/config.ts';
import { objectKey } from '../../../sinks/blob/object-key.ts';
import type { Sink, StagedPart } from '../../../sinks/sink.ts';
import { cutOf } from '../../../state/progress.ts';
import type { Progress } from '../../../state/progress.ts';
import { schemaById } from '../../../storage/iceberg/metadata.ts';
import { targetsOf } from '../../../storage/iceberg/schema.ts';
import { planScan } from '../../../storage/scan/plan.ts';
import { scan, scanCoded } from '../../../storage/scan/scan.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import type { Observe } from '../../core/events.ts';
import { encodeUnit } from './encode.ts';
import type { EncodedUnit, UnitCuts } from './encode.ts';
import { ENCODER_VERSION, extensionOf } from './part-encoder.ts';
import type { PartColumns } from './part-encoder.ts';

export interface UnitSource {
  readonly table: Table;
  readonly head: TableHead;
  readonly sink: Sink;
  readonly observe: Observe;
  /** Told when the plan of a unit is at the destination, before its first part leaves. */
  readonly announced?: (progress: Progress) => Promise<void>;
}

export interface NewUnit {
  readonly progress: Progress;
  /** Where the unit ends at the latest. */
  readonly through: Seq;
  readonly cuts: UnitCuts;
  readonly encoder: UnitEncoder;
}

/** A unit just encoded, with its staged parts at hand: they need not be looked for and hashed. */
export interface FreshUnit {
  readonly unit: Unit;
  readonly staged: readonly StagedPart[];
}

/** Encodes the next unit after the watermark into staging; its intent is still to be linked. */
export async function encodeNewUnit(source: UnitSource, request: NewUnit): Promise<FreshUnit> {
  const { progress, encoder } = request;
  const after = progress.watermark;
  const limit = cutOf(progress, request.through);
  const files = await planScan(source.table, source.head, after, limit);
  const within = files.slice(0, LIMITS.commitsPerUnit);
  const end = within.at(-1)?.max ?? limit;
  const through = end < limit ? end : limit;
  const encoded = await encodeParts(
    source,
    { after, through, encoder, cuts: request.cuts },
    () => true,
  );
  assertWhole(source.table, after, encoded);
  const chain = addDigests(digestFromHex(progress.chain), encoded.contentDigest);
  const staged = encoded.parts.map((part) => defined(part.staged, 'a new unit stages every part'));
  const unit: Unit = {
    dataset: progress.dataset,
    lineage: progress.lineage,
    after,
    through: encoded.through,
    rows: encoded.rows,
    parts: partsOf(progress, encoder, encoded),
    chainBefore: progress.chain,
    chain: digestHex(chain),
    contentDigest: digestHex(encoded.contentDigest),
    encoder,
    commits: within
      .filter((file) => file.min <= encoded.through)
      .map((file) => ({
        through: file.max < encoded.through ? file.max : encoded.through,
        commitId: String(file.snapshotId),
      })),
  };
  return { unit, staged };
}

/** How a unit that begins now is made, as the sink is configured. */
export function encoderOf(config: SinkConfig, head: TableHead): UnitEncoder {
  const { format: name, partition, prefix } = config;
  const { currentSchemaId: schemaId } = head.value;
  return { name, version: ENCODER_VERSION, partition, prefix, schemaId };
}

/**
 * Encodes the parts `missing` of an open unit again, from the same rows with the frozen options.
 * The answer is the unit with the bytes those parts have now; its rows are the same (I8).
 * E_CORRUPT when the table's rows of the range are no longer those of the intent.
 */
export async function encodeAgain(
  source: UnitSource,
  unit: Unit,
  missing: ReadonlySet<number>,
): Promise<Unit> {
  const range = {
    after: unit.after,
    through: unit.through,
    encoder: unit.encoder,
    cuts: undefined,
  };
  const encoded = await encodeParts(source, range, (index) => missing.has(index));
  if (digestHex(encoded.contentDigest) !== unit.contentDigest) throw otherRows(unit);
  const parts = unit.parts.map((part, index): Part => {
    const staged = encoded.parts[index]?.staged;
    return staged === undefined ? part : { ...part, bytes: staged.bytes, sha256: staged.sha256 };
  });
  return { ...unit, parts };
}

/** Content digest of the rows of `(after, through]` as the table holds them, 32 hex digits. */
export async function digestOfRange(source: UnitSource, after: Seq, through: Seq): Promise<string> {
  let digest = 0n;
  for await (const batch of scanCoded(source.table, source.head, { after, through })) {
    digest = addDigests(digest, contentDigest(batch));
  }
  return digestHex(digest);
}

/** Rows of a range in the parts of a unit; a part that is not `wanted` is counted only. */
export async function encodeParts(
  source: UnitSource,
  range: { after: Seq; through: Seq; encoder: UnitEncoder; cuts: UnitCuts | undefined },
  wanted: (index: number) => boolean,
): Promise<EncodedUnit> {
  const { table, head, sink } = source;
  return encodeUnit({
    // Only text is faster written from dictionaries.
    batches:
      range.encoder.name === 'parquet' ? scan(table, head, range) : scanCoded(table, head, range),
    after: range.after,
    encoder: range.encoder,
    columns: columnsAt(head, range.encoder.schemaId),
    cuts: range.cuts,
    stage: (index) =>
      wanted(index)
        ? sink.staging.create(table.dataset, range.after, index)
        : Promise.resolve(undefined),
    observe: source.observe,
  });
}

/** The columns of a schema the table had when the unit was planned. */
function columnsAt(head: TableHead, schemaId: number): PartColumns {
  const schema = schemaById(head.value, schemaId);
  return targetsOf(defined(schema, `the table has schema ${schemaId}`));
}

function partsOf(progress: Progress, encoder: UnitEncoder, encoded: EncodedUnit): Part[] {
  return encoded.parts.map((part, index) => {
    const staged = defined(part.staged, 'a new unit stages every part');
    const key = objectKey({
      prefix: encoder.prefix,
      dataset: progress.dataset,
      partitionPath: part.path,
      lineage: progress.lineage,
      after: progress.watermark,
      through: encoded.through,
      part: encoded.parts.length > 1 ? index : undefined,
      ext: extensionOf(encoder.name),
    });
    return { key, rows: part.rows, bytes: staged.bytes, sha256: staged.sha256 };
  });
}

/** Seqs are dense: a range that has fewer rows than seqs is damage, never a smaller unit. */
function assertWhole(table: Table, after: Seq, encoded: EncodedUnit): void {
  const expected = encoded.through - after;
  if (BigInt(encoded.rows) === expected && encoded.rows > 0) return;
  throw new HypError(
    'E_CORRUPT',
    `${table.dataset} has ${encoded.rows} rows in (${after}, ${toSeq(encoded.through)}]`,
    { hint: 'Run `hyp check`. Nothing of this range was sent; other datasets go on.' },
  );
}

function otherRows(unit: Unit): HypError {
  return new HypError(
    'E_CORRUPT',
    `rows (${unit.after}, ${unit.through}] of ${unit.dataset} are not those of the open unit`,
    { hint: 'The table was changed behind hyp. Run `hyp check`; nothing more was sent.' },
  );
}
